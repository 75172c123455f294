//! Telling devices apart by the distance of a reading to the enrolled one: false accepts, false
//! rejects, and the threshold where they balance.
//!
//! A reading of `n` cells is accepted as the device's when at most `threshold` of them differ from the
//! enrolled reading. Cells are independent, each wrong with the mean within-class rate in the same
//! device and with the mean between-class rate in another (Maes, *Physically Unclonable Functions*,
//! Springer 2013, section 4.4), so that both error rates are binomial tails:
//!
//! ```text
//! FRR = Pr[Bin(n, wchd) > threshold],    FAR = Pr[Bin(n, bchd) <= threshold].
//! ```

use super::exact::binomial_tail;

/// The threshold with equal error rates, as near as whole cells allow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EqualError {
    /// Cells of a reading.
    pub cells: usize,
    /// Greatest number of differing cells that is accepted.
    pub threshold: usize,
    /// False accept rate: another device is taken for this one.
    pub false_accept: f64,
    /// False reject rate: the device is not recognised.
    pub false_reject: f64,
}

impl EqualError {
    /// The greater of both rates, which no other threshold makes less.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.false_accept.max(self.false_reject)
    }
}

/// Finds the threshold at which the greater of both error rates is least, for identities of `cells`
/// cells; `None` unless `0 <= wchd < bchd <= 1` and there is a cell.
#[must_use]
pub fn equal_error(cells: usize, wchd: f64, bchd: f64) -> Option<EqualError> {
    if cells == 0 || !(0.0..1.0).contains(&wchd) || wchd >= bchd || bchd > 1.0 {
        return None;
    }
    let at = |threshold: usize| EqualError {
        cells,
        threshold,
        // At most `threshold` differ: more than `cells - threshold - 1` agree.
        false_accept: binomial_tail(cells, cells - threshold - 1, 1.0 - bchd),
        false_reject: binomial_tail(cells, threshold, wchd),
    };
    // One rate grows with the threshold, the other falls: the best is beside the crossing.
    let (mut low, mut high) = (0, cells - 1);
    while low < high {
        let middle = usize::midpoint(low, high);
        let here = at(middle);
        if here.false_accept < here.false_reject { low = middle + 1 } else { high = middle }
    }
    let candidates = [low.saturating_sub(1), low].map(at);
    candidates.into_iter().min_by(|a, b| a.rate().total_cmp(&b.rate()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_that_of_a_search_over_all() {
        for (cells, wchd, bchd) in
            [(1, 0.1, 0.5), (16, 0.1, 0.5), (64, 0.04, 0.49), (127, 0.25, 0.4)]
        {
            let found = equal_error(cells, wchd, bchd).unwrap();
            // Probabilities of k differing cells, from the definition.
            let law = |p: f64| -> Vec<f64> {
                let choose =
                    |k: usize| (0..k).map(|i| (cells - i) as f64 / (i + 1) as f64).product::<f64>();
                let power = |x: f64, k: usize| (0..k).map(|_| x).product::<f64>();
                (0..=cells).map(|k| choose(k) * power(p, k) * power(1.0 - p, cells - k)).collect()
            };
            let (within, between) = (law(wchd), law(bchd));
            let rates = |threshold: usize| {
                let accept: f64 = between[..=threshold].iter().sum();
                (accept, within[threshold + 1..].iter().sum::<f64>())
            };
            let (accept, reject) = rates(found.threshold);
            assert!((found.false_accept / accept - 1.0).abs() < 1e-9, "{found:?}, {accept:e}");
            assert!((found.false_reject / reject - 1.0).abs() < 1e-9, "{found:?}, {reject:e}");
            let best = (0..cells).map(|t| rates(t).0.max(rates(t).1)).fold(1.0, f64::min);
            assert!((found.rate() / best - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn what_cannot_be_told_apart_has_no_threshold() {
        for (cells, wchd, bchd) in
            [(0, 0.1, 0.5), (10, 0.5, 0.5), (10, f64::NAN, 0.5), (10, 0.1, 1.1)]
        {
            assert_eq!(equal_error(cells, wchd, bchd), None);
        }
        // Never wrong in the same device: nothing need be tolerated.
        let still = equal_error(64, 0.0, 0.5).unwrap();
        assert_eq!((still.threshold, still.false_reject), (0, 0.0));
    }
}
