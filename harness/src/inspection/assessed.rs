//! SP 800-90B over the values that cells prefer: along the addresses, and across the devices.

use rayon::prelude::*;

use super::{Comparison, InspectError, Kept, Observer};
use crate::sp80090b::order::{Matrix, Order};
use crate::sp80090b::{self, Assessment, Estimator, RECOMMENDED_SAMPLES};

/// Assessments of the majorities of devices, in three orders.
#[derive(Debug, Clone)]
pub struct Assessed {
    /// Places of the devices, each die once: a row each.
    pub devices: Vec<usize>,
    /// Cells of each, from the first kept one on: as many as make a million bits at most.
    pub cells: usize,
    /// One device after another, along the addresses.
    pub row: Assessment,
    /// Cell after cell, across the devices; and all cells shuffled. `None` of a single device.
    pub across: Option<[Assessment; 2]>,
}

/// Assesses the devices of a comparison, or the only one there is. `seed` is that of the shuffled order.
pub(super) fn assess(
    kept: &[Kept],
    comparison: Option<&Comparison>,
    seed: u64,
    observer: Observer<'_>,
) -> Result<Option<Assessed>, InspectError> {
    let devices = comparison.map_or(vec![0], |comparison| comparison.devices.clone());
    let devices: Vec<usize> = devices.into_iter().take(RECOMMENDED_SAMPLES / 2).collect();
    let Some(&first) = devices.first() else { return Ok(None) };
    let mask = super::common_mask(devices.iter().map(|&place| &kept[place]));
    let most = RECOMMENDED_SAMPLES / devices.len();
    let counts = |&cell: &usize| mask.as_ref().is_none_or(|mask| mask.get(cell));
    let positions = 0..kept[first].majority.len();
    let cells: Vec<usize> = positions.filter(counts).take(most).collect();
    let values = devices
        .iter()
        .flat_map(|&place| cells.iter().map(move |&cell| u8::from(kept[place].majority.get(cell))));
    let Some(matrix) = Matrix::new(values.collect(), cells.len(), Some(1)) else {
        return Ok(None);
    };
    let orders: &[Order] = match devices.len() {
        1 => &[Order::Row],
        _ => &[Order::Row, Order::Column, Order::Shuffled],
    };
    let assessments = orders
        .par_iter()
        .map(|&order| {
            // Bits that are all alike are no symbols to assess: they have no entropy.
            let Ok(symbols) = matrix.symbols(order, seed) else { return Ok(None) };
            let mut goes_on = || observer.check().is_ok();
            sp80090b::assess_some(&symbols, &Estimator::ALL, &mut goes_on)
                .map(Some)
                .map_err(|_| InspectError::Interrupted)
        })
        .collect::<Result<Option<Vec<Assessment>>, InspectError>>()?;
    Ok(assessments.and_then(|assessments| {
        let mut assessments = assessments.into_iter();
        let row = assessments.next()?;
        let across = assessments.next().zip(assessments.next()).map(|(a, b)| [a, b]);
        Some(Assessed { devices, cells: cells.len(), row, across })
    }))
}
