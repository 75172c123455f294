//! Classes of cells with opposite bias, by parity of address bits.
//!
//! On several parts the cells of one parity of a few address bits prefer 1 and the others 0. The
//! Walsh-Hadamard transform of the values that cells prefer,
//!
//! ```text
//! S(mask) = sum_i (x_i - mean) (-1)^popcount(i AND mask),
//! ```
//!
//! asks for every mask over the bits of the cell index at once. Of independent cells, all `S` are about
//! normal with variance `mean (1 - mean) cells`. Real cells have neighbours like themselves, which
//! lifts masks of high bits, so each `S` is also measured against the scatter of the masks with the
//! same lowest bit; the larger scale counts. Cells left out, and those up to the next power of two,
//! add nothing to any sum.
//!
//! The mask is over bits of the *cell index*. Bit `b` of a byte's address is bit `b + 3` of it.

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::{PolarityLaw, normal};

use super::error::FitError;
use super::estimate::Estimate;
use super::mixture::density;
use super::walsh;

/// What address bits tell of the values that cells prefer.
#[derive(Debug, Clone, PartialEq)]
pub struct PolarityFit {
    /// Number of cells looked at.
    pub cells: u64,
    /// Fraction of them that prefer 1; ideally 0.5.
    pub ones_fraction: f64,
    /// Number of masks asked for: one less than the cells up to the next power of two.
    pub masks: u64,
    /// Scatter of the sums over all masks, in terms of that of independent cells: 1 for those, more
    /// where neighbours are alike.
    pub scale: f64,
    /// The masks that stand out most, [`SHOWN`] or fewer, largest [`Split::z`] first.
    pub top: Vec<Split>,
}

impl PolarityFit {
    /// The masks that are no chance.
    pub fn significant(&self) -> impl Iterator<Item = &Split> {
        self.top.iter().filter(|split| split.is_significant())
    }

    /// What is left when the significant ones are taken out: the largest of the others, in standard
    /// errors; 0 where all that is shown is significant.
    #[must_use]
    pub fn residual_z(&self) -> f64 {
        let rest = self.top.iter().filter(|split| !split.is_significant());
        rest.map(|split| split.z.abs()).fold(0.0, f64::max)
    }
}

/// A mask with the two classes that it makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Bits of the cell index whose parity is the class.
    pub mask: u32,
    /// Cells of the odd class, and how many of them prefer 1.
    pub odd: (u64, u64),
    /// Cells of the even class, and how many of them prefer 1.
    pub even: (u64, u64),
    /// Fraction of ones in the odd class.
    pub odd_fraction: Estimate,
    /// Fraction of ones in the even class.
    pub even_fraction: Estimate,
    /// Difference of the fractions in standard errors of independent cells.
    pub z_binomial: f64,
    /// The same in standard errors that neighbours do not shrink.
    pub z: f64,
    /// Probability that any of all masks is that far out by chance (Bonferroni).
    pub family_p_value: f64,
    /// Amplitude `s`: the odd class is moved towards 1 by it and the even one towards 0, in standard
    /// deviations of the skew within a class.
    pub amplitude: Estimate,
}

impl Split {
    /// Whether chance is no explanation: less than one in a million over all masks.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.family_p_value < FAMILY_ALPHA
    }

    /// The mask as the bits that it consists of, lowest first.
    pub fn bits(&self) -> impl Iterator<Item = u32> + use<> {
        let mask = self.mask;
        (0..32).filter(move |bit| mask >> bit & 1 == 1)
    }
}

/// Masks that are shown.
pub const SHOWN: usize = 8;

const FAMILY_ALPHA: f64 = 1e-6;

/// The most cells: the memory taken is four bytes for each, up to the next power of two.
const MAX_CELLS: usize = 1 << 26;

/// Asks every mask over the bits of the cell index whether it parts the cells into classes of opposite
/// bias.
///
/// `dominant` is the value that each cell prefers, or reads; `noise` the standard deviation of what
/// decides it beside the skew, in those of the skew: 0 for a majority of many readouts, `lambda1` for a
/// single one. Cells that are not `kept` are left out.
///
/// # Errors
/// If there are fewer than two cells or more than 2^26, the strings have different lengths, or all
/// cells prefer the same value.
pub fn polarity(
    dominant: &BitString,
    kept: Option<&BitString>,
    noise: f64,
) -> Result<PolarityFit, FitError> {
    let cells = dominant.len();
    if !(2..=MAX_CELLS).contains(&cells) {
        return Err(FitError::NoCells);
    }
    let all = BitString::from_words(vec![u64::MAX; cells.div_ceil(64)], cells);
    let kept = kept.unwrap_or(&all);
    if kept.len() != cells {
        return Err(FitError::Shape {
            what: "the mask of cells",
            expected: cells,
            found: kept.len(),
        });
    }
    let values = Values { dominant, kept };
    let (total, ones) = values.counted(|_| u64::MAX);
    if total < 2 {
        return Err(FitError::NoCells);
    }
    if ones == 0 || ones == total {
        return Err(FitError::OneValue);
    }
    let mean = ones as f64 / total as f64;
    let mut sums = values.centred(mean);
    walsh::transform(&mut sums);
    let independent = libm::sqrt(mean * (1.0 - mean) * total as f64);
    let candidates = largest(&sums, 4 * SHOWN);
    let scales = Scales::new(sums, independent);
    let of_mask = |&mask: &u32| values.split(mask, noise, &scales);
    let mut top: Vec<Split> = candidates.iter().filter_map(of_mask).collect();
    top.sort_by(|a, b| b.z.abs().total_cmp(&a.z.abs()).then(a.mask.cmp(&b.mask)));
    top.truncate(SHOWN);
    Ok(PolarityFit {
        cells: total,
        ones_fraction: mean,
        masks: scales.masks,
        scale: scales.overall,
        top,
    })
}

/// The values of the cells that are looked at.
struct Values<'a> {
    dominant: &'a BitString,
    kept: &'a BitString,
}

impl Values<'_> {
    /// Cells and ones among those that `class` selects, given by the number of the word.
    fn counted(&self, class: impl Fn(usize) -> u64) -> (u64, u64) {
        let words = self.dominant.words().iter().zip(self.kept.words());
        words.enumerate().fold((0, 0), |(cells, ones), (number, (&value, &kept))| {
            let selected = kept & class(number);
            let weight = |word: u64| u64::from(word.count_ones());
            (cells + weight(selected), ones + weight(selected & value))
        })
    }

    /// `x_i - mean`, 0 for what is left out, up to the next power of two.
    fn centred(&self, mean: f64) -> Vec<f32> {
        #[expect(clippy::cast_possible_truncation, reason = "rounded, from 0 to 1")]
        let (zero, one) = (-mean as f32, (1.0 - mean) as f32);
        let of = |(value, kept): (bool, bool)| match (kept, value) {
            (false, _) => 0.0,
            (true, true) => one,
            (true, false) => zero,
        };
        let mut values: Vec<f32> = Vec::with_capacity(self.dominant.len().next_power_of_two());
        values.extend(self.dominant.iter().zip(self.kept.iter()).map(of));
        values.resize(self.dominant.len().next_power_of_two(), 0.0);
        values
    }

    /// The classes of a mask, counted exactly; `None` if one of them is empty.
    fn split(&self, mask: u32, noise: f64, scales: &Scales) -> Option<Split> {
        let law = PolarityLaw::new(mask, 0.0, 0.0).ok()?;
        let odd = self.counted(|word| law.word(word));
        let even = self.counted(|word| !law.word(word));
        if odd.0 == 0 || even.0 == 0 {
            return None;
        }
        let fraction = |(cells, ones): (u64, u64)| ones as f64 / cells as f64;
        let (f_odd, f_even) = (fraction(odd), fraction(even));
        let pooled = (odd.1 + even.1) as f64 / (odd.0 + even.0) as f64;
        let spread = pooled * (1.0 - pooled) * (1.0 / odd.0 as f64 + 1.0 / even.0 as f64);
        let z_binomial = (f_odd - f_even) / libm::sqrt(spread);
        let z = z_binomial / scales.of(mask).max(1.0);
        let family_p_value = (2.0 * normal::cdf(-z.abs()) * scales.masks as f64).min(1.0);
        let estimate = |f: f64, cells: u64| {
            let error = libm::sqrt(f * (1.0 - f) / cells as f64);
            Estimate::fraction(f, error)
        };
        let width = libm::sqrt(1.0 + noise * noise);
        Some(Split {
            mask,
            odd,
            even,
            odd_fraction: estimate(f_odd, odd.0),
            even_fraction: estimate(f_even, even.0),
            z_binomial,
            z,
            family_p_value,
            amplitude: amplitude(odd, even, width),
        })
    }
}

/// Half the distance of the classes' thresholds, `(Phi^-1(f_odd) - Phi^-1(f_even)) / 2`, each class
/// with half a cell more of either value so that none is infinite.
fn amplitude(odd: (u64, u64), even: (u64, u64), width: f64) -> Estimate {
    let probit = |(cells, ones): (u64, u64)| {
        let cells = cells as f64 + 1.0;
        let fraction = (ones as f64 + 0.5) / cells;
        let x = normal::quantile(fraction);
        let slope = density(x);
        (x, fraction * (1.0 - fraction) / (cells * slope * slope))
    };
    let ((x_odd, v_odd), (x_even, v_even)) = (probit(odd), probit(even));
    Estimate::normal(0.5 * width * (x_odd - x_even), 0.5 * width * libm::sqrt(v_odd + v_even))
}

/// The masks with the `count` largest sums, mask 0 left out.
fn largest(sums: &[f32], count: usize) -> Vec<u32> {
    let mut found: Vec<(f32, u32)> = Vec::with_capacity(2 * count);
    let mut least = 0.0;
    for (mask, &sum) in (0_u32..).zip(sums).skip(1) {
        if sum.abs() <= least {
            continue;
        }
        found.push((sum.abs(), mask));
        if found.len() == 2 * count {
            found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            found.truncate(count);
            least = found[count - 1].0;
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found.truncate(count);
    found.into_iter().map(|(_, mask)| mask).collect()
}

/// The scatter of the sums, in terms of that of independent cells.
struct Scales {
    masks: u64,
    overall: f64,
    /// By the number of zeros below the lowest bit of the mask.
    by_lowest_bit: Vec<f64>,
}

/// Masks from which a scatter is told.
const LEAST_MASKS: usize = 64;

impl Scales {
    fn new(mut sums: Vec<f32>, independent: f64) -> Self {
        let masks = sums.len() as u64 - 1;
        let bits = sums.len().trailing_zeros() as usize;
        let mut by_lowest_bit = Vec::with_capacity(bits);
        for zeros in 0..bits {
            let group = sums.len() >> (zeros + 1);
            // Too few tell nothing, and are judged by the last that do.
            let scale = if group >= LEAST_MASKS || zeros == 0 {
                let step = 1 << (zeros + 1);
                let magnitudes = sums[1 << zeros..].iter().step_by(step).map(|sum| sum.abs());
                median(magnitudes.collect()) / MEDIAN_OF_NORMAL / independent
            } else {
                by_lowest_bit[zeros - 1]
            };
            by_lowest_bit.push(scale);
        }
        sums.swap_remove(0);
        sums.iter_mut().for_each(|sum| *sum = sum.abs());
        let overall = median(sums) / MEDIAN_OF_NORMAL / independent;
        Self { masks, overall, by_lowest_bit }
    }

    fn of(&self, mask: u32) -> f64 {
        self.overall.max(self.by_lowest_bit[mask.trailing_zeros() as usize])
    }
}

/// Median magnitude of a standard normal number.
const MEDIAN_OF_NORMAL: f64 = 0.674_489_750_196_081_7;

fn median(mut values: Vec<f32>) -> f64 {
    let middle = values.len() / 2;
    let (_, &mut median, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    f64::from(median)
}
