//! Files taken in the order of their names as text: 1, 10, 11, 2 and so on.
//!
//! Where a die drifts, successive readouts are more alike than others. For each readout that another
//! one follows when the text order is undone, the distances to the two followers are compared. In
//! readouts without an order their difference `d` is as often positive as negative, whatever its size,
//! and `P[sum d >= z sqrt(sum d^2)] <= exp(-z^2 / 2)` (Efron). The alarm is at 1e-6 in the order undone
//! being more alike than the one given, and in its being more alike than readouts half a session apart:
//! readouts that shy away from the one before are no drift.
//!
//! Seldom can it be seen: most readouts keep their follower, 28 that do not are the least, so it takes
//! some 200 readouts, and a drift that shows beside the noise. Files in a folder are put in the order
//! of their numbers by the reader; this is for files that were joined before.

use super::finding::{Finding, Kind};
use super::tail::LOG10_ALARM;
use super::{Detector, Examined};

pub(super) const DETECTOR: Detector = Detector { kinds: &[Kind::TextOrder], find };

/// `log10` of an upper bound on the chance that numbers of random sign have so large a sum.
fn log10_one_sided(differences: &[f64]) -> f64 {
    let sum: f64 = differences.iter().sum();
    let squares: f64 = differences.iter().map(|d| d * d).sum();
    if sum <= 0.0 { 0.0 } else { -sum * sum / squares / 2.0 * std::f64::consts::LOG10_E }
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
    if readouts < 3 || !is_whole {
        return Vec::new();
    }
    let of_first_number = |first: usize| {
        let places = places_in_text_order(first, readouts);
        let differences = |to: &dyn Fn(usize) -> usize| {
            let moved = (0..readouts - 1).filter(|&n| {
                let (place, after) = (places[n], places[n + 1]);
                place + 1 < readouts && after != place + 1
            });
            let difference = |n: usize| {
                let [other, after] = [to(n), places[n + 1]].map(|b| device.distance(places[n], b));
                other as f64 - after as f64
            };
            moved.map(difference).collect::<Vec<f64>>()
        };
        let given = differences(&|n| places[n] + 1);
        let far = differences(&|n| places[(n + readouts / 2) % readouts]);
        // Over both first numbers.
        let chance = log10_one_sided(&given).max(log10_one_sided(&far)) + std::f64::consts::LOG10_2;
        (chance < LOG10_ALARM).then(|| {
            let alike = given.iter().filter(|&&d| d > 0.0).count();
            let detail = format!(
                "of {} readouts that another one follows if their numbers from {first} were sorted as \
                 text, {alike} are more like that one than like the one that follows in the data",
                given.len(),
            );
            Finding { detail, ..device.finding(Kind::TextOrder, chance) }
        })
    };
    let found = [0, 1].into_iter().filter_map(of_first_number);
    found.min_by(|a, b| a.log10_chance.total_cmp(&b.log10_chance)).into_iter().collect()
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

    /// A die that warms up by 40 degrees, in its order and in that of text.
    fn warming(readouts: usize, first: usize) -> (Vec<BitString>, Vec<BitString>) {
        let die = SramArray::manufacture(typical(), 1 << 13, &SeedTree::from_seed(1)).unwrap();
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
            let (rows, shuffled) = warming(400, first);
            assert_eq!(kinds(&examine(&rows)), []);
            let findings = examine(&shuffled);
            assert_eq!(kinds(&findings), [Kind::TextOrder]);
            assert!(findings[0].detail.contains(&format!("from {first} were sorted")));
        }
    }
}
