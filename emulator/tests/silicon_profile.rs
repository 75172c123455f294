//! Profiles: what is shipped, what is read, and what a mistake is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use puf_emulator::silicon::profile::{
    self, MAX_TEXT_BYTES, Position, Profile, ProfileFault, ProfileKind,
};
use puf_emulator::silicon::{PARAMETERS, Parameter, Process};

const HEAD: &str =
    "format = 1\nname = \"my-board\"\ndescription = \"a board\"\nkind = \"measured\"\n";
const LAMBDA1: &str =
    "[parameters]\nlambda1 = { value = 0.1, unit = \"sd of the skew\", source = \"a fit\" }\n";

/// A profile with further lines.
fn with(lines: &str) -> String {
    format!("{HEAD}{LAMBDA1}{lines}")
}

#[track_caller]
fn check(text: &str, message: &str) {
    let error = Profile::from_toml(text).unwrap_err();
    assert_eq!(error.to_string(), message, "\n{text}");
}

#[test]
fn shipped_profiles_are_well_formed() {
    let names: Vec<_> = profile::shipped_names().collect();
    assert_eq!(names, ["typical-mcu", "scum", "stm32f401", "wang-2020-field", "maes-2013-sram"]);
    for (name, profile) in names.into_iter().zip(profile::shipped()) {
        assert_eq!(profile.name(), name);
        assert_eq!(profile::find(name).as_ref(), Some(&profile));
        assert!(!profile.description().is_empty());
        assert!(profile.settings().len() >= 7, "{name}");
        for setting in profile.settings() {
            assert!(!setting.source.trim().is_empty(), "{name}: {}", setting.parameter.name);
        }
        let process = profile.process().unwrap();
        for (parameter, value) in process.parameters() {
            let set = profile.settings().iter().find(|s| s.parameter == parameter);
            assert_eq!(Some(value), set.map(|s| s.value).or(parameter.default));
        }
        assert_eq!(Profile::from_toml(&profile.to_toml()), Ok(profile));
    }
    assert_eq!(profile::find("no-such-silicon"), None);
}

#[test]
fn what_is_read_is_what_was_written() {
    let text = with(
        "lambda1_cv = { value = \"typical\", unit = \"dimensionless\" }\n\
         polarity_mask = { value = 0x30, unit = \"bit mask\", source = 'says \"so\" \\ there' }\n\
         lambda2 = { value = -1, unit = \"sd of the skew\", source = \"a fit\" }\n",
    );
    let profile = Profile::from_toml(&text).unwrap();
    assert_eq!((profile.name(), profile.description()), ("my-board", "a board"));
    assert_eq!(profile.kind(), ProfileKind::Measured);
    let settings: Vec<_> =
        profile.settings().iter().map(|s| (s.parameter.name, s.value, s.is_typical)).collect();
    assert_eq!(
        settings,
        [
            ("lambda1", 0.1, false),
            ("lambda2", -1.0, false),
            ("lambda1_cv", 0.05, true),
            ("polarity_mask", 48.0, false)
        ]
    );
    assert_eq!(profile.settings()[3].source, "says \"so\" \\ there");
    assert_eq!(Profile::from_toml(&profile.to_toml()), Ok(profile));
    // The other forms that TOML has for a table.
    let dotted = HEAD.to_owned()
        + "parameters.lambda1.value = 0.1\nparameters.lambda1.unit = \"sd of the skew\"\n\
           [parameters.lambda1.source]\n";
    assert!(Profile::from_toml(&dotted).is_err());
    let tables = HEAD.to_owned()
        + "[parameters.lambda1]\nvalue = 0.1\nunit = \"sd of the skew\"\nsource = \"a fit\"\n";
    assert_eq!(Profile::from_toml(&tables), Profile::from_toml(&with("")));
}

/// Every parameter can be set, by its least, greatest and typical value.
#[test]
fn every_parameter_of_the_table_can_be_set() {
    for Parameter { name, unit, typical, least, greatest, .. } in PARAMETERS {
        let lambda1 = if *name == "lambda1" { "" } else { LAMBDA1 };
        let heading = if lambda1.is_empty() { "[parameters]\n" } else { "" };
        let values = [format!("{least:?}"), format!("{greatest:?}"), "\"typical\"".to_owned()];
        for value in values {
            let text = format!(
                "{HEAD}{lambda1}{heading}{name} = {{ value = {value}, unit = {unit:?}, source = \"s\" }}\n"
            );
            let read = Profile::from_toml(&text);
            if value.starts_with('"') && typical.is_none() {
                assert_eq!(read.unwrap_err().fault, ProfileFault::NoTypical, "{name}");
            } else {
                read.unwrap().process().unwrap();
            }
        }
    }
}

#[test]
fn mistakes_are_told_with_their_places() {
    check(&HEAD.replace("format = 1\n", ""), "format is missing, for example format = 1");
    check(
        &HEAD.replace("format = 1", "format = 2"),
        "line 1, column 10: format is 2, this program reads format 1",
    );
    check(
        &HEAD.replace("format = 1", "format = \"1\""),
        "line 1, column 10: format is \\\"1\\\", this program reads format 1",
    );
    check(&HEAD.replace("name =", "nam ="), "line 2, column 1: nam means nothing in a profile");
    check(
        &with("").replace("my-board", "My Board"),
        "line 2, column 8: name is not 1 to 64 lower-case letters, digits and hyphens",
    );
    check(
        &with("").replace("my-board", &"x".repeat(65)),
        "line 2, column 8: name is not 1 to 64 lower-case letters, digits and hyphens",
    );
    check(&with("").replace("\"my-board\"", "7"), "line 2, column 8: name is not a text in quotes");
    for bad in ["", "  ", "a\\u001bb", &"x".repeat(1001)] {
        check(
            &with("").replace("a board", bad),
            "line 3, column 15: description is not 1 to 1000 characters without control characters",
        );
    }
    check(
        &with("").replace("measured", "rumoured"),
        "line 4, column 8: kind is \"rumoured\", where measured, literature and typical exist",
    );
    check(HEAD, "parameters is missing, for example [parameters]");
    check(&format!("{HEAD}parameters = 3\n"), "line 5, column 14: parameters is not a table");
    check(
        &format!("{HEAD}[parameters]\n"),
        "line 5, column 1: parameters.lambda1 is missing, for example lambda1 = { value = 0.11, \
         unit = \"sd of the skew\", source = \"a fit\" }",
    );
}

#[test]
fn mistakes_in_a_parameter_are_told_with_their_places() {
    check(&with("lamda2 = { value = 0 }\n"), "line 7, column 1: no parameter is called lamda2");
    let error = Profile::from_toml(&with("lamda2 = 1\n")).unwrap_err();
    assert_eq!(error.position, Some(Position { line: 7, column: 1 }));
    assert_eq!(error.key, "parameters.lamda2");
    let ProfileFault::Unknown { known } = error.fault else { panic!("{error}") };
    assert_eq!(known.len(), PARAMETERS.len());

    check(&with("lambda2 = 0.1\n"), "line 7, column 11: parameters.lambda2 is not a table");
    check(
        &with("lambda2 = { unit = \"sd of the skew\", source = \"s\" }\n"),
        "line 7, column 11: parameters.lambda2.value is missing, for example value = 0.0",
    );
    check(
        &with("lambda2 = { value = 0.1, source = \"s\" }\n"),
        "line 7, column 11: parameters.lambda2.unit is missing, for example unit = \"sd of the skew\"",
    );
    check(
        &with("lambda2 = { value = 0.1, unit = \"volts\", source = \"s\" }\n"),
        "line 7, column 33: parameters.lambda2.unit is \"volts\", where \"sd of the skew\" is asked",
    );
    check(
        &with("lambda2 = { value = 0.1, unit = \"sd of the skew\" }\n"),
        "line 7, column 11: parameters.lambda2.source is missing, for example source = \
         \"where the number comes from\"",
    );
    check(
        &with("lambda2 = { value = 0.1, unit = \"sd of the skew\", source = \" \" }\n"),
        "line 7, column 60: parameters.lambda2.source is not 1 to 1000 characters without control \
         characters",
    );
    check(
        &with("lambda2 = { value = 0.1, unit = \"sd of the skew\", source = \"s\", note = 1 }\n"),
        "line 7, column 65: parameters.lambda2.note means nothing in a profile",
    );
    for (value, shown) in [
        ("nan", "NaN, outside -10 to 10"),
        ("-inf", "-inf, outside -10 to 10"),
        ("1e999", "inf, outside -10 to 10"),
        ("10.5", "10.5, outside -10 to 10"),
        ("-999999999999999999", "-1e18, outside -10 to 10"),
    ] {
        check(
            &with(&format!(
                "lambda2 = {{ value = {value}, unit = \"sd of the skew\", source = \"s\" }}\n"
            )),
            &format!("line 7, column 21: parameters.lambda2.value: lambda2 is {shown}"),
        );
    }
    check(
        &with("polarity_mask = { value = 4.5, unit = \"bit mask\", source = \"s\" }\n"),
        "line 7, column 27: parameters.polarity_mask.value: polarity_mask is 4.5, not a whole number",
    );
    check(
        &with("history = { value = \"typical\", unit = \"sd of the skew\" }\n"),
        "line 7, column 21: parameters.history.value: too little was measured for a typical value",
    );
    for value in ["\"much\"", "true", "[1]", "1979-05-27"] {
        check(
            &with(&format!(
                "lambda2 = {{ value = {value}, unit = \"sd of the skew\", source = \"s\" }}\n"
            )),
            "line 7, column 21: parameters.lambda2.value is not a number, \"typical\" or \"off\"",
        );
    }
}

#[test]
fn what_is_no_toml_is_refused_at_its_place() {
    let twice = Profile::from_toml(&with("lambda1 = 3\n")).unwrap_err();
    assert_eq!(twice.position.map(|at| at.line), Some(7));
    assert_eq!(twice.to_string(), "line 7, column 1: duplicate key");
    let broken = Profile::from_toml(&with("lambda2 = {\n")).unwrap_err();
    assert!(matches!(broken.fault, ProfileFault::Syntax(_)), "{broken}");
    let long = " ".repeat(MAX_TEXT_BYTES + 1);
    check(&long, "longer than 1048576 bytes");
    // As long as it may be, and as deep as it gets: refused, and soon.
    assert!(Profile::from_toml(&long[1..]).is_err());
    assert!(Profile::from_toml(&format!("a = {}", "[".repeat(MAX_TEXT_BYTES - 4))).is_err());
    assert!(Profile::from_toml(&format!("[{}", "a.".repeat(MAX_TEXT_BYTES / 2 - 1))).is_err());
    assert!(Profile::from_toml(&format!("{} = 1", vec!["a"; 1 << 18].join("."))).is_err());
}

/// Off is a word, too, and needs no source; what every process has cannot be off.
#[test]
fn a_term_can_be_switched_off() {
    let off = with(
        "theta_celsius = { value = \"off\", unit = \"degrees\" }\n\
         ageing_delta = { value = \"off\", unit = \"sd of the noise\" }\n",
    );
    let profile = Profile::from_toml(&off).unwrap();
    assert_eq!(Profile::from_toml(&profile.to_toml()).unwrap().process(), profile.process());
    let process = profile.process().unwrap();
    let place = puf_emulator::silicon::Environment::new(85.0, 10.0).unwrap();
    assert_eq!(process.ber_at(&place), process.ber());
    let refused = with("reference_celsius = { value = \"off\", unit = \"degrees Celsius\" }\n");
    assert_eq!(Profile::from_toml(&refused).unwrap_err().fault, ProfileFault::NoOff);
}

/// What an unknown key is called cannot drive a terminal, or fill it.
#[test]
fn keys_are_shown_safely() {
    let key = "\\u001b[2J".to_owned() + &"x".repeat(500);
    let error = Profile::from_toml(&with(&format!("\"{key}\" = 1\n"))).unwrap_err();
    assert_eq!(error.to_string().chars().filter(|c| c.is_control()).count(), 0);
    assert!(error.to_string().len() < 200);
}

#[test]
fn what_a_profile_does_not_set_is_off() {
    let maes = profile::find("maes-2013-sram").unwrap().process().unwrap();
    let laws = (*maes.temperature(), *maes.ageing());
    assert_eq!(maes, Process::new(0.1213, 0.0210, laws.0, laws.1).unwrap());
}

/// A profile of numbers goes through the same checks as one in writing, and is written as it is read.
#[test]
fn a_profile_of_numbers_is_checked() {
    let of = |name: &str, settings: &[(&str, f64, &str)]| {
        Profile::new(name, "a board", ProfileKind::Measured, settings.iter().copied())
    };
    let good = [("polarity_mask", 48.0, "a \"transform\""), ("lambda1", 0.1, "a fit")];
    let profile = of("my-board", &good).unwrap();
    assert_eq!(profile.process().unwrap().polarity().mask(), 48);
    assert_eq!(profile.settings()[1].source, "a \"transform\"");
    assert_eq!(Profile::from_toml(&profile.to_toml()), Ok(profile));
    let fault = |settings: &[(&str, f64, &str)]| of("my-board", settings).unwrap_err().fault;
    assert!(matches!(of("My board", &good).unwrap_err().fault, ProfileFault::Name));
    assert!(matches!(fault(&[("lambda1", -1.0, "a fit")]), ProfileFault::Value(_)));
    assert!(matches!(fault(&[("lambda1", 0.1, " ")]), ProfileFault::Sentence));
    assert!(matches!(fault(&[("lambda2", 0.1, "a fit")]), ProfileFault::Missing { .. }));
    assert!(matches!(fault(&[("sigma", 0.1, "a fit")]), ProfileFault::Unknown { .. }));
    assert!(matches!(fault(&[("lambda1", f64::NAN, "a fit")]), ProfileFault::Syntax(_)));
}
