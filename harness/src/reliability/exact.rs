//! Exact failure rates of constructions whose decoder corrects all of a known set of errors.
//!
//! Tails are sums of positive terms, never `1 -` a sum; no alternating series, no transform. The
//! relative error stays near `n` times 1e-16 down to the smallest number that `f64` holds.
//!
//! Cells are independent, each wrong with the same probability `p`. For a population of devices
//! whose cells are independent draws, that gives the population's *mean* exactly, with `p` the mean
//! bit error rate (Maes, CHES 2013, section 4); it says nothing about the spread over devices,
//! where a few bad ones carry most of the mean.

use fuzzy_extractor::code::{BlockCode, Decoding};

/// Name of the method, as reports print it.
pub const METHOD: &str = "exact (population mean, bounded-distance decoding)";

/// The same at the mean error rate of devices that differ, as reports print it.
pub const METHOD_OF_MEAN_RATE: &str =
    "exact for a device with the mean error rate; devices differ, and the mean over them is larger";

/// Where nothing is predicted, as reports print it.
pub const NO_METHOD: &str =
    "none: readouts of this process differ, or depend on what the cells held before";

/// Probability that a word of the code is not recovered when each bit is wrong with probability `p`.
///
/// An even repetition tie counts one half; a parallel code fails when any of its words does.
///
/// # Errors
/// When the construction has no closed form: a concatenation whose inner code is not a majority. One
/// that carries several bits makes correlated errors, and one whose decoder gives up hands on the bit
/// it received, which is wrong less often than its word.
pub fn failure(code: &dyn BlockCode, p: f64) -> Result<f64, NoClosedForm> {
    match code.decoding() {
        Decoding::Majority { n } => Ok(majority_error(n, p)),
        Decoding::BoundedDistance { n, t } => Ok(binomial_tail(n, t, p)),
        Decoding::Concatenated { inner, outer } if is_majority(inner) => {
            failure(outer, failure(inner, p)?)
        }
        Decoding::Concatenated { inner, .. } => Err(NoClosedForm { code: inner.to_string() }),
        Decoding::Parallel { word, count } => Ok(any_of(failure(word, p)?, count)),
    }
}

/// Whether the decoder always decides on one bit, right or wrong: a repetition, or one of one.
fn is_majority(code: &dyn BlockCode) -> bool {
    match code.decoding() {
        Decoding::Majority { .. } => true,
        Decoding::Concatenated { inner, outer } => is_majority(inner) && is_majority(outer),
        Decoding::Parallel { word, count } => count == 1 && is_majority(word),
        Decoding::BoundedDistance { .. } => false,
    }
}

/// Failure of one outer word: of a single block of a parallel code, of the whole code otherwise.
///
/// # Errors
/// As [`failure`].
pub fn word_failure(code: &dyn BlockCode, p: f64) -> Result<f64, NoClosedForm> {
    match code.decoding() {
        Decoding::Parallel { word, .. } => word_failure(word, p),
        _ => failure(code, p),
    }
}

/// Probability that the majority of `n` copies is wrong; an even tie is a fair coin.
#[must_use]
pub fn majority_error(n: usize, p: f64) -> f64 {
    if n.is_multiple_of(2) {
        // With a coin, an even number of copies is as good as one fewer.
        binomial_tail(n - 1, n / 2 - 1, p)
    } else {
        binomial_tail(n, n / 2, p)
    }
}

/// `P[X > t]` for X binomial(n, p), relative error about `n` ulp.
///
/// The distribution of the number of errors is built bit by bit up to `t`; what leaves it upwards
/// is the tail, added up as it leaves.
#[must_use]
pub fn binomial_tail(n: usize, t: usize, p: f64) -> f64 {
    if t >= n {
        return 0.0;
    }
    if n.saturating_mul(t + 1) > MAX_STEPS {
        return long_tail(n, t, p);
    }
    let q = 1.0 - p;
    let mut weight = vec![0.0; t + 1];
    weight[0] = 1.0;
    let mut tail = 0.0;
    for _ in 0..n {
        tail += weight[t] * p;
        for errors in (1..=t).rev() {
            weight[errors] = weight[errors] * q + weight[errors - 1] * p;
        }
        weight[0] *= q;
    }
    tail
}

/// Additions up to which the distribution is built bit by bit: below a tenth of a second.
const MAX_STEPS: usize = 1 << 26;

/// As [`binomial_tail`], for words so long that building their distribution takes too long: the terms
/// of the tail one after the other, each from the one before, the first by its logarithm. Relative
/// error about 1e-9.
fn long_tail(n: usize, t: usize, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let (n, first) = (n as f64, (t + 1) as f64);
    let log_odds = libm::log(p) - libm::log1p(-p);
    let log_choose =
        libm::lgamma(n + 1.0) - libm::lgamma(first + 1.0) - libm::lgamma(n - first + 1.0);
    let mut log_term = log_choose + first * libm::log(p) + (n - first) * libm::log1p(-p);
    let mut tail = 0.0;
    let mut errors = first;
    while errors <= n {
        tail += libm::exp(log_term);
        // Past the mean the terms only fall: when they no longer count, the rest does not either.
        if errors > n * p && libm::exp(log_term) < tail * 1e-18 {
            break;
        }
        log_term += log_odds + libm::log((n - errors) / (errors + 1.0));
        errors += 1.0;
    }
    tail.min(1.0)
}

/// Probability that any of `count` independent events of probability `p` happens.
#[must_use]
pub fn any_of(p: f64, count: usize) -> f64 {
    // 1 - (1 - p)^count without cancellation.
    -libm::expm1(count as f64 * libm::log1p(-p))
}

/// A construction without a closed form for its failure rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoClosedForm {
    /// The inner code that is in the way.
    pub code: String,
}

impl std::fmt::Display for NoClosedForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "no exact failure rate: the inner code {} is no repetition, so that errors of the outer \
             word are not independent, or not known from the inner word alone",
            self.code
        )
    }
}

impl std::error::Error for NoClosedForm {}

#[cfg(test)]
#[allow(clippy::excessive_precision, reason = "reference values with all their digits")]
mod tests {
    use super::*;
    use fuzzy_extractor::code::notation;

    #[track_caller]
    fn check(code: &str, ber: f64, p_word: f64, p_key: f64) {
        let code = notation::parse(code).unwrap();
        for (found, expected) in
            [(word_failure(&*code, ber).unwrap(), p_word), (failure(&*code, ber).unwrap(), p_key)]
        {
            let relative = (found / expected - 1.0).abs();
            assert!(relative < 1e-12, "{code} at {ber}: {found:e}, expected {expected:e}");
        }
    }

    /// The table of classic constructions, computed with exact rational arithmetic.
    #[test]
    fn classic_constructions() {
        check("bch(511,19,119)^9", 0.15, 2.9671778432836672e-7, 2.6704568894655276e-6);
        check("(rep(11)*golay(24,12))^15", 0.15, 5.0743573550301038e-7, 7.6115089960469111e-6);
        check("rep(33)^171", 0.15, 1.0087290545905040e-6, 1.7247787931424394e-4);
        check("rep(7)*bch(318,174,17)", 0.13, 3.7163463221149197e-11, 3.7163463221149197e-11);
        check("rep(11)*bch(255,171,11)", 0.15, 8.2751279945056080e-12, 8.2751279945056080e-12);
        check("bch(127,64,10)^16", 0.03, 1.6198987939146317e-3, 2.5605859976326322e-2);
        check("bch(255,131,18)", 0.02, 1.2796536721395430e-6, 1.2796536721395430e-6);
        check("(rep(7)*golay(24,12))^11", 0.10, 5.6336124621037870e-7, 6.1969562526695120e-6);
        check("rep(3)", 0.15, 6.0750000000000000e-2, 6.0750000000000000e-2);
        check("rep(8)", 0.15, 1.2103171875000000e-2, 1.2103171875000000e-2);
        check("golay(23,12)", 0.05, 2.5814505854786478e-2, 2.5814505854786478e-2);
        check("bch(127,50,13)^16", 0.05, 4.6419907022835924e-3, 7.1741260734909216e-2);
        check("bch(127,36,15)^16", 0.05, 6.2971883733941369e-4, 1.0028055452904861e-2);
        check("bch(255,21,55)^7", 0.10, 1.5179287954191018e-8, 1.0625501084071081e-7);
        check("(rep(8)*golay(24,12))^11", 0.15, 1.8784003190270167e-4, 2.0643008308263798e-3);
        check("rep(7)*bch(252,128,18)", 0.15, 4.4513653310191272e-10, 4.4513653310191272e-10);
        check("rep(17)*bch(463,256,25)", 0.25, 3.4381834149955234e-10, 3.4381834149955234e-10);
    }

    /// An independent library: the regularised incomplete beta function of statrs.
    #[test]
    fn binomial_tails_agree_with_the_beta_function() {
        let cases = [(127, 10, 0.03), (255, 18, 0.02), (8191, 300, 0.03), (23, 3, 0.4)];
        for (n, t, p) in cases {
            let beta = statrs::function::beta::beta_reg((t + 1) as f64, (n - t) as f64, p);
            let relative = (binomial_tail(n, t, p) / beta - 1.0).abs();
            assert!(relative < 1e-9, "n = {n}, t = {t}, p = {p}: {relative:e}");
        }
    }

    /// Words so long that another way is taken: mpmath, 30 digits. (The beta function of statrs is off
    /// by 2.5e-5 at the second of them.)
    #[test]
    fn long_tails_agree_with_mpmath() {
        for (n, t, p, expected) in [
            (65_535, 32_767, 0.49, 1.5236930538659926e-7),
            (1 << 20, 1 << 19, 0.4999, 0.418_482_705_063_569_4),
            (100_000, 900, 0.01, 0.999_339_158_666_549_9),
        ] {
            assert!(n * (t + 1) > MAX_STEPS);
            let relative = (binomial_tail(n, t, p) / expected - 1.0).abs();
            assert!(relative < 1e-8, "n = {n}, t = {t}, p = {p}: {relative:e}");
        }
        // Where both ways can be gone they agree.
        for (n, t, p) in [(2226, 300, 0.1), (8191, 300, 0.03), (511, 119, 0.15)] {
            let relative = (long_tail(n, t, p) / binomial_tail(n, t, p) - 1.0).abs();
            assert!(relative < 1e-9, "n = {n}, t = {t}, p = {p}: {relative:e}");
        }
    }

    /// Enumeration shows what is at stake: the parity-check code of Hamming's family as an inner code
    /// hands on a bit that is wrong with another probability than its word.
    #[test]
    fn an_inner_code_that_can_give_up_has_no_closed_form() {
        for code in ["hamming(4,1)*golay(23,12)", "bch(26,1,7)*golay(23,12)", "golay(24,12)*rep(3)"]
        {
            let Ok(code) = notation::parse(code) else { continue };
            assert!(failure(&*code, 0.05).is_err(), "{code}");
        }
        let nested = notation::parse("rep(3)*rep(5)*golay(23,12)").unwrap();
        let flat = binomial_tail(23, 3, majority_error(5, majority_error(3, 0.1)));
        assert_eq!(failure(&*nested, 0.1), Ok(flat));
    }

    /// The two decoders of the closed form, against every error pattern through the real decoder.
    #[test]
    fn exhaustive_decoding_agrees() {
        use fuzzy_extractor::bits::BitString;
        for text in
            ["rep(3)*bch(7,4,1)", "rep(5)*hamming(3,1)", "bch(15,7,2)", "rep(8)", "rep(3)^5"]
        {
            let code = notation::parse(text).unwrap();
            let (n, p) = (code.n(), 0.2_f64);
            let sent = BitString::zeros(n);
            let probability = |errors: usize| {
                (0..n).map(|i| if i < errors { p } else { 1.0 - p }).product::<f64>()
            };
            if n > 21 {
                continue;
            }
            let failed: f64 = (0..1_u64 << n)
                .map(|pattern| {
                    let word = BitString::from_words(vec![pattern], n);
                    let decoded = |side| match code.decode(&word, &mut || side) {
                        Ok(decoded) => f64::from(u8::from(decoded.codeword != sent)),
                        Err(_) => 1.0,
                    };
                    probability(word.weight()) * (decoded(false) + decoded(true)) / 2.0
                })
                .sum();
            let closed = failure(&*code, p).unwrap();
            assert!((closed / failed - 1.0).abs() < 1e-9, "{text}: {closed}, enumerated {failed}");
        }
    }

    #[test]
    fn the_ends_are_exact() {
        assert_eq!(binomial_tail(127, 10, 0.0), 0.0);
        assert_eq!(binomial_tail(127, 127, 0.3), 0.0);
        assert!((binomial_tail(127, 10, 1.0) - 1.0).abs() < 1e-15);
        assert!((majority_error(8, 0.5) - 0.5).abs() < 1e-15);
        assert_eq!(any_of(0.0, 1000), 0.0);
        assert_eq!(any_of(1e-300, 16), 1.6e-299);
    }
}
