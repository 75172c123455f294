//! The Markov estimate, for bits only (section 6.3.3).

use super::{Estimate, Figure};

/// Bits of the sequences whose likeliest is looked for.
const LENGTH: f64 = 128.0;

/// What the estimate is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Markov {
    /// Proportion of each bit.
    pub p: [f64; 2],
    /// Proportion of each bit (second index) after each bit (first index); 0 after a bit that never
    /// comes.
    pub transitions: [[f64; 2]; 2],
    /// Probability of the likeliest sequence of 128 bits.
    pub p_hat_max: f64,
    /// Min-entropy per bit.
    pub min_entropy: f64,
}

/// Min-entropy of the likeliest sequence of 128 bits of a first-order Markov chain. At least two bits.
#[must_use]
pub fn estimate(bits: &[u8]) -> Markov {
    let ones = bits.iter().filter(|&&bit| bit == 1).count();
    let mut pairs = [0_usize; 4];
    for pair in bits.windows(2) {
        pairs[usize::from(pair[0] << 1 | pair[1]) & 3] += 1;
    }
    let zeros = (bits.len() - ones) as f64 / bits.len() as f64;
    let p = [zeros, 1.0 - zeros];
    let transitions = [0, 2].map(|from| match pairs[from] + pairs[from + 1] {
        0 => [0.0, 0.0],
        all => {
            let to_zero = pairs[from] as f64 / all as f64;
            [to_zero, 1.0 - to_zero]
        }
    });
    let bits_of = |probability: f64, times: f64| {
        if times == 0.0 { 0.0 } else { 0.0 - times * libm::log2(probability) }
    };
    // The six sequences of step 3: first bit, and how often each transition (00, 01, 10, 11) comes.
    let sequences = [
        (0, [127.0, 0.0, 0.0, 0.0]),
        (0, [0.0, 64.0, 63.0, 0.0]),
        (0, [0.0, 1.0, 0.0, 126.0]),
        (1, [126.0, 0.0, 1.0, 0.0]),
        (1, [0.0, 63.0, 64.0, 0.0]),
        (1, [0.0, 0.0, 0.0, 127.0]),
    ];
    let least = sequences
        .iter()
        .map(|&(first, [zz, zo, oz, oo])| {
            let [[p00, p01], [p10, p11]] = transitions;
            // A transition that never came has an infinite weight.
            bits_of(p[first], 1.0)
                + bits_of(p00, zz)
                + bits_of(p01, zo)
                + bits_of(p10, oz)
                + bits_of(p11, oo)
        })
        .fold(LENGTH, f64::min);
    Markov { p, transitions, p_hat_max: libm::exp2(-least), min_entropy: (least / LENGTH).min(1.0) }
}

impl From<Markov> for Estimate {
    fn from(found: Markov) -> Self {
        let [[p00, p01], [p10, p11]] = found.transitions;
        Self {
            min_entropy: found.min_entropy,
            figures: vec![
                ("p_0", Figure::Real(found.p[0])),
                ("p_1", Figure::Real(found.p[1])),
                ("p_00", Figure::Real(p00)),
                ("p_01", Figure::Real(p01)),
                ("p_10", Figure::Real(p10)),
                ("p_11", Figure::Real(p11)),
                ("p_hat_max", Figure::Real(found.p_hat_max)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sp80090b::tests::FORTY_BITS;

    /// The worked example of section 6.3.3: P(1) = 0.525, min-entropy 0.761.
    #[test]
    fn worked_example() {
        let found = estimate(&FORTY_BITS);
        assert!((found.p[0] - 0.475).abs() < 1e-12 && (found.p[1] - 0.525).abs() < 1e-12);
        assert!((found.min_entropy - 0.760_636_006_253_993_9).abs() < 1e-12);
    }

    #[test]
    fn certain_chains_have_no_entropy() {
        assert!(estimate(&[1; 1000]).min_entropy.abs() < 1e-12);
        let alternating: Vec<u8> =
            (0..1000).map(|i| i % 2).map(|i: u16| i.to_le_bytes()[0]).collect();
        // The first bit is all that is not known.
        assert!((estimate(&alternating).min_entropy - 1.0 / 128.0).abs() < 1e-12);
    }
}
