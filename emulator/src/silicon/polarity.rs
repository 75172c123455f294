//! Two classes of cells with opposite bias.
//!
//! On several parts the cells of one parity of a few address bits prefer 1 and the others 0, by an
//! amount `s_d` that differs from device to device, on one part with a random sign: measured from 0 to
//! 0.65 skews, over bit 5, over bits 4 and 5, over bit 16. Neither the bias nor the distribution of
//! one-counts of the whole array shows it.
//!
//! ```text
//! s_d pol(i),    s_d ~ N(mean, sd^2),    pol(i) = +1 where i AND mask has an odd number of ones, else -1.
//! ```

use super::parameter::{ParameterError, check};

/// The law of polarity: which cells, and how far apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolarityLaw {
    mask: u32,
    mean: f64,
    sd: f64,
}

impl PolarityLaw {
    /// No classes.
    pub const OFF: Self = Self { mask: 0, mean: 0.0, sd: 0.0 };

    /// The `mask` over the bits of the cell index (0 to 2^26 - 1, 0 for no classes), and the mean (-10
    /// to 10) and standard deviation (0 to 10) over devices of the amplitude, in standard deviations
    /// of the skew.
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(mask: u32, mean: f64, sd: f64) -> Result<Self, ParameterError> {
        check("polarity_mask", f64::from(mask))?;
        Ok(Self { mask, mean: check("polarity_mean", mean)?, sd: check("polarity_sd", sd)? })
    }

    /// As [`new`](Self::new), of a mask that is still a number among others.
    pub(super) fn of_numbers(mask: f64, mean: f64, sd: f64) -> Result<Self, ParameterError> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be a whole number from 0 to 2^26 - 1"
        )]
        let mask = check("polarity_mask", mask)? as u32;
        Self::new(mask, mean, sd)
    }

    /// The mask over the bits of the cell index.
    #[must_use]
    pub fn mask(&self) -> u32 {
        self.mask
    }

    /// Mean over devices of the amplitude, in standard deviations of the skew.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Standard deviation over devices of the amplitude, in standard deviations of the skew.
    #[must_use]
    pub fn sd(&self) -> f64 {
        self.sd
    }

    /// `s_d` of the device with the standard normal variate `z`; 0 where there are no classes.
    #[must_use]
    pub fn amplitude(&self, z: f64) -> f64 {
        if self.mask == 0 { 0.0 } else { self.mean + self.sd * z }
    }

    /// Whether `cell` is of the odd class, which a positive amplitude moves towards 1.
    #[must_use]
    pub fn is_odd(&self, cell: usize) -> bool {
        (cell & self.mask as usize).count_ones() % 2 == 1
    }

    /// The classes of the 64 cells from `64 word` on, a bit per cell, first cell lowest.
    #[must_use]
    pub fn word(&self, word: usize) -> u64 {
        // The patterns of the index bits within a word.
        const PLANES: [u64; 6] = [
            0xaaaa_aaaa_aaaa_aaaa,
            0xcccc_cccc_cccc_cccc,
            0xf0f0_f0f0_f0f0_f0f0,
            0xff00_ff00_ff00_ff00,
            0xffff_0000_ffff_0000,
            0xffff_ffff_0000_0000,
        ];
        let whole = if self.is_odd(64 * word) { u64::MAX } else { 0 };
        (0..6)
            .zip(PLANES)
            .filter(|(bit, _)| self.mask >> bit & 1 == 1)
            .fold(whole, |classes, (_, plane)| classes ^ plane)
    }

    /// Variance over devices of what the law adds to a cell's skew, and the mean of it, by class.
    pub(super) fn moments(&self) -> (f64, f64) {
        if self.mask == 0 { (0.0, 0.0) } else { (self.mean, self.sd * self.sd) }
    }
}

impl Default for PolarityLaw {
    fn default() -> Self {
        Self::OFF
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_classes_are_the_classes_of_their_cells() {
        for mask in [0, 1, 32, 0b11_0000, 1 << 16, 0x155_5555, 0x3ff_ffff] {
            let law = PolarityLaw { mask, mean: 0.0, sd: 1.0 };
            for word in [0, 1, 2, 3, 1023, 1024, 0xf_ffff] {
                for bit in 0..64 {
                    let class = law.word(word) >> bit & 1 == 1;
                    assert_eq!(class, law.is_odd(64 * word + bit), "{mask:x}, {word}, {bit}");
                }
            }
        }
    }
}
