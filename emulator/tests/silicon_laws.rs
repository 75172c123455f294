//! Each law against its closed form, and the closed forms of them together against quadrature.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use puf_emulator::silicon::{
    Environment, HistoryLaw, PARAMETERS, Parameter, ParameterError, PolarityLaw, Process, RampLaw,
    ReadoutLaw, RemanenceLaw, TemperatureLaw, TwoComponent, VariationLaw, WanderLaw, profile,
};

#[track_caller]
fn check(found: f64, exact: f64, relative: f64) {
    let error = if exact == 0.0 { found.abs() } else { (found / exact - 1.0).abs() };
    assert!(error <= relative, "{found} where {exact} is exact: off by {error:e}");
}

/// The process with these parameters.
#[track_caller]
fn process(given: &[(&str, f64)]) -> Process {
    for (name, _) in given {
        assert!(Parameter::named(name).is_some(), "{name}");
    }
    Process::from_parameters(|name| given.iter().find(|(n, _)| *n == name).map(|(_, v)| *v))
        .unwrap()
}

fn here() -> Environment {
    Environment::default()
}

// Single laws; numbers by forty-digit arithmetic.

#[test]
fn variation_has_the_process_as_its_mean() {
    let law = VariationLaw::new(0.05, 0.2).unwrap();
    check(law.lambda1_factor(2.0), 1.103_723_147_698_341_6, 1e-15);
    check(law.lambda1_factor(0.0), 0.998_752_338_877_844_6, 1e-15);
    check(law.lambda1_factor(-3.0), 0.859_714_590_060_303_5, 1e-15);
    check(VariationLaw::new(0.5, 0.0).unwrap().lambda1_factor(2.0), 2.300_645_368_320_741_3, 1e-15);
    assert_eq!((law.lambda2_shift(1.5), law.lambda2_shift(0.0)), (0.2 * 1.5, 0.0));
    assert_eq!(VariationLaw::OFF.lambda1_factor(3.0), 1.0);
    // Mean 1 and the coefficient of variation, by the trapezoidal rule.
    for cv in [0.01, 0.05, 0.5] {
        let law = VariationLaw::new(cv, 0.0).unwrap();
        let moment = |power: i32| -> f64 {
            let step = 1.0 / 16.0;
            (-192..=192)
                .map(|i| f64::from(i) * step)
                .map(|z| (-z * z / 2.0).exp() * law.lambda1_factor(z).powi(power) * step)
                .sum::<f64>()
                / (2.0 * std::f64::consts::PI).sqrt()
        };
        check(moment(1), 1.0, 1e-14);
        check(moment(2), 1.0 + cv * cv, 1e-14);
    }
}

#[test]
fn polarity_divides_the_cells_in_halves() {
    for mask in [1, 32, 48, 1 << 16] {
        let law = PolarityLaw::new(mask, 0.1, 0.3).unwrap();
        let odd = (0..1 << 17).filter(|&cell| law.is_odd(cell)).count();
        assert_eq!(odd, 1 << 16, "{mask}");
        check(law.amplitude(-2.0), -0.5, 1e-15);
    }
    let bits_4_and_5 = PolarityLaw::new(48, 0.0, 1.0).unwrap();
    let odd: Vec<bool> = [0, 16, 32, 48].map(|cell| bits_4_and_5.is_odd(cell)).to_vec();
    assert_eq!(odd, [false, true, true, false]);
    // Without classes there is no amplitude, whatever is asked.
    assert_eq!(PolarityLaw::new(0, 0.5, 0.5).unwrap().amplitude(1.0), 0.0);
    assert_eq!(PolarityLaw::new(1 << 26, 0.0, 0.0).unwrap_err().parameter, "polarity_mask");
}

#[test]
fn drifts_have_unit_variance_and_the_kurtosis_of_their_mixture() {
    let law = TwoComponent::of_temperature(0.135, 2.4).unwrap();
    let [(common, a), (rare, b)] = law.components();
    assert_eq!((common, rare), (0.865, 0.135));
    check(a, 0.780_250_563_082_651_7, 1e-15);
    check(b, 1.872_601_351_398_364_1, 1e-15);
    check(law.kurtosis(), 5.941_855_921_236_492, 1e-15);
    assert_eq!(law.variate(2.0, 0.135), 2.0 * a);
    assert_eq!(law.variate(2.0, 0.134_999), 2.0 * b);
    for normal in [TwoComponent::NORMAL, TwoComponent::of_wander(0.3, 1.0).unwrap()] {
        assert!(normal.is_normal());
        check(normal.kurtosis(), 3.0, 1e-15);
        assert_eq!(normal.variate(1.25, 0.0), 1.25);
    }
    assert_eq!(TwoComponent::of_temperature(0.0, 5.0).unwrap().variate(1.25, 0.0), 1.25);
}

#[test]
fn noise_goes_with_the_absolute_temperature() {
    let scale = |exponent: f64, reference: f64, celsius: f64| {
        let law = TemperatureLaw::new(30.0, reference).unwrap().with_noise_exponent(exponent);
        law.unwrap().noise_scale(&here().at_celsius(celsius).unwrap())
    };
    check(scale(0.5, 23.0, -18.0), 0.928_200_756_082_849_8, 1e-15);
    check(scale(1.5, 25.0, 85.0), 1.316_573_813_330_494_5, 1e-15);
    assert_eq!(scale(0.5, 23.0, 23.0), 1.0);
    assert_eq!(scale(0.0, 23.0, -18.0), 1.0);
    // At absolute zero some noise is left.
    check(scale(0.5, 26.85, -273.15), (0.01f64 / 300.0).sqrt(), 1e-15);
    let frozen = process(&[("lambda1", 0.1), ("noise_temperature_exponent", 0.5)]);
    let rate = frozen.ber_at(&here().at_celsius(-273.15).unwrap());
    assert!((0.0..0.5).contains(&rate), "{rate}");
    // The greatest theta is none at all.
    let still = TemperatureLaw::new(1e9, 25.0).unwrap();
    assert_eq!(still.step(&here().at_celsius(1000.0).unwrap()), 0.0);
}

#[test]
fn wander_follows_its_clock() {
    let law = WanderLaw::new(0.1, 2.0, 0.25).unwrap();
    check(law.spread(&here().aged_years(5.0).unwrap()), 0.125_743_342_968_293_54, 1e-15);
    check(law.spread(&here().aged_years(2.0).unwrap()), 0.1, 1e-15);
    assert_eq!(law.spread(&here()), 0.0);
}

#[test]
fn readouts_differ_and_the_first_one_more() {
    let law = ReadoutLaw::new(0.05, 0.03, 0.4).unwrap();
    check(law.of(2.0, 1.0, 1).0, 1.103_723_147_698_341_6, 1e-15);
    check(law.of(2.0, 1.0, 1).1, 0.03, 1e-15);
    check(law.of(2.0, -1.0, 0).1, 0.37, 1e-15);
    assert_eq!(ReadoutLaw::OFF.of(3.0, 3.0, 0), (1.0, 0.0));
}

#[test]
fn history_pulls_both_ways_alike() {
    let law = HistoryLaw::new(0.2).unwrap();
    assert_eq!((law.shift(true), law.shift(false)), (0.2, -0.2));
    assert_eq!(HistoryLaw::default().shift(true), 0.0);
}

#[test]
fn ramps_count_in_octaves() {
    let law = RampLaw::new(100.0, 5.0, 0.25).unwrap();
    let slow = here().ramped_in_us(1600.0).unwrap();
    check(law.step(&slow), 0.8, 1e-15);
    check(law.noise_scale(&slow), 2.0, 1e-15);
    let fast = here().ramped_in_us(30.0).unwrap();
    check(law.step(&fast), -0.347_393_118_833_241_25, 1e-15);
    let quieter = RampLaw::new(100.0, 5.0, -0.1).unwrap();
    check(quieter.noise_scale(&fast), 1.127_944_873_005_499_3, 1e-15);
    assert_eq!((law.step(&here()), law.noise_scale(&here())), (0.0, 1.0));
    assert_eq!((RampLaw::default().step(&slow), RampLaw::default().noise_scale(&slow)), (0.0, 1.0));
}

#[test]
fn retention_has_its_closed_form() {
    let law = RemanenceLaw::new(0.001, 0.7, 10.0).unwrap();
    let temperature = TemperatureLaw::default();
    for (off, celsius, quantile, fraction) in [
        (0.044, -40.0, -1.030_381_485_316_261_8, 0.848_584_519_474_798_3),
        (0.01, 25.0, 3.289_407_275_705_779_7, 0.000_501_993_154_338_091),
        (0.001, 85.0, 5.941_261_547_656_674, 1.414_184_639_498_083_3e-9),
        (10.0, -40.0, 6.721_262_426_195_055, 9.007_839_443_182_246e-12),
    ] {
        let place = here().at_celsius(celsius).unwrap().off_for_seconds(off).unwrap();
        check(law.quantile(&place, &temperature).unwrap(), quantile, 1e-14);
        check(law.fraction(&place, &temperature), fraction, 1e-12);
    }
    let median = here().off_for_seconds(0.001).unwrap();
    check(law.fraction(&median, &temperature), 0.5, 1e-14);
    let never = here().off_for_seconds(0.0).unwrap();
    assert_eq!(law.quantile(&never, &temperature), Some(f64::NEG_INFINITY));
    assert_eq!(law.fraction(&never, &temperature), 1.0);
    // No off-time stated is a long one; nothing retained is nothing, even without any.
    assert_eq!(law.quantile(&here(), &temperature), None);
    assert_eq!(RemanenceLaw::default().quantile(&never, &temperature), None);
    assert_eq!(RemanenceLaw::default().fraction(&never, &temperature), 0.0);
}

#[test]
fn environments_are_checked() {
    let refused = |result: Result<Environment, ParameterError>| result.unwrap_err().parameter;
    for bad in [f64::NAN, 0.0, -1.0, 1e10] {
        assert_eq!(refused(here().ramped_in_us(bad)), "supply_ramp_us");
    }
    for bad in [f64::NAN, -1e-9, f64::INFINITY] {
        assert_eq!(refused(here().off_for_seconds(bad)), "off_seconds");
    }
    let place = here().ramped_in_us(20.0).unwrap().off_for_seconds(0.0).unwrap();
    assert_eq!((place.supply_ramp_us(), place.off_seconds()), (Some(20.0), Some(0.0)));
    assert_eq!((here().supply_ramp_us(), here().off_seconds()), (None, None));
}

// The table.

#[test]
fn the_table_is_sound() {
    for (i, parameter) in PARAMETERS.iter().enumerate() {
        let Parameter { name, unit, off, default, typical, least, greatest, meaning } = parameter;
        assert_eq!(Parameter::named(name), Some(parameter));
        assert!(PARAMETERS[..i].iter().all(|other| other.name != *name), "{name} twice");
        assert!(!unit.is_empty() && !meaning.is_empty() && !meaning.ends_with('.'), "{name}");
        assert!(least < greatest, "{name}");
        for value in [off, default, typical].into_iter().flatten() {
            assert_eq!(parameter.check(*value), Ok(*value), "{name}");
        }
        for bad in
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, least.next_down(), greatest.next_up()]
        {
            assert_eq!(parameter.check(bad).unwrap_err().parameter, *name);
        }
        // Only the noise must be given, and only temperature and ageing are on by themselves.
        assert_eq!(default.is_none(), *name == "lambda1");
        if off.is_some() && off != default {
            assert!(["theta_celsius", "ageing_delta"].contains(name), "{name}");
        }
    }
}

/// Each parameter by itself, at both ends of its range.
#[test]
fn processes_and_their_parameters_are_each_other() {
    for parameter in PARAMETERS {
        let values = [Some(parameter.least), Some(parameter.greatest), parameter.typical];
        for value in values.into_iter().flatten() {
            let given = [(parameter.name, value), ("lambda1", 0.1)];
            let made = process(&given);
            for (found, number) in made.parameters() {
                let lambda1 = (found.name == "lambda1").then_some(0.1);
                let expected = if found == parameter { Some(value) } else { lambda1 };
                assert_eq!(Some(number), expected.or(found.default), "{}", found.name);
            }
            let listed: Vec<_> = made.parameters().map(|(p, number)| (p.name, number)).collect();
            assert_eq!(process(&listed), made);
        }
        let bad = Process::from_parameters(|name| {
            Some(if name == parameter.name { f64::NAN } else { Parameter::named(name)?.least })
        });
        assert_eq!(bad.unwrap_err().parameter, parameter.name);
    }
    assert_eq!(Process::from_parameters(|_| None).unwrap_err().parameter, "lambda1");
}

fn environments() -> Vec<Environment> {
    let field = Environment::new(-18.0, 3.0).unwrap();
    vec![here(), field, field.ramped_in_us(7.0).unwrap().off_for_seconds(0.1).unwrap()]
}

fn figures(process: &Process) -> Vec<u64> {
    let mut figures = vec![process.bias()];
    for place in environments() {
        figures.push(process.ber_at(&place));
        figures.push(process.ber_to_dominant_at(&place));
        figures.push(process.dominant_flip_fraction_at(&place));
        figures.push(process.remanence().fraction(&place, process.temperature()));
    }
    figures.into_iter().map(f64::to_bits).collect()
}

/// To the last bit: a term that is off, whatever its other parameters are, leaves no trace.
#[test]
fn what_is_off_does_nothing() {
    for profile in profile::shipped() {
        let plain = profile.process().unwrap();
        let laws = (*plain.temperature(), *plain.ageing());
        let bare = Process::new(plain.lambda1(), plain.lambda2(), laws.0, laws.1).unwrap();
        let bare = bare.with_variation(*plain.variation());
        assert_eq!(bare, plain);
        let off = Process::from_parameters(|name| match name {
            "polarity_mean" | "polarity_sd" => Some(0.7),
            "wander_exponent" => Some(1.0),
            "wander_reference_years" | "retention_log_sd" => Some(1.5),
            "ramp_reference_us" => Some(3.0),
            "retention_halving_celsius" => Some(5.0),
            _ => plain.parameters().find(|(p, _)| p.name == name).map(|(_, value)| value),
        });
        assert_eq!(figures(&off.unwrap()), figures(&plain), "{}", profile.name());
    }
    // A mixture needs a fraction and a ratio.
    let base = [("lambda1", 0.1), ("wander_sd", 0.05)];
    for half in ["temperature_rare_fraction", "wander_rare_fraction"] {
        let [a, b] = base;
        assert_eq!(figures(&process(&[a, b, (half, 0.3)])), figures(&process(&base)));
    }
    for half in ["temperature_rare_ratio", "wander_rare_ratio"] {
        let [a, b] = base;
        assert_eq!(figures(&process(&[a, b, (half, 3.0)])), figures(&process(&base)));
    }
}

// All of them together.

/// Quadrature over the skews themselves (composite Gauss and Legendre, split where a value changes),
/// with the lognormal scales by the trapezoidal rule over nine standard deviations: bias, then rates
/// to a readout, to the preferred value, and of the preferred values. Good to about 1e-14.
#[test]
fn closed_forms_of_all_laws_agree_with_quadrature() {
    type Row = (&'static [(&'static str, f64)], (f64, f64, f64), [f64; 4]);
    // The parameters; temperature, years, rise time; the four figures.
    #[rustfmt::skip]
    let rows: [Row; 13] = [
        (&[("lambda1", 0.11), ("lambda1_cv", 0.05)], (25.0, 0.0, 100.0), [
            0.5, 0.049_267_849_688_632_16, 0.034_872_844_124_510_2, 0.0,
        ]),
        (&[("lambda1", 0.11), ("lambda1_cv", 0.5), ("lambda2", 0.3)], (-20.0, 2.0, 100.0), [
            0.382_932_067_365_255_1, 0.078_600_548_179_883_99, 0.069_712_197_497_692_83,
            0.058_785_054_685_325_09,
        ]),
        (&[("lambda1", 0.05), ("readout_scale_cv", 0.06), ("lambda2", -0.7)], (85.0, 0.0, 100.0), [
            0.757_762_579_169_486_9, 0.030_467_207_096_719_746, 0.027_803_814_006_667_85,
            0.024_871_955_684_934_7,
        ]),
        (&[("lambda1", 0.2), ("readout_scale_cv", 0.5)], (25.0, 10.0, 100.0), [
            0.5, 0.115_487_885_422_962_57, 0.087_310_115_322_058_91, 0.045_263_457_401_365_954,
        ]),
        (
            &[
                ("lambda1", 0.11), ("lambda2", 0.1), ("lambda2_sd", 0.2), ("polarity_mask", 32.0),
                ("polarity_mean", 0.2), ("polarity_sd", 0.3),
            ],
            (0.0, 1.0, 100.0),
            [
                0.463_369_606_639_784_55, 0.060_057_134_395_183_55, 0.049_263_296_098_985_32,
                0.034_607_728_075_674_284,
            ],
        ),
        (
            &[("lambda1", 0.11), ("polarity_mask", 48.0), ("polarity_mean", -0.65)],
            (25.0, 0.0, 100.0),
            [0.5, 0.039_971_502_291_328_884, 0.028_280_565_342_872_738, 0.0],
        ),
        (
            &[
                ("lambda1", 0.11), ("temperature_rare_fraction", 0.135),
                ("temperature_rare_ratio", 2.4), ("noise_temperature_exponent", 0.5),
                ("reference_celsius", 23.0),
            ],
            (-18.0, 0.0, 100.0),
            [
                0.5, 0.065_366_360_655_661_34, 0.054_980_841_749_215_94,
                0.043_941_609_102_903_43,
            ],
        ),
        (
            &[
                ("lambda1", 0.11), ("wander_sd", 0.1), ("wander_rare_fraction", 0.1),
                ("wander_rare_ratio", 3.0), ("lambda2", -0.05),
            ],
            (25.0, 5.0, 100.0),
            [
                0.519_819_358_550_529_2, 0.071_914_067_189_364_69, 0.060_745_628_965_344_94,
                0.045_843_528_882_398_8,
            ],
        ),
        (
            &[("lambda1", 0.11), ("readout_offset_sd", 0.05), ("lambda2", 0.2)],
            (60.0, 0.0, 100.0),
            [
                0.421_305_117_768_971_06, 0.066_031_327_720_353_42, 0.054_458_773_123_365_13,
                0.039_831_842_017_206_99,
            ],
        ),
        (
            &[("lambda1", 0.11), ("ramp_theta_octaves", 4.0), ("ramp_noise_exponent", 0.25)],
            (25.0, 0.0, 1600.0),
            [0.5, 0.084_179_058_557_570_93, 0.076_769_902_466_827_83, 0.034_873_880_497_764_2],
        ),
        (
            &[
                ("lambda1", 0.3), ("lambda1_cv", 0.5), ("readout_scale_cv", 0.5),
                ("lambda2", 1.0), ("ageing_delta", 2.0),
            ],
            (-10.0, 2.0, 100.0),
            [
                0.172_175_707_214_435_31, 0.309_059_738_806_772_2, 0.297_868_776_420_570_1,
                0.290_375_732_418_602_2,
            ],
        ),
        (
            &[
                ("lambda1", 0.11), ("lambda1_cv", 0.3), ("readout_scale_cv", 0.2),
                ("ageing_delta", -1.5), ("lambda2", 0.1),
            ],
            (25.0, 2.0, 100.0),
            [0.460_439_930_542_928_26, 0.010_869_855_478_756_177, 0.003_970_141_979_235_137, 0.0],
        ),
        (
            &[
                ("lambda1", 0.09), ("lambda2", -0.2), ("lambda1_cv", 0.1), ("lambda2_sd", 0.05),
                ("polarity_mask", 65536.0), ("polarity_mean", 0.1), ("polarity_sd", 0.2),
                ("temperature_rare_fraction", 0.135), ("temperature_rare_ratio", 2.4),
                ("noise_temperature_exponent", 0.5), ("wander_sd", 0.05),
                ("wander_rare_fraction", 0.2), ("wander_rare_ratio", 2.0),
                ("readout_scale_cv", 0.06), ("readout_offset_sd", 0.03),
                ("ramp_theta_octaves", 10.0), ("ramp_noise_exponent", -0.1),
            ],
            (-30.0, 3.0, 20.0),
            [
                0.576_953_443_683_576_3, 0.073_099_977_052_173_44, 0.066_189_228_504_856_69,
                0.057_417_774_887_794_01,
            ],
        ),
    ];
    for (given, (celsius, years, ramp), exact) in rows {
        let process = process(given);
        let place = Environment::new(celsius, years).unwrap().ramped_in_us(ramp).unwrap();
        check(process.bias(), exact[0], 1e-11);
        check(process.ber_at(&place), exact[1], 1e-11);
        check(process.ber_to_dominant_at(&place), exact[2], 1e-11);
        check(process.dominant_flip_fraction_at(&place), exact[3], 1e-11);
    }
}

/// `arctan(lambda1 |step|) / pi`, and with a mixture the same over its components.
#[test]
fn flips_for_good_have_their_closed_form() {
    let cold = here().at_celsius(-15.0).unwrap();
    let plain = process(&[("lambda1", 0.1), ("theta_celsius", 20.0)]);
    let atan = |x: f64| x.atan() / std::f64::consts::PI;
    check(plain.dominant_flip_fraction_at(&cold), atan(0.2), 1e-13);
    assert_eq!(plain.dominant_flip_fraction_at(&here()), 0.0);
    let heavy = process(&[
        ("lambda1", 0.1),
        ("theta_celsius", 20.0),
        ("temperature_rare_fraction", 0.2),
        ("temperature_rare_ratio", 3.0),
    ]);
    let a = 1.0 / (0.8f64 + 0.2 * 9.0).sqrt();
    let exact = 0.8 * atan(0.2 * a) + 0.2 * atan(0.6 * a);
    check(heavy.dominant_flip_fraction_at(&cold), exact, 1e-13);
    // Age alone moves the cells that lie within delta of the threshold.
    let worn = process(&[("lambda1", 0.1), ("ageing_delta", 3.0)]);
    let two_years = here().aged_years(2.0).unwrap();
    check(worn.dominant_flip_fraction_at(&two_years), 0.235_822_844_377_905_27, 1e-13);
    let young = process(&[("lambda1", 0.1), ("ageing_delta", -3.0)]);
    assert_eq!(young.dominant_flip_fraction_at(&two_years), 0.0);
}
