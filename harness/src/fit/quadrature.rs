//! Integrals of smooth functions.

/// `Int_from^to f(x) dx`, by the ten-point rule of Gauss and Legendre in each of `panels` equal parts.
///
/// Abscissae and weights from M. Abramowitz and I. A. Stegun, *Handbook of Mathematical Functions*,
/// table 25.4, with more digits; a test sums the powers that they must be exact for.
pub(super) fn integral(from: f64, to: f64, panels: usize, f: impl Fn(f64) -> f64) -> f64 {
    let half = (to - from) / (2.0 * panels as f64);
    let panel = |i: usize| {
        let middle = from + half * (2 * i + 1) as f64;
        let pair = |(x, weight): (f64, f64)| weight * (f(middle - half * x) + f(middle + half * x));
        LEGENDRE.into_iter().map(pair).sum::<f64>()
    };
    half * (0..panels).map(panel).sum::<f64>()
}

/// Positive abscissae with their weights.
const LEGENDRE: [(f64, f64); 5] = [
    (0.148_874_338_981_631_2, 0.295_524_224_714_752_9),
    (0.433_395_394_129_247_2, 0.269_266_719_309_996_3),
    (0.679_409_568_299_024_4, 0.219_086_362_515_982_04),
    (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
    (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_up_to_nineteen_are_exact() {
        for power in 0..20 {
            let f = |x: f64| (0..power).fold(1.0, |product, _| product * x);
            for panels in [1, 3] {
                let exact = 1.0 / f64::from(power + 1);
                let found = integral(0.0, 1.0, panels, f);
                assert!((found / exact - 1.0).abs() < 1e-14, "{power}: {found}");
            }
        }
    }
}
