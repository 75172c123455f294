//! Files taken in the order of their names as text: 1, 10, 11, 2 and so on.
//!
//! Where a die drifts, successive readouts are more alike than others. If they would be more alike
//! with the text order undone, the order is not that of the measurement. Compared are the pairs that
//! follow each other in one of the two orders only: what differs between two readouts beyond their
//! distances to the majority, which every order has alike. Without drift the two sums differ as sums of
//! independent terms; the alarm is at a normal chance of 1e-6 in the order undone being better, and in
//! its being better than the pairs of readouts far apart.
//!
//! Seldom can it be seen: it takes some hundred readouts and a drift that is as large as the noise, for
//! most pairs follow each other in both orders. Names that are read from a folder are put in the order
//! of their numbers by the reader.

use super::finding::{Finding, Kind};
use super::tail::LOG10_ALARM;
use super::{Detector, Examined};

pub(super) const DETECTOR: Detector = Detector { kinds: &[Kind::TextOrder], find };

/// Readouts from which on the orders differ in more than three pairs.
const LEAST_READOUTS: usize = 21;
/// Mean and variance of some numbers, and how many.
struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (count - 1.0);
        Self { count, mean, variance }
    }

    /// How much less this mean is than another, in standard errors.
    fn less_than(&self, other: &Self) -> f64 {
        let variance = self.variance.max(other.variance);
        let error = libm::sqrt(variance * (1.0 / self.count + 1.0 / other.count));
        if error > 0.0 { (other.mean - self.mean) / error } else { 0.0 }
    }
}

/// Where each number from `first` on, so many of them, is when they are sorted as text.
fn places_in_text_order(first: usize, count: usize) -> Vec<usize> {
    let mut numbers: Vec<(String, usize)> =
        (0..count).map(|number| ((first + number).to_string(), number)).collect();
    numbers.sort_unstable();
    let mut places = vec![0; count];
    for (place, (_, number)) in numbers.into_iter().enumerate() {
        places[number] = place;
    }
    places
}

fn find(device: &Examined<'_>) -> Vec<Finding> {
    let scan = device.scan();
    let readouts = scan.tally.readouts();
    let is_whole = scan.sample.readouts.len() == readouts && device.live.len() == readouts;
    if readouts < LEAST_READOUTS || !is_whole {
        return Vec::new();
    }
    let part = device.sample_cells() / scan.tally.kept_cells().max(1) as f64;
    let beyond = |&(a, b): &(usize, usize)| {
        let to_majority = f64::from(scan.to_majority[a]) + f64::from(scan.to_majority[b]);
        device.distance(a, b) as f64 - part * to_majority
    };
    let far: Vec<(usize, usize)> =
        (0..readouts).map(|a| (a, (a + readouts / 2) % readouts)).filter(|(a, b)| a != b).collect();
    let far = Moments::of(&far.iter().map(beyond).collect::<Vec<_>>());
    [0, 1]
        .into_iter()
        .filter_map(|first| {
            let places = places_in_text_order(first, readouts);
            let mut undone: Vec<(usize, usize)> =
                places.windows(2).map(|pair| (pair[0], pair[1])).collect();
            undone.retain(|(a, b)| a.abs_diff(*b) != 1);
            let mut follows = vec![false; readouts];
            places.windows(2).filter(|pair| pair[1] == pair[0] + 1).for_each(|p| follows[p[0]] = true);
            let given: Vec<(usize, usize)> =
                (0..readouts - 1).filter(|&a| !follows[a]).map(|a| (a, a + 1)).collect();
            if given.len() < 4 || undone.len() < 4 {
                return None;
            }
            let of = |pairs: &[(usize, usize)]| Moments::of(&pairs.iter().map(beyond).collect::<Vec<_>>());
            let (given, undone) = (of(&given), of(&undone));
            let better = undone.less_than(&given).min(undone.less_than(&far));
            eprintln!("{first}: {} {} {} far {} {} {}", given.mean, undone.mean, far.mean, undone.less_than(&given), undone.less_than(&far), given.count);
            // A normal tail, over both first numbers.
            let chance = |z: f64| (libm::log(libm::erfc(z / std::f64::consts::SQRT_2) / 2.0)) * std::f64::consts::LOG10_E;
            let log10_chance = chance(better) + std::f64::consts::LOG10_2;
            (log10_chance < LOG10_ALARM).then(|| {
                let detail = format!(
                    "with the order of numbers from {first} as text undone, successive readouts are more \
                     alike by {:.1} standard errors, in {} pairs",
                    better, undone.count,
                );
                Finding { detail, ..device.finding(Kind::TextOrder, log10_chance) }
            })
        })
        .min_by(|a, b| a.log10_chance.total_cmp(&b.log10_chance))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::*;
    use super::*;
    use fuzzy_extractor::bits::BitString;
    use puf_emulator::seed::SeedTree;
    use puf_emulator::silicon::{Environment, SramArray};

    #[test]
    fn numbers_as_text() {
        assert_eq!(places_in_text_order(1, 12), [0, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2, 3]);
        assert_eq!(places_in_text_order(0, 3), [0, 1, 2]);
    }

    /// A die that warms up by 40 degrees.
    fn warming(readouts: usize, first: usize) -> (Vec<BitString>, Vec<BitString>) {
        let die = SramArray::manufacture(typical(), 1 << 14, &SeedTree::from_seed(1)).unwrap();
        let rows: Vec<BitString> = (0..readouts)
            .map(|j| {
                let celsius = 25.0 + 40.0 * j as f64 / readouts as f64;
                die.power_up(&Environment::default().at_celsius(celsius).unwrap(), j as u64)
            })
            .collect();
        let mut shuffled = rows.clone();
        for (number, place) in places_in_text_order(first, readouts).into_iter().enumerate() {
            shuffled[place] = rows[number].clone();
        }
        (rows, shuffled)
    }

    #[test]
    fn a_drift_in_text_order_is_seen_and_in_its_own_order_is_none() {
        for first in [0, 1] {
            let (rows, shuffled) = warming(150, first);
            assert_eq!(kinds(&examine(&rows)), []);
            let findings = examine(&shuffled);
            assert_eq!(kinds(&findings), [Kind::TextOrder]);
            assert!(findings[0].detail.contains(&format!("from {first} as text")));
        }
    }
}
