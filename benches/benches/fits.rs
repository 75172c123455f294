//! Fits: the noise model from a histogram of one-counts.
//!
//! What limits it: filling binomial rows at the nodes of the quadrature, in proportion to the number of
//! readouts times its root.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use puflab::fit::{OneCounts, count_probabilities, two_parameter};

fn fits(c: &mut Criterion) {
    let mut group = c.benchmark_group("two-parameter fit");
    for readouts in [10, 85, 1000] {
        // A million cells, as close to the law as whole numbers are.
        let expected = count_probabilities(readouts, 0.101, -0.0022);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rounded number from 0 to a million"
        )]
        let cells = expected.iter().map(|q| (1e6 * q).round() as u64).collect();
        let counts = OneCounts::new(cells).expect("a histogram");
        group.bench_function(BenchmarkId::new("readouts", readouts), |b| {
            b.iter(|| two_parameter(&counts).expect("a fit"));
        });
    }
    group.finish();
}

criterion_group!(benches, fits);
criterion_main!(benches);
