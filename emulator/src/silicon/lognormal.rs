//! Positive factors with mean one: how a noise varies between devices and between readouts.

use alloc::vec;
use alloc::vec::Vec;

use super::quadrature::normal_rule;

/// A lognormal factor of mean 1 and a given coefficient of variation, `exp(s z - s^2/2)` with
/// `z ~ N(0,1)` and `s^2 = ln(1 + cv^2)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LogNormal {
    cv: f64,
}

impl LogNormal {
    /// Always 1.
    pub(super) const ONE: Self = Self { cv: 0.0 };

    /// With the coefficient of variation `cv`, 0 to 0.5, checked by the caller.
    pub(super) fn new(cv: f64) -> Self {
        Self { cv }
    }

    pub(super) fn cv(self) -> f64 {
        self.cv
    }

    /// The factor at the quantile of the standard normal `z`.
    pub(super) fn at(self, z: f64) -> f64 {
        if self.cv == 0.0 {
            return 1.0;
        }
        let s = self.log_sd();
        libm::exp(s * z - s * s / 2.0)
    }

    /// Weights and factors that sum a smooth function of the factor to its expectation.
    ///
    /// Functions of `ln(noise)` here have their nearest singularity at `i pi/2`, where the variance
    /// of a noise is -1. Gauss and Hermite's error falls as `exp(-2 d sqrt(2n))` with `d` the distance
    /// of that point in units of `sqrt(2) s`; the number of nodes was chosen by trial, to keep rates
    /// from 1e-3 up to eleven digits.
    pub(super) fn rule(self) -> Vec<(f64, f64)> {
        if self.cv == 0.0 {
            return vec![(1.0, 1.0)];
        }
        let s = self.log_sd();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most 33, for s below one half"
        )]
        let nodes = LEAST_NODES + (125.0 * s * s) as usize;
        normal_rule(nodes).into_iter().map(|(weight, z)| (weight, self.at(z))).collect()
    }

    fn log_sd(self) -> f64 {
        libm::sqrt(libm::log1p(self.cv * self.cv))
    }
}

/// Nodes for a spread that can hardly be seen.
const LEAST_NODES: usize = 6;
