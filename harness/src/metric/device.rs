//! The figures of one device, from a scan of its readouts.

use fuzzy_extractor::bits::BitString;

use super::address::{self, AddressClasses};
use super::counts;
use super::estimate::Estimate;
use super::scan::Scan;
use super::spatial::{self, Autocorrelation};
use super::tally::{MAX_BLOCK_READOUTS, Tally};
use crate::readouts::Block;

/// Cells of an identity in [Hori's figures](Hori), as in that paper.
pub const HORI_ID_CELLS: usize = 128;

/// The figures of one device under one condition.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceFigures {
    /// Readouts.
    pub readouts: usize,
    /// Cells that count.
    pub cells: usize,
    /// Fraction of ones, see [`counts::ones_fraction`].
    pub ones_fraction: Option<Estimate>,
    /// The least and the greatest fraction of ones of a readout.
    pub ones_range: [f64; 2],
    /// Distance of the later readouts to the first, see [`counts::wchd_first`].
    pub wchd_first: Option<Estimate>,
    /// The greatest of them.
    pub wchd_first_max: Option<f64>,
    /// Distance to the majority, see [`counts::wchd_majority`].
    pub wchd_majority: Option<Estimate>,
    /// The greatest of them.
    pub wchd_majority_max: Option<f64>,
    /// Distance between two readouts, see [`counts::wchd_pairwise`].
    pub wchd_pairwise: Option<Estimate>,
    /// Fraction of cells that never flipped, see [`counts::never_flipping`].
    pub never_flipping: Option<Estimate>,
    /// See [`counts::noise_min_entropy`]; bits a cell.
    pub noise_min_entropy: Option<Estimate>,
    /// Maiti's reliability, `1 - WCHD` to the first readout; ideally 1.
    pub reliability_maiti: Option<Estimate>,
    /// pypuf's reliability, see [`counts::reliability_pypuf`]; ideally 1.
    pub reliability_pypuf: Option<Estimate>,
    /// Hori's figures of a single device.
    pub hori: Option<Hori>,
    /// Min-entropy of the majority from its bias; bits a cell, ideally 1.
    pub min_entropy_bias: f64,
    /// Bias of the majority by each bit of the cell index.
    pub classes: Vec<AddressClasses>,
    /// Correlation of the majority with itself.
    pub autocorrelation: Vec<Autocorrelation>,
}

/// Hori's figures of a single device (Hori, Yoshida, Katashita and Satoh, *Quantitative and statistical
/// performance evaluation of arbiter physical unclonable functions on FPGAs*, ReConFig 2010; from the
/// restatement by Maiti et al., ePrint 2011/657, recalled). Their fifth, uniqueness, takes several:
/// [`Between::uniqueness_hori`](super::between::Between::uniqueness_hori).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hori {
    /// `-log2 max(b, 1 - b)` of the fraction of ones over all readouts; ideally 1.
    pub randomness: f64,
    /// One plus the mean over cells of `log2 max(p, 1 - p)`; ideally 1.
    pub steadiness: f64,
    /// One less twice the mean distance to the majority; ideally 1.
    pub correctness: f64,
    /// Mean distance between identities of one device, normalised: the memory cut into `K` of
    /// [`HORI_ID_CELLS`] cells, `4 / (K^2 L)` times the sum over pairs; of ideal cells `(K - 1) / K`.
    /// `None` below two.
    pub diffuseness: Option<f64>,
    /// The identities of the diffuseness.
    pub ids: usize,
}

impl DeviceFigures {
    /// The figures of a scan.
    #[must_use]
    pub fn of(scan: &Scan) -> Self {
        let tally = &scan.tally;
        let (histogram, to_first) = (tally.histogram(), tally.histogram_to_first());
        let (readouts, cells) = (tally.readouts(), tally.kept_cells());
        let fraction = |count: u32| f64::from(count) / cells as f64;
        let greatest = |counts: &mut dyn Iterator<Item = u32>| counts.max().map(fraction);
        let several = readouts > 1;
        let to_majority = greatest(&mut scan.to_majority.iter().copied());
        let weights = tally.facts().iter().map(|facts| facts.weight);
        let ones = [weights.clone().min(), weights.max()].map(|w| w.map_or(f64::NAN, fraction));
        let kept = tally.kept();
        let lags = spatial::lags(tally.cells());
        let wchd_first = counts::wchd_first(&to_first);
        let bias = scan.majority.weight() as f64 / cells as f64;
        Self {
            readouts,
            cells,
            ones_fraction: counts::ones_fraction(&histogram),
            ones_range: ones,
            wchd_first,
            wchd_first_max: greatest(&mut tally.facts().iter().skip(1).map(|f| f.to_first)),
            wchd_majority: counts::wchd_majority(&histogram).filter(|_| several),
            wchd_majority_max: to_majority.filter(|_| several),
            wchd_pairwise: counts::wchd_pairwise(&histogram),
            never_flipping: counts::never_flipping(&histogram),
            noise_min_entropy: counts::noise_min_entropy(&histogram),
            reliability_maiti: wchd_first.map(Estimate::complement),
            reliability_pypuf: counts::reliability_pypuf(&histogram).filter(|_| several),
            hori: Hori::of(scan, &histogram),
            min_entropy_bias: counts::min_entropy(bias),
            classes: address::by_bit(&scan.majority, kept),
            autocorrelation: spatial::autocorrelation(&scan.majority, kept, &lags),
        }
    }

    /// The single address bit whose classes leave the least min-entropy.
    #[must_use]
    pub fn least_class(&self) -> Option<&AddressClasses> {
        self.classes.iter().min_by(|a, b| a.min_entropy.total_cmp(&b.min_entropy))
    }

    /// The strongest correlation of cells with cells some distance away.
    #[must_use]
    pub fn strongest_correlation(&self) -> Option<&Autocorrelation> {
        self.autocorrelation.iter().max_by(|a, b| a.z.abs().total_cmp(&b.z.abs()))
    }
}

impl Hori {
    fn of(scan: &Scan, histogram: &[u64]) -> Option<Self> {
        let ones = counts::ones_fraction(histogram)?.value;
        let (diffuseness, ids) = diffuseness(&scan.majority, scan.tally.kept());
        Some(Self {
            randomness: counts::min_entropy(ones),
            steadiness: 1.0 - counts::noise_min_entropy(histogram)?.value,
            correctness: 1.0 - 2.0 * counts::wchd_majority(histogram)?.value,
            diffuseness,
            ids,
        })
    }
}

/// Diffuseness, over the identities of which every cell is kept.
fn diffuseness(majority: &BitString, kept: Option<&BitString>) -> (Option<f64>, usize) {
    const WORDS: usize = HORI_ID_CELLS / 64;
    let whole = majority.len() / HORI_ID_CELLS * WORDS;
    let mut tally = Tally::new(HORI_ID_CELLS, None);
    let mut block = Block::new(HORI_ID_CELLS);
    let ids = majority.words()[..whole].chunks_exact(WORDS).enumerate().filter(|(place, _)| {
        kept.is_none_or(|kept| {
            kept.words()[place * WORDS..][..WORDS].iter().all(|&w| w == u64::MAX)
        })
    });
    for (_, id) in ids {
        block.push().copy_from_slice(id);
        if block.len() == MAX_BLOCK_READOUTS {
            tally.add(&block);
            block.clear();
        }
    }
    tally.add(&block);
    let k = tally.readouts();
    if k < 2 {
        return (None, k);
    }
    // Pairs of identities that differ in a cell: those with 1 times those with 0.
    let pairs: u64 =
        tally.ones().iter().map(|&ones| u64::from(ones) * (k as u64 - u64::from(ones))).sum();
    (Some(4.0 * pairs as f64 / (k as f64 * k as f64 * HORI_ID_CELLS as f64)), k)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::scan::Detail;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    #[test]
    fn diffuseness_is_that_of_a_loop_over_pairs() {
        let majority = BitString::random(128 * 9 + 50, &mut ChaCha8Rng::seed_from_u64(1));
        let mut kept = BitString::from_words(vec![u64::MAX; 19], 128 * 9 + 50);
        for (mask, skipped) in [(None, None), (Some(()), Some(4))] {
            kept.set(128 * 4 + 3, false);
            let ids: Vec<BitString> = (0..9)
                .filter(|&id| Some(id) != skipped)
                .map(|id| majority.slice(128 * id, 128))
                .collect();
            let k = ids.len();
            let sum: usize = (0..k)
                .flat_map(|b| (0..b).map(move |a| (a, b)))
                .map(|(a, b)| ids[a].distance(&ids[b]))
                .sum();
            let expected = 4.0 * sum as f64 / (k * k * 128) as f64;
            let (found, count) = diffuseness(&majority, mask.map(|()| &kept));
            assert!((found.unwrap() - expected).abs() < 1e-12);
            assert_eq!(count, k);
        }
        assert_eq!(diffuseness(&majority.slice(0, 200), None), (None, 1));
    }

    #[test]
    fn one_readout_has_no_figure_of_noise() {
        let mut block = Block::new(1000);
        let reading = BitString::random(1000, &mut ChaCha8Rng::seed_from_u64(2));
        block.push().copy_from_slice(reading.words());
        let Ok(scan) = Scan::of(&block, Detail::Figures);
        let figures = DeviceFigures::of(&scan);
        assert_eq!(figures.ones_fraction.unwrap().value, reading.weight() as f64 / 1000.0);
        assert_eq!(
            (figures.wchd_first, figures.wchd_majority, figures.wchd_pairwise),
            (None, None, None)
        );
        assert_eq!(
            (figures.wchd_first_max, figures.wchd_majority_max, figures.hori),
            (None, None, None)
        );
        assert!(figures.strongest_correlation().is_some() && figures.least_class().is_some());
    }
}
