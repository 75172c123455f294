//! Readouts that fall into groups with nothing between them: a first or another readout far from the
//! rest, several modes, another device under the same label.
//!
//! Two readouts are linked when they are no farther apart than readouts of one die can be, and linked
//! readouts are a group. So a die that drifts stays one group however far it gets, as long as it has
//! no gap on its way.
//!
//! # The allowance
//!
//! The usual distance is the lower quartile over pairs that differ. Readouts of one die may differ [`ALLOWED`]
//! times as much: a first readout with a third more errors, noise that varies by 7 % and a step of 41
//! degrees (1.45 times) stay below; where that comes near the distance of two dies, the middle between
//! the two. Past it counts the tail of two Poisson counts of which one may have a mean so many times
//! the other's (distances of readouts vary less than Poisson), over all pairs.
//!
//! Independently of what is usual, readouts of which three in four pairs are farther apart than 0.7
//! times two dies are not of one die.

use super::finding::{Finding, Kind, Remedy, listed};
use super::tail::{LOG10_ALARM, log10_at_least};
use super::{Detector, Examined};
use crate::metric::between::by_chance;

pub(super) const DETECTOR: Detector = Detector {
    kinds: &[Kind::FirstReadout, Kind::FarReadouts, Kind::SeveralModes, Kind::OtherDevice],
    find,
};

/// How many times the usual distance readouts of one die may be apart.
const ALLOWED: f64 = 1.75;
/// The same for the distance to the majority, which has the noise of one readout instead of two.
const ALLOWED_TO_MAJORITY: f64 = 2.3;
/// From this part of the distance between two dies on, readouts count as those of two.
const OF_ANOTHER_DIE: f64 = 0.7;

/// Readouts linked with each other and with no others.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Places in the sample, ascending.
    pub(super) places: Vec<usize>,
    /// Readouts, ascending.
    pub(super) readouts: Vec<usize>,
    /// Median distance to the largest group, per cell.
    to_main: f64,
    /// Distance per cell between two dies with as many ones.
    of_two_dies: f64,
    /// `log10` of the chance of so wide a gap.
    log10_chance: f64,
}

/// The groups of a device's readouts, the largest first.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    pub(super) groups: Vec<Group>,
    /// The usual distance per cell.
    usual: f64,
    /// `log10` of the chance that readouts of one die are all so far apart.
    log10_one_die: f64,
    of_two_dies: f64,
}

/// What is too far, for counts with a usual one.
struct Limit {
    /// The usual count, as if counted in `weight` independent pairs.
    usual: f64,
    weight: f64,
    allowed: f64,
    log10_trials: f64,
}

impl Limit {
    fn log10_chance(&self, count: f64) -> f64 {
        let known = self.weight * self.usual + 1.0;
        let part = self.allowed / (self.allowed + self.weight);
        log10_at_least(count + known, part, count) + self.log10_trials
    }

    /// The least count below or at `most` that is too far.
    fn least(&self, most: u64) -> Option<u64> {
        let too_far = |count: u64| self.log10_chance(count as f64) < LOG10_ALARM;
        if !too_far(most) {
            return None;
        }
        let (mut below, mut at) = (0, most);
        while at - below > 1 {
            let middle = below + (at - below) / 2;
            if too_far(middle) { at = middle } else { below = middle }
        }
        Some(at)
    }
}

impl Groups {
    pub(super) fn of(device: &Examined<'_>) -> Self {
        let pairs = device.pairs();
        let sampled = device.sample_cells();
        let cells = sampled as f64;
        let sorted = pairs.sorted(|_| true);
        let everything = |places: &[usize]| Group {
            places: places.to_vec(),
            readouts: places.iter().map(|&place| device.readout(place)).collect(),
            to_main: 0.0,
            of_two_dies: 0.0,
            log10_chance: 0.0,
        };
        let of_two_dies = by_chance(ones(device, &device.live), ones(device, &device.live));
        let mut all = Self {
            groups: vec![everything(&device.live)],
            usual: 0.0,
            log10_one_die: 0.0,
            of_two_dies,
        };
        let Some(&quartile) = sorted.get(sorted.len() / 4) else { return all };
        all.usual = quartile as f64 / cells.max(1.0);
        all.log10_one_die = log10_at_least(cells, OF_ANOTHER_DIE * of_two_dies, quartile as f64);
        if pairs.len() < 3 || all.log10_one_die < LOG10_ALARM {
            return all;
        }
        // From the quartile to the mean of a count that varies like Poisson.
        let usual = quartile as f64 + 0.7 * libm::sqrt(quartile as f64);
        let middle = (1.0 + of_two_dies * cells / usual.max(1.0)) / 2.0;
        let limit = Limit {
            usual,
            weight: (pairs.len() / 4).max(1) as f64,
            allowed: ALLOWED.min(middle).max(1.0),
            log10_trials: libm::log10(device.live.len() as f64 * pairs.len() as f64),
        };
        let Some(too_far) = limit.least(sampled) else { return all };
        let mut groups = linked(device, too_far);
        groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group[0]));
        let main = groups[0].clone();
        all.groups = groups.iter().map(|places| everything(places)).collect();
        let main_ones = ones(device, &main);
        for group in all.groups.iter_mut().skip(1) {
            let mut distances = distances(device, &group.places, &main);
            distances.sort_unstable();
            group.to_main = distances[distances.len() / 2] as f64 / cells;
            group.of_two_dies = by_chance(ones(device, &group.places), main_ones);
            group.log10_chance = limit.log10_chance(distances[0] as f64);
        }
        all
    }
}

/// Fraction of ones over the readouts at these places.
fn ones(device: &Examined<'_>, places: &[usize]) -> f64 {
    let tally = &device.scan().tally;
    let weight = |&place: &usize| f64::from(tally.facts()[device.readout(place)].weight);
    let sum: f64 = places.iter().map(weight).sum();
    sum / (places.len() as f64 * tally.kept_cells() as f64).max(1.0)
}

/// Distances between at most 16 of one group and 16 of another.
fn distances(device: &Examined<'_>, of: &[usize], to: &[usize]) -> Vec<u64> {
    let some = |places: &[usize]| -> Vec<usize> {
        places.iter().step_by(places.len().div_ceil(16)).copied().collect()
    };
    let to = some(to);
    some(of).iter().flat_map(|&a| to.iter().map(move |&b| device.distance(a, b))).collect()
}

/// The live places of the sample in groups, by links below `too_far` among pairs; the others join the
/// group of the first of these that they are near, or are one of their own.
fn linked(device: &Examined<'_>, too_far: u64) -> Vec<Vec<usize>> {
    let pairs = device.pairs();
    let mut group_of: Vec<usize> = (0..pairs.len()).collect();
    for a in 0..pairs.len() {
        for b in 0..a {
            let (from, to) = (group_of[a], group_of[b]);
            if pairs.get(a, b) < too_far && from != to {
                group_of.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
            }
        }
    }
    let mut groups = vec![Vec::new(); pairs.len()];
    for &place in &device.live {
        let group = match pairs.places.binary_search(&place) {
            Ok(known) => Some(group_of[known]),
            Err(_) => (0..pairs.len())
                .find(|&known| device.distance(place, pairs.places[known]) < too_far)
                .map(|known| group_of[known]),
        };
        match group {
            Some(group) => groups[group].push(place),
            None => groups.push(vec![place]),
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn find(device: &Examined<'_>) -> Vec<Finding> {
    let groups = device.groups();
    if groups.log10_one_die < LOG10_ALARM {
        return vec![strangers(device, groups)];
    }
    let [main, others @ ..] = groups.groups.as_slice() else { return Vec::new() };
    let kind = |group: &Group| {
        let is_another = group.to_main > OF_ANOTHER_DIE * group.of_two_dies;
        match group.readouts.as_slice() {
            [0] => Kind::FirstReadout,
            _ if is_another => Kind::OtherDevice,
            [_] => Kind::FarReadouts,
            _ => Kind::SeveralModes,
        }
    };
    let mut findings: Vec<Finding> = DETECTOR
        .kinds
        .iter()
        .filter_map(|&wanted| {
            let of_kind: Vec<&Group> =
                others.iter().filter(|group| kind(group) == wanted).collect();
            (!of_kind.is_empty()).then(|| far(device, wanted, &of_kind, main))
        })
        .collect();
    findings.extend(unsampled(device));
    findings
}

fn far(device: &Examined<'_>, kind: Kind, groups: &[&Group], main: &Group) -> Finding {
    let mut readouts: Vec<usize> =
        groups.iter().flat_map(|group| group.readouts.iter().copied()).collect();
    readouts.sort_unstable();
    let least = |of: fn(&Group) -> f64| groups.iter().map(|g| of(g)).fold(f64::INFINITY, f64::min);
    let detail = format!(
        "{} {}{}, {:.1} % of the cells away from the other {}, where {:.1} % is usual and another die \
         would be {:.1} % away",
        if readouts.len() == 1 { "readout" } else { "readouts" },
        listed(&readouts),
        if groups.len() == 1 { String::new() } else { format!(" in {} groups", groups.len()) },
        100.0 * least(|group| group.to_main),
        main.readouts.len(),
        100.0 * device.groups().usual,
        100.0 * least(|group| group.of_two_dies),
    );
    let remedy = Remedy { readouts: readouts.clone(), ..Remedy::default() };
    let chance = groups.iter().map(|group| group.log10_chance).fold(f64::NEG_INFINITY, f64::max);
    Finding { readouts, detail, remedy, ..device.finding(kind, chance) }
}

/// All readouts are as far apart as those of two dies.
fn strangers(device: &Examined<'_>, groups: &Groups) -> Finding {
    let detail = format!(
        "three in four pairs of readouts differ in {:.1} % of the cells or more, where two dies differ \
         in {:.1} %",
        100.0 * groups.usual,
        100.0 * groups.of_two_dies,
    );
    Finding { detail, ..device.finding(Kind::OtherDevice, groups.log10_one_die) }
}

/// Far readouts of which the sample has nothing, by their distance to the majority.
fn unsampled(device: &Examined<'_>) -> Option<Finding> {
    let scan = device.scan();
    let (tally, sample) = (&scan.tally, &scan.sample);
    if sample.readouts.len() == tally.readouts() {
        return None;
    }
    let mut sorted = scan.to_majority.clone();
    sorted.sort_unstable();
    let usual = f64::from(sorted[sorted.len() / 2]);
    let of_two_dies = tally.kept_cells() as f64 * device.groups().of_two_dies;
    let limit = Limit {
        usual,
        weight: sorted.len() as f64 / 4.0,
        allowed: ALLOWED_TO_MAJORITY.min((1.0 + of_two_dies / usual.max(1.0)) / 2.0).max(1.0),
        log10_trials: libm::log10(sorted.len() as f64),
    };
    let too_far = limit.least(tally.kept_cells() as u64)?;
    let readouts: Vec<usize> = (0..tally.readouts())
        .filter(|readout| {
            u64::from(scan.to_majority[*readout]) >= too_far
                && sample.readouts.binary_search(readout).is_err()
                && device.dead.binary_search(readout).is_err()
        })
        .collect();
    let nearest = readouts.iter().map(|&readout| scan.to_majority[readout]).min()?;
    let detail = format!(
        "readouts {} are {:.1} % of the cells or more away from the majority, where {:.1} % is usual",
        listed(&readouts),
        100.0 * f64::from(nearest) / tally.kept_cells() as f64,
        100.0 * usual / tally.kept_cells() as f64,
    );
    let chance = limit.log10_chance(f64::from(nearest));
    let remedy = Remedy { readouts: readouts.clone(), ..Remedy::default() };
    Some(Finding { readouts, detail, remedy, ..device.finding(Kind::FarReadouts, chance) })
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::*;
    use super::*;
    use puf_emulator::silicon::{Environment, ReadoutLaw};

    #[track_caller]
    fn check(rows: &[fuzzy_extractor::bits::BitString], kind: Kind, readouts: &[usize]) {
        let findings = examine(rows);
        assert_eq!(kinds(&findings), [kind], "{findings:?}");
        assert_eq!(findings[0].readouts, readouts);
        assert_eq!(findings[0].remedy.readouts, readouts);
    }

    #[test]
    fn a_first_readout_far_away_is_named() {
        let offset = |offset| typical().with_readout(ReadoutLaw::new(0.07, 0.0, offset).unwrap());
        for readouts in [3, 15, 200] {
            check(&rows_of(offset(0.4), 4096, readouts, 1), Kind::FirstReadout, &[0]);
            assert_eq!(kinds(&examine(&rows_of(offset(0.1), 4096, readouts, 1))), []);
        }
    }

    #[test]
    fn readouts_of_another_die_are_named() {
        for readouts in [4, 20, 150] {
            let mut rows = clean(2048, readouts, 2);
            let others = clean(2048, readouts, 3);
            rows[1] = others[1].clone();
            rows[3] = others[3].clone();
            check(&rows, Kind::OtherDevice, &[1, 3]);
        }
    }

    #[test]
    fn two_modes_are_told_apart() {
        let rows = clean(4096, 40, 4);
        let mode = typical().with_readout(ReadoutLaw::new(0.0, 0.0, 0.0).unwrap());
        let hot = Environment::default().at_celsius(150.0).unwrap();
        let mut mixed = rows;
        let others = rows_at(mode, 4096, 0..40, 4, &hot);
        for j in [5, 6, 20, 33] {
            mixed[j] = others[j].clone();
        }
        check(&mixed, Kind::SeveralModes, &[5, 6, 20, 33]);
    }

    #[test]
    fn a_single_readout_far_away_is_named() {
        let mut rows = clean(4096, 9, 5);
        (0..4096).step_by(5).for_each(|cell| rows[6].flip(cell));
        check(&rows, Kind::FarReadouts, &[6]);
    }

    #[test]
    fn readouts_that_share_nothing_are_of_no_one_die() {
        for count in [2, 3, 30] {
            let rows: Vec<_> = (0..count).map(|seed| clean(1024, 1, seed).remove(0)).collect();
            check(&rows, Kind::OtherDevice, &[]);
        }
    }

    /// A sample has every fifth readout; the others are held against the majority.
    #[test]
    fn far_readouts_among_very_many_are_named() {
        let mut rows = clean(4096, 20_000, 7);
        for j in [5, 7, 12_001] {
            (0..4096).step_by(4).for_each(|cell| rows[j].flip(cell));
        }
        let findings = examine(&rows);
        let all: Vec<usize> = findings.iter().flat_map(|f| f.readouts.clone()).collect();
        assert_eq!(kinds(&findings), [Kind::FarReadouts; 2]);
        assert_eq!(all, [5, 7, 12_001]);
    }

    /// As cold as it gets in a set, in one jump, and half of the cells' noise as large again.
    #[test]
    fn what_silicon_does_is_no_fault() {
        let law = ReadoutLaw::new(0.07, 0.05, 0.15).unwrap();
        for readouts in [1, 2, 3, 5, 30, 100] {
            let mut rows = rows_of(typical().with_readout(law), 4096, readouts, 6);
            rows.extend(later(4096, readouts, 6));
            assert_eq!(kinds(&examine(&rows)), [], "{readouts}");
        }
    }
}
