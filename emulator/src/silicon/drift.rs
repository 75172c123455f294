//! How far cells drift: most a little, a few further.
//!
//! A normal drift gets the bit error rate right and under-predicts the cells that flip for good 3 to
//! 100 times. On measured boards a mixture of two normals describes it: standard deviations of 0.12
//! to 0.14 skews for 82 to 91 % of the cells and of 0.29 to 0.34 for the rest, over a step of 41
//! degrees. Here the mixture has unit variance; a law that uses it has the scale.

use super::parameter::{ParameterError, check};

/// A mixture of two centred normals with variance 1: with probability `w` the standard deviation is
/// `b`, else `a`, where `b / a` is a given ratio and `(1 - w) a^2 + w b^2 = 1`.
///
/// ```
/// use puf_emulator::silicon::drift::TwoComponent;
///
/// let mixture = TwoComponent::of_temperature(0.135, 2.4)?;
/// let [(common, a), (rare, b)] = mixture.components();
/// assert!((common * a * a + rare * b * b - 1.0).abs() < 1e-15);
/// assert!((b / a - 2.4).abs() < 1e-15);
/// assert!(mixture.kurtosis() > 3.0);
/// # Ok::<(), puf_emulator::silicon::ParameterError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoComponent {
    rare_fraction: f64,
    rare_ratio: f64,
}

impl TwoComponent {
    /// The standard normal law.
    pub const NORMAL: Self = Self { rare_fraction: 0.0, rare_ratio: 1.0 };

    /// The drift with temperature: `rare_fraction` (0 to 0.5) of the cells move `rare_ratio` (1 to
    /// 100) times as far as the others.
    ///
    /// # Errors
    /// If one of them is no number or out of range, by the names `temperature_rare_fraction` and
    /// `temperature_rare_ratio`.
    pub fn of_temperature(rare_fraction: f64, rare_ratio: f64) -> Result<Self, ParameterError> {
        Ok(Self {
            rare_fraction: check("temperature_rare_fraction", rare_fraction)?,
            rare_ratio: check("temperature_rare_ratio", rare_ratio)?,
        })
    }

    /// The drift with age, likewise.
    ///
    /// # Errors
    /// If one of them is no number or out of range, by the names `wander_rare_fraction` and
    /// `wander_rare_ratio`.
    pub fn of_wander(rare_fraction: f64, rare_ratio: f64) -> Result<Self, ParameterError> {
        Ok(Self {
            rare_fraction: check("wander_rare_fraction", rare_fraction)?,
            rare_ratio: check("wander_rare_ratio", rare_ratio)?,
        })
    }

    /// `w`: the fraction of cells that drift further.
    #[must_use]
    pub fn rare_fraction(&self) -> f64 {
        self.rare_fraction
    }

    /// `b / a`: how many times further they drift.
    #[must_use]
    pub fn rare_ratio(&self) -> f64 {
        self.rare_ratio
    }

    /// Whether all cells drift alike, so that the law is the standard normal one.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        self.rare_fraction == 0.0 || self.rare_ratio == 1.0
    }

    /// Weights and standard deviations, the common component first: `[(1 - w, a), (w, b)]`.
    #[must_use]
    pub fn components(&self) -> [(f64, f64); 2] {
        let (w, ratio) = (self.rare_fraction, self.rare_ratio);
        let a = 1.0 / libm::sqrt(1.0 + w * (ratio * ratio - 1.0));
        [(1.0 - w, a), (w, ratio * a)]
    }

    /// The fourth moment, `3 ((1 - w) a^4 + w b^4)`; 3 for the normal law.
    #[must_use]
    pub fn kurtosis(&self) -> f64 {
        let [(common, a), (rare, b)] = self.components();
        3.0 * (common * a * a * a * a + rare * b * b * b * b)
    }

    /// The drift of a cell with the standard normal variate `z` and a `place` that is uniform from 0
    /// to below 1: rare where the place is below `w`.
    #[must_use]
    pub fn variate(&self, z: f64, place: f64) -> f64 {
        let [(_, a), (rare, b)] = self.components();
        if place < rare { b * z } else { a * z }
    }
}

impl Default for TwoComponent {
    fn default() -> Self {
        Self::NORMAL
    }
}
