//! Figures of several devices: distances between them, bits that they share.

use std::fmt;

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::Instructions;
use rayon::prelude::*;

use super::counts;
use super::estimate::Estimate;
use super::tally::{MAX_BLOCK_READOUTS, Tally};
use crate::readouts::Block;

/// Devices of which all pairs are compared; of more, so many evenly spread.
pub const MAX_COMPARED: usize = 4096;

/// One reading of each of several devices: what they are compared by.
#[derive(Clone, Copy)]
pub struct References<'a> {
    /// A reading a device, all of one length, those cells 0 that do not count.
    pub readings: &'a [&'a BitString],
    /// The number of cells that count.
    pub kept_cells: usize,
}

impl fmt::Debug for References<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("References").field("devices", &self.readings.len()).finish_non_exhaustive()
    }
}

/// What a comparison of devices shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Between {
    /// Devices compared, at least two.
    pub devices: usize,
    /// Pairs of them.
    pub pairs: usize,
    /// Mean between-class Hamming distance, 0 to 1, ideally 0.5: *uniqueness* for Maiti, *inter-chip*
    /// distance. The interval is about further devices; `None` below three.
    pub bchd: f64,
    /// Interval of the mean over devices.
    pub bchd_over_devices: Option<Estimate>,
    /// Interval of the mean over cells, for these devices.
    pub bchd_over_cells: Estimate,
    /// The least distance, and the devices it lies between.
    pub least: (f64, [usize; 2]),
    /// The greatest distance, and the devices it lies between.
    pub greatest: (f64, [usize; 2]),
    /// Standard deviation over pairs; pairs share devices, so this says nothing about the mean's error.
    pub bchd_sd: f64,
    /// The distance that independent devices with these fractions of ones have: the mean over pairs of
    /// `a(1-b) + b(1-a)`.
    pub expected_from_bias: f64,
    /// Number of cells that read 1 in `d` devices, `d` from 0 to the number of devices: *bit-aliasing*
    /// (Maiti), of which the mean over cells is the fraction of ones; ideally binomial about half.
    pub aliasing: Vec<u64>,
    /// Mean over cells of `-log2 max(f, 1 - f)`, `f` the fraction of devices in which a cell reads 1;
    /// bits a cell. Few devices show too little: see [`ideal_aliasing_min_entropy`].
    pub aliasing_min_entropy: f64,
    /// Hori's uniqueness, `4 / (D^2 N)` times the sum of the distances of all pairs; of ideal cells
    /// `(D - 1) / D`, not 1.
    pub uniqueness_hori: f64,
    /// pypuf's uniqueness, `1 - 2 mean |1/2 - similarity|` over pairs (`pypuf.metrics.uniqueness_data`),
    /// ideally near 1.
    pub uniqueness_pypuf: f64,
}

/// Compares devices; `None` below two.
///
/// Cost: a distance for each pair of up to [`MAX_COMPARED`] devices.
///
/// # Panics
/// If the readings differ in length.
#[must_use]
pub fn compare(references: References<'_>) -> Option<Between> {
    let step = references.readings.len().div_ceil(MAX_COMPARED).max(1);
    let chosen: Vec<usize> = (0..references.readings.len()).step_by(step).collect();
    let readings: Vec<&BitString> = chosen.iter().map(|&i| references.readings[i]).collect();
    let devices = readings.len();
    if devices < 2 || references.kept_cells == 0 {
        return None;
    }
    let cells = references.kept_cells as f64;
    let distances = Distances::of(&readings);
    let pairs = devices * (devices - 1) / 2;
    let (d, p) = (devices as f64, pairs as f64);
    let bchd = distances.total as f64 / p / cells;
    let without: Vec<f64> = distances
        .of_device
        .iter()
        .map(|&own| (distances.total - own) as f64 / ((d - 1.0) * (d - 2.0) / 2.0) / cells)
        .collect();
    let ones: Vec<f64> = readings.iter().map(|r| r.weight() as f64 / cells).collect();
    let (sum, squares) = (ones.iter().sum::<f64>(), ones.iter().map(|b| b * b).sum::<f64>());
    // Over pairs, the sums of a + b and of 2ab.
    let expected = ((d - 1.0) * sum - (sum * sum - squares)) / p;
    let aliasing = aliasing(&readings, references.kept_cells);
    let relative =
        |(distance, [a, b]): (u64, [usize; 2])| (distance as f64 / cells, [chosen[a], chosen[b]]);
    let mean_square = distances.squares / p / cells / cells;
    Some(Between {
        devices,
        pairs,
        bchd,
        bchd_over_devices: if devices > 2 {
            Estimate::of_jackknife(bchd, &without).map(|estimate| estimate.within(0.0, 1.0))
        } else {
            None
        },
        bchd_over_cells: counts::wchd_pairwise(&aliasing)?,
        least: relative(distances.least),
        greatest: relative(distances.greatest),
        bchd_sd: libm::sqrt((mean_square - bchd * bchd).max(0.0)),
        expected_from_bias: expected,
        aliasing_min_entropy: counts::noise_min_entropy(&aliasing)?.value,
        aliasing,
        uniqueness_hori: 4.0 * distances.total as f64 / (d * d * cells),
        uniqueness_pypuf: 1.0 - 2.0 * distances.off_half(references.kept_cells) / p / cells,
    })
}

/// Distances of all pairs, summed up.
struct Distances {
    total: u64,
    squares: f64,
    least: (u64, [usize; 2]),
    greatest: (u64, [usize; 2]),
    /// Sum of the distances of each device to all others.
    of_device: Vec<u64>,
    /// All distances, row by row of the upper triangle.
    all: Vec<u32>,
}

impl Distances {
    #[expect(clippy::cast_possible_truncation, reason = "a reading has fewer than 2^32 cells")]
    fn of(readings: &[&BitString]) -> Self {
        let instructions = Instructions::detected();
        let row = |i: usize| -> Vec<u32> {
            let distance = |other: &&BitString| {
                assert_eq!(other.len(), readings[i].len(), "readings of one length");
                instructions.distance(readings[i].words(), other.words()) as u32
            };
            readings[i + 1..].iter().map(distance).collect()
        };
        let rows: Vec<Vec<u32>> = (0..readings.len()).into_par_iter().map(row).collect();
        let mut sum = Self {
            total: 0,
            squares: 0.0,
            least: (u64::MAX, [0, 1]),
            greatest: (0, [0, 1]),
            of_device: vec![0; readings.len()],
            all: rows.concat(),
        };
        for (a, row) in rows.iter().enumerate() {
            for (offset, &distance) in row.iter().enumerate() {
                let (b, distance) = (a + 1 + offset, u64::from(distance));
                sum.total += distance;
                sum.squares += distance as f64 * distance as f64;
                sum.of_device[a] += distance;
                sum.of_device[b] += distance;
                if distance < sum.least.0 {
                    sum.least = (distance, [a, b]);
                }
                if distance > sum.greatest.0 {
                    sum.greatest = (distance, [a, b]);
                }
            }
        }
        sum
    }

    /// Sum over pairs of how many cells the distance is off half of them.
    fn off_half(&self, cells: usize) -> f64 {
        let half = cells as f64 / 2.0;
        self.all.iter().map(|&distance| (f64::from(distance) - half).abs()).sum()
    }
}

/// Number of cells that read 1 in `d` devices.
fn aliasing(readings: &[&BitString], kept_cells: usize) -> Vec<u64> {
    let cells = readings[0].len();
    let mut tally = Tally::new(cells, None);
    let mut block = Block::new(cells);
    for part in readings.chunks(MAX_BLOCK_READOUTS) {
        block.clear();
        part.iter().for_each(|reading| block.push().copy_from_slice(reading.words()));
        tally.add(&block);
    }
    let mut histogram = tally.histogram();
    histogram[0] -= (cells - kept_cells) as u64;
    histogram
}

/// The distance of independent readings with these fractions of ones.
#[must_use]
pub fn by_chance(a: f64, b: f64) -> f64 {
    a * (1.0 - b) + b * (1.0 - a)
}

/// What [`Between::aliasing_min_entropy`] is on average for ideal cells in so many devices: it nears 1
/// slowly, from .678 with four devices over .844 with 16 to .932 with 100.
#[must_use]
pub fn ideal_aliasing_min_entropy(devices: usize) -> f64 {
    let n = devices as f64;
    let choose = |k: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    (0..=devices)
        .map(|k| {
            let probability = libm::exp(choose(k as f64) - n * std::f64::consts::LN_2);
            probability * counts::min_entropy(k as f64 / n)
        })
        .sum()
}

/// What pypuf's uniqueness is on average for ideal cells: one less `2 E|1/2 - X/n|` of a fair binomial
/// `X`, which is the central term of the law (De Moivre).
#[must_use]
pub fn ideal_uniqueness_pypuf(cells: usize) -> f64 {
    // E|X - n/2| = h C(n, h) / 2^n with h = floor(n/2) + 1, for either parity.
    let (n, h) = (cells as f64, (cells / 2 + 1) as f64);
    let log_term = libm::lgamma(n + 1.0)
        - libm::lgamma(h + 1.0)
        - libm::lgamma(n - h + 1.0)
        - n * std::f64::consts::LN_2;
    1.0 - 2.0 * h * libm::exp(log_term) / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    fn random(devices: usize, cells: usize, seed: u64) -> Vec<BitString> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..devices).map(|_| BitString::random(cells, &mut rng)).collect()
    }

    fn compared(readings: &[BitString]) -> Between {
        let readings: Vec<&BitString> = readings.iter().collect();
        compare(References { readings: &readings, kept_cells: readings[0].len() }).unwrap()
    }

    #[test]
    fn figures_are_those_of_a_loop_over_pairs() {
        let readings = random(7, 500, 1);
        let found = compared(&readings);
        let mut distances = Vec::new();
        let mut expected = 0.0;
        for b in 0..7 {
            for a in 0..b {
                distances.push((readings[a].distance(&readings[b]) as f64 / 500.0, [a, b]));
                let ones = |i: usize| readings[i].weight() as f64 / 500.0;
                expected += (ones(a) * (1.0 - ones(b)) + ones(b) * (1.0 - ones(a))) / 21.0;
            }
        }
        let mean = distances.iter().map(|d| d.0).sum::<f64>() / 21.0;
        assert!((found.bchd - mean).abs() < 1e-15);
        assert!((found.bchd_over_cells.value - mean).abs() < 1e-12);
        assert!((found.expected_from_bias - expected).abs() < 1e-12);
        distances.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(found.least.0, distances[0].0);
        assert_eq!(found.greatest.0, distances[20].0);
        assert!(distances.contains(&found.least) && distances.contains(&found.greatest));
        let off: f64 = distances.iter().map(|d| (0.5 - d.0).abs()).sum::<f64>() / 21.0;
        assert!((found.uniqueness_pypuf - (1.0 - 2.0 * off)).abs() < 1e-12);
        assert!((found.uniqueness_hori - 4.0 * 21.0 * mean / 49.0).abs() < 1e-12);
        assert_eq!(found.aliasing.iter().sum::<u64>(), 500);
        let ones: u64 = found.aliasing.iter().enumerate().map(|(d, n)| d as u64 * n).sum();
        assert_eq!(ones, readings.iter().map(|r| r.weight() as u64).sum::<u64>());
    }

    #[test]
    fn ideal_cells_have_the_ideal_figures() {
        let found = compared(&random(16, 100_000, 2));
        // 120 pairs of 1e5 cells: standard errors of about 1.5e-4 and less.
        assert!((found.bchd - 0.5).abs() < 9e-4, "{}", found.bchd);
        assert!((found.uniqueness_hori - 15.0 / 16.0).abs() < 2e-3);
        let ideal = ideal_aliasing_min_entropy(16);
        assert!((found.aliasing_min_entropy - ideal).abs() < 3e-3, "{ideal}");
        assert!((ideal_aliasing_min_entropy(2) - 0.5).abs() < 1e-12);
        let three = 0.75 * counts::min_entropy(1.0 / 3.0);
        assert!((ideal_aliasing_min_entropy(3) - three).abs() < 1e-12);
    }

    #[test]
    fn the_mean_off_half_of_a_fair_binomial() {
        // By enumeration: of 1, 2, 3, 4 cells.
        for (cells, off) in [(1, 0.5), (2, 0.25), (3, 0.25), (4, 0.1875)] {
            assert!((ideal_uniqueness_pypuf(cells) - (1.0 - 2.0 * off)).abs() < 1e-12, "{cells}");
        }
        // De Moivre's limit.
        let limit = 1.0 - libm::sqrt(2.0 / std::f64::consts::PI / 1e6);
        assert!((ideal_uniqueness_pypuf(1_000_000) - limit).abs() < 1e-9);
    }

    #[test]
    fn metamorphic() {
        let mut readings = random(4, 300, 3);
        let before = compared(&readings);
        readings.push(readings[1].clone());
        let again = compared(&readings);
        assert_eq!(again.least, (0.0, [1, 4]), "a device twice");
        assert!(again.bchd < before.bchd);
        let complemented: Vec<BitString> =
            readings.iter().map(|r| r.iter().map(|bit| !bit).collect()).collect();
        let complemented = compared(&complemented);
        assert_eq!((complemented.bchd, complemented.least), (again.bchd, again.least));
        assert!((complemented.expected_from_bias - again.expected_from_bias).abs() < 1e-12);
        let one = random(1, 10, 4);
        assert_eq!(compare(References { readings: &[&one[0]], kept_cells: 10 }), None);
    }

    /// Both intervals against what they are about, in 2,000 sets: 5.85 standard errors of the coverage
    /// are 2.9 points.
    #[test]
    fn intervals_cover() {
        let covered = (0..2000)
            .filter(|&seed| {
                let found = compared(&random(6, 256, 1000 + seed));
                let Estimate { lower, upper, .. } = found.bchd_over_cells;
                (lower..=upper).contains(&0.5)
            })
            .count();
        assert!((1842..=1958).contains(&covered), "{covered} of 2000");
    }
}
