//! What Cargo cannot keep: which room may name which, and that every file is reached.
//!
//! The rules are the invariants of the README's map. They are absences, so this test reads the
//! sources and looks for what must not be there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file below a folder, with its path from the workspace root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = root();
    let mut files = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty(), "nothing below {folder}");
    files.sort();
    files
}

/// Lines of code that are not comments, with their numbers; the tests at a file's end are left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_tests = |line: &str| line.starts_with("mod tests") || line.starts_with("mod test_");
    let end = text.lines().position(is_tests).unwrap_or(usize::MAX);
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line))
        .take_while(move |(number, _)| *number <= end)
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// No file whose name starts with one of `rooms` names any of `never`.
#[track_caller]
fn absent(rooms: &[&str], never: &[&str]) {
    let folder = |room: &str| room.split("/src").next().unwrap().to_owned() + "/src";
    let folders: BTreeSet<String> = rooms.iter().map(|room| folder(room)).collect();
    let mut looked_at = 0;
    let mut found = Vec::new();
    for (name, text) in folders.iter().flat_map(|folder| sources(folder)) {
        if !rooms.iter().any(|room| name.starts_with(room)) {
            continue;
        }
        looked_at += 1;
        for (number, line) in code(&text) {
            for word in never {
                if line.contains(word) {
                    found.push(format!("{name}:{number} names {word}: {}", line.trim()));
                }
            }
        }
    }
    assert!(looked_at > 0, "no file in {rooms:?}");
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

const WORLD: &[&str] = &["std::fs", "std::thread", "std::time", "std::env", "std::net", "std::io"];

#[test]
fn the_fuzzy_extractor_names_no_other_crate_of_ours_and_no_world() {
    absent(&["fuzzy-extractor/src"], &["puf_emulator", "puflab::"]);
    absent(&["fuzzy-extractor/src"], WORLD);
    absent(&["fuzzy-extractor/src"], &["getrandom", "thread_rng", "OsRng"]);
}

#[test]
fn the_emulator_names_nothing_of_the_harness_and_no_world() {
    absent(&["emulator/src"], &["puflab::"]);
    absent(&["emulator/src"], WORLD);
    absent(&["emulator/src"], &["getrandom", "thread_rng", "OsRng", "SystemTime", "Instant::now"]);
}

#[test]
fn silicon_knows_bits_and_readings_only() {
    let rooms = &["emulator/src/silicon", "emulator/src/seed"];
    absent(rooms, &["crate::chip", "crate::identity", "crate::wire", "crate::vendor"]);
    let rest = ["code", "sketch", "extractor", "derive", "helper_data", "gf2m", "polynomial"];
    let never = rest.map(|room| format!("fuzzy_extractor::{room}"));
    absent(rooms, &never.each_ref().map(String::as_str));
}

#[test]
fn the_wire_is_data() {
    absent(&["emulator/src/wire"], &["crate::chip", "crate::silicon", "crate::identity"]);
}

#[test]
fn the_verifier_reaches_neither_silicon_nor_a_device_s_secrets() {
    let never = ["silicon", "fuzzy_extractor", "chip::", "identity::", "seed::", "device_folder"];
    absent(&["harness/src/verifier"], &never.map(|room| room));
}

/// Readouts, metrics, fits, faults, inspection: each names what stands before it, never what follows.
#[test]
fn the_microscope_points_one_way() {
    let rooms = ["readouts", "metric", "fit", "faults", "inspection", "cli"];
    for (place, room) in rooms.iter().enumerate() {
        let later: Vec<String> =
            rooms[place + 1..].iter().map(|later| format!("crate::{later}")).collect();
        let later: Vec<&str> = later.iter().map(String::as_str).collect();
        if !later.is_empty() {
            absent(&[&format!("harness/src/{room}")], &later);
        }
    }
    absent(&["harness/src/sp80090b"], &["crate::fit", "crate::faults", "crate::inspection"]);
}

/// The mathematics of the host differ in their last bits: what is printed or compared comes from libm.
#[test]
fn figures_come_from_platform_independent_mathematics() {
    let never =
        [".powi(", ".powf(", ".ln(", ".exp(", "exp_m1", "ln_1p", ".sin(", ".cos(", ".log10("];
    // The fuzzy extractor has no floating-point number at all.
    absent(&["fuzzy-extractor/src"], &["f64", "f32"]);
    absent(&["emulator/src", "harness/src"], &never);
}

/// Cargo lets it be allowed anywhere; it is needed in one place.
#[test]
fn unsafe_code_has_one_small_home() {
    let home = "emulator/src/silicon/instructions.rs";
    for folder in ["fuzzy-extractor/src", "emulator/src", "harness/src"] {
        for (name, text) in sources(folder) {
            let offence = code(&text).find(|(_, line)| line.contains("unsafe"));
            assert!(name == home || offence.is_none(), "{name}: {offence:?}");
        }
    }
    absent(&[home], &["transmute", "from_raw", "get_unchecked", "_ptr", "*mut", "*const"]);
}

#[test]
fn reports_see_records_only() {
    absent(&["harness/src/report"], &["puf_emulator", "fuzzy_extractor", "crate::verifier"]);
}

#[test]
fn only_the_command_line_knows_arguments_colours_and_exit_codes() {
    let rooms = sources("harness/src");
    let rooms: Vec<&str> = rooms
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !name.starts_with("harness/src/cli") && *name != "harness/src/main.rs")
        .collect();
    absent(&rooms, &["clap::", "anstyle", "anstream", "ExitCode", "println!", "process::exit"]);
}

#[test]
fn secrets_have_no_serialize_and_no_display() {
    let secrets = ["Response", "RootKey", "DeviceKey", "SeedTree", "Powered"];
    for (name, text) in sources("fuzzy-extractor/src").into_iter().chain(sources("emulator/src")) {
        for (number, line) in code(&text) {
            for secret in secrets {
                for word in ["Display", "LowerHex", "UpperHex", "Serialize", "ToString"] {
                    let displayed = line.contains(&format!("{word} for {secret}"));
                    assert!(!displayed, "{name}:{number} shows a secret");
                }
            }
        }
    }
}

#[test]
fn secrets_are_redacted_when_debugged() {
    use fuzzy_extractor::bits::BitString;
    use fuzzy_extractor::derive::RootKey;
    use fuzzy_extractor::response::Response;
    use puf_emulator::identity::DeviceKey;
    use puf_emulator::seed::SeedTree;

    let secret = [0xA5; 32];
    let root = RootKey::new(secret);
    let shown = [
        format!("{:?}", Response::new(BitString::from_bytes_msb0(&secret, 256))),
        format!("{:?}", BitString::from_bytes_msb0(&secret, 256)),
        format!("{:?}", DeviceKey::from_root(&root).unwrap()),
        format!("{:?}", SeedTree::from_bytes(&secret)),
        format!("{root:?}"),
    ];
    for text in shown {
        let lower = text.to_lowercase();
        assert!(!lower.contains("a5a5") && !lower.contains("165, 165"), "{text}");
    }
}

/// A file that no `mod` line reaches is compiled by nobody and rots.
#[test]
fn every_file_is_reached() {
    for folder in ["fuzzy-extractor/src", "emulator/src", "harness/src"] {
        let files = sources(folder);
        for (name, _) in &files {
            let path = Path::new(name);
            let stem = path.file_stem().unwrap().to_str().unwrap();
            if ["lib", "main"].contains(&stem) {
                continue;
            }
            let door = path.parent().unwrap();
            let doors = [
                format!("{}.rs", door.display()),
                format!("{}/lib.rs", door.display()),
                format!("{}/main.rs", door.display()),
            ];
            let declared =
                files.iter().filter(|(name, _)| doors.contains(name)).any(|(_, text)| {
                    text.lines().any(|line| {
                        let line = line.trim();
                        let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
                        let line = line.strip_prefix("pub(super) ").unwrap_or(line);
                        let line = line.strip_prefix("pub ").unwrap_or(line);
                        line == format!("mod {stem};")
                    })
                });
            assert!(declared, "{name} is reached by no mod line");
        }
    }
}

/// The rules above must be able to fail.
#[test]
fn a_planted_offence_is_found() {
    let offence = std::panic::catch_unwind(|| absent(&["harness/src/cli"], &["clap::"]));
    assert!(offence.is_err());
}
