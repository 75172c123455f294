//! A device on disk: it goes on where it was, and a power cut at any write leaves it whole.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use fuzzy_extractor::bits::BitString;
use puf_emulator::chip::{EnrollError, Lifecycle, Serial};
use puf_emulator::silicon::{Parameter, PowerUpError, Process};
use puflab::device_folder::{
    Description, DescriptionError, DeviceError, DeviceFolder, ModelledDie, RecordedDie,
    SiliconSource, digest,
};
use puflab::store::Volume;
use puflab::store::faulty::{Disk, FaultyVolume};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn description(serial: u8) -> Description {
    let process = Process::from_ber(0.03).unwrap();
    Description {
        serial: Serial([serial; 16]),
        code: "bch(127,64,10)".to_owned(),
        sketch: "code-offset".to_owned(),
        first_cell: 3,
        silicon: SiliconSource::Modelled(ModelledDie::new("custom", &process, 130, [serial; 32])),
    }
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

/// What a person can see of a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    enrolled: bool,
    power_cycles: u64,
    months: u64,
    helper_data: Vec<u8>,
}

fn seen<V: Volume>(device: &DeviceFolder<V>) -> Seen {
    Seen {
        enrolled: device.chip().nvm().lifecycle() == Lifecycle::Enrolled,
        power_cycles: device.power_cycles(),
        months: (0..).take_while(|&month| f64::from(month) < 12.0 * device.age_years()).count()
            as u64,
        helper_data: device.chip().nvm().helper_data().to_vec(),
    }
}

type Device<'a> = DeviceFolder<&'a FaultyVolume>;

fn stored(volume: &FaultyVolume) -> Disk {
    let disks = volume.disks_after_power_loss();
    assert_eq!(disks.len(), 1, "everything is durable");
    disks.into_iter().next().unwrap()
}

fn made() -> Disk {
    let volume = FaultyVolume::default();
    DeviceFolder::create_on(&volume, description(1)).unwrap();
    stored(&volume)
}

fn enrolled() -> Disk {
    after(&made(), |device| device.enroll(None, &mut rng()).map(|_| ()))
}

fn after(disk: &Disk, act: impl Fn(&mut Device<'_>) -> Result<(), DeviceError>) -> Disk {
    let volume = FaultyVolume::boot(disk.clone());
    act(&mut DeviceFolder::open_on(&volume).unwrap()).unwrap();
    stored(&volume)
}

/// Cuts the power at every operation of `act` and looks at every disk that may be left. The device
/// must open, and be as it was, as it was to become, or, where the power was already counted, as it
/// was with one power cycle more. Repeating the act must then succeed if it had not taken place.
fn cut_everywhere(disk: &Disk, act: impl Fn(&mut Device<'_>) -> Result<(), DeviceError>) {
    let old = seen(&DeviceFolder::open_on(&FaultyVolume::boot(disk.clone())).unwrap());
    let new_disk = after(disk, &act);
    let new = seen(&DeviceFolder::open_on(&FaultyVolume::boot(new_disk)).unwrap());
    let counted = Seen { power_cycles: new.power_cycles, ..old.clone() };
    let mut outcomes = BTreeSet::new();
    for operation in 0.. {
        let volume = FaultyVolume::boot(disk.clone()).cut_power_at(operation);
        let result = act(&mut DeviceFolder::open_on(&volume).unwrap());
        if !volume.power_was_cut() {
            assert!(operation >= 4, "a durable write takes at least four operations");
            break;
        }
        assert!(result.is_err(), "success was reported without power, operation {operation}");
        for found in volume.disks_after_power_loss() {
            let reopened = FaultyVolume::boot(found);
            let mut device = DeviceFolder::open_on(&reopened)
                .unwrap_or_else(|error| panic!("cut at operation {operation}: {error}"));
            let now = seen(&device);
            assert!([&old, &new, &counted].contains(&&now), "cut at {operation}: {now:?}");
            outcomes.insert(now.clone());
            if now != new {
                act(&mut device).unwrap();
                let again = seen(&device);
                assert_eq!((again.enrolled, again.months), (new.enrolled, new.months));
            }
        }
    }
    assert!(outcomes.contains(&old) && outcomes.contains(&new), "both were seen: {outcomes:?}");
}

#[test]
fn a_power_cut_at_any_write_of_an_enrolment() {
    cut_everywhere(&made(), |device| device.enroll(None, &mut rng()).map(|_| ()));
    let volume = FaultyVolume::boot(enrolled());
    let mut device = DeviceFolder::open_on(&volume).unwrap();
    let public = *device.chip().nvm().public_key().unwrap();
    assert_eq!(device.power_up(None).unwrap().key().unwrap().public_key(), &public);
}

#[test]
fn a_power_cut_at_any_write_of_a_power_up() {
    cut_everywhere(&enrolled(), |device| device.power_up(None).map(|_| ()));
}

#[test]
fn a_power_cut_at_any_write_of_ageing() {
    cut_everywhere(&enrolled(), |device| device.age(5.0));
}

#[test]
fn a_power_cut_at_any_write_of_helper_data() {
    cut_everywhere(&enrolled(), |device| device.tamper(|helper| helper[60] = 0xEE));
}

#[test]
fn a_power_cut_at_any_write_of_a_creation() {
    let mut outcomes = BTreeSet::new();
    for operation in 0.. {
        let volume = FaultyVolume::default().cut_power_at(operation);
        let result = DeviceFolder::create_on(&volume, description(1));
        if !volume.power_was_cut() {
            break;
        }
        assert!(result.is_err());
        for found in volume.disks_after_power_loss() {
            let reopened = FaultyVolume::boot(found);
            match DeviceFolder::open_on(&reopened) {
                Ok(device) => {
                    assert_eq!(device.chip().nvm().lifecycle(), Lifecycle::Blank);
                    outcomes.insert("made");
                }
                Err(DeviceError::NoDevice) => {
                    DeviceFolder::create_on(&reopened, description(1)).unwrap();
                    outcomes.insert("not made");
                }
                Err(error) => panic!("cut at operation {operation}: {error}"),
            }
        }
    }
    assert_eq!(outcomes.len(), 2);
}

/// An input/output error, the power still on: the device goes on with what is stored.
#[test]
fn a_failed_write_loses_nothing() {
    let mut failures = 0;
    for operation in 0.. {
        let volume = FaultyVolume::boot(enrolled()).fail_once_at(operation);
        let mut device = DeviceFolder::open_on(&volume).unwrap();
        let before = seen(&device);
        if device.power_up(None).is_ok() {
            break; // It took fewer operations than that.
        }
        failures += 1;
        assert_eq!(seen(&device), before, "operation {operation}");
        assert!(device.power_up(None).unwrap().key().is_ok(), "operation {operation}");
        drop(device);
        let mut device = DeviceFolder::open_on(&volume).unwrap();
        assert!(device.power_up(None).unwrap().key().is_ok(), "operation {operation}");
    }
    assert!(failures >= 4, "{failures} operations failed");
}

#[test]
fn a_full_disk_leaves_the_device_as_it_was() {
    let disk = made();
    for free_bytes in [0, 10, 200] {
        let volume = FaultyVolume::boot(disk.clone()).with_free_bytes(free_bytes);
        let result = DeviceFolder::open_on(&volume).unwrap().enroll(None, &mut rng());
        assert!(matches!(result, Err(DeviceError::Store(_))), "{free_bytes} bytes free");
        for found in volume.disks_after_power_loss() {
            let device = FaultyVolume::boot(found);
            let device = DeviceFolder::open_on(&device).unwrap();
            assert_eq!(device.chip().nvm().lifecycle(), Lifecycle::Blank);
        }
    }
}

#[test]
fn a_missing_or_foreign_file_is_named() {
    let with = |change: &dyn Fn(&mut Disk)| {
        let mut disk = enrolled();
        change(&mut disk);
        let volume = FaultyVolume::boot(disk);
        DeviceFolder::open_on(&volume).map(|_| ()).unwrap_err().to_string()
    };
    let remove = |name: &'static str| with(&move |disk| drop(disk.files.remove(name)));
    assert_eq!(remove("helper.bin"), "the device's file helper.bin is missing");
    assert_eq!(remove("state"), "the device's file state is missing");
    assert_eq!(remove("chip.toml"), "the folder holds no device: there is no chip.toml");

    let other = FaultyVolume::default();
    DeviceFolder::create_on(&other, description(2)).unwrap();
    let other = stored(&other);
    let foreign = with(&|disk| {
        disk.files.insert("state".into(), other.files["state"].clone());
    });
    assert!(foreign.contains("state is another device's"), "{foreign}");
    assert!(foreign.contains(&"02".repeat(16)) && foreign.contains(&"01".repeat(16)), "{foreign}");
}

#[test]
fn every_damaged_byte_of_the_state_is_noticed() {
    let disk = enrolled();
    for at in 0..disk.files["state"].len() {
        let mut damaged = disk.clone();
        damaged.files.get_mut("state").unwrap()[at] ^= 0x20;
        let volume = FaultyVolume::boot(damaged);
        assert!(DeviceFolder::open_on(&volume).is_err(), "byte {at}");
    }
}

#[test]
fn a_description_that_makes_no_device_is_refused_and_leaves_nothing() {
    let with = |change: &dyn Fn(&mut Description)| {
        let mut description = description(1);
        change(&mut description);
        let volume = FaultyVolume::default();
        let error = DeviceFolder::create_on(&volume, description).map(|_| ()).unwrap_err();
        assert!(stored(&volume).files.is_empty(), "something was left behind");
        error
    };
    assert!(matches!(with(&|d| d.code = "bch(127,65,10)".into()), DeviceError::Code(_)));
    assert!(matches!(with(&|d| d.sketch = "magic".into()), DeviceError::UnknownSketch(_)));
    let too_few = with(&|d| d.first_cell = 4);
    let DeviceError::Enroll(EnrollError::TooFewCells { needed: 131, cells: 130 }) = too_few else {
        panic!("{too_few}")
    };
}

#[test]
fn chip_toml_reads_back_and_refuses_what_it_does_not_know() {
    let text = description(7).to_toml();
    assert_eq!(Description::from_toml(text.as_bytes()), Ok(description(7)));
    for (from, to) in [
        ("schema = 2", "schema = 3"),
        ("schema = 2", "schema = 1"),
        ("lambda2_sd = 0.0", "lambda3_sd = 0.0"),
        ("lambda2_sd = 0.0", "lambda2_sd = -1.0"),
        ("lambda2_sd = 0.0", "lambda2_sd = nan"),
        ("polarity_mask = 0.0", "polarity_mask = 0.5"),
        ("first_cell = 3", "first_cell = -3"),
        ("cells = 130", "cells = 130\ncolour = \"red\""),
        ("[modelled]", "[imagined]"),
        ("0707", "07g7"),
    ] {
        assert!(text.contains(from), "{text}");
        let changed = text.replacen(from, to, 1);
        assert!(Description::from_toml(changed.as_bytes()).is_err(), "{to}");
    }
}

/// Every parameter of a process is kept, to the last bit.
#[test]
fn chip_toml_keeps_every_parameter() {
    let process = Process::from_parameters(|name| {
        let parameter = Parameter::named(name).unwrap();
        let third = parameter.least + (parameter.greatest - parameter.least) / 3.0;
        Some(if name == "polarity_mask" { 49.0 } else { third })
    })
    .unwrap();
    let silicon = SiliconSource::Modelled(ModelledDie::new("odd", &process, 130, [3; 32]));
    let odd = Description { silicon, ..description(7) };
    let text = odd.to_toml();
    assert_eq!(Description::from_toml(text.as_bytes()), Ok(odd), "{text}");
}

/// The seed of a modelled die of schema 1 is another die now, and the key would not come back; a
/// measured die is what it was.
#[test]
fn chip_toml_of_schema_1_is_read_where_it_means_the_same() {
    let head = format!(
        "schema = 1\nserial = \"{}\"\ncode = \"rep(5)\"\nsketch = \"code-offset\"\nfirst_cell = 0\n",
        "0b".repeat(16)
    );
    let modelled = format!("{head}[modelled]\nprofile = \"scum\"\nlambda1 = 0.1\n");
    let error = Description::from_toml(modelled.as_bytes()).unwrap_err();
    assert_eq!(error, DescriptionError::OtherSilicon);
    assert!(error.to_string().contains("make the device anew"));
    let digest = "5c".repeat(32);
    let recorded =
        format!("{head}[recorded]\npath = \"dumps\"\nname = \"A\"\ndigest = \"{digest}\"\n");
    let description = Description::from_toml(recorded.as_bytes()).unwrap();
    assert!(matches!(description.silicon, SiliconSource::Recorded(_)));
    assert!(description.to_toml().starts_with("schema = 2\n"));
}

#[test]
fn measured_silicon_ends_and_cannot_be_heated_aged_or_swapped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("die.csv");
    let mut rng = rng();
    let first = BitString::random(200, &mut rng);
    let readouts: Vec<BitString> = (0..4)
        .map(|_| first.iter().map(|bit| bit ^ (rng.next_u32().is_multiple_of(50))).collect())
        .collect();
    let csv = |readouts: &[BitString]| {
        let line = |bits: &BitString| {
            bits.iter().map(|bit| u8::from(bit).to_string()).collect::<Vec<_>>().join(",")
        };
        readouts.iter().map(|bits| line(bits) + "\n").collect::<String>()
    };
    std::fs::write(&path, csv(&readouts)).unwrap();
    let die = RecordedDie {
        path: path.clone(),
        name: "die".to_owned(),
        condition: String::new(),
        record_bytes: None,
        digest: digest(&readouts),
    };
    let silicon = SiliconSource::Recorded(die);
    let volume = FaultyVolume::default();
    let mut device =
        DeviceFolder::create_on(&volume, Description { silicon, ..description(1) }).unwrap();
    device.enroll(None, &mut rng).unwrap();
    assert!(matches!(
        device.power_up(Some(85.0)),
        Err(DeviceError::PowerUp(PowerUpError::NotRecorded))
    ));
    assert!(matches!(device.age(1.0), Err(DeviceError::Environment(_))));
    assert_eq!(device.power_cycles(), 1, "what was refused used up no readout");
    drop(device);

    // It goes on in another process, and ends with the last readout.
    let mut device = DeviceFolder::open_on(&volume).unwrap();
    assert_eq!(device.power_cycles_left(), Some(3));
    while device.power_cycles_left() > Some(0) {
        assert!(device.power_up(None).unwrap().key().is_ok());
    }
    assert!(matches!(
        device.power_up(None),
        Err(DeviceError::PowerUp(PowerUpError::Exhausted { recorded: 4 }))
    ));

    let mut others = readouts;
    others[2].flip(5);
    std::fs::write(&path, csv(&others)).unwrap();
    let swapped = DeviceFolder::open_on(&volume).map(|_| ()).unwrap_err();
    assert!(matches!(swapped, DeviceError::OtherReadouts { .. }), "{swapped}");
}

#[test]
fn noise_is_never_read_twice_and_a_folder_serves_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("device");
    let mut device = DeviceFolder::create(&path, description(1)).unwrap();
    device.enroll(None, &mut rng()).unwrap();
    let mut corrected = Vec::new();
    for _ in 0..12 {
        corrected.push(device.power_up(None).unwrap().corrected());
        drop(device);
        device = DeviceFolder::open(&path).unwrap();
    }
    assert!(corrected.iter().collect::<BTreeSet<_>>().len() > 2, "{corrected:?}");
    assert!(matches!(DeviceFolder::open(&path), Err(DeviceError::Folder(_))), "in use");
}

/// Whatever is wrong with the line of the seed, no digit of it is shown.
#[test]
fn a_broken_chip_toml_does_not_tell_its_seed() {
    let text = description(7).to_toml();
    let line = text.lines().find(|line| line.starts_with("seed")).unwrap();
    let digits = line.split('"').nth(1).unwrap();
    let short = &digits[1..];
    for broken in [
        format!("seed = \"{short}\""),
        format!("seed = \"{digits}"),
        format!("{line}\n{line}"),
        format!("sed = \"{digits}\""),
        format!("seed = {digits}"),
        format!("seed = [\"{digits}\"]"),
        format!("seed = \"{digits}\" x"),
    ] {
        let error = Description::from_toml(text.replace(line, &broken).as_bytes()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&digits[..8]) && !shown.contains(&short[..8]), "{shown}");
        assert!(shown.contains("line "), "{shown}");
    }
    let shown = format!("{:?}", description(7));
    assert!(!shown.contains("seed"), "{shown}");
}

/// A parameter that is not there would be another die, not a default.
#[test]
fn a_chip_toml_without_a_parameter_is_refused() {
    let text = description(7).to_toml();
    for name in ["theta_celsius", "lambda1", "history"] {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        let error = Description::from_toml(text.replace(line, "").as_bytes()).unwrap_err();
        assert_eq!(error, DescriptionError::MissingParameter(name));
    }
}
