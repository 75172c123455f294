//! Distances between some of the readouts of a device, and what is usual among them.

use super::Examined;

/// Readouts that are compared each with each.
const MOST: usize = 64;

/// All distances between at most 64 live readouts of the sample.
#[derive(Debug, Clone)]
pub(super) struct Pairs {
    /// Their places in the sample, ascending.
    pub(super) places: Vec<usize>,
    distances: Vec<u64>,
}

impl Pairs {
    /// Takes all live readouts; of many, half evenly spread, and half those farthest from the majority.
    pub(super) fn of(device: &Examined<'_>) -> Self {
        let live = &device.live;
        let mut places = live.clone();
        if live.len() > MOST {
            let farness = |place: &usize| device.scan().to_majority[device.readout(*place)];
            places.sort_by_key(|place| std::cmp::Reverse(farness(place)));
            places.truncate(MOST / 2);
            places.extend(live.iter().step_by(live.len().div_ceil(MOST / 2)));
            places.sort_unstable();
            places.dedup();
        }
        let pair = |&a: &usize| {
            let others = places.iter();
            others.map(move |&b| if a == b { 0 } else { device.distance(a, b) }).collect::<Vec<_>>()
        };
        let distances = places.iter().flat_map(pair).collect();
        Self { places, distances }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Distance between the `a`-th and the `b`-th of [`places`](Self::places).
    pub(super) fn get(&self, a: usize, b: usize) -> u64 {
        self.distances[a * self.len() + b]
    }

    /// Distances of all pairs of which both are in `of` and that differ at all, ascending: copies tell
    /// nothing of the noise.
    pub(super) fn sorted(&self, of: impl Fn(usize) -> bool) -> Vec<u64> {
        let members: Vec<usize> = (0..self.len()).filter(|&a| of(a)).collect();
        let mut sorted: Vec<u64> = members
            .iter()
            .enumerate()
            .flat_map(|(place, &a)| members[..place].iter().map(move |&b| self.get(a, b)))
            .filter(|&distance| distance > 0)
            .collect();
        sorted.sort_unstable();
        sorted
    }
}
