//! The one place where a loop is compiled for more than every machine has.
//!
//! Which instructions a processor has is found out at run time. They make the loops of the batch
//! engine faster and change no byte: all of them are integer operations, or additions,
//! multiplications and divisions of IEEE 754 in a fixed order, which the compiler may do side by side
//! but never otherwise.

/// Which of the processor's instructions the inner loops use. A choice of speed: it never changes a
/// byte.
///
/// ```
/// use puf_emulator::seed::SeedTree;
/// use puf_emulator::silicon::{Environment, Instructions, Process, SramArray};
///
/// let die = SramArray::manufacture(Process::from_ber(0.05)?, 1000, &SeedTree::from_seed(1))?;
/// let die = die.in_environment(&Environment::default());
/// for &instructions in Instructions::available() {
///     assert_eq!(die.clone().with_instructions(instructions).power_up(7), die.power_up(7));
/// }
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Instructions {
    /// What every machine of this architecture has.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 (F, BW, DQ, VL) and BMI2.
    Avx512,
}

/// A loop that profits from wider vectors, for [`Instructions::run`].
pub trait Loop {
    /// What it computes.
    type Output;

    /// Computes it. To be compiled for other instructions, this and all that it calls has to be
    /// `#[inline(always)]`.
    fn compute(self) -> Self::Output;
}

/// Where the bits to deposit come from.
pub(super) trait Source {
    /// The bits from bit `start` on, as many as the mask of a word has places. To be compiled with
    /// the instruction that deposits them, this has to be `#[inline(always)]`, which no closure can be.
    fn bits_from(&self, start: u16) -> u64;
}

impl Instructions {
    /// The best that this processor has.
    #[must_use]
    pub fn detected() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// All that this processor has, slowest first.
    #[must_use]
    pub fn available() -> &'static [Self] {
        simd::available()
    }

    /// The name in a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Number of ones in packed words: [`count_ones`](u64::count_ones) of all, with what the
    /// processor has for it.
    #[must_use]
    pub fn weight(self, words: &[u64]) -> u64 {
        self.run(Weight(words))
    }

    /// Number of places in which packed words differ; words that have no partner are left out.
    #[must_use]
    pub fn distance(self, words: &[u64], others: &[u64]) -> u64 {
        self.run(Distance(words, others))
    }

    /// Computes a loop as compiled for these instructions; for fewer if the processor has not all.
    #[inline]
    pub fn run<L: Loop>(self, work: L) -> L::Output {
        simd::run(self, work)
    }

    /// Whether [`deposit`](Self::deposit) is there.
    pub(super) fn deposits(self) -> bool {
        simd::deposits(self)
    }

    /// For each word of `row` in turn, moves the low bits from its start on to the places that its
    /// mask marks, and adds its base.
    ///
    /// # Panics
    /// Unless [`deposits`](Self::deposits).
    #[inline]
    pub(super) fn deposit(
        self,
        base: &[u64],
        masks: &[u64],
        starts: &[u16],
        bits: &impl Source,
        row: &mut [u64],
    ) {
        simd::deposit(self, base, masks, starts, bits, row);
    }
}

struct Weight<'a>(&'a [u64]);

impl Loop for Weight<'_> {
    type Output = u64;

    #[inline(always)]
    fn compute(self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

struct Distance<'a>(&'a [u64], &'a [u64]);

impl Loop for Distance<'_> {
    type Output = u64;

    #[inline(always)]
    fn compute(self) -> u64 {
        self.0.iter().zip(self.1).map(|(a, b)| u64::from((a ^ b).count_ones())).sum()
    }
}

#[cfg(target_arch = "x86_64")]
mod simd {
    #![expect(unsafe_code, reason = "to call what was compiled for more than the baseline")]

    use core::arch::x86_64::_pdep_u64;

    use super::{Instructions, Loop, Source};

    cpufeatures::new!(has_avx2, "avx2");
    // With what the compiler takes AVX-512 to imply.
    cpufeatures::new!(
        has_avx512, "avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "bmi2"
    );

    pub(super) fn available() -> &'static [Instructions] {
        use Instructions::{Avx2, Avx512, Portable};
        match (has_avx2::get(), has_avx512::get()) {
            (true, true) => &[Portable, Avx2, Avx512],
            (true, false) => &[Portable, Avx2],
            (false, _) => &[Portable],
        }
    }

    #[inline]
    pub(super) fn run<L: Loop>(asked: Instructions, work: L) -> L::Output {
        match asked {
            // SAFETY: the processor was just asked whether it has these features.
            Instructions::Avx512 if has_avx512::get() => unsafe { avx512(work) },
            // SAFETY: the processor was just asked whether it has this feature.
            Instructions::Avx512 | Instructions::Avx2 if has_avx2::get() => unsafe { avx2(work) },
            _ => work.compute(),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi2")]
    fn avx512<L: Loop>(work: L) -> L::Output {
        work.compute()
    }

    #[target_feature(enable = "avx2")]
    fn avx2<L: Loop>(work: L) -> L::Output {
        work.compute()
    }

    /// Not with BMI2 alone: AMD's processors before Zen 3 have it, none of them AVX-512, and take
    /// hundreds of cycles for it.
    pub(super) fn deposits(asked: Instructions) -> bool {
        asked == Instructions::Avx512 && has_avx512::get()
    }

    #[inline]
    pub(super) fn deposit(
        asked: Instructions,
        base: &[u64],
        masks: &[u64],
        starts: &[u16],
        bits: &impl Source,
        row: &mut [u64],
    ) {
        assert!(deposits(asked), "no deposit of bits by {asked:?}");
        // SAFETY: the processor was just asked whether it has these features.
        unsafe { deposit_bmi2(base, masks, starts, bits, row) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi2")]
    fn deposit_bmi2(
        base: &[u64],
        masks: &[u64],
        starts: &[u16],
        bits: &impl Source,
        row: &mut [u64],
    ) {
        let words = base.iter().zip(masks).zip(starts);
        for (word, ((&base, &mask), &start)) in row.iter_mut().zip(words) {
            *word = base ^ _pdep_u64(bits.bits_from(start), mask);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod simd {
    use super::{Instructions, Loop, Source};

    pub(super) fn available() -> &'static [Instructions] {
        &[Instructions::Portable]
    }

    #[inline]
    pub(super) fn run<L: Loop>(_: Instructions, work: L) -> L::Output {
        work.compute()
    }

    pub(super) fn deposits(_: Instructions) -> bool {
        false
    }

    pub(super) fn deposit(
        asked: Instructions,
        _: &[u64],
        _: &[u64],
        _: &[u16],
        _: &impl Source,
        _: &mut [u64],
    ) {
        unreachable!("no deposit of bits by {asked:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::{Instructions, Source};
    use crate::seed::SeedTree;
    use rand_core::Rng;
    use std::vec;
    use std::vec::Vec;

    struct ByNumber<'a>(&'a [u64]);

    impl Source for ByNumber<'_> {
        fn bits_from(&self, start: u16) -> u64 {
            self.0[usize::from(start)]
        }
    }

    /// Against a bit at a time, for random and extreme masks, by every processor that has it.
    #[test]
    fn bits_are_deposited_in_order() {
        let mut random = SeedTree::from_seed(1).stream(0);
        let mut masks = vec![0, 1, 1 << 63, u64::MAX, u64::MAX >> 1, u64::MAX << 1];
        masks.extend((0..64).map(|bit| 1 << bit));
        masks.extend((0..2000).map(|i| {
            let [a, b] = [0; 2].map(|_| random.next_u64());
            [a, a & b, a | b][i % 3]
        }));
        let starts: Vec<u16> = (0..).take(masks.len()).collect();
        let lanes: Vec<u64> = masks.iter().map(|_| random.next_u64()).collect();
        for &instructions in Instructions::available() {
            if !instructions.deposits() {
                continue;
            }
            let mut row = vec![u64::MAX; masks.len()];
            let base: Vec<u64> = masks.iter().map(|_| random.next_u64()).collect();
            instructions.deposit(&base, &masks, &starts, &ByNumber(&lanes), &mut row);
            let words = row.iter().zip(&base).map(|(word, base)| word ^ base);
            for ((word, &mask), &lanes) in words.zip(&masks).zip(&lanes) {
                let places = (0..64).filter(|bit| mask >> bit & 1 == 1);
                let expected =
                    places.zip(0..).fold(0, |word, (bit, i)| word | (lanes >> i & 1) << bit);
                assert_eq!(word, expected, "{mask:#x}");
            }
        }
    }

    #[test]
    fn the_detected_are_available_and_portable_always_is() {
        let available = Instructions::available();
        assert_eq!(available[0], Instructions::Portable);
        assert!(available.contains(&Instructions::detected()));
        assert!(available.iter().all(|instructions| {
            !instructions.deposits() || *instructions == Instructions::Avx512
        }));
    }
}
