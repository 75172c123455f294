//! How well a fitted law agrees with what was counted.

use crate::metric::chi_square;

/// Agreement of counts with a law of which some parameters were fitted to them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Pearson's `sum (observed - expected)^2 / expected`, neighbouring entries taken together until 5
    /// are expected.
    pub chi2: f64,
    /// Degrees of freedom: groups of entries, less one, less the fitted parameters.
    pub df: usize,
    /// `Pr[chi2 at least as large]` if the law holds; 1 without a degree of freedom.
    pub p_value: f64,
    /// Total variation distance between the fractions counted and the probabilities, 0 to 1. It is
    /// larger than 0 by chance, about as one over the root of the number of cells.
    pub total_variation: f64,
}

impl Agreement {
    /// Of `observed` numbers with the law `probabilities`, of which `fitted` parameters were estimated
    /// from them.
    pub(super) fn new(observed: &[u64], probabilities: &[f64], fitted: usize) -> Self {
        let total: f64 = observed.iter().map(|&n| n as f64).sum();
        let pairs: Vec<(f64, f64)> =
            observed.iter().zip(probabilities).map(|(&n, q)| (n as f64, total * q)).collect();
        let groups = grouped(&pairs);
        let chi2 =
            groups.iter().map(|(n, expected)| (n - expected) * (n - expected) / expected).sum();
        let df = groups.len().saturating_sub(1 + fitted);
        let distance: f64 = pairs.iter().map(|(n, expected)| (n - expected).abs()).sum();
        Self {
            chi2,
            df,
            p_value: chi_square::survival(chi2, df as f64),
            total_variation: 0.5 * distance / total,
        }
    }

    /// `chi2 / df`, about 1 if the law holds; `None` without a degree of freedom.
    #[must_use]
    pub fn chi2_per_df(&self) -> Option<f64> {
        (self.df > 0).then(|| self.chi2 / self.df as f64)
    }
}

/// Observed and expected numbers of groups of neighbours; what is left at the end joins the last group.
fn grouped(pairs: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut groups: Vec<(f64, f64)> = Vec::new();
    let mut open = (0.0, 0.0);
    for &(n, expected) in pairs {
        open = (open.0 + n, open.1 + expected);
        if open.1 >= LEAST_EXPECTED {
            groups.push(open);
            open = (0.0, 0.0);
        }
    }
    match groups.last_mut() {
        Some(last) => *last = (last.0 + open.0, last.1 + open.1),
        None => groups.push(open),
    }
    groups
}

/// W. G. Cochran's rule.
const LEAST_EXPECTED: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_expect_five() {
        let pairs = [(1.0, 3.0), (2.0, 3.0), (9.0, 8.0), (1.0, 2.0)];
        assert_eq!(grouped(&pairs), [(3.0, 6.0), (10.0, 10.0)]);
        assert_eq!(grouped(&[(1.0, 2.0)]), [(1.0, 2.0)]);
    }

    #[test]
    fn a_die_thrown_sixty_times() {
        let found = Agreement::new(&[8, 12, 9, 11, 6, 14], &[1.0 / 6.0; 6], 0);
        assert!((found.chi2 - 4.2).abs() < 1e-12);
        assert_eq!((found.df, found.chi2_per_df()), (5, Some(found.chi2 / 5.0)));
        assert!((found.p_value - 0.5210).abs() < 1e-4);
        assert!((found.total_variation - 7.0 / 60.0).abs() < 1e-12);
        let none = Agreement::new(&[8, 12], &[0.5, 0.5], 2);
        assert_eq!((none.df, none.p_value, none.chi2_per_df()), (0, 1.0, None));
    }
}
