//! Closed forms of the process against printed and independently computed values.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use puf_emulator::silicon::profile;
use puf_emulator::silicon::{AgeingLaw, Environment, Process, TemperatureLaw};

#[track_caller]
fn check(found: f64, exact: f64, relative: f64) {
    let error = (found / exact - 1.0).abs();
    assert!(error <= relative, "{found} where {exact} is exact: off by {error:e}");
}

/// A process of which `at(step, 1 year)` is the temperature step and the shift asked for.
fn process(lambda1: f64, lambda2: f64, delta: f64) -> Process {
    let temperature = TemperatureLaw::new(10.0, 0.0).unwrap();
    let ageing = AgeingLaw::new(delta, 1.0, 0.2).unwrap();
    Process::new(lambda1, lambda2, temperature, ageing).unwrap()
}

fn at(step: f64) -> Environment {
    Environment::new(10.0 * step, 1.0).unwrap()
}

/// Noise of a bit error rate, as printed to six digits.
#[test]
fn lambda1_of_a_bit_error_rate() {
    for (ber, printed, digits) in [
        (0.01, 0.022_219_0, 7),
        (0.03, 0.066_766_9, 7),
        (0.05, 0.111_647, 6),
        (0.10, 0.226_853, 6),
        (0.15, 0.349_752, 6),
        (0.25, 0.643_594, 6),
    ] {
        let process = Process::from_ber(ber).unwrap();
        assert!((process.lambda1() - printed).abs() <= 0.5 * 10f64.powi(-digits), "{ber}");
        check(process.ber(), ber, 1e-13);
    }
    // More digits, from the checked ageing shifts.
    check(Process::from_ber(0.10).unwrap().lambda1(), 0.226_852_869_142_683, 1e-14);
    check(Process::from_ber(0.15).unwrap().lambda1(), 0.349_751_679_959_312, 1e-14);
    check(Process::from_ber(0.05).unwrap().lambda1(), 0.111_647_327_724, 1e-11);
    check(Process::from_ber(0.06).unwrap().lambda1(), 0.134_283_834_437, 1e-11);
}

/// Fifteen per cent against another readout is 10.71 against the preferred value.
#[test]
fn two_bit_error_rates_of_one_process() {
    let process = Process::from_ber(0.15).unwrap();
    check(
        process.ber(),
        (1.0 / (1.0 + process.lambda1().powi(2))).acos() / core::f64::consts::PI,
        1e-13,
    );
    check(process.ber_to_dominant(), process.lambda1().atan() / core::f64::consts::PI, 1e-13);
    assert_eq!(format!("{:.4}", process.ber_to_dominant()), "0.1071");
}

/// `golden/ageing_shift.json`: the rates that the shifts were solved for.
#[test]
fn ageing_shifts_give_the_rates_they_were_solved_for() {
    for (ber0, ber1, bias, lambda1, lambda2, delta) in [
        (0.0249, 0.0297, 0.627, 0.058_377_654_478_3, -0.324_469_632_35, 0.205_691_719_379),
        (0.05, 0.07, 0.5, 0.111_647_327_724, 0.0, 0.406_176_362_312),
        (0.06, 0.10, 0.5, 0.134_283_834_437, 0.0, 0.641_637_238_193),
        (0.06, 0.15, 0.5, 0.134_283_834_437, 0.0, 1.277_691_610_57),
    ] {
        let process = process(lambda1, lambda2, delta);
        check(process.ber(), ber0, 2e-11);
        check(process.ber_at(&at(0.0)), ber1, 2e-11);
        check(process.bias(), bias, 2e-11);
    }
}

/// `golden/ageing_shift.json`: rates by shift, to every digit printed.
#[test]
fn rates_by_ageing_shift() {
    const DELTAS: [f64; 8] = [-1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0];
    #[rustfmt::skip]
    let printed = [
        (0.1213, 0.0210, [
            "0.0191818049736", "0.0335742123262", "0.0542607445685", "0.0671014633907",
            "0.0815743539255", "0.115008526303", "0.195080904117", "0.282847469772",
        ]),
        (0.226_852_869_142_683, 0.0, [
            "0.0352682069275", "0.061878672707", "0.1", "0.123547050531",
            "0.149957711253", "0.210356212011", "0.350574991837", "0.494567845942",
        ]),
        (0.349_751_679_959_312, 0.0, [
            "0.0526781329927", "0.0928246847425", "0.15", "0.1850090852",
            "0.223936428682", "0.311385161252", "0.503685807956", "0.680076554891",
        ]),
    ];
    for (lambda1, lambda2, rates) in printed {
        for (delta, printed) in DELTAS.into_iter().zip(rates) {
            let found = process(lambda1, lambda2, delta).ber_at(&at(0.0));
            // Twelve significant digits were printed, trailing zeros dropped.
            let digits = if printed.starts_with("0.0") { 13 } else { 12 };
            let found = format!("{found:.digits$}");
            assert_eq!(found.trim_end_matches('0'), printed, "delta {delta}");
        }
    }
}

/// `Int phi(z) [p Phi((delta - u)/s) + (1 - p) Phi((u + delta)/s)] dz`, `s^2 = 1 + step^2`, with
/// `p = Phi(u)` or, for the preferred value, `p = [u > 0]`, by 40-digit quadrature.
#[test]
fn rates_in_any_environment_agree_with_forty_digit_quadrature() {
    #[rustfmt::skip]
    let rows = [
        // lambda1, lambda2, step, delta, to a readout, to the preferred value
        (0.1, 0.0, 0.0, 0.0, 0.044_829_450_885_521_01, 0.031_725_517_430_553_57),
        (0.1010, -0.0022, 0.0, 0.0, 0.045_273_878_046_507_77, 0.032_040_567_414_477_43),
        (0.058_377_654_478_3, -0.324_469_632_35, 0.0, 0.205_691_719_379,
            0.029_699_999_999_989_02, 0.022_519_682_145_913_82),
        (0.1, 0.0, 3.0, 0.0, 0.102_368_621_535_766_79, 0.097_491_114_521_068_32),
        (0.11, 0.3, 1.5, 0.4, 0.085_965_221_429_82, 0.077_551_870_826_436_58),
        (0.11, -2.0, 1.5, -0.4, 0.007_822_607_156_604_378, 0.006_592_342_421_899_037),
        (0.35, -0.5, 0.001, 0.001, 0.134_114_306_630_757_58, 0.095_570_585_588_266_23),
        (0.02, 0.7, 20.0, 2.0, 0.109_697_352_230_415_87, 0.109_573_650_569_918_34),
        (0.1213, 0.0210, 0.5, -3.0, 0.001_211_807_474_878_917_8, 0.000_120_944_816_104_270_13),
        (1.5, 1.0, 2.0, 5.0, 0.970_573_018_958_193_1, 0.966_622_764_465_213_9),
    ];
    for (lambda1, lambda2, step, delta, to_readout, to_dominant) in rows {
        let process = process(lambda1, lambda2, delta);
        check(process.ber_at(&at(step)), to_readout, 1e-12);
        check(process.ber_to_dominant_at(&at(step)), to_dominant, 1e-12);
        check(process.ber_at(&at(-step)), to_readout, 1e-12);
    }
}

/// The measured step of temperature: majority at 23 C to readouts at -18 C.
#[test]
fn temperature_reproduces_the_boards_it_was_fitted_to() {
    for (lambda1, theta, measured) in
        [(0.117_252_3, 30.359, 0.061_92), (0.114_538_7, 29.640, 0.061_46)]
    {
        let temperature = TemperatureLaw::new(theta, 23.0).unwrap();
        let process = Process::new(lambda1, 0.0, temperature, AgeingLaw::default()).unwrap();
        let cold = Environment::default().at_celsius(-18.0).unwrap();
        check(process.ber_to_dominant_at(&cold), measured, 2e-4);
    }
}

#[test]
fn ageing_follows_its_clock() {
    let law = AgeingLaw::new(0.5, 2.0, 0.2).unwrap();
    let delta = |years| law.delta(&Environment::default().aged_years(years).unwrap());
    assert_eq!(delta(0.0), 0.0);
    check(delta(2.0), 0.5, 1e-15);
    check(delta(64.0), 1.0, 1e-15);
}

#[test]
fn the_default_environment_is_the_reference_of_every_process() {
    for profile in profile::shipped() {
        let process = profile.process().unwrap();
        let reference = process.temperature().reference_celsius();
        let stated = Environment::default().at_celsius(reference).unwrap();
        assert_eq!(process.ber_at(&stated), process.ber(), "{}", profile.name());
    }
}

#[test]
fn bias_mirrors_lambda2() {
    for lambda2 in [0.0, 0.3, 2.0] {
        let (zeros, ones) = (process(0.1, lambda2, 0.3), process(0.1, -lambda2, 0.3));
        check(zeros.bias() + ones.bias(), 1.0, 1e-15);
        check(zeros.ber_at(&at(1.5)), ones.ber_at(&at(1.5)), 1e-13);
    }
    assert!(process(0.1, 0.3, 0.0).bias() < 0.5);
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let temperature = TemperatureLaw::default();
    let ageing = AgeingLaw::default();
    let refused = |lambda1, lambda2| {
        Process::new(lambda1, lambda2, temperature, ageing).unwrap_err().parameter
    };
    for bad in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e3] {
        assert_eq!(refused(bad, 0.0), "lambda1");
    }
    for bad in [f64::NAN, f64::NEG_INFINITY, 11.0] {
        assert_eq!(refused(0.1, bad), "lambda2");
    }
    for bad in [f64::NAN, 0.0, -30.0, f64::INFINITY] {
        assert_eq!(TemperatureLaw::new(bad, 25.0).unwrap_err().parameter, "theta_celsius");
    }
    assert_eq!(TemperatureLaw::new(30.0, -274.0).unwrap_err().parameter, "reference_celsius");
    assert_eq!(AgeingLaw::new(f64::NAN, 2.0, 0.2).unwrap_err().parameter, "ageing_delta");
    assert_eq!(AgeingLaw::new(0.2, 0.0, 0.2).unwrap_err().parameter, "ageing_reference_years");
    assert_eq!(AgeingLaw::new(0.2, 2.0, -0.2).unwrap_err().parameter, "ageing_exponent");
    let place = Environment::default();
    assert_eq!(place.at_celsius(-273.16).unwrap_err().parameter, "temperature_celsius");
    assert_eq!(place.at_celsius(f64::NAN).unwrap_err().parameter, "temperature_celsius");
    assert_eq!(place.aged_years(-0.1).unwrap_err().parameter, "age_years");
    for bad in [f64::NAN, -0.1, 0.0, 1e-9, 0.5, 0.6, f64::INFINITY] {
        assert_eq!(Process::from_ber(bad).unwrap_err().parameter, "ber");
    }
    for extreme in [5e-7, 0.499_96] {
        check(Process::from_ber(extreme).unwrap().ber(), extreme, 1e-11);
    }
    assert_eq!(
        place.aged_years(-1.0).unwrap_err().to_string(),
        "age_years is -1.0, outside 0 to 1000"
    );
}

/// What the profiles were fitted to, recomputed from their parameters.
#[test]
fn profiles_reproduce_their_measurements() {
    let process = |name| profile::find(name).unwrap().process().unwrap();
    // Mean distance of readouts: 4.54, 4.66 and 5.03 % to the first one of three chips; 5.1 %
    // between those of the boards.
    check(process("scum").ber(), 0.0474, 0.01);
    check(process("stm32f401").ber(), 0.0513, 0.01);
    let field = process("wang-2020-field");
    check(field.ber(), 0.0249, 1e-10);
    let two_years = Environment::default().aged_years(2.0).unwrap();
    check(field.ber_at(&two_years), 0.0297, 1e-10);
    check(process("maes-2013-sram").ber(), 0.054_260_744_568_5, 1e-11);
}
