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
//! same lowest bit; the larger scale counts.
//!
//! Cells left out, and those up to the next power of two, add nothing to any sum. But then masks are
//! not independent questions: over three quarters of a power of two, a polarity of one mask also shows,
//! with a third of its amplitude, in every mask that adds the two highest bits. So the mask that stands
//! out most is taken into a model, `Pr[1] = Phi(threshold + sum_k s_k pol_k(i))`, and the question is
//! asked again of what that leaves, until no mask is left that is no chance.
//!
//! The mask is over bits of the *cell index*. Bit `b` of a byte's address is bit `b + 3` of it.

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::{PolarityLaw, normal};

use super::error::FitError;
use super::mixture::density;
use super::scoring::inverse;
use super::walsh;
use crate::metric::estimate::Estimate;

/// What address bits tell of the values that cells prefer.
#[derive(Debug, Clone, PartialEq)]
pub struct PolarityFit {
    /// Number of cells looked at.
    pub cells: u64,
    /// Fraction of them that prefer 1; ideally 0.5.
    pub ones_fraction: f64,
    /// Number of masks asked for: one less than the cells up to the next power of two.
    pub masks: u64,
    /// Scatter of the sums that the significant masks leave, in terms of that of independent cells: 1
    /// for those, more where neighbours are alike.
    pub scale: f64,
    /// The masks that stand out most, [`SHOWN`] of them or fewer: first the significant ones, each the
    /// largest of what those before it leave; then the largest of what they all leave.
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
    /// What the significant masks before it leave of that, in standard errors that neighbours do not
    /// shrink.
    pub z: f64,
    /// Probability that any of all masks is that far out by chance (Bonferroni).
    pub family_p_value: f64,
    /// Amplitude `s`: the odd class is moved towards 1 by it and the even one towards 0, in standard
    /// deviations of the skew within a class. Of a significant mask the likeliest, together with the
    /// other ones; of another a first step from there.
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
    let mut model = Probit::new(&values, vec![])?;
    let mut found: Vec<(u32, f64)> = Vec::new();
    let (scales, rest) = loop {
        let mut sums = values.residuals(&model);
        walsh::transform(&mut sums);
        let largest = largest(&sums, 2 * SHOWN);
        let scales = Scales::new(sums, model.scatter());
        let mut standing: Vec<(u32, f64)> = largest
            .into_iter()
            .filter(|(mask, _)| !model.masks.contains(mask))
            .map(|(mask, sum)| (mask, -sum / (model.scatter() * scales.of(mask).max(1.0))))
            .collect();
        standing.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        match standing.first() {
            Some(&(mask, z)) if found.len() < SHOWN && scales.p_value(z) < FAMILY_ALPHA => {
                found.push((mask, z));
                let masks = found.iter().map(|(mask, _)| *mask).collect();
                model = Probit::new(&values, masks)?;
            }
            _ => break (scales, standing),
        }
    };
    let width = libm::sqrt(1.0 + noise * noise);
    let shown = found.iter().enumerate().map(|(k, &(mask, z))| (mask, z, model.amplitude(k)));
    let rest = rest.iter().map(|&(mask, z)| (mask, z, model.first_step(z, scales.of(mask))));
    let top = shown.chain(rest).take(SHOWN).map(|(mask, z, (amplitude, error))| {
        let odd = PolarityLaw::new(mask, 0.0, 0.0).map(|law| values.counted(|word| law.word(word)));
        let odd = odd.unwrap_or_default();
        let even = (total - odd.0, ones - odd.1);
        let amplitude = Estimate::normal(width * amplitude, width * error);
        Split::new(mask, odd, even, z, scales.p_value(z), amplitude)
    });
    Ok(PolarityFit {
        cells: total,
        ones_fraction: ones as f64 / total as f64,
        masks: scales.masks,
        scale: scales.overall,
        top: top.collect(),
    })
}

impl Split {
    fn new(
        mask: u32,
        odd: (u64, u64),
        even: (u64, u64),
        z: f64,
        family_p_value: f64,
        amplitude: Estimate,
    ) -> Self {
        // A class without cells has no fraction; half says so.
        let fraction = |(cells, ones): (u64, u64)| {
            if cells == 0 { 0.5 } else { ones as f64 / cells as f64 }
        };
        let estimate = |class: (u64, u64)| {
            let f = fraction(class);
            Estimate::fraction(f, libm::sqrt(f * (1.0 - f) / class.0.max(1) as f64))
        };
        let pooled = fraction((odd.0 + even.0, odd.1 + even.1));
        let spread = pooled * (1.0 - pooled) * (1.0 / odd.0 as f64 + 1.0 / even.0 as f64);
        Self {
            mask,
            odd,
            even,
            odd_fraction: estimate(odd),
            even_fraction: estimate(even),
            z_binomial: (fraction(odd) - fraction(even)) / libm::sqrt(spread),
            z,
            family_p_value,
            amplitude,
        }
    }
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

    /// `x_i` less what the model expects, 0 for what is left out, up to the next power of two.
    fn residuals(&self, model: &Probit) -> Vec<f32> {
        #[expect(clippy::cast_possible_truncation, reason = "rounded, from -1 to 1")]
        let expected: Vec<[f32; 2]> = model
            .groups
            .iter()
            .map(|group| [-group.one as f32, (1.0 - group.one) as f32])
            .collect();
        let bits = self.dominant.iter().zip(self.kept.iter()).enumerate();
        let of = |(cell, (value, kept)): (usize, (bool, bool))| {
            if kept { expected[group(&model.masks, cell)][usize::from(value)] } else { 0.0 }
        };
        let mut values: Vec<f32> = Vec::with_capacity(self.dominant.len().next_power_of_two());
        values.extend(bits.map(of));
        values.resize(self.dominant.len().next_power_of_two(), 0.0);
        values
    }
}

/// The classes of a cell as a number: bit `k` is that of mask `k`, set for odd.
fn group(masks: &[u32], cell: usize) -> usize {
    let odd = |mask: u32| (cell & mask as usize).count_ones() as usize & 1;
    masks.iter().enumerate().fold(0, |group, (k, &mask)| group | odd(mask) << k)
}

/// `Pr[1] = Phi(b_0 + sum_k s_k pol_k)`, fitted by Fisher's scoring.
struct Probit {
    masks: Vec<u32>,
    groups: Vec<Group>,
    coefficients: Vec<f64>,
    covariance: Vec<Vec<f64>>,
}

/// Cells with the same classes of all masks.
#[derive(Clone, Copy, Default)]
struct Group {
    cells: f64,
    ones: f64,
    /// The probability of a one, of the model, and its slope `phi`.
    one: f64,
    slope: f64,
}

impl Probit {
    fn new(values: &Values<'_>, masks: Vec<u32>) -> Result<Self, FitError> {
        let mut groups = vec![Group::default(); 1 << masks.len()];
        let bits = values.dominant.iter().zip(values.kept.iter()).enumerate();
        for (cell, (value, _)) in bits.filter(|(_, (_, kept))| *kept) {
            let group = &mut groups[group(&masks, cell)];
            group.cells += 1.0;
            group.ones += f64::from(u8::from(value));
        }
        let mut model =
            Self { coefficients: vec![0.0; masks.len() + 1], covariance: vec![], masks, groups };
        // Half a cell of either value more, so that a group of one value has a likeliest latent.
        for group in model.groups.iter_mut().filter(|group| group.cells > 0.0) {
            (group.cells, group.ones) = (group.cells + 1.0, group.ones + 0.5);
        }
        for _ in 0..200 {
            let (score, information) = model.derivatives();
            model.covariance = inverse(information).ok_or(FitError::NoMaximum)?;
            let mut gain = 0.0;
            for (row, coefficient) in model.covariance.iter().zip(&mut model.coefficients) {
                let step: f64 = row.iter().zip(&score).map(|(c, s)| c * s).sum();
                // Far out the scoring of a probit overshoots; half a skew at a time does not.
                *coefficient += step.clamp(-0.5, 0.5);
            }
            for (i, row) in model.covariance.iter().enumerate() {
                gain += score[i] * row.iter().zip(&score).map(|(c, s)| c * s).sum::<f64>();
            }
            if gain < 1e-12 {
                model.derivatives();
                return Ok(model);
            }
        }
        Err(FitError::NoMaximum)
    }

    fn derivatives(&mut self) -> (Vec<f64>, Vec<Vec<f64>>) {
        let n = self.coefficients.len();
        let (mut score, mut information) = (vec![0.0; n], vec![vec![0.0; n]; n]);
        for (number, group) in self.groups.iter_mut().enumerate() {
            let sign = |i: usize| if i == 0 || number >> (i - 1) & 1 == 1 { 1.0 } else { -1.0 };
            let latent: f64 = (0..n).map(|i| sign(i) * self.coefficients[i]).sum();
            (group.one, group.slope) = (normal::cdf(latent), density(latent));
            let variance = group.one * normal::cdf(-latent);
            if variance <= 0.0 {
                continue;
            }
            let surplus = (group.ones - group.cells * group.one) * group.slope / variance;
            let weight = group.cells * group.slope * group.slope / variance;
            for i in 0..n {
                score[i] += sign(i) * surplus;
                for (j, entry) in information[i].iter_mut().enumerate() {
                    *entry += sign(i) * sign(j) * weight;
                }
            }
        }
        (score, information)
    }

    /// The standard deviation of a sum of residuals over independent cells.
    fn scatter(&self) -> f64 {
        libm::sqrt(self.groups.iter().map(|g| g.cells * g.one * (1.0 - g.one)).sum())
    }

    /// Amplitude of mask `k`, with its standard error.
    fn amplitude(&self, k: usize) -> (f64, f64) {
        (self.coefficients[k + 1], libm::sqrt(self.covariance[k + 1][k + 1]))
    }

    /// The amplitude of a mask that is not in the model, from what it leaves.
    fn first_step(&self, z: f64, scale: f64) -> (f64, f64) {
        let slopes: f64 = self.groups.iter().map(|group| group.cells * group.slope).sum();
        let error = self.scatter() / slopes * scale.max(1.0);
        (z * error, error)
    }
}

/// The `count` masks with the largest sums, mask 0 left out, with these.
fn largest(sums: &[f32], count: usize) -> Vec<(u32, f64)> {
    let by_size =
        |a: &(u32, f32), b: &(u32, f32)| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0));
    let mut found: Vec<(u32, f32)> = Vec::with_capacity(2 * count);
    let mut least = 0.0;
    for (mask, &sum) in (0_u32..).zip(sums).skip(1) {
        if sum.abs() <= least {
            continue;
        }
        found.push((mask, sum));
        if found.len() == 2 * count {
            found.sort_by(by_size);
            found.truncate(count);
            least = found[count - 1].1.abs();
        }
    }
    found.sort_by(by_size);
    found.truncate(count);
    found.into_iter().map(|(mask, sum)| (mask, f64::from(sum))).collect()
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

    /// Bonferroni's probability of a sum that many standard errors out.
    fn p_value(&self, z: f64) -> f64 {
        (2.0 * normal::cdf(-z.abs()) * self.masks as f64).min(1.0)
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
