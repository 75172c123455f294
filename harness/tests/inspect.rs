//! `puflab inspect` as a researcher meets it, on power-ups that `puflab simulate` made.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use serde_json::Value;

mod place;

use place::Place;

#[track_caller]
fn near(value: &Value, expected: f64, tolerance: f64) {
    let found = value.as_f64().unwrap_or_else(|| panic!("a number: {value}"));
    assert!((found - expected).abs() <= tolerance, "{found}, expected {expected} +- {tolerance}");
}

fn simulated(place: &Place, arguments: &str) {
    place.expect(0, &format!("simulate -q {arguments}"));
}

#[test]
fn a_population_is_what_it_was_made_of() {
    let place = Place::new();
    simulated(
        &place,
        "--lambda1 0.12 --devices 4 --readouts 12 --cells 40000 --seed 3 --output a.npy",
    );
    let document = place.json(0, "inspect a.npy --strict");
    assert_eq!(document["schema"], "puflab/inspect/1");
    let results = &document["results"];
    let devices = results["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 4);
    for device in devices {
        assert_eq!((&device["readouts"], &device["cells"]), (&12.into(), &40000.into()));
        // 5.85 standard errors: of the fit that of its interval, of the rates from the cells.
        let interval = &device["fit"]["lambda1_interval"];
        let half = (interval[1].as_f64().unwrap() - interval[0].as_f64().unwrap()) / 2.0;
        near(&device["fit"]["lambda1"], 0.12, 5.85 / 1.96 * half);
        near(&device["ones_fraction"], 0.5, 5.85 * 0.5 / 200.0);
        // arccos(1 / (1 + .12^2)) / pi; the spread over cells is below .12.
        near(&device["wchd_pairwise_mean"], 0.05374, 5.85 * 0.12 / 200.0);
        near(&device["fit"]["chi2_per_df"], 1.0, 2.0);
        assert!(device["fit"]["total_variation"].as_f64().unwrap() < 0.02);
    }
    let between = &results["between"];
    assert_eq!((&between["devices"], &between["pairs"]), (&4.into(), &6.into()));
    near(&between["bchd_mean"], 0.5, 5.85 * 0.5 / (6.0_f64 * 40000.0).sqrt());
    assert_eq!(results["faults"], Value::Array(Vec::new()));
    // The same without a word of doubt on a page.
    let page = place.expect(0, "inspect a.npy --strict");
    for words in ["4 sets", "lambda1", "BCHD", "nothing that the detectors know"] {
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let place = Place::new();
    simulated(&place, "--devices 5 --readouts 9 --cells 8192 --seed 4 --packed --output a.npy");
    let one = place.expect(0, "inspect a.npy --format json --entropy90b --seed 1 --threads 1");
    let three = place.expect(0, "inspect a.npy --format json --entropy90b --seed 1 --threads 3");
    assert_eq!(one, three);
    let page = place.expect(0, "inspect a.npy --threads 1");
    assert_eq!(page, place.expect(0, "inspect a.npy --threads 4"));
}

/// A profile made of measured readouts makes readouts like them.
#[test]
fn a_saved_profile_is_taken_by_simulate_and_demo() {
    let place = Place::new();
    simulated(
        &place,
        "--lambda1 0.15 --lambda2 -0.3 --devices 3 --readouts 20 --cells 40000 --seed 5 --output a.npy",
    );
    place.expect(0, "inspect a.npy --save-profile board.toml");
    let text = fs::read_to_string(place.path("board.toml")).unwrap();
    assert!(text.contains("name = \"board\"") && text.contains("kind = \"measured\""), "{text}");
    place.expect(0, "profiles board.toml");
    simulated(
        &place,
        "--profile board.toml --devices 3 --readouts 20 --cells 40000 --seed 6 --output b.npy",
    );
    let rate = |file: &str| {
        let document = place.json(0, &format!("inspect {file} --metrics-only"));
        let devices = document["results"]["devices"].as_array().unwrap().clone();
        let mean = |key: &str| devices.iter().map(|d| d[key].as_f64().unwrap()).sum::<f64>() / 3.0;
        [mean("wchd_pairwise_mean"), mean("ones_fraction")]
    };
    let ([errors, ones], [errors_again, ones_again]) = (rate("a.npy"), rate("b.npy"));
    // Each a mean over 120,000 cells, twice, and the fit between: three independent errors.
    assert!((errors / errors_again - 1.0).abs() < 0.06, "{errors} {errors_again}");
    assert!((ones - ones_again).abs() < 0.02, "{ones} {ones_again}");
    let demo = place.json(0, "demo --profile board.toml --devices 2 --seed 1");
    assert_eq!(demo["results"]["devices"][0]["authenticated"], true);
}

#[test]
fn faults_are_named_and_left_out_and_strict_is_exit_3() {
    let place = Place::new();
    simulated(&place, "--devices 1 --readouts 12 --cells 16384 --seed 7 --output a.bin");
    let clean = place.json(0, "inspect a.bin --record-bytes 2048 --strict");
    // Readout 5 is a copy of readout 4, and the last 8 bytes of all are zeros.
    let mut bytes = fs::read(place.path("a.bin")).unwrap();
    let copy = bytes[4 * 2048..5 * 2048].to_vec();
    bytes[5 * 2048..6 * 2048].copy_from_slice(&copy);
    bytes.chunks_mut(2048).for_each(|readout| readout[2040..].fill(0));
    fs::write(place.path("b.bin"), bytes).unwrap();
    let document = place.json(0, "inspect b.bin --record-bytes 2048");
    let results = &document["results"];
    let kinds: Vec<&str> =
        results["faults"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["duplicate-readouts", "constant-run"]);
    assert_eq!(results["faults"][0]["device"], "b");
    assert_eq!(results["faults"][0]["readouts"], serde_json::json!([5]));
    let cells = &results["faults"][1]["cells"][0];
    // Cells beside the run may read 0 as well.
    assert!(cells[0].as_u64().unwrap() > 16256 && cells[0].as_u64().unwrap() <= 16320, "{cells}");
    assert_eq!(cells[1], 16384);
    let without = &results["without_faults"]["devices"][0];
    assert_eq!(without["readouts_left_out"], 1);
    let figures = &without["figures"];
    assert_eq!(figures["readouts"], 11);
    near(
        &figures["wchd_pairwise_mean"],
        clean["results"]["devices"][0]["wchd_pairwise_mean"].as_f64().unwrap(),
        2e-3,
    );
    place.run_and_complain(3, "inspect b.bin --record-bytes 2048 --strict", &["2 faults"]);
    let page = place.expect(0, "inspect b.bin --record-bytes 2048");
    assert!(page.contains("Without the faulty part"), "{page}");
    // Left out by hand: nothing remains to be found there.
    let by_hand = place.json(0, "inspect b.bin --record-bytes 2048 --leave-out 2032..2048");
    let faults = by_hand["results"]["faults"].as_array().unwrap();
    assert_eq!((faults.len(), &faults[0]["kind"]), (1, &"duplicate-readouts".into()));
    assert_eq!(by_hand["results"]["devices"][0]["cells_left_out"], 128);
}

#[test]
fn the_first_readouts_alone() {
    let place = Place::new();
    simulated(&place, "--devices 1 --readouts 30 --cells 8192 --seed 8 --output a.npy");
    let document = place.json(0, "inspect a.npy --first 10");
    let device = &document["results"]["devices"][0];
    assert_eq!(device["readouts"], 10);
    let growth = device["growth"].as_array().unwrap();
    let at = |n: u64| growth.iter().find(|g| g["readouts"] == n).unwrap();
    assert!(at(10)["observed"].is_number() && at(20)["observed"].is_null());
    let all = place.json(0, "inspect a.npy");
    let observed = &all["results"]["devices"][0]["growth"];
    let observed = observed.as_array().unwrap().iter().find(|g| g["readouts"] == 30).unwrap();
    // Of 8192 cells a fifth has flipped: a standard error of half a point, and that of the fit.
    near(&observed["observed"], observed["predicted"]["value"].as_f64().unwrap(), 0.03);
}

/// The lists of the issue tracker's nightmares: each a clear word, file and place, exit 3.
#[test]
fn bad_input_is_exit_3_and_named() {
    let place = Place::new();
    let file = |name: &str, bytes: &[u8]| {
        let path = place.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    file("ragged/a.csv", b"0,1,1\n1,0\n");
    place.refuse(3, "inspect ragged", &["a.csv", "line 2"]);
    file("empty/a.bin", &[7; 128]);
    file("empty/b.bin", b"");
    place.refuse(3, "inspect empty", &["b.bin"]);
    file("pickle.pkl", b"\x80\x04\x95\x02\0\0\0\0\0\0\0\x8c\0.");
    place.refuse(3, "inspect pickle.pkl", &["pickle"]);
    let array = |descr: &str, shape: &str, body: &[u8]| {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let len = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), body].concat()
    };
    file("object.npy", &array("|O", "(2,)", &[0; 16]));
    place.refuse(3, "inspect object.npy", &["object.npy", "object"]);
    file("lying.npy", &array("|u1", "(1000, 1000)", &[0, 1, 1]));
    place.refuse(3, "inspect lying.npy", &["lying.npy", "1000000"]);
    file("sum.hex", b":0400000001020304F3\n:00000001FF\n");
    place.refuse(3, "inspect sum.hex", &["sum.hex", "line 1", "checksum"]);
    file("gap.hex", b":0400000001020304F2\n:0400080001020304EA\n:00000001FF\n");
    place.refuse(3, "inspect gap.hex", &["gap.hex"]);
    file("overlap.hex", b":0400000001020304F2\n:0400020001020304F0\n:00000001FF\n");
    place.refuse(3, "inspect overlap.hex", &["overlap.hex"]);
    #[cfg(unix)]
    {
        file("loop/a/b.bin", &[7; 128]);
        std::os::unix::fs::symlink(place.path("loop"), place.path("loop/a/again")).unwrap();
        place.refuse(3, "inspect loop", &["again"]);
    }
    place.refuse(6, "inspect nowhere", &["nowhere"]);
    place.refuse(2, "inspect", &["PATH"]);
    place.refuse(2, "inspect a.npy --metrics-only --strict", &["--strict"]);
    place.refuse(2, "inspect a.npy --leave-out 5", &["--leave-out"]);
}

/// What was measured is never overwritten, through no link either.
#[test]
fn outputs_spare_the_inputs() {
    let place = Place::new();
    simulated(&place, "--devices 1 --readouts 5 --cells 4096 --seed 9 --output a.npy");
    let before = fs::read(place.path("a.npy")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("a.npy", place.path("link.npy")).unwrap();
        place.refuse(2, "inspect a.npy --output link.npy", &["would be overwritten"]);
    }
    place.refuse(2, "inspect a.npy --save-profile a.npy", &["a.npy", "would be overwritten"]);
    place.refuse(2, "inspect . --output ./a.npy", &["would be overwritten"]);
    place.refuse(2, "inspect a.npy --save-profile x --output x", &["named twice"]);
    place.refuse(2, "entropy90b a.npy --output a.npy", &["would be overwritten"]);
    assert_eq!(fs::read(place.path("a.npy")).unwrap(), before);
}

/// A die is itself, however many of its cells are left out on one side.
#[test]
fn a_die_is_itself_under_another_mask() {
    let place = Place::new();
    fs::create_dir_all(place.path("set/A")).unwrap();
    fs::create_dir_all(place.path("set/B")).unwrap();
    simulated(&place, "--devices 2 --readouts 8 --cells 16384 --seed 10 --output x.bin");
    let name = |die: &str| fs::read(place.path(die)).unwrap();
    let files: Vec<_> =
        fs::read_dir(place.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    let mut dies: Vec<String> = files
        .into_iter()
        .map(|name| name.into_string().unwrap())
        .filter(|name| name.starts_with('x'))
        .collect();
    dies.sort();
    let (a, b) = (name(&dies[0]), name(&dies[1]));
    // The die again, half of whose memory is dead.
    let mut again = a.clone();
    again.chunks_mut(2048).for_each(|readout| readout[1024..].fill(0));
    fs::write(place.path("set/A/1.bin"), &a).unwrap();
    fs::write(place.path("set/A/2.bin"), again).unwrap();
    fs::write(place.path("set/B/1.bin"), b).unwrap();
    let results = place.json(0, "inspect set --record-bytes 2048")["results"].take();
    let between = &results["without_faults"]["between"];
    assert_eq!((&between["devices"], &between["pairs"]), (&2.into(), &1.into()), "{between}");
    assert_eq!(between["the_same_die_again"].as_array().unwrap().len(), 1);
    near(&between["bchd_mean"], 0.5, 0.03);
}

/// A million readouts of a cell are a file of a megabyte.
#[test]
fn many_readouts_take_no_square_of_their_number() {
    let place = Place::new();
    let noise = |i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x40;
    fs::write(place.path("a.bin"), (0..200_000).map(noise).collect::<Vec<u8>>()).unwrap();
    let started = std::time::Instant::now();
    place.json(0, "inspect a.bin --record-bytes 1");
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn names_of_files_cannot_forge_lines() {
    let place = Place::new();
    fs::write(place.path("a\x1b[2J\nfault.bin"), [0xa5; 256]).unwrap();
    let page = place.expect(0, "inspect . --record-bytes 128");
    assert!(!page.contains('\x1b') && !page.contains("\nfault"), "{page:?}");
}
