//! Dies as devices: addressed readouts, persistence, refusals.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{
    AgeingLaw, CellCountError, Environment, HeldLengthError, MAX_CELLS, ModelledSram, PowerUpError,
    Process, RecordedSram, RecordingError, Silicon, SramArray, TemperatureLaw,
};

fn die(process: Process, cells: usize, device: u64) -> SramArray {
    let seed = SeedTree::from_seed(2024).child("device").index(device);
    SramArray::manufacture(process, cells, &seed).unwrap()
}

fn five_percent() -> Process {
    Process::from_ber(0.05).unwrap()
}

fn field() -> Environment {
    Environment::new(-40.0, 2.0).unwrap()
}

/// The bytes are an interface: a change of seed derivation, draw order, law or mathematics shows
/// here, and is a decision that needs the distribution tests green.
#[test]
fn readouts_are_pinned() {
    let die = die(five_percent(), 1000, 0);
    let hash = |bits: &BitString| blake3::hash(&bits.to_bytes_msb0()).to_hex()[..16].to_owned();
    let reference = Environment::default();
    let hashes = [
        hash(&die.power_up(&reference, 0)),
        hash(&die.power_up(&reference, 1)),
        hash(&die.power_up(&field(), 2)),
        hash(die.in_environment(&field()).dominant()),
    ];
    assert_eq!(
        hashes,
        ["667e00fdfc8c3d34", "b3d3b7f6fb23ed76", "2555c6982cf2e300", "8326fa1d778b171d"]
    );
    assert_eq!(die.power_up(&reference, 0).words()[0], 0x0a13_2705_173a_1a48);
}

#[test]
fn readouts_are_the_same_in_any_order() {
    let die = die(five_percent(), 777, 1);
    let conditioned = die.in_environment(&field());
    let forwards: Vec<_> = (0..20).map(|readout| conditioned.power_up(readout)).collect();
    for readout in (0..20).rev() {
        let index = usize::try_from(readout).unwrap();
        assert_eq!(conditioned.power_up(readout), forwards[index]);
        assert_eq!(die.power_up(&field(), readout), forwards[index]);
    }
    std::thread::scope(|scope| {
        for (readout, expected) in (0..).zip(&forwards) {
            let conditioned = &conditioned;
            scope.spawn(move || assert_eq!(conditioned.power_up(readout), *expected));
        }
    });
}

#[test]
fn every_readout_and_every_device_has_its_own_bytes() {
    let (one, other) = (die(five_percent(), 1000, 0), die(five_percent(), 1000, 1));
    let reference = Environment::default();
    let mut all: Vec<_> = (0..50).map(|readout| one.power_up(&reference, readout)).collect();
    all.push(one.power_up(&reference, u64::MAX));
    all.extend((0..50).map(|readout| other.power_up(&reference, readout)));
    for (i, a) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|b| a != b), "readout {i} is there twice");
    }
}

/// The cells, that is; their noise is drawn for the array as a whole.
#[test]
fn a_longer_array_begins_with_the_same_cells() {
    let (short, long) = (die(five_percent(), 100, 3), die(five_percent(), 1000, 3));
    for environment in [Environment::default().at_celsius(-40.0).unwrap(), Environment::default()] {
        let (short, long) = (short.in_environment(&environment), long.in_environment(&environment));
        for cell in 0..100 {
            assert_eq!(short.latent(cell), long.latent(cell), "{cell}");
        }
    }
}

#[test]
fn a_device_counts_its_power_cycles_and_resumes() {
    let array = die(five_percent(), 500, 4);
    let places = [Environment::default(), field(), field(), Environment::default(), field()];
    let expected: Vec<_> =
        (0..).zip(&places).map(|(readout, place)| array.power_up(place, readout)).collect();

    let mut device = ModelledSram::new(array.clone());
    assert_eq!(device.cells(), 500);
    for (place, bits) in places.iter().zip(&expected) {
        assert_eq!(device.power_up(place).unwrap().expose(), bits);
    }
    assert_eq!(device.next_readout(), 5);

    let mut resumed = ModelledSram::new(array).resuming_at(3);
    for (place, bits) in places.iter().zip(&expected).skip(3) {
        assert_eq!(resumed.power_up(place).unwrap().expose(), bits);
    }
}

#[test]
fn a_device_never_repeats_a_readout_number() {
    let mut device = ModelledSram::new(die(five_percent(), 64, 5)).resuming_at(u64::MAX - 1);
    let place = Environment::default();
    device.power_up(&place).unwrap();
    let exhausted = PowerUpError::Exhausted { recorded: u64::MAX };
    assert_eq!(device.power_up(&place), Err(exhausted));
    assert_eq!(device.power_up(&place), Err(exhausted));
}

#[test]
fn noiseless_cells_never_flip_and_noisy_ones_follow_their_probability() {
    let laws = (TemperatureLaw::default(), AgeingLaw::default());
    let quiet = die(Process::new(1e-6, 0.0, laws.0, laws.1).unwrap(), 10_000, 6);
    let quiet = quiet.in_environment(&Environment::default());
    for readout in 0..20 {
        assert_eq!(quiet.power_up(readout), *quiet.dominant());
    }
    for cell in 0..10_000 {
        assert_eq!(quiet.one_probability(cell), f64::from(u8::from(quiet.dominant().get(cell))));
    }
    let loud = die(Process::new(100.0, 0.0, laws.0, laws.1).unwrap(), 10_000, 6);
    let loud = loud.in_environment(&Environment::default());
    assert!((0..10_000).all(|cell| (loud.one_probability(cell) - 0.5).abs() < 0.02));
}

/// Ageing changes cells towards the opposite of what they held: by default their first life.
#[test]
fn cells_age_with_what_they_held() {
    let process = five_percent();
    let array = die(process, 2000, 7);
    let first_life = array.power_up(&Environment::default(), 0);
    let mut inverted = BitString::from_words(vec![u64::MAX; 32], 2000);
    inverted.xor_assign(&first_life);
    let old = Environment::default().aged_years(10.0).unwrap();

    let fresh = array.in_environment(&Environment::default());
    let default = array.in_environment(&old);
    let held = array.clone().with_held(first_life.clone()).unwrap().in_environment(&old);
    let against = array.with_held(inverted).unwrap().in_environment(&old);
    for cell in 0..2000 {
        let keeps = |sram: &puf_emulator::silicon::ConditionedSram| {
            let one = sram.one_probability(cell);
            if first_life.get(cell) { one } else { 1.0 - one }
        };
        assert_eq!(keeps(&held), keeps(&default));
        assert!(keeps(&held) <= keeps(&fresh) && keeps(&fresh) <= keeps(&against), "{cell}");
    }
}

#[test]
fn sizes_out_of_range_are_refused() {
    let seed = SeedTree::from_seed(1);
    for cells in [0, MAX_CELLS + 1, usize::MAX] {
        let error = SramArray::manufacture(five_percent(), cells, &seed).unwrap_err();
        assert_eq!(error, CellCountError { cells });
    }
    let error = die(five_percent(), 10, 0).with_held(BitString::zeros(11)).unwrap_err();
    assert_eq!(error, HeldLengthError { expected: 10, found: 11 });
}

#[test]
fn debug_tells_no_cell() {
    let array = die(five_percent(), 64, 0);
    let device = ModelledSram::new(array.clone());
    let shown = format!("{array:?} {device:?} {:?}", array.in_environment(&field()));
    assert!(!shown.contains('[') && !shown.contains("held"), "{shown}");
}

fn recording() -> Vec<BitString> {
    (0..4).map(|readout| die(five_percent(), 128, 9).power_up(&field(), readout)).collect()
}

#[test]
fn a_recording_plays_back_and_invents_nothing() {
    let readouts = recording();
    let mut die = RecordedSram::new(readouts.clone()).unwrap();
    assert_eq!((die.cells(), die.recorded()), (128, 4));
    for bits in &readouts {
        assert_eq!(die.power_up(&Environment::default()).unwrap().expose(), bits);
    }
    let exhausted = Err(PowerUpError::Exhausted { recorded: 4 });
    assert_eq!(die.power_up(&Environment::default()), exhausted);
    assert_eq!(die.next_readout(), 4);

    let mut die = RecordedSram::new(readouts.clone()).unwrap().resuming_at(2);
    assert_eq!(die.power_up(&Environment::default()).unwrap().expose(), &readouts[2]);
    let mut die = die.resuming_at(u64::MAX);
    assert_eq!(die.power_up(&Environment::default()), exhausted);
}

#[test]
fn measured_silicon_cannot_be_heated_or_aged() {
    let mut die = RecordedSram::new(recording()).unwrap();
    let hot = Environment::default().at_celsius(85.0).unwrap();
    let old = Environment::default().aged_years(1.0).unwrap();
    assert_eq!(die.power_up(&hot), Err(PowerUpError::NotRecorded));
    assert_eq!(die.power_up(&old), Err(PowerUpError::NotRecorded));
    assert_eq!(die.next_readout(), 0);

    let mut hot_die = RecordedSram::new(recording()).unwrap().recorded_in(hot);
    assert!(hot_die.power_up(&hot).is_ok());
    assert_eq!(hot_die.power_up(&Environment::default()), Err(PowerUpError::NotRecorded));
}

#[test]
fn a_window_of_a_recording() {
    let readouts = recording();
    let die = RecordedSram::new(readouts.clone()).unwrap();
    let mut window = die.restricted_to(10..110).unwrap().restricted_to(5..70).unwrap();
    assert_eq!(window.cells(), 65);
    let read = window.power_up(&Environment::default()).unwrap();
    assert_eq!(*read.expose(), readouts[0].slice(15, 65));

    for range in [65..66, 0..66, 3..3] {
        let again = RecordedSram::new(readouts.clone()).unwrap().restricted_to(0..65).unwrap();
        let (start, end) = (range.start, range.end);
        let refused = again.restricted_to(range).unwrap_err();
        assert_eq!(refused, RecordingError::Window { start, end, cells: 65 });
    }
}

#[test]
fn recordings_that_are_none_are_refused() {
    let refused = |readouts| RecordedSram::new(readouts).unwrap_err();
    assert_eq!(refused(vec![]), RecordingError::NoReadout);
    assert_eq!(refused(vec![BitString::zeros(0)]), RecordingError::NoCell);
    let lengths = [8, 8, 7, 8].map(BitString::zeros).to_vec();
    let expected = RecordingError::Length { readout: 2, expected: 8, found: 7 };
    assert_eq!(refused(lengths), expected);
}

/// A chip takes whatever die it is given.
#[test]
fn any_silicon_is_an_object() {
    let dies: [Box<dyn Silicon>; 2] = [
        Box::new(ModelledSram::new(die(five_percent(), 128, 9))),
        Box::new(RecordedSram::new(recording()).unwrap()),
    ];
    for mut die in dies {
        let cells = die.cells();
        assert_eq!(die.power_up(&Environment::default()).unwrap().len(), cells);
    }
}
