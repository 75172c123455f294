//! SP 800-90B against what NIST's own tool prints, and what an assessment means.
//!
//! `PUFLAB_SHARED` names the folder that holds `golden/`; by default it is beside the repository.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use puf_emulator::seed::SeedTree;
use puflab::sp80090b::iid::{self, statistics};
use puflab::sp80090b::order::{Matrix, Order};
use puflab::sp80090b::{self, Estimator, Figure, FirstBit, LeftOut, Sequence, Symbols};
use rand_core::Rng as _;
use serde_json::Value;

fn golden(name: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("PUFLAB_SHARED").map_or_else(beside, PathBuf::from);
    shared.join("golden/sp80090b").join(name)
}

fn expected(name: &str) -> Value {
    serde_json::from_slice(&fs::read(golden(name)).unwrap()).unwrap()
}

fn symbols(name: &str) -> Symbols {
    let bits = golden(&format!("{name}.bits"));
    if bits.exists() {
        Symbols::from_packed(&fs::read(bits).unwrap(), FirstBit::MostSignificant, 1).unwrap()
    } else {
        Symbols::from_values(fs::read(golden(&format!("{name}.sym"))).unwrap(), None).unwrap()
    }
}

/// What NIST's tool calls an estimator, and its numbers beside ours.
fn in_the_tool(estimator: Estimator) -> (&'static str, &'static [(&'static str, &'static str)]) {
    const PREDICTION: &[(&str, &str)] = &[
        ("C", "c"),
        ("r", "r"),
        ("N", "n"),
        ("P_global", "p_global"),
        ("P_global'", "p_global_upper"),
        ("P_local", "p_local"),
    ];
    match estimator {
        Estimator::MostCommonValue => (
            "Most Common Value",
            &[("Mode count", "mode_count"), ("p-hat", "p_hat"), ("p_u", "p_u")],
        ),
        Estimator::Collision => (
            "Collision",
            &[
                ("v", "v"),
                ("Sum t_i", "sum_t"),
                ("X-bar", "x_bar"),
                ("sigma-hat", "sigma_hat"),
                ("X-bar'", "x_bar_lower"),
                ("p", "p"),
            ],
        ),
        Estimator::Markov => (
            "Markov",
            &[
                ("P_0", "p_0"),
                ("P_1", "p_1"),
                ("P_{0,0}", "p_00"),
                ("P_{0,1}", "p_01"),
                ("P_{1,0}", "p_10"),
                ("P_{1,1}", "p_11"),
                ("p-hat_max", "p_hat_max"),
            ],
        ),
        Estimator::Compression => (
            "Compression",
            &[
                ("X-bar", "x_bar"),
                ("sigma-hat", "sigma_hat"),
                ("X-bar'", "x_bar_lower"),
                ("p", "p"),
            ],
        ),
        Estimator::TTuple => ("t-Tuple", &[("t", "t"), ("p-hat_max", "p_hat_max"), ("p_u", "p_u")]),
        Estimator::Lrs => ("LRS", &[("u", "u"), ("v", "v"), ("p-hat", "p_hat"), ("p_u", "p_u")]),
        Estimator::MultiMcw => ("MultiMCW Prediction", PREDICTION),
        Estimator::Lag => ("Lag Prediction", PREDICTION),
        Estimator::MultiMmc => ("MultiMMC Prediction", PREDICTION),
        Estimator::Lz78y => ("LZ78Y Prediction", PREDICTION),
    }
}

#[track_caller]
fn close(found: f64, expected: f64, relative: f64, what: &str) {
    let off = (found - expected).abs();
    assert!(off <= relative * expected.abs(), "{what}: {found:e}, expected {expected:e}");
}

/// Counts exactly, other numbers to ten digits.
fn compare(name: &str, found: &Sequence, expected: &Value) -> usize {
    let mut compared = 0;
    for (estimator, estimate) in &found.estimates {
        let (title, figures) = in_the_tool(*estimator);
        let what = format!("{name}, {title}");
        let Some(expected) = expected.get(title) else {
            assert!(matches!(estimate, Err(LeftOut::BitsOnly)), "{what}: {estimate:?}");
            continue;
        };
        let estimate = estimate.as_ref().unwrap();
        // The tool's last step loses digits where almost nothing is left of a certainty.
        let h = expected["min entropy"].as_f64().unwrap();
        let off = (estimate.min_entropy - h).abs();
        assert!(off <= 1e-10 * h.max(1e-4), "{what}: {:e}, expected {h:e}", estimate.min_entropy);
        compared += 1;
        for (theirs, ours) in figures {
            let figure = estimate.figures.iter().find(|(name, _)| name == ours).map(|(_, f)| *f);
            let expected = expected.get(theirs).map(|value| value.as_f64().unwrap());
            let (Some(figure), Some(expected)) = (figure, expected) else {
                assert_eq!(figure.is_some(), expected.is_some(), "{what}, {theirs}");
                continue;
            };
            match figure {
                Figure::Count(count) => close(count as f64, expected, 0.0, &what),
                Figure::Real(real) => close(real, expected, 1e-10, &format!("{what}, {theirs}")),
            }
            compared += 1;
        }
    }
    compared
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn every_estimator_of_every_file_is_nist_s_in_shared() {
    let expected = expected("expected_non_iid.json");
    let mut compared = 0;
    for (name, expected) in expected["files"].as_object().unwrap() {
        let found = sp80090b::assess(&symbols(name));
        compared += compare(name, &found.original, &expected["Literal"]);
        let h = |key: &str| expected[key].as_f64().unwrap();
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-10, "{name}");
        near(found.original.min_entropy, h("H_original"));
        near(found.min_entropy, h("Assessed min entropy"));
        assert_eq!(found.bitstring.is_some(), expected.get("Bitstring").is_some());
        if let Some(bitstring) = &found.bitstring {
            compared += compare(name, bitstring, &expected["Bitstring"]);
            near(bitstring.min_entropy, h("H_bitstring"));
        }
    }
    assert_eq!(compared, COMPARED);
}

/// Numbers that NIST's tool prints for the six files.
const COMPARED: usize = 381;

#[test]
#[ignore = "needs ../shared; stage 2"]
fn statistics_and_verdicts_of_the_iid_tests_are_nist_s_in_shared() {
    let expected = expected("expected_iid.json");
    for (name, expected) in expected["files"].as_object().unwrap() {
        let symbols = symbols(name);
        let (samples, alphabet) = (symbols.samples(), symbols.alphabet_size());
        let independence = iid::chi_square::independence(samples, alphabet);
        let fit = iid::chi_square::goodness_of_fit(samples, alphabet);
        for (found, key) in
            [(independence, "chi_square_independence"), (fit, "chi_square_goodness_of_fit")]
        {
            let number = |inner: &str| expected[key][inner].as_f64().unwrap();
            close(found.t, number("T"), 1e-9, &format!("{name}, {key}"));
            close(found.degrees as f64, number("df"), 0.0, &format!("{name}, {key}"));
            close(found.p_value, number("P-value"), 1e-9, &format!("{name}, {key}"));
        }
        let verdict = |passed: bool| if passed { "passed" } else { "failed" };
        assert_eq!(
            verdict(independence.passed() && fit.passed()),
            expected["chi_square"],
            "{name}"
        );

        let lrs = iid::longest_repeat::test(samples, alphabet);
        if let Some(expected) = expected.get("lrs") {
            let number = |inner: &str| expected[inner].as_f64().unwrap();
            close(lrs.p_col, number("P_col"), 1e-9, name);
            close(lrs.w as f64, number("W"), 0.0, name);
            close(lrs.p_value, number("Pr(X >= 1)"), 1e-9, name);
        }
        if let Some(expected) = expected.get("lrs_test") {
            assert_eq!(verdict(lrs.passed()), *expected, "{name}");
        }
        if let Some(expected) = expected.get("permutation_statistics") {
            let found = iid::permutation::test(&symbols, 1, 0, &mut |_| true).unwrap();
            for (rank, statistic) in found.ranks.iter().zip(statistics::NAMES) {
                let expected = expected[statistic].as_f64().unwrap();
                close(rank.value, expected, 1e-9, &format!("{name}, {statistic}"));
            }
        }
    }
}

/// A million bits pass or fail as in NIST's tool. What takes hours there, ten thousand permutations of
/// data that fail, is left out here as well: a thousand on a file of 20,000 bits say as much.
#[test]
#[ignore = "needs ../shared; stage 2"]
fn permutations_decide_as_nist_s_in_shared() {
    for name in ["bern_p050_20k", "bern_p060", "sram_enrol"] {
        let found = iid::test(&symbols(name), 1, &mut |_| true).unwrap();
        assert!(found.permutation.passed() && found.passed(), "{name}: {found:?}");
    }
    let found = iid::permutation::test(&symbols("period7_20k"), 1, 1000, &mut |_| true).unwrap();
    assert!(!found.passed());
}

/// Bits of a good generator: ChaCha8, one seed a coin.
fn coin(seed: u64, count: usize) -> impl Iterator<Item = bool> {
    let mut rng = SeedTree::from_seed(seed).stream(0);
    (0..count).map(move |_| rng.next_u32() >> 31 == 1)
}

/// What the page says: perfect coins of a million bits are assessed at 0.81 to 0.92, half of them below
/// 0.85. In 1000 seeds the estimate was 0.783 to 0.935, with a standard deviation of 0.026; the median
/// of 21 is within 5 of its standard errors, of 0.0071.
#[test]
fn perfect_coins_are_assessed_below_one() {
    let one = sp80090b::assess(&Symbols::from_bits(coin(0, 1_000_000)).unwrap());
    let (who, h) = one.least().unwrap();
    assert_eq!((who, format!("{h:.6}")), (Estimator::Compression, "0.842568".to_owned()));
    let two = [Estimator::Collision, Estimator::Compression];
    let assessed = |seed| {
        let symbols = Symbols::from_bits(coin(seed, 1_000_000)).unwrap();
        sp80090b::assess_some(&symbols, &two, &mut || true).unwrap().min_entropy
    };
    let mut all: Vec<f64> = (0..21).map(assessed).collect();
    all.sort_by(f64::total_cmp);
    assert!(all[0] > 0.78 && all[20] < 0.94, "{all:?}");
    assert!((all[10] - 0.850).abs() < 5.0 * 0.0071, "{}", all[10]);
}

/// Chips whose columns agree in nine of ten cells, a row each, too far apart for a repeat to show: along
/// rows they are as good as a perfect coin, along columns almost nothing is left.
#[test]
fn column_aliased_cells_look_like_a_perfect_coin_along_rows() {
    let (chips, cells) = (12, 20_000);
    let columns: Vec<bool> = coin(1, cells).collect();
    let values = (0..chips).flat_map(|chip| {
        let odd = coin(100 + chip, 3 * cells).collect::<Vec<_>>();
        let own: Vec<u8> = columns
            .iter()
            .zip(odd.chunks(3))
            .map(|(&common, odd)| u8::from(common ^ (odd == [true; 3])))
            .collect();
        own
    });
    let matrix = Matrix::new(values.collect(), cells, Some(1)).unwrap();
    let only = [Estimator::MostCommonValue, Estimator::Markov];
    let h = |order| {
        let symbols = matrix.symbols(order, 1).unwrap();
        sp80090b::assess_some(&symbols, &only, &mut || true).unwrap().min_entropy
    };
    let (row, column) = (h(Order::Row), h(Order::Column));
    assert!(row > 0.9 && h(Order::Shuffled) > 0.9, "{row}");
    assert!(column < 0.45, "{column}");
}

/// Metamorphic: what an assessment of a sequence says of another.
#[test]
fn assessments_follow_their_data() {
    let assess = |bits: Vec<bool>| sp80090b::assess(&Symbols::from_bits(bits.into_iter()).unwrap());
    let bits: Vec<bool> = coin(5, 60_000).collect();
    let once = assess(bits.clone());
    // Written twice, its repeats say so.
    let twice = assess([bits.as_slice(), &bits].concat());
    let lrs = |a: &sp80090b::Assessment| a.original.estimate(Estimator::Lrs).unwrap().min_entropy;
    assert!(lrs(&once) > 0.9 && lrs(&twice) < 0.001);
    // Each bit written twice has half of the entropy a bit, or less.
    let doubled = assess(bits.iter().flat_map(|&bit| [bit, bit]).collect());
    assert!(doubled.min_entropy < 0.5);
    // Symbols of renamed values are the same symbols, if their order stays.
    let values: Vec<u8> =
        bits.chunks(3).map(|c| c.iter().fold(0, |v, &b| v << 1 | u8::from(b))).collect();
    let renamed = values.iter().map(|value| 10 + 30 * value).collect();
    let one = sp80090b::assess(&Symbols::from_values(values, None).unwrap());
    let other = sp80090b::assess(&Symbols::from_values(renamed, None).unwrap());
    assert_eq!(one.original.estimates, other.original.estimates);
    assert_eq!((one.bits_per_symbol, other.bits_per_symbol), (3, 8));
    assert!(
        (one.min_entropy - one.original.min_entropy.min(3.0 * one.bitstring.unwrap().min_entropy))
            .abs()
            < 1e-15
    );
}
