//! How long a record is in a file that holds many, as far as the data show it.
//!
//! Two power-ups of a die differ in a few percent of their cells, those of two dies, or two places
//! of one, in as many as chance gives: 2b(1-b) for a fraction b of ones. So the record length is
//! the shortest distance at which the data agree with themselves, far better than chance and not
//! perfectly. It is concluded from all of these together, or not at all:
//!
//! - it divides the length of the file, and is at least [`MIN_RECORD_BYTES`];
//! - at least three quarters of the pairs of consecutive records differ in less than half of what
//!   chance gives, and so do (in less than three quarters) most pieces of each such pair: one
//!   readout far from the rest is met in practice, a half that agrees is not;
//! - less than half of the pairs are identical: memory that repeats within one readout (a dead
//!   address line, erased pages) does so exactly.
//!
//! The work is bounded: pairs and pieces are samples, the same for the same data, and a file need
//! not be in memory for them.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;

use super::in_parallel;

/// Shorter records would agree by chance too easily.
pub const MIN_RECORD_BYTES: usize = 64;

const MAX_PAIRS: usize = 128;
const PIECES: usize = 8;
const MAX_PIECE_BYTES: usize = 4096;
/// Bytes whose ones are counted.
const MAX_COUNTED_BYTES: usize = 1 << 24;

/// A record length, and why it is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Length of a record.
    pub record_bytes: usize,
    /// Records in the file.
    pub records: usize,
    /// Fraction of bits in which consecutive records differ, in the sample; 0 to 1.
    pub distance: f64,
    /// Fraction in which unrelated data with as many ones would differ; 0 to 0.5.
    pub distance_by_chance: f64,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "records of {} bytes: consecutive ones differ in {:.2} % of their bits, \
             unrelated ones would in {:.2} %",
            self.record_bytes,
            100.0 * self.distance,
            100.0 * self.distance_by_chance
        )
    }
}

/// Finds the record length of a file, `None` when nothing shows one.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<Evidence> {
    let Ok(found) = recognise_in(&bytes);
    found
}

/// Bytes of which samples are taken: memory, or a file of any size.
pub(super) trait Sampled {
    /// Why a sample cannot be taken.
    type Error;

    /// Number of bytes.
    fn len(&self) -> usize;

    /// Fills `out` with the bytes from `offset` on, which are there.
    fn sample(&self, offset: usize, out: &mut [u8]) -> Result<(), Self::Error>;
}

impl Sampled for &[u8] {
    type Error = Infallible;

    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn sample(&self, offset: usize, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self[offset..][..out.len()]);
        Ok(())
    }
}

fn recognise_in<S: Sampled>(bytes: &S) -> Result<Option<Evidence>, S::Error> {
    let by_chance = distance_by_chance(bytes)?;
    for record in divisors(bytes.len()) {
        if (MIN_RECORD_BYTES..=bytes.len() / 2).contains(&record)
            && let Some(evidence) = test(bytes, record, by_chance)?
        {
            return Ok(Some(evidence));
        }
    }
    Ok(None)
}

/// Two files that do not go together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    /// The file that shows a record length.
    pub(super) file: usize,
    /// The length it shows.
    pub(super) record_bytes: usize,
    /// The file that does not fit it.
    pub(super) other: usize,
}

/// Finds the one record length that all files of a folder agree on. A file of one record agrees by
/// its length.
///
/// Each file is opened by its function when it is its turn, so that few are open at a time.
///
/// # Errors
/// The first of the files that cannot be read.
pub(super) fn agree<S, F>(files: &[F]) -> Result<Result<Option<Evidence>, Conflict>, S::Error>
where
    S: Sampled<Error: Send>,
    F: Fn() -> Result<S, S::Error> + Sync,
{
    let found = in_parallel(files, |open| recognise_in(&open()?))?;
    let lengths: BTreeSet<_> = found.iter().flatten().map(|e| e.record_bytes).collect();
    let mut first_conflict = None;
    for record_bytes in lengths {
        let fits = in_parallel(files, |open| fits(&open()?, record_bytes))?;
        let shows =
            |e: &Option<Evidence>| e.as_ref().is_some_and(|e| e.record_bytes == record_bytes);
        let Some(file) = found.iter().position(shows) else {
            continue;
        };
        match fits.iter().position(|fits| !fits) {
            None => return Ok(Ok(found.into_iter().nth(file).flatten())),
            Some(other) => {
                first_conflict.get_or_insert(Conflict { file, record_bytes, other });
            }
        }
    }
    Ok(first_conflict.map_or(Ok(None), Err))
}

fn fits<S: Sampled>(bytes: &S, record: usize) -> Result<bool, S::Error> {
    Ok(bytes.len() == record
        || bytes.len().is_multiple_of(record)
            && test(bytes, record, distance_by_chance(bytes)?)?.is_some())
}

/// Tests one record length.
fn test<S: Sampled>(
    bytes: &S,
    record: usize,
    by_chance: f64,
) -> Result<Option<Evidence>, S::Error> {
    let records = bytes.len() / record;
    let pairs = spread(records.saturating_sub(1), MAX_PAIRS);
    if pairs.is_empty() || hopeless(bytes, record, &pairs, by_chance)? {
        return Ok(None);
    }
    let (mut agreeing, mut identical, mut total) = (0, 0, Distance::default());
    for &pair in &pairs {
        let pieces = pieces(bytes, pair * record, record)?;
        let whole = pieces.iter().fold(Distance::default(), |sum, piece| sum.plus(piece));
        let close = pieces.iter().filter(|piece| piece.fraction() < 0.75 * by_chance).count();
        if whole.fraction() < 0.5 * by_chance && 4 * close >= 3 * pieces.len() {
            agreeing += 1;
        }
        if whole.differing == 0 {
            identical += 1;
        }
        total = total.plus(&whole);
    }
    let concluded = 4 * agreeing >= 3 * pairs.len() && 2 * identical < pairs.len();
    Ok(concluded.then(|| Evidence {
        record_bytes: record,
        records,
        distance: total.fraction(),
        distance_by_chance: by_chance,
    }))
}

/// Looks at one short piece of four pairs, as most lengths need no more to fail.
fn hopeless<S: Sampled>(
    bytes: &S,
    record: usize,
    pairs: &[usize],
    by_chance: f64,
) -> Result<bool, S::Error> {
    let middle = (record - MIN_RECORD_BYTES) / 2;
    for place in spread(pairs.len(), 4) {
        let at = pairs[place] * record + middle;
        let distance = Distance::sampled(bytes, at, at + record, MIN_RECORD_BYTES)?;
        if distance.fraction() < 0.75 * by_chance {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Samples of two consecutive records, piece by piece.
fn pieces<S: Sampled>(bytes: &S, at: usize, record: usize) -> Result<Vec<Distance>, S::Error> {
    let step = record.div_ceil(PIECES).max(MIN_RECORD_BYTES);
    let sample = |offset: usize| {
        let len = (record - offset).min(step).min(MAX_PIECE_BYTES);
        Distance::sampled(bytes, at + offset, at + record + offset, len)
    };
    (0..record).step_by(step).map(sample).collect()
}

/// Bits that differ among bits compared.
#[derive(Debug, Clone, Copy, Default)]
struct Distance {
    differing: u64,
    bits: u64,
}

impl Distance {
    fn between(a: &[u8], b: &[u8]) -> Self {
        let (a_words, a_rest) = a.as_chunks::<8>();
        let (b_words, b_rest) = b.as_chunks::<8>();
        let words = a_words.iter().zip(b_words).map(|(&a, &b)| {
            u64::from((u64::from_le_bytes(a) ^ u64::from_le_bytes(b)).count_ones())
        });
        let rest = a_rest.iter().zip(b_rest).map(|(a, b)| u64::from((a ^ b).count_ones()));
        Self { differing: words.sum::<u64>() + rest.sum::<u64>(), bits: 8 * a.len() as u64 }
    }

    /// Compares two places of the same bytes, at most [`MAX_PIECE_BYTES`] each.
    fn sampled<S: Sampled>(bytes: &S, a: usize, b: usize, len: usize) -> Result<Self, S::Error> {
        let (mut left, mut right) = ([0; MAX_PIECE_BYTES], [0; MAX_PIECE_BYTES]);
        bytes.sample(a, &mut left[..len])?;
        bytes.sample(b, &mut right[..len])?;
        Ok(Self::between(&left[..len], &right[..len]))
    }

    fn plus(self, other: &Self) -> Self {
        Self { differing: self.differing + other.differing, bits: self.bits + other.bits }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of bits in memory, far below 2^53")]
    fn fraction(&self) -> f64 {
        self.differing as f64 / self.bits.max(1) as f64
    }
}

/// The distance of unrelated data with as many ones, counted in all of the bytes or, where there are
/// many, in a sample of pieces evenly spread.
fn distance_by_chance<S: Sampled>(bytes: &S) -> Result<f64, S::Error> {
    let pieces = bytes.len().div_ceil(MAX_PIECE_BYTES);
    let (mut piece, zeros) = ([0; MAX_PIECE_BYTES], [0; MAX_PIECE_BYTES]);
    let mut ones = Distance::default();
    for place in spread(pieces, MAX_COUNTED_BYTES / MAX_PIECE_BYTES) {
        let offset = place * MAX_PIECE_BYTES;
        let len = (bytes.len() - offset).min(MAX_PIECE_BYTES);
        bytes.sample(offset, &mut piece[..len])?;
        ones = ones.plus(&Distance::between(&piece[..len], &zeros[..len]));
    }
    let b = ones.fraction();
    Ok(2.0 * b * (1.0 - b))
}

/// At most `max` of the numbers below `count`, evenly spread, the first and the last among them.
fn spread(count: usize, max: usize) -> Vec<usize> {
    if count <= max {
        return (0..count).collect();
    }
    (0..max).map(|i| i * (count - 1) / (max - 1)).collect()
}

/// All divisors, ascending.
fn divisors(n: usize) -> Vec<usize> {
    let low: Vec<_> = (1..=n.isqrt()).filter(|&d| n.is_multiple_of(d)).collect();
    let high = low.iter().rev().map(|d| n / d).filter(|&d| d != n.isqrt());
    low.iter().copied().chain(high).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    /// Bytes whose bits are one with probability `ones / 256`.
    fn cells(len: usize, ones: u8, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut bit = || u8::from((rng.next_u32() & 255) < u32::from(ones));
        (0..len).map(|_| (0..8).fold(0, |byte, _| byte << 1 | bit())).collect()
    }

    /// A readout of the same die: each bit flips with probability `flips / 256`.
    fn again(die: &[u8], flips: u8, rng: &mut ChaCha8Rng) -> Vec<u8> {
        die.iter().zip(cells(die.len(), flips, rng)).map(|(a, b)| a ^ b).collect()
    }

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(1)
    }

    fn agreed(files: &[&[u8]]) -> Result<Option<Evidence>, Conflict> {
        let files: Vec<_> = files.iter().map(|&file| move || Ok(file)).collect();
        let Ok(outcome) = agree(&files);
        outcome
    }

    fn found(bytes: &[u8]) -> Option<(usize, usize)> {
        recognise(bytes).map(|evidence| (evidence.record_bytes, evidence.records))
    }

    #[test]
    fn records_of_one_die_are_found() {
        let rng = &mut rng();
        for (len, count, flips) in [(1024, 2, 12), (1000, 3, 30), (64, 40, 12), (4096, 85, 3)] {
            let die = cells(len, 128, rng);
            let file: Vec<u8> = (0..count).flat_map(|_| again(&die, flips, rng)).collect();
            assert_eq!(found(&file), Some((len, count)));
        }
    }

    #[test]
    fn the_distances_are_those_of_the_data() {
        let rng = &mut rng();
        let die = cells(4096, 128, rng);
        let file: Vec<u8> = (0..10).flat_map(|_| again(&die, 13, rng)).collect();
        let evidence = recognise(&file).unwrap();
        // Two readings with flips of probability f differ with 2f(1-f); 9 * 32768 bits.
        let f = 13.0 / 256.0;
        assert!((evidence.distance - 2.0 * f * (1.0 - f)).abs() < 0.003, "{evidence}");
        assert!((evidence.distance_by_chance - 0.5).abs() < 0.001, "{evidence}");
    }

    #[test]
    fn a_strange_readout_does_not_hide_the_rest() {
        let rng = &mut rng();
        let die = cells(1024, 128, rng);
        let mut file = cells(1024, 128, rng);
        file.extend((0..7).flat_map(|_| again(&die, 10, rng)));
        assert_eq!(found(&file), Some((1024, 8)));
    }

    #[test]
    fn what_is_one_readout_shows_no_records() {
        let rng = &mut rng();
        for ones in [128, 172, 230, 254] {
            assert_eq!(found(&cells(65536, ones, rng)), None, "{ones}");
        }
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[0; 4096]), None);
        assert_eq!(found(&[0xff; 4096]), None);
        // A dead address line: both halves the same, exactly.
        let half = cells(4096, 128, rng);
        assert_eq!(found(&[half.clone(), half.clone()].concat()), None);
        // Erased memory in its greater part.
        let mut erased = vec![0xff; 65536];
        erased[..8192].copy_from_slice(&cells(8192, 128, rng));
        assert_eq!(found(&erased), None);
        // Half of the bytes agree, which is no agreement.
        let mut other = again(&half, 10, rng);
        other[2048..].copy_from_slice(&cells(2048, 128, rng));
        assert_eq!(found(&[half, other].concat()), None);
    }

    #[test]
    fn a_dead_address_line_does_not_shorten_records() {
        let rng = &mut rng();
        let die = cells(2048, 128, rng);
        let file: Vec<u8> = (0..6)
            .flat_map(|_| {
                let half = again(&die, 10, rng);
                [half.clone(), half].concat()
            })
            .collect();
        assert_eq!(found(&file), Some((4096, 6)));
    }

    #[test]
    fn files_of_a_folder_agree_or_conflict() {
        let rng = &mut rng();
        let mut file = |len: usize, count: usize| -> Vec<u8> {
            let die = cells(len, 128, rng);
            (0..count).flat_map(|_| again(&die, 10, rng)).collect()
        };
        let (many, few, one) = (file(1024, 9), file(1024, 2), file(1024, 1));
        let length = |files: &[&[u8]]| {
            agreed(files).map(|found| found.map(|evidence| evidence.record_bytes))
        };
        assert_eq!(length(&[&one, &many, &few]), Ok(Some(1024)));
        assert_eq!(length(&[&one, &one]), Ok(None));
        let (other, odd) = (file(640, 4), file(1000, 1));
        let conflict = Conflict { file: 1, record_bytes: 640, other: 0 };
        assert_eq!(length(&[&many, &other]), Err(conflict));
        let conflict = Conflict { file: 0, record_bytes: 1024, other: 1 };
        assert_eq!(length(&[&many, &odd]), Err(conflict));
        // Two different dies in one file do not pass for records.
        let two_dies = [one.clone(), file(1024, 1)].concat();
        let conflict = Conflict { file: 0, record_bytes: 1024, other: 1 };
        assert_eq!(length(&[&many, &two_dies]), Err(conflict));
    }

    #[test]
    fn divisors_are_complete() {
        for n in 1..500 {
            let slow: Vec<_> = (1..=n).filter(|d| n % d == 0).collect();
            assert_eq!(divisors(n), slow);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = recognise(&bytes);
            let _ = agreed(&[&bytes, &bytes[bytes.len() / 2..]]);
        }

        #[test]
        fn samples_are_within_and_ascending(count in 0_usize..1000, max in 2_usize..200) {
            let sample = spread(count, max);
            prop_assert_eq!(sample.len(), count.min(max));
            prop_assert!(sample.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(sample.last().is_none_or(|&last| last == count - 1));
        }
    }
}
