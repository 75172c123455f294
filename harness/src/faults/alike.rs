//! Readouts too much alike: files that are copies, and cells that never lost their values.
//!
//! Two readouts of a die with a usual distance of `d` cells are equal with a probability of at most
//! `exp(-d)`, for `d` cells in the mean flip independently; half of `d` is taken, for readouts differ
//! in their noise. Where no two readouts differ there is no usual distance, and
//! [`QUIETEST`] of the cells is taken for it.
//!
//! A readout is too much like the one before where it is less than [`ALLOWED`] of the usual distance
//! away, by the tail of two Poisson counts, over all readouts. Noise that varies by 7 % and steady
//! drift of less than fifty degrees in a third of a session stay above.

use std::collections::BTreeMap;
use std::f64::consts::LN_10;

use super::finding::{Finding, Kind, Remedy, listed};
use super::tail::{LOG10_ALARM, log10_at_most};
use super::{CrossDetector, Detector, Examined, Summary};

pub(super) const DETECTOR: Detector =
    Detector { kinds: &[Kind::DuplicateReadouts, Kind::NoPowerOff], find };

pub(super) const BETWEEN: CrossDetector =
    CrossDetector { kinds: &[Kind::SharedReadouts], find: shared };

/// The least part of the cells in which readouts of unselected cells differ: a twentieth of the
/// quietest silicon that was measured.
const QUIETEST: f64 = 0.001;
/// What part of the usual distance two successive readouts may have.
const ALLOWED: f64 = 0.6;

/// `log10` of the chance that any of so many pairs of readouts is equal.
fn log10_equal(pairs: f64, usual: f64) -> f64 {
    libm::log10(pairs) - usual / 2.0 / LN_10
}

/// The usual distance of readouts where none differ; nothing where cells were selected.
fn quietest(cells: usize, selected: bool) -> f64 {
    if selected { 0.0 } else { 2.0 * QUIETEST * cells as f64 }
}

fn find(device: &Examined<'_>) -> Vec<Finding> {
    let tally = &device.scan().tally;
    let alive = |readout: &usize| device.dead.binary_search(readout).is_err();
    let mut first_of = BTreeMap::new();
    let mut copies = Vec::new();
    let mut live = 0_u32;
    for readout in (0..tally.readouts()).filter(alive) {
        live += 1;
        let facts = &tally.facts()[readout];
        let first = *first_of.entry((facts.fingerprint, facts.weight)).or_insert(readout);
        if first != readout {
            copies.push((readout, first));
        }
    }
    let usual = device.usual_distance();
    let least = quietest(tally.kept_cells(), tally.kept().is_some());
    let pairs = f64::from(live) * f64::from(live.saturating_sub(1)) / 2.0;
    let log10_equal = match usual {
        // All are equal: each to the first, by itself.
        None if first_of.len() == 1 => f64::from(live.saturating_sub(1)) * log10_equal(1.0, least),
        usual => log10_equal(pairs.max(1.0), usual.unwrap_or(least)),
    };
    let mut findings = Vec::new();
    if !copies.is_empty() && log10_equal < LOG10_ALARM {
        findings.push(copied(device, &copies, first_of.len(), log10_equal));
    }
    if let Some(usual) = usual {
        findings.extend(remembered(device, usual));
    }
    findings
}

/// Readouts that equal one before. Where nearly all do, nobody copied files: the power was never off.
fn copied(
    device: &Examined<'_>,
    copies: &[(usize, usize)],
    distinct: usize,
    log10_chance: f64,
) -> Finding {
    let readouts: Vec<usize> = copies.iter().map(|&(copy, _)| copy).collect();
    let all = distinct + copies.len();
    let kind =
        if all >= 4 && 4 * distinct <= all { Kind::NoPowerOff } else { Kind::DuplicateReadouts };
    let (copy, first) = copies[0];
    let detail = format!(
        "{distinct} of {all} readouts are distinct: readouts {} equal one before, as {copy} does {first}",
        listed(&readouts),
    );
    let remedy = Remedy { readouts: readouts.clone(), ..Remedy::default() };
    Finding { readouts, detail, remedy, ..device.finding(kind, log10_chance) }
}

/// Readouts that are too near the one before without being equal to it.
fn remembered(device: &Examined<'_>, usual: f64) -> Option<Finding> {
    let tally = &device.scan().tally;
    let weight = (device.pairs().len() / 4).max(1) as f64;
    let trials = libm::log10(tally.readouts() as f64);
    let log10_chance = |count: f64| {
        let known = weight * usual;
        log10_at_most(count + known, ALLOWED / (ALLOWED + weight), count) + trials
    };
    let is_near = |&(readout, count): &(usize, f64)| {
        let live = |readout: usize| device.dead.binary_search(&readout).is_err();
        count > 0.0 && live(readout) && live(readout - 1) && log10_chance(count) < LOG10_ALARM
    };
    let counts = tally.facts().iter().map(|facts| f64::from(facts.to_previous));
    let near: Vec<(usize, f64)> = counts.enumerate().skip(1).filter(is_near).collect();
    let most = near.iter().map(|&(_, count)| count).fold(0.0, f64::max);
    // Where all readouts are near each other, nothing in the data is usual.
    let still = QUIETEST * tally.kept_cells() as f64;
    let (readouts, most, chance) = if near.is_empty() {
        let chance = log10_at_most(tally.kept_cells() as f64, QUIETEST, usual);
        if tally.kept().is_some() || usual >= still || chance >= LOG10_ALARM {
            return None;
        }
        ((1..tally.readouts()).collect(), usual, chance)
    } else {
        (near.iter().map(|&(readout, _)| readout).collect::<Vec<_>>(), most, log10_chance(most))
    };
    let cells = tally.kept_cells() as f64;
    let detail = format!(
        "readouts {} differ from the one before in at most {:.3} % of the cells, where {:.2} % is usual",
        listed(&readouts),
        100.0 * most / cells,
        100.0 * usual.max(still) / cells,
    );
    let remedy = Remedy { readouts: readouts.clone(), ..Remedy::default() };
    Some(Finding { readouts, detail, remedy, ..device.finding(Kind::NoPowerOff, chance) })
}

/// Readouts that two devices have in common.
fn shared(devices: &[Summary]) -> Vec<Finding> {
    let mut owners: BTreeMap<(u64, u32, usize), Vec<(usize, usize)>> = BTreeMap::new();
    for (place, device) in devices.iter().enumerate() {
        for &(fingerprint, weight, readout) in &device.fingerprints {
            let key = (fingerprint, weight, device.majority.len());
            owners.entry(key).or_default().push((place, readout));
        }
    }
    let mut common: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for owners in owners.values() {
        let Some(&(first, _)) = owners.first() else { continue };
        for &(place, readout) in owners.iter().filter(|(place, _)| *place != first) {
            common.entry((first, place)).or_default().push(readout);
        }
    }
    let compare = |(&(a, b), readouts): (&(usize, usize), &Vec<usize>)| {
        let (a, b) = (&devices[a], &devices[b]);
        let least = quietest(a.majority.len(), a.kept.is_some());
        let usual = match (a.usual_distance, b.usual_distance) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b).unwrap_or(least),
        };
        let all = devices.len() as f64;
        let pairs = a.readouts as f64 * b.readouts as f64 * (all * all / 2.0).max(1.0);
        let log10_chance = log10_equal(pairs, usual);
        (log10_chance < LOG10_ALARM).then(|| {
            let mut readouts = readouts.clone();
            readouts.sort_unstable();
            readouts.dedup();
            let detail = format!(
                "{} of {} readouts of {} are also among those of {}: readouts {}",
                readouts.len(),
                b.readouts,
                b.label(),
                a.label(),
                listed(&readouts),
            );
            let pairs = vec![[a.index, b.index]];
            let remedy = Remedy { pairs, ..Remedy::default() };
            let finding = Summary::finding(&[a, b], Kind::SharedReadouts, log10_chance);
            Finding { readouts, detail, remedy, ..finding }
        })
    };
    common.iter().filter_map(compare).collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::*;
    use super::*;

    #[test]
    fn copies_within_a_device_are_named() {
        let mut rows = clean(4096, 10, 3);
        rows[7] = rows[2].clone();
        rows[9] = rows[2].clone();
        let findings = examine(&rows);
        assert_eq!(kinds(&findings), [Kind::DuplicateReadouts]);
        assert_eq!(findings[0].readouts, [7, 9]);
        assert!(findings[0].detail.ends_with("as 7 does 2"), "{}", findings[0].detail);
    }

    #[test]
    fn a_session_without_power_off_is_seen() {
        let rows = vec![clean(1 << 16, 1, 4).remove(0); 9];
        let findings = examine(&rows);
        assert_eq!(kinds(&findings), [Kind::NoPowerOff]);
        assert_eq!(findings[0].readouts, (1..9).collect::<Vec<_>>());
        // Two files that are equal are copies, for all that is known.
        assert_eq!(kinds(&examine(&rows[..2])), [Kind::DuplicateReadouts]);
        // Of few cells nothing follows.
        let rows = vec![clean(64, 1, 4).remove(0); 9];
        assert_eq!(kinds(&examine(&rows)), []);
    }

    #[test]
    fn a_readout_that_remembers_is_named() {
        let mut rows = clean(4096, 12, 5);
        for cell in (0..4096).filter(|cell| cell % 8 != 0) {
            let held = rows[5].get(cell);
            rows[6].set(cell, held);
        }
        let findings = examine(&rows);
        assert_eq!(kinds(&findings), [Kind::NoPowerOff]);
        assert_eq!(findings[0].readouts, [6]);
    }

    #[test]
    fn readouts_shared_between_devices_are_named() {
        let (a, mut b) = (clean(4096, 6, 6), clean(4096, 6, 7));
        b[3] = a[1].clone();
        let findings = compare(&[("a", "", a.clone()), ("b", "", b)]);
        assert_eq!(kinds(&findings), [Kind::SharedReadouts]);
        assert_eq!(
            (findings[0].devices.as_slice(), findings[0].readouts.as_slice()),
            (&[0, 1][..], &[3][..])
        );
        // The same folder under two names is one die, too.
        let findings = compare(&[("a", "", a.clone()), ("b", "", a)]);
        assert_eq!(kinds(&findings), [Kind::SharedReadouts, Kind::SameDie]);
    }
}
