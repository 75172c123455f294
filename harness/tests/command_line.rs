//! The command line as scripts meet it: exit codes, JSON, seeds, and stories over several commands.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};

use puf_emulator::silicon::PARAMETERS;
use serde_json::{Value, json};

mod place;

use place::Place;

fn is_hex(value: &Value, digits: usize) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == digits && text.chars().all(|digit| digit.is_ascii_hexdigit())
    })
}

#[test]
fn without_arguments_the_demo_runs() {
    let place = Place::new();
    let page = place.expect(0, "--seed 7");
    assert_eq!(page, place.expect(0, "demo --seed 7"));
    for words in
        ["never had a key loaded", "refused: nonce-used", "every chip got in, nobody else did"]
    {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert!(fs::read_dir(place.0.path()).unwrap().next().is_none(), "the demo leaves no file");
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let place = Place::new();
    for command in ["demo --devices 3", "demo --devices 2 --ber 0.08 --sketch syndrome"] {
        let one = place.expect(0, &format!("{command} --seed 5 --format json --threads 1"));
        let two = place.expect(0, &format!("{command} --seed 5 --format json --threads 2"));
        assert_eq!(one, two);
        let other = place.expect(0, &format!("{command} --seed 6 --format json"));
        assert_ne!(one, other);
    }
    for (threads, file) in [(1, "one.npy"), (2, "two.npy")] {
        let shape = "simulate --cells 1000 --devices 3 --readouts 40 --ber 0.1 --seed 11";
        place.expect(0, &format!("{shape} --threads {threads} --output {file}"));
    }
    assert_eq!(fs::read(place.path("one.npy")).unwrap(), fs::read(place.path("two.npy")).unwrap());
}

#[test]
fn a_run_without_a_seed_prints_one_that_repeats_it() {
    let place = Place::new();
    let first = place.expect(0, "demo --devices 1 --format json");
    let seed = serde_json::from_str::<Value>(&first).unwrap()["seed"].as_u64().unwrap();
    let again = place.expect(0, &format!("demo --devices 1 --format json --seed {seed}"));
    assert_eq!(first, again);
}

#[test]
fn the_demo_document_holds_what_scripts_rely_on() {
    let place = Place::new();
    let document = place.json(0, "demo --seed 1");
    assert_eq!(document["schema"], "puflab/demo/1");
    assert_eq!(document["seed"], 1);
    let results = &document["results"];
    let devices = results["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 6);
    for device in devices {
        assert!(is_hex(&device["device_id"], 40) && is_hex(&device["public_key"], 130));
        assert_eq!(device["authenticated"], true);
        assert_eq!(device["authentications"].as_array().unwrap().len(), 5);
    }
    let refused: Vec<(&str, &str)> = results["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["attack"].as_str().unwrap(), r["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(
        refused,
        [
            ("impostor", "bad-signature"),
            ("replay", "nonce-used"),
            ("tampered-helper-data", "no-evidence"),
            ("too-noisy", "no-evidence"),
        ]
    );
    let failure = results["key_failure"].as_f64().unwrap();
    assert!(failure > 0.0 && failure < 1e-20, "{failure:e}");
}

/// A code too weak for the silicon must be seen failing.
#[test]
fn a_bad_design_fails_the_demo() {
    let place = Place::new();
    let arguments = "demo --ber 0.08 --code bch(127,64,10)^16 --seed 3 --devices 4";
    let document = place.json(1, arguments);
    let accepted = document["results"]["devices"].as_array().unwrap();
    assert!(accepted.iter().any(|device| device["authenticated"] == false));
    assert!(document["results"]["key_failure"].as_f64().unwrap() > 0.5);
}

#[test]
fn codes_by_themselves() {
    let place = Place::new();
    let info = place.json(0, "code info bch(15,7,2)");
    assert_eq!(info["results"]["generator"], "1d1");
    assert_eq!((&info["results"]["n"], &info["results"]["k"]), (&15.into(), &7.into()));
    let encoded = place.json(0, "code encode bch(15,7,2) 01");
    assert_eq!(encoded["results"]["codeword"], "01d1");
    let decoded = place.json(0, "code decode bch(15,7,2) 0111");
    assert_eq!(decoded["results"]["message"], "01");
    assert_eq!(decoded["results"]["corrected"], 2);
    let failed = place.json(1, "code decode golay(24,12) 00000f");
    assert_eq!(failed["results"]["failure"], true);
    let pufky = place.json(0, "code info rep(7)*bch(318,174,17)");
    assert_eq!(pufky["results"]["n"], 2226);

    place.refuse(2, "code info golay(24,13)", &["golay(24,13)", "exist"]);
    place.refuse(2, "code info bch(255,132,18)", &["131"]);
    place.refuse(2, "code info bhc(255,131,18)", &["bch"]);
    place.refuse(2, "code info rep(1099511627776)", &["rep"]);
    place.refuse(2, "code encode bch(15,7,2) 0", &["1 hex digits where 2", "pad"]);
    place.refuse(2, "code encode bch(15,7,2) zz", &["'z'"]);
    place.refuse(2, "code encode bch(15,7,2) ff", &["7 bits"]);
}

#[test]
fn an_even_tie_is_a_coin_of_the_seed() {
    let place = Place::new();
    let decode = |seed| {
        let arguments = format!("code decode rep(4) c --seed {seed}");
        place.json(0, &arguments)["results"]["message"].as_str().unwrap().to_owned()
    };
    let ones = (0..40).filter(|&seed| decode(seed) == "1").count();
    // 40 fair coins leave 8..=32 with probability below 1e-4.
    assert!((8..=32).contains(&ones), "{ones} of 40");
    assert_eq!(decode(3), decode(3));
}

#[test]
fn profiles_say_where_their_numbers_come_from() {
    let place = Place::new();
    let document = place.json(0, "profiles");
    let profiles = document["results"]["profiles"].as_array().unwrap();
    let names: Vec<&str> = profiles.iter().map(|p| p["name"].as_str().unwrap()).collect();
    for name in ["typical-mcu", "scum", "stm32f401"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for profile in profiles {
        for parameter in profile["parameters"].as_array().unwrap() {
            assert!(!parameter["provenance"].as_str().unwrap().is_empty(), "{profile}");
        }
    }
    place.refuse(2, "demo --profile scm", &["unknown profile \"scm\"", "--profile scum"]);
}

#[test]
fn the_parameters_of_profiles_are_listed() {
    let place = Place::new();
    let document = place.json(0, "profiles --parameters");
    let parameters = document["results"]["parameters"].as_array().unwrap();
    assert_eq!(parameters.len(), PARAMETERS.len());
    for (listed, parameter) in parameters.iter().zip(PARAMETERS) {
        assert_eq!(listed["name"], parameter.name);
        assert_eq!(listed["unit"], parameter.unit);
        assert_eq!(listed["typical"].as_f64(), parameter.typical);
        assert_eq!(listed["off"].as_f64(), parameter.off);
    }
    let page = place.expect(0, "profiles --parameters");
    for parameter in PARAMETERS {
        assert!(page.contains(parameter.name) && page.contains(parameter.meaning), "{page}");
    }
}

#[test]
fn a_profile_can_be_a_file() {
    let place = Place::new();
    let head = "format = 1\nname = \"mine\"\ndescription = \"mine\"\nkind = \"measured\"\n";
    let text = head.to_owned()
        + "[parameters]\nlambda1 = { value = 0.2, unit = \"sd of the skew\", source = \"s\" }\n\
           readout_scale_cv = { value = \"typical\", unit = \"dimensionless\" }\n";
    let write = |name: &str, text: &str| fs::write(place.path(name), text).unwrap();
    write("mine.toml", &text);
    let simulated = place.json(
        0,
        "simulate --profile mine.toml --cells 800 --readouts 2 --ramp-us 20 --off-seconds 1 \
         --seed 1 --output a.npy",
    );
    let process = &simulated["inputs"]["process"];
    assert_eq!((&process["name"], &process["file"]), (&json!("mine"), &json!("mine.toml")));
    assert_eq!(process["lambda1"], 0.2);
    assert_eq!(process["theta_celsius"], 30.0);
    assert_eq!(process["readout_scale_cv"], 0.06);
    assert!(process.get("wander_sd").is_none(), "{process}");
    let environment = &simulated["inputs"]["environment"];
    assert_eq!(
        (&environment["supply_ramp_us"], &environment["off_seconds"]),
        (&json!(20.0), &json!(1.0))
    );

    // A device keeps what it was made of.
    place.expect(
        0,
        "device new die --profile ./mine.toml --code rep(5)*bch(255,131,18) --cells 2000 --seed 1",
    );
    let chip = fs::read_to_string(place.path("die/chip.toml")).unwrap();
    assert!(chip.contains("readout_scale_cv = 0.06"), "{chip}");

    write("typo.toml", &text.replace("readout_scale_cv", "readout_scale_vc"));
    place.refuse(
        2,
        "demo --profile typo.toml",
        &[
            "typo.toml: line 7, column 1: no parameter is called readout_scale_vc",
            "try: readout_scale_cv",
        ],
    );
    write("unit.toml", &text.replace("sd of the skew", "volts"));
    place.refuse(
        2,
        "demo --profile unit.toml",
        &["unit.toml: line 6, column 33", "\"sd of the skew\" is asked"],
    );
    write("wild.toml", &text.replace("0.2", "nan"));
    place.refuse(
        2,
        "demo --profile wild.toml",
        &["wild.toml: line 6, column 21", "profiles --parameters"],
    );
    write("wide.toml", &"#".repeat(2 << 20));
    place.refuse(2, "demo --profile wide.toml", &["wide.toml: longer than 1048576 bytes"]);
    fs::write(place.path("latin.toml"), b"name = \"\xe9\"").unwrap();
    place.refuse(2, "demo --profile latin.toml", &["latin.toml: not UTF-8 at byte 8"]);
    place.refuse(6, "demo --profile no/such.toml", &["no/such.toml"]);
    place.refuse(
        2,
        "simulate --ramp-us 0 --output a.npy",
        &["supply_ramp_us is 0.0, outside 0.001"],
    );
}

#[test]
fn simulated_power_ups_have_the_bit_error_rate_asked_for() {
    let place = Place::new();
    let shape = "simulate --ber 0.1 --cells 8000 --devices 5 --readouts 2 --seed 2";
    let document = place.json(0, &format!("{shape} --output a.npy"));
    let ber = document["results"]["realised_ber"].as_f64().unwrap();
    // 40,000 independent cells: a standard error of 0.0015; 5.85 of them, alpha = 5e-9.
    assert!((ber - 0.1).abs() < 5.85 * 0.0015, "{ber}");
    place.expect(0, &format!("{shape} --output c.csv"));
    assert_eq!(fs::read_to_string(place.path("c-004.csv")).unwrap().lines().count(), 2);
    let npy = fs::read(place.path("a.npy")).unwrap();
    assert!(npy.starts_with(b"\x93NUMPY") && npy.len() == 128 + 5 * 2 * 8000);
    place.expect(0, &format!("{shape} --packed --output p.npy"));
    assert_eq!(fs::read(place.path("p.npy")).unwrap().len(), 128 + 5 * 2 * 1000);
    place.expect(0, &format!("{shape} --output d.bin"));
    let bin = fs::read(place.path("d-003.bin")).unwrap();
    assert_eq!(bin.len(), 2 * 1000);
    assert_eq!(bin[..], fs::read(place.path("p.npy")).unwrap()[128 + 3 * 2000..][..2000]);
}

/// Without a file only counts are kept, the same that come with one.
#[test]
fn simulated_power_ups_can_be_counted_alone() {
    let place = Place::new();
    let shape = "simulate --profile stm32f401 --temperature-celsius -18 --cells 8000 --devices 3 \
                 --readouts 50 --seed 2";
    let counted = place.json(0, shape);
    let written = place.json(0, &format!("{shape} --output a.npy"));
    for figure in ["realised_ber", "realised_ber_standard_error", "ones", "errors", "compared"] {
        assert_eq!(counted["results"][figure], written["results"][figure], "{figure}");
    }
    assert_eq!(counted["results"]["files"].as_array().unwrap().len(), 0);
    let left: Vec<_> = fs::read_dir(place.0.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// Hot, against the fresh enrolment that the closed form means: one readout each of 50 devices, so
/// 409,600 independent cells; 5.85 standard errors, alpha = 5e-9. The two readouts in the
/// heat differ from each other by far less.
#[test]
fn the_realised_rate_to_an_enrolment_is_the_expected_one() {
    let place = Place::new();
    let run = "simulate --ber 0.05 --temperature-celsius 85 --devices 50 --readouts 2 --seed 7";
    let results = place.json(0, run)["results"].clone();
    let figure = |name: &str| results[name].as_f64().unwrap();
    let expected = figure("expected_ber_to_reference_enrolment");
    let cells = figure("compared_to_reference_enrolment");
    assert_eq!(cells, 409_600.0);
    let error = (expected * (1.0 - expected) / cells).sqrt();
    let off = figure("realised_ber_to_reference_enrolment") - expected;
    assert!(off.abs() < 5.85 * error, "{off}");
    assert!(expected - figure("realised_ber") > 5.85 * error);
}

/// The same dies go on where the first run ended: two runs are one.
#[test]
fn a_simulation_goes_on_at_any_readout() {
    let place = Place::new();
    let run = |rest: &str| {
        place.expect(0, &format!("simulate --ber 0.1 --cells 640 --seed 4 {rest}"));
    };
    run("--readouts 30 --output whole.bin");
    run("--readouts 10 --output a.bin");
    run("--readouts 20 --first-readout 10 --output b.bin");
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    assert_eq!(read("whole.bin"), [read("a.bin"), read("b.bin")].concat());
}

/// A shipped profile as a text, changed, is a profile.
#[test]
fn a_shipped_profile_is_a_text_to_start_from() {
    let place = Place::new();
    place.expect(0, "profiles scum --toml --output mine.toml");
    let shipped = place.json(0, "simulate --profile scum --seed 5");
    let mine = place.json(0, "simulate --profile mine.toml --seed 5");
    assert_eq!(shipped["results"]["errors"], mine["results"]["errors"]);
    let shown = place.json(0, "profiles mine.toml");
    assert_eq!(shown["results"]["profiles"][0]["kind"], "measured");
    place.refuse(2, "profiles scum stm32f401 --toml", &["one profile"]);
}

/// The truth beside the readouts: over a thousand readouts every cell's ones are within 6 standard
/// deviations of its probability (1600 cells: alpha = 3e-6).
#[test]
fn true_probabilities_are_those_of_the_readouts() {
    let place = Place::new();
    let document = place.json(
        0,
        "simulate --ber 0.15 --cells 800 --devices 2 --readouts 1000 --seed 3 --output a.npy \
         --probabilities p.npy",
    );
    assert_eq!(document["results"]["files"].as_array().unwrap().len(), 2);
    let bits = fs::read(place.path("a.npy")).unwrap();
    let truth = fs::read(place.path("p.npy")).unwrap();
    assert!(truth.starts_with(b"\x93NUMPY") && truth.len() == 128 + 2 * 800 * 8);
    for (device, cells) in truth[128..].as_chunks::<8>().0.chunks(800).enumerate() {
        for (cell, &p) in cells.iter().enumerate() {
            let p = f64::from_le_bytes(p);
            let of_cell = |readout: usize| bits[128 + (1000 * device + readout) * 800 + cell];
            let ones = (0..1000).map(of_cell).map(f64::from).sum::<f64>();
            let deviation = (1000.0 * p * (1.0 - p)).sqrt();
            assert!((ones - 1000.0 * p).abs() <= 6.0 * deviation + 3.0, "{device}, {cell}: {p}");
        }
    }
}

/// A disk that fills: the kernel's own, behind a name that asks for an array.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let place = Place::new();
    std::os::unix::fs::symlink("/dev/full", place.path("full.npy")).unwrap();
    place.refuse(6, "simulate --output full.npy", &["full.npy", "No space left"]);
    place.refuse(6, "simulate --probabilities full.npy", &["full.npy", "No space left"]);
}

#[test]
fn simulate_refuses_and_leaves_nothing() {
    let place = Place::new();
    let refuse = |exit, arguments: &str, words: &[&str]| {
        place.refuse(exit, &format!("simulate {arguments}"), words);
        let left: Vec<_> = fs::read_dir(place.0.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    };
    refuse(2, "--cells 1000000000000 --output a.npy", &["1000000000000 cells"]);
    refuse(2, "--cells 0 --output a.npy", &["cells"]);
    refuse(2, "--ber NaN --output a.npy", &["ber"]);
    refuse(2, "--ber -0.1 --output a.npy", &[]);
    refuse(2, "--lambda1 -1 --output a.npy", &[]);
    refuse(2, "--ber 0.6 --output a.npy", &["0.6"]);
    refuse(2, "--temperature-celsius -300 --output a.npy", &["-300"]);
    refuse(2, "--output a.txt", &[".npy"]);
    refuse(2, "--cells 9 --output a.bin", &["multiple of 8"]);
    refuse(2, "--output a.npy --probabilities ./a.npy", &["a.npy is named twice"]);
    refuse(2, "--ber 0.1 --lambda2 0.3", &["--lambda2"]);
    refuse(2, "--age-years -1", &["age_years is -1.0"]);
    refuse(2, "--devices 0", &["0 devices"]);
    refuse(2, "--readouts 0", &["0 readouts"]);
    refuse(2, "--devices 18446744073709551615", &["18446744073709551615 devices"]);
    refuse(2, "--probabilities p.csv", &["p.csv", ".npy"]);
    refuse(6, "--output a.npy --probabilities missing/p.npy", &["missing"]);
    refuse(6, "--output missing/folder/a.npy", &["missing/folder"]);
    refuse(6, "--devices 1000000 --readouts 1000000 --output a.npy", &["are free"]);
}

/// An interrupted run takes its half-made file along, and says that it did not end well.
#[cfg(unix)]
#[test]
fn an_interrupted_simulation_leaves_nothing() {
    let place = Place::new();
    let mut child = place
        .command("simulate --cells 65536 --devices 64 --readouts 2000 --packed --output a.npy")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(6));
    let left: Vec<_> = fs::read_dir(place.0.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_device_lives_in_its_folder() {
    let place = Place::new();
    let made = place.json(0, "device new chip --seed 4");
    assert_eq!(made["results"]["lifecycle"], "blank");
    place.refuse(3, "device power-cycle chip", &["not enrolled", "device enroll chip"]);
    let enrolled = place.json(0, "device enroll chip");
    let info = place.json(0, "device info chip");
    assert_eq!(info["results"]["public_key"], enrolled["results"]["public_key"]);
    assert_eq!(info["results"]["power_cycles"], 1);
    place.refuse(2, "device enroll chip", &["enrolled already"]);
    place.refuse(2, "device new chip", &["not empty"]);

    let cycles = place.json(0, "device power-cycle chip --times 5 --temperature-celsius 85");
    assert_eq!(cycles["results"]["rebuilt"], 5);
    place.expect(0, "device age chip --years 10");
    let info = place.json(0, "device info chip");
    assert_eq!(info["results"]["age_years"], 10.0);
    assert_eq!(info["results"]["power_cycles"], 6);
    place.expect(0, "device power-cycle chip");

    place.expect(0, "device tamper chip --flip-bit 1000");
    assert!(place.expect(1, "device power-cycle chip").contains("not rebuilt"));
    place.expect(0, "device tamper chip --flip-bit 1000");
    place.expect(0, "device power-cycle chip");
}

/// What nobody could have written is bad data, exit 3; what parses and is not genuine gives no key,
/// exit 1, and no word on why.
#[test]
fn harmed_helper_data_is_told_apart_as_far_as_the_public_may_know() {
    let place = Place::new();
    place.expect(0, "device new chip --seed 4");
    place.expect(0, "device enroll chip --seed 4");
    let helper = place.path("chip/helper.bin");
    let good = fs::read(&helper).unwrap();
    let malformed = |bytes: &[u8], words: &[&str]| {
        fs::write(&helper, bytes).unwrap();
        for command in ["power-cycle", "certificate"] {
            place.refuse(3, &format!("device {command} chip"), words);
        }
        place.run_and_complain(3, "device info chip", words);
    };
    malformed(&good[..10], &["helper.bin", "announces 418 bytes and has 10"]);
    malformed(&[], &["ends at offset 0"]);
    malformed(&[&good[..], &[0]].concat(), &["announces 418 bytes and has 419"]);
    let mut version = good.clone();
    version[5] = 2;
    malformed(&version, &["format version 2, this program reads 1"]);
    let mut flipped = good.clone();
    for bit in [12 * 8, 20 * 8, 50 * 8, 200 * 8, 417 * 8] {
        flipped[bit / 8] ^= 1;
        fs::write(&helper, &flipped).unwrap();
        assert_eq!(place.expect(1, "device power-cycle chip"), "key not rebuilt\n");
        flipped[bit / 8] ^= 1;
    }
    fs::write(&helper, &good).unwrap();
    place.expect(0, "device power-cycle chip");
}

#[test]
fn helper_data_of_another_chip_gives_no_key() {
    let place = Place::new();
    for (name, seed) in [("a", 1), ("b", 2)] {
        place.expect(0, &format!("device new {name} --seed {seed}"));
        place.expect(0, &format!("device enroll {name}"));
    }
    place.expect(0, "device tamper a --replace b/helper.bin");
    place.expect(1, "device power-cycle a");
}

#[test]
fn a_device_folder_that_is_not_whole_is_refused() {
    let place = Place::new();
    place.expect(0, "device new a --seed 1");
    place.expect(0, "device enroll a");
    place.expect(0, "device new b --seed 2");
    let spoil = |file: &str, bytes: Option<&[u8]>, words: &[&str]| {
        let path = place.path("a").join(file);
        let good = fs::read(&path).unwrap();
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        for command in ["info", "power-cycle", "enroll"] {
            place.refuse(3, &format!("device {command} a"), words);
        }
        fs::write(&path, good).unwrap();
    };
    spoil("chip.toml", None, &["no chip.toml"]);
    spoil("state", None, &["state is missing"]);
    spoil("helper.bin", None, &["helper.bin is missing"]);
    spoil("state", Some(b""), &["state"]);
    spoil("state", Some(&fs::read(place.path("b/state")).unwrap()), &["another device's"]);
    spoil("chip.toml", Some(b"schema = 9"), &["chip.toml"]);
    place.expect(0, "device power-cycle a");
    place.refuse(6, "device info nowhere", &["nowhere", "device new nowhere"]);
}

#[test]
fn certificates_and_requests_are_pem() {
    let place = Place::new();
    place.expect(0, "device new chip --seed 4");
    place.expect(0, "device enroll chip --seed 4");
    let certificate = place.expect(0, "device certificate chip --not-before 1700000000");
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----\n"));
    place.expect(0, "device certificate chip --request --output chip.csr");
    let request = fs::read_to_string(place.path("chip.csr")).unwrap();
    assert!(request.ends_with("-----END CERTIFICATE REQUEST-----\n"));
    fs::write(place.path("chip.pem"), certificate).unwrap();
    place.expect(0, "verifier init gate");
    let registered = place.json(0, "verifier register gate --certificate chip.pem");
    let info = place.json(0, "device info chip");
    assert_eq!(registered["results"]["device_id"], info["results"]["device_id"]);
}

/// A device that listens, until it is dropped.
struct Served {
    child: Child,
    endpoint: String,
}

impl Served {
    fn start(place: &Place, arguments: &str) -> Self {
        let mut child = place
            .command(&format!("device serve {arguments}"))
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut notes = String::new();
        let endpoint = loop {
            let start = notes.len();
            assert!(lines.read_line(&mut notes).unwrap() > 0, "it does not listen:\n{notes}");
            if let Some((_, endpoint)) = notes[start..].trim().split_once("listening on ") {
                break format!("--{endpoint}");
            }
        };
        // Somebody must go on reading, or the device would wait for its notes to be read.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, endpoint }
    }
}

impl Drop for Served {
    /// Asks it to end, so that it takes its socket or its link along.
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process};
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
        #[cfg(not(unix))]
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn authenticates_over(endpoint: &str) {
    let place = Place::new();
    place.expect(0, "device new chip --seed 4");
    place.expect(0, "device enroll chip");
    place.expect(0, "verifier init gate --max-failed-attempts 3");
    let served = Served::start(&place, &format!("chip {endpoint}"));
    let at = &served.endpoint;

    let stranger = place.json(1, &format!("verifier authenticate gate {at}"));
    assert_eq!(stranger["results"]["reason"], "unknown-device");
    let key = place.json(0, "verifier list gate");
    assert_eq!(key["results"]["devices"].as_array().unwrap().len(), 0);
    place.expect(0, &format!("verifier register gate {at}"));
    for _ in 0..3 {
        let accepted = place.json(0, &format!("verifier authenticate gate {at}"));
        assert_eq!(accepted["results"]["verdict"], "accepted");
    }
    drop(served);

    // The same device with changed helper data: refused, and locked out after three attempts.
    place.expect(0, "device tamper chip --flip-bit 999");
    let served = Served::start(&place, &format!("chip {endpoint}"));
    let at = &served.endpoint;
    let reasons: Vec<String> = (0..4)
        .map(|_| {
            let document = place.json(1, &format!("verifier authenticate gate {at}"));
            document["results"]["reason"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(reasons, ["no-evidence", "no-evidence", "no-evidence", "locked-out"]);
    let log = place.expect(0, "verifier log gate");
    assert!(log.contains("no-evidence") && log.contains("locked-out"), "{log}");
    let at = at.clone();
    drop(served);
    for left in ["chip.socket", "chip.tty"] {
        assert!(fs::symlink_metadata(place.path(left)).is_err(), "{left} was left behind");
    }
    place.refuse(6, &format!("verifier authenticate gate {at}"), &["device serve"]);
}

#[test]
fn a_device_proves_itself_over_tcp() {
    authenticates_over("--tcp 127.0.0.1:0");
}

#[cfg(unix)]
#[test]
fn a_device_proves_itself_over_a_unix_socket() {
    authenticates_over("--unix chip.socket");
}

#[cfg(unix)]
#[test]
fn a_device_proves_itself_over_a_serial_line() {
    authenticates_over("--pty chip.tty");
}

/// Rubbish on a serial line costs the session it is in, and not the next.
#[cfg(unix)]
#[test]
fn a_serial_line_recovers_from_rubbish() {
    let place = Place::new();
    place.expect(0, "device new chip --seed 4");
    place.expect(0, "device enroll chip");
    place.expect(0, "verifier init gate");
    let served = Served::start(&place, "chip --pty chip.tty");
    let mut line = fs::OpenOptions::new().write(true).open(place.path("chip.tty")).unwrap();
    line.write_all(&[0xFF; 300]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    place.expect(0, &format!("verifier register gate {}", served.endpoint));
    place.expect(0, &format!("verifier authenticate gate {}", served.endpoint));
}

#[test]
fn a_frame_of_four_gibibytes_ends_the_session_and_not_the_server() {
    let place = Place::new();
    place.expect(0, "device new chip --seed 4");
    place.expect(0, "device enroll chip");
    place.expect(0, "verifier init gate");
    let served = Served::start(&place, "chip --tcp 127.0.0.1:0");
    let address = served.endpoint.strip_prefix("--tcp ").unwrap();
    let mut hostile = std::net::TcpStream::connect(address).unwrap();
    hostile.write_all(&[0xFF, 0xFF, 0xFF, 0xFF, 1]).unwrap();
    let mut answer = Vec::new();
    // Closed or reset: either way there is no answer.
    let _ = hostile.read_to_end(&mut answer);
    assert!(answer.is_empty());
    place.expect(0, &format!("verifier register gate {}", served.endpoint));
    place.expect(0, &format!("verifier authenticate gate {}", served.endpoint));
}

#[test]
fn a_registry_of_another_verifier_is_refused() {
    let place = Place::new();
    let ours = place.json(0, "verifier init ours")["results"]["verifier_id"].clone();
    let theirs = place.json(0, "verifier init theirs")["results"]["verifier_id"].clone();
    let registry = |db: &str| place.path(db).join("registry.redb");
    fs::copy(registry("theirs"), registry("ours")).unwrap();
    let words = [ours.as_str().unwrap(), theirs.as_str().unwrap()];
    place.refuse(3, "verifier list ours", &words);
    fs::write(registry("ours"), b"not a registry").unwrap();
    place.refuse(3, "verifier list ours", &["registry"]);
    place.refuse(2, "verifier init theirs", &["exists"]);
    place.refuse(6, "verifier list nowhere", &["verifier init nowhere"]);
    let toml = place.path("theirs/verifier.toml");
    let text = fs::read_to_string(&toml).unwrap();
    fs::write(&toml, text.replace("lockout_seconds", "lockout_minutes")).unwrap();
    place.refuse(2, "verifier list theirs", &["lockout_minutes"]);
}

/// Two simulated chips as a folder of raw dumps: the demo takes them like measured ones.
#[test]
fn the_demo_takes_readouts_from_a_folder() {
    let place = Place::new();
    fs::create_dir(place.path("dumps")).unwrap();
    let shape = "simulate --ber 0.05 --cells 4096 --devices 2 --readouts 6 --seed 9";
    place.expect(0, &format!("{shape} --output dumps/chip.bin"));
    let document = place.json(0, "demo --readouts dumps --seed 1");
    let devices = document["results"]["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2);
    for device in devices {
        assert_eq!((&device["boots"], &device["keys_rebuilt"]), (&5.into(), &5.into()));
        let ber = device["wchd_reference_mean"].as_f64().unwrap();
        assert!((0.03..0.07).contains(&ber), "{ber}");
    }
    let bad = place.json(1, "demo --readouts dumps --code bch(127,106,3)^2 --windows all");
    let windows = &bad["results"]["devices"][0]["windows"];
    assert_eq!(windows["count"], 4096 / 254);
    assert!(windows["failures"].as_u64().unwrap() > 0);
    place.refuse(6, "demo --readouts nowhere", &["nowhere"]);
    fs::write(place.path("empty.bin"), b"").unwrap();
    place.refuse(3, "demo --readouts empty.bin", &["empty.bin"]);
}

/// What is wrong with measured readouts is said with file and place, and what to do about it.
#[test]
fn bad_readouts_are_exit_3_with_advice() {
    let place = Place::new();
    let refuse = |name: &str, content: &[u8], words: &[&str]| {
        fs::create_dir_all(place.path("set")).unwrap();
        fs::write(place.path("set").join(name), content).unwrap();
        place.refuse(3, "demo --readouts set", &[&[name, "try"][..], words].concat());
        fs::remove_dir_all(place.path("set")).unwrap();
    };
    refuse("P1.hex", b":0100000001FF\n", &["line 1: checksum FF where the bytes give FE"]);
    refuse("a.csv", b"0,1\n0,1,1\n", &["line 2", "3 cells where the first readout has 2"]);
    refuse("a.pkl", b"(lp0\n.", &["pickles are not read", "numpy.save"]);
    refuse("P1.txt", b"", &["an empty file", "remove it"]);
    let odd = "demo --readouts odd.bin --record-bytes 3";
    fs::write(place.path("odd.bin"), [0x5a; 64]).unwrap();
    place.refuse(3, odd, &["odd.bin", "64 bytes", "a record length that divides 64"]);
    #[cfg(unix)]
    {
        fs::create_dir(place.path("set")).unwrap();
        std::os::unix::fs::symlink(".", place.path("set/again")).unwrap();
        place.refuse(3, "demo --readouts set", &["set/again", "a loop", "remove it"]);
    }
}

/// A file's name is not a line of ours, and does not drive the terminal.
#[cfg(unix)]
#[test]
fn hostile_names_forge_no_lines() {
    let place = Place::new();
    fs::create_dir(place.path("dumps")).unwrap();
    let name = "A\u{1b}]0;owned\u{7}\nerror: forged";
    fs::write(place.path("dumps").join(format!("{name}.bin")), vec![0x5A; 512]).unwrap();
    let output = place.run("demo --readouts dumps");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("error: forged")), "{text}");
}

#[test]
fn output_files_are_whole_or_absent() {
    let place = Place::new();
    place.expect(0, "demo --devices 1 --seed 1 --output story.txt --color always");
    let story = fs::read_to_string(place.path("story.txt")).unwrap();
    assert!(story.contains("never had a key loaded") && !story.contains('\u{1b}'), "{story}");
    place.refuse(6, "demo --devices 1 --output no/such/folder.txt", &["no/such/folder.txt"]);
    if Path::new("/dev/full").exists() {
        let output = place.run("demo --devices 1 --output /dev/full");
        assert_eq!(output.status.code(), Some(6));
    }
}

#[test]
fn mistakes_on_the_command_line_are_exit_2() {
    let place = Place::new();
    for arguments in ["demonstrate", "demo --devices 0", "--seed -1", "--threads 0", "code info"] {
        place.refuse(2, arguments, &[]);
    }
    assert!(place.expect(0, "--help").contains("demo"));
    assert!(place.expect(0, "--version").starts_with("puflab 0."));
    assert!(place.expect(0, "completions bash").contains("puflab"));
}

/// Cells of eight chips that agree in most of their columns, as packed bits.
fn aliased_chips() -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let common: Vec<u8> = (0..500).map(|_| next()).collect();
    // A byte of which a bit is one once in eight: where a chip differs.
    (0..8 * 500).map(|i| common[i % 500] ^ next() & next() & next()).collect()
}

#[test]
fn entropy_is_assessed_in_every_order_of_rows() {
    let place = Place::new();
    fs::write(place.path("chips.bin"), aliased_chips()).unwrap();
    let whole = place.json(0, "entropy90b chips.bin");
    let results = &whole["results"];
    assert_eq!((&whole["schema"], &whole["seed"]), (&json!("puflab/entropy90b/1"), &Value::Null));
    assert_eq!((&results["samples"], &results["orders"]), (&json!(32_000), &Value::Null));
    assert_eq!(results["estimators"].as_object().unwrap().len(), 10);
    assert_eq!(
        results["min_entropy"],
        results["estimators"][results["decided_by"].as_str().unwrap()]
    );

    let rows = place.json(0, "entropy90b chips.bin --record-bytes 500 --seed 2");
    let of = |order: &str| rows["results"]["orders"][order]["min_entropy"].as_f64().unwrap();
    assert_eq!(
        rows["results"]["min_entropy"], results["min_entropy"],
        "rows are in the file's order"
    );
    assert!(of("column") < 0.7 * of("shuffled"));
    assert_eq!(rows["results"]["min_entropy_of_all_orders"], json!(of("column").min(of("row"))));
    let column = place.json(0, "entropy90b chips.bin --record-bytes 500 --order column");
    assert_eq!(column["results"]["min_entropy"], json!(of("column")));
    assert_eq!(column["seed"], Value::Null, "nothing was drawn");

    let page = place.expect(0, "entropy90b chips.bin --record-bytes 500 --seed 2");
    for words in ["row       column     shuffled", "along columns", "seed 2", "an indication only"]
    {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert!(place.expect(0, "entropy90b chips.bin").contains("give --record-bytes N"));
}

#[test]
fn readouts_and_symbols_are_assessed_too() {
    let place = Place::new();
    place.expect(0, "simulate --cells 4096 --readouts 8 --seed 3 --output cells.npy");
    let npy = place.json(0, "entropy90b cells.npy --seed 1")["results"].clone();
    assert_eq!((&npy["rows"], &npy["columns"]), (&json!(8), &json!(4096)));
    let orders = npy["orders"].as_object().unwrap();
    let h = |order: &str| orders[order]["min_entropy"].as_f64().unwrap();
    assert!(h("column") < 0.2, "readouts of one chip agree: {}", h("column"));

    fs::write(place.path("dice"), aliased_chips().iter().map(|b| b % 6).collect::<Vec<_>>())
        .unwrap();
    let dice = place.json(0, "entropy90b dice --symbols")["results"].clone();
    let number = |name: &str| dice[name].as_f64().unwrap();
    assert_eq!((&dice["bits_per_symbol"], &dice["alphabet"]), (&json!(3), &json!(6)));
    assert_eq!(number("min_entropy"), number("h_original").min(3.0 * number("h_bitstring")));
    assert!(dice["estimators"].get("markov").is_none());
    assert!(dice["left_out"]["markov"].as_str().unwrap().contains("bits only"));
    assert!(dice["bitstring"]["estimators"]["markov"].is_number());
    let some = place.json(0, "entropy90b dice --symbols --estimator lrs,t_tuple --samples 1000");
    assert_eq!(some["results"]["estimators"].as_object().unwrap().len(), 2);
    assert_eq!(some["results"]["samples"], json!(1000));
}

#[test]
fn entropy_verdicts_are_results_and_targets_are_checks() {
    let place = Place::new();
    fs::write(place.path("chips.bin"), aliased_chips()).unwrap();
    let iid = "entropy90b chips.bin --iid --seed 4 --samples 5000 --format json";
    let one = place.expect(0, &format!("{iid} --threads 1"));
    assert_eq!(one, place.expect(0, &format!("{iid} --threads 2")));
    let iid = serde_json::from_str::<Value>(&one).unwrap()["results"]["iid"].clone();
    assert_eq!(iid["permutation"]["statistics"].as_object().unwrap().len(), 19);
    assert_eq!(iid["passed"], json!(true), "along rows nothing shows: {iid}");

    place.expect(0, "entropy90b chips.bin --require 0.1");
    let page = place.expect(1, "entropy90b chips.bin --record-bytes 500 --require 0.99 --seed 1");
    assert!(page.contains("NOT MET: 0.99 was required"), "{page}");
    let failed = place.json(1, "entropy90b chips.bin --restart 8,4000");
    assert_eq!(failed["results"]["restart"]["passed"], json!(false));
    fs::write(place.path("rows.bin"), &aliased_chips()[500..950]).unwrap();
    let good = place.json(0, "entropy90b rows.bin --restart 60,60 --initial 0.2");
    assert_eq!(good["results"]["restart"]["sanity"]["passed"], json!(true), "{good}");
    assert_eq!(good["results"]["restart"]["min_entropy"], json!(0.2));
}

#[test]
fn what_cannot_be_assessed_is_refused() {
    let place = Place::new();
    fs::write(place.path("empty"), []).unwrap();
    fs::write(place.path("one"), [1]).unwrap();
    fs::write(place.path("bits"), [0, 1, 1, 4, 0]).unwrap();
    place.refuse(3, "entropy90b empty", &["an empty file", "1000000 samples"]);
    place.refuse(3, "entropy90b one --symbols", &["1 sample;", "need 2"]);
    place.refuse(3, "entropy90b bits --symbols --bits-per-symbol 2", &["offset 3: 4", "2 bits"]);
    place.refuse(3, "entropy90b bits --record-bytes 3", &["40 samples", "rows of 24"]);
    place.refuse(3, "entropy90b bits --restart 7,7", &["40 samples", "are 49"]);
    place.refuse(3, "entropy90b bits --iid", &["272 samples"]);
    place.refuse(2, "entropy90b bits --order column", &["no rows", "--record-bytes"]);
    place.refuse(
        2,
        "entropy90b bits --restart 5,8 --initial 1.5",
        &["--initial", "between 0 and 1"],
    );
    place.refuse(2, "entropy90b bits --restart 5", &["1000,1000"]);
    place.refuse(2, "entropy90b bits --bits-per-symbol 9", &["1..=8"]);
    place.refuse(2, "entropy90b bits --estimator lrz", &["did you mean lrs?"]);
    place.refuse(2, "entropy90b bits --initial 0.5", &["--restart"]);
    place.refuse(2, "entropy90b bits --require nan", &["between 0 and 8"]);
    place.refuse(6, "entropy90b nowhere", &["nowhere"]);
    let few = place.json(0, "entropy90b bits");
    assert!(few["results"]["left_out"]["compression"].as_str().unwrap().contains("it needs 6012"));
    fs::write(place.path("zeros"), [0; 10]).unwrap();
    let constant = place.json(0, "entropy90b zeros --samples 16");
    assert_eq!(constant["results"]["min_entropy"], json!(0.0));
}
