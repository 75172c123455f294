//! `puflab inspect` on measured silicon that the repository does not carry: second stage.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;

mod shared_folder;

use shared_folder::shared;

mod place;

use place::Place;

fn inspected(folder: &str, more: &str) -> Value {
    let path = shared(folder).canonicalize().unwrap();
    Place::new().json(0, &format!("inspect {} {more}", path.display()))["results"].take()
}

fn device<'a>(results: &'a Value, name: &str) -> &'a Value {
    results["devices"].as_array().unwrap().iter().find(|device| device["name"] == name).unwrap()
}

/// The value has the printed digits of `text`.
#[track_caller]
fn printed(value: &Value, text: &str) {
    let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    let found = format!("{:.digits$}", value.as_f64().unwrap());
    assert_eq!(found, text);
}

fn percent(value: &Value) -> Value {
    (100.0 * value.as_f64().unwrap()).into()
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn the_micro_motes_in_shared() {
    let results = inspected("data/scum", "--strict");
    for (name, readouts, ones, wchd) in
        [("M39", 85, "0.5009", "4.54"), ("L45", 28, "0.4993", "4.66"), ("M42", 4, "0.4987", "5.03")]
    {
        let device = device(&results, name);
        assert_eq!((&device["readouts"], &device["cells"]), (&readouts.into(), &450_560.into()));
        printed(&device["ones_fraction"], ones);
        printed(&percent(&device["wchd_reference_mean"]), wchd);
        // Bits 4 and 5 of the cell's number, on every chip.
        assert_eq!(device["polarity"]["top"][0]["bits"], serde_json::json!([4, 5]));
        assert_eq!(device["polarity"]["top"][0]["is_significant"], true);
    }
    let m39 = device(&results, "M39");
    printed(&percent(&m39["never_flip_fraction"]), "80.48");
    printed(&m39["fit"]["lambda1"], "0.1010");
    printed(&m39["fit"]["lambda2"], "-0.0022");
    let chi2 = m39["fit"]["chi2_per_df"].as_f64().unwrap();
    assert!((chi2 - 0.9).abs() < 0.1, "{chi2}");
    printed(&percent(&results["between"]["bchd_mean"]), "49.96");
    assert_eq!(results["faults"], Value::Array(Vec::new()));
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn ten_readouts_tell_what_eighty_five_show_in_shared() {
    let all = inspected("data/scum/M39.bin", "");
    let first = inspected("data/scum/M39.bin", "--first 10 --record-bytes 56320");
    let growth = |results: &Value, readouts: u64| {
        let growth = results["devices"][0]["growth"].as_array().unwrap().clone();
        growth.into_iter().find(|g| g["readouts"] == readouts).unwrap()
    };
    let observed = &growth(&all, 85)["observed"];
    printed(&percent(observed), "19.52");
    // 85 is no round number: between 50 and 100 the growth is even in the logarithm, to 1e-4.
    let at = |n: u64| growth(&first, n)["predicted"]["value"].as_f64().unwrap();
    let share = (85.0_f64 / 50.0).ln() / 2.0_f64.ln();
    let predicted = at(50) + share * (at(100) - at(50));
    let off = predicted - observed.as_f64().unwrap();
    assert!(off.abs() < 0.001, "{predicted}, observed {observed}");
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn the_boards_at_two_temperatures_in_shared() {
    let results = inspected("data/stm32f401", "");
    let reunions = results["reunions"].as_array().unwrap();
    let reunion = |first: &str, second: &str| {
        let found = reunions.iter().find(|r| r["first"] == first && r["second"] == second);
        found.unwrap_or_else(|| panic!("{first}, {second}"))
    };
    for (name, cold, rate) in [
        ("Andrzej", "Andrzejcold (-18degrees)", "6.194"),
        ("Pierre", "Pierrecold (-18degrees)", "6.147"),
    ] {
        let reunion = reunion(name, cold);
        printed(&percent(&reunion["majority_to_readouts"]), rate);
        let correlation = reunion["fit"]["latent_correlation"]["value"].as_f64().unwrap();
        assert!((correlation - 0.987).abs() < 0.002, "{correlation}");
    }
    // lambda1 within half a percent of what was fitted elsewhere.
    for (name, lambda1) in
        [("Franck", 0.1103), ("Pierre", 0.1145), ("Timothy", 0.1168), ("Andrzej", 0.1173)]
    {
        let found = device(&results, name)["fit"]["lambda1"].as_f64().unwrap();
        assert!((found / lambda1 - 1.0).abs() < 0.005, "{name}: {found}");
        let faults = results["faults"].as_array().unwrap();
        let run = faults.iter().find(|f| f["kind"] == "constant-run" && f["device"] == name);
        assert_eq!(run.unwrap()["addresses"], serde_json::json!([[0x2001_7ffc, 0x2001_8000]]));
    }
    for (name, even, odd) in
        [("Franck", 0.38, 0.62), ("Pierre", 0.466, 0.557), ("Timothy", 0.453, 0.553)]
    {
        let top = &device(&results, name)["polarity"]["top"][0];
        assert_eq!(top["bits"], serde_json::json!([5]), "{name}");
        for (key, expected) in [("ones_even", even), ("ones_odd", odd)] {
            let found = top[key].as_f64().unwrap();
            assert!((found - expected).abs() < 0.005, "{name}, {key}: {found}");
        }
    }
    assert_eq!(results["between"]["devices"], 4, "each die once");
}
