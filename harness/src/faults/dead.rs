//! Dead readouts: nearly all cells read the same.
//!
//! Silicon was measured with up to 0.74 ones; a session without power had 0.994 of them and 0.2 % of
//! errors, which looks like a very good device. A readout is dead when more than 0.9 of its cells read
//! the same *and* 0.8 of them would do so with a chance below 1e-6 over all readouts (an exact
//! binomial tail).

use super::finding::{Finding, Kind, Remedy, listed};
use super::tail::{LOG10_ALARM, log10_at_least};
use super::{Detector, Examined};
use crate::metric::scan::Scan;

pub(super) const DETECTOR: Detector = Detector { kinds: &[Kind::DeadReadouts], find };

/// The most that silicon may prefer a value.
const GREATEST_BIAS: f64 = 0.8;
/// Where a readout looks dead.
const DEAD_BIAS: f64 = 0.9;

/// `log10` of the chance that a living die reads so many ones, if that looks dead.
fn log10_alive(cells: f64, ones: f64, readouts: f64) -> Option<f64> {
    let most = ones.max(cells - ones);
    let chance = log10_at_least(cells, GREATEST_BIAS, most) + libm::log10(2.0 * readouts);
    (most > DEAD_BIAS * cells && chance < LOG10_ALARM).then_some(chance)
}

fn log10_each(scan: &Scan) -> impl Iterator<Item = Option<f64>> {
    let (cells, readouts) = (scan.tally.kept_cells() as f64, scan.tally.readouts() as f64);
    scan.tally.facts().iter().map(move |f| log10_alive(cells, f64::from(f.weight), readouts))
}

/// The dead readouts, ascending.
pub(super) fn readouts(scan: &Scan) -> Vec<usize> {
    log10_each(scan).enumerate().filter_map(|(j, chance)| chance.map(|_| j)).collect()
}

fn find(device: &Examined<'_>) -> Vec<Finding> {
    let dead = &device.dead;
    if dead.is_empty() {
        return Vec::new();
    }
    let (tally, of) = (&device.scan().tally, dead.len() as f64);
    let cells = tally.kept_cells() as f64;
    let ones: f64 = dead.iter().map(|&j| f64::from(tally.facts()[j].weight) / cells).sum();
    let later = dead.iter().filter(|&&j| j > 0);
    let errors: f64 = later.clone().map(|&j| f64::from(tally.facts()[j].to_previous) / cells).sum();
    let differ = match later.count() {
        0 => String::new(),
        n => format!(
            " and differ from the one before in {:.2} % of the cells",
            100.0 * errors / n as f64
        ),
    };
    let detail = format!(
        "{} of {} readouts hold {:.3} ones{differ}: readouts {}",
        dead.len(),
        tally.readouts(),
        ones / of,
        listed(dead),
    );
    let log10_chance = log10_each(device.scan()).flatten().fold(0.0, f64::min);
    let remedy = Remedy { readouts: dead.clone(), ..Remedy::default() };
    let readouts = dead.clone();
    vec![Finding { readouts, detail, remedy, ..device.finding(Kind::DeadReadouts, log10_chance) }]
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::*;
    use super::*;

    #[test]
    fn a_dead_session_is_found_and_named() {
        let mut rows = clean(4096, 8, 1);
        for row in &mut rows[3..6] {
            *row = mostly_ones(4096, 0.006, u64::from(row.get(0)));
        }
        let findings = examine(&rows);
        assert_eq!(kinds(&findings), [Kind::DeadReadouts]);
        assert_eq!(findings[0].readouts, [3, 4, 5]);
    }

    #[test]
    fn three_ones_in_four_are_alive_and_few_cells_tell_nothing() {
        assert_eq!(log10_alive(1e6, 0.74e6, 10.0), None);
        assert_eq!(log10_alive(40.0, 40.0, 1.0), None);
        assert!(log10_alive(1e6, 994e3, 10.0).is_some());
        assert!(log10_alive(1e6, 6e3, 10.0).is_some());
    }
}
