//! The Walsh-Hadamard transform.

/// Replaces `x_i` by `X_m = sum_i x_i (-1)^popcount(i AND m)`, in place.
///
/// Halves are combined before each is transformed, so that all but the first few passes stay in the
/// cache. Rounding to single precision is about `log2 n` times 6e-8 of the root of the sum of squares,
/// far below the scatter of what is transformed here.
///
/// # Panics
/// If the length is no power of two.
pub(crate) fn transform(values: &mut [f32]) {
    assert!(values.len().is_power_of_two(), "{} values", values.len());
    if values.len() == 1 {
        return;
    }
    let (low, high) = values.split_at_mut(values.len() / 2);
    for (a, b) in low.iter_mut().zip(high.iter_mut()) {
        (*a, *b) = (*a + *b, *a - *b);
    }
    transform(low);
    transform(high);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition() {
        let values: Vec<f32> = (0..64).map(|i| ((i * 37 + 11) % 29) as f32).collect();
        let mut found = values.clone();
        transform(&mut found);
        for (mask, found) in found.iter().enumerate() {
            let sign = |i: usize| if (i & mask).count_ones() % 2 == 1 { -1.0 } else { 1.0 };
            let sum: f32 = values.iter().enumerate().map(|(i, x)| sign(i) * x).sum();
            assert!((sum - found).abs() < 1e-3, "{mask}: {sum} {found}");
        }
    }
}
