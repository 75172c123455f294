//! A chip's life: enrolment, power cycles, and what it refuses.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use fuzzy_extractor::code::notation;
use fuzzy_extractor::extractor::FuzzyExtractor;
use fuzzy_extractor::sketch::CodeOffset;
use puf_emulator::chip::{Chip, Design, EnrollError, Lifecycle, NoKey, Nvm, NvmError, Serial};
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{
    Environment, ModelledSram, PowerUpError, Process, RecordedSram, Silicon, SramArray,
};
use puf_emulator::wire::{Challenge, DeviceId, Hello, Message, Nonce, VerifierId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn chip(serial: u8) -> Chip {
    let code = notation::parse("rep(7)*bch(318,174,17)").unwrap();
    let design = Design { extractor: FuzzyExtractor::new(code, &CodeOffset), first_cell: 100 };
    Chip::new(Serial([serial; 16]), design)
}

fn silicon(die: u64) -> ModelledSram {
    let process = Process::from_ber(0.05).unwrap();
    let tree = SeedTree::from_seed(1).index(die);
    ModelledSram::new(SramArray::manufacture(process, 4096, &tree).unwrap())
}

fn here() -> Environment {
    Environment::default()
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn challenge(device_id: DeviceId) -> Challenge {
    Challenge { verifier_id: VerifierId([3; 32]), device_id, nonce: Nonce::from_bytes([4; 32]) }
}

#[test]
fn the_key_made_at_enrolment_is_the_key_of_every_later_power_up() {
    let (mut chip, mut die) = (chip(1), silicon(1));
    let enrolled =
        *chip.enroll(&mut die, &here(), &mut rng(1)).unwrap().key().unwrap().public_key();
    for celsius in [25.0, -40.0, 85.0] {
        let environment = here().at_celsius(celsius).unwrap();
        let powered = chip.power_up(&mut die, &environment).unwrap();
        assert_eq!(powered.key().unwrap().public_key(), &enrolled);
        assert!(powered.corrected().unwrap() > 0, "noise was there to correct");
    }
}

#[test]
fn the_enrolment_latch_holds_and_the_memory_stays() {
    let (mut chip, mut die) = (chip(1), silicon(1));
    chip.enroll(&mut die, &here(), &mut rng(1)).unwrap();
    let before = chip.nvm().clone();
    let again = chip.enroll(&mut die, &here(), &mut rng(2)).unwrap_err();
    assert!(matches!(again, EnrollError::AlreadyEnrolled));
    assert_eq!(chip.nvm(), &before);
}

#[test]
fn a_blank_chip_refuses_everything() {
    let chip = chip(1);
    let powered = chip.power_up(&mut silicon(1), &here()).unwrap();
    assert_eq!(powered.key().unwrap_err(), NoKey::NotEnrolled);
    for message in [Message::Hello(Hello), Message::Challenge(challenge(DeviceId([0; 20])))] {
        assert_eq!(powered.respond(&message), Some(Message::Refusal));
    }
}

#[test]
fn other_silicon_other_helper_data_and_a_rolled_back_one_give_no_key() {
    let (mut first, mut die) = (chip(1), silicon(1));
    first.enroll(&mut die, &here(), &mut rng(1)).unwrap();
    let no_key = |chip: &Chip, die: &mut ModelledSram| {
        chip.power_up(die, &here()).unwrap().key().unwrap_err()
    };
    assert_eq!(no_key(&first, &mut silicon(2)), NoKey::NotRebuilt);

    let mut second = chip(2);
    second.enroll(&mut silicon(2), &here(), &mut rng(2)).unwrap();
    let mut spliced = Chip::with_nvm(Serial([1; 16]), chip(1).into_design(), first.nvm().clone());
    spliced.nvm_mut().set_helper_data(second.nvm().helper_data().to_vec());
    assert_eq!(no_key(&spliced, &mut die), NoKey::NotRebuilt);

    // The memory claims a second enrolment; the blob is the genuine one of the first.
    let mut written = first.nvm().to_bytes();
    written[6] = 2;
    let rolled_back = Nvm::from_bytes(&written, first.nvm().helper_data().to_vec()).unwrap();
    let rolled_back = Chip::with_nvm(Serial([1; 16]), chip(1).into_design(), rolled_back);
    assert_eq!(no_key(&rolled_back, &mut die), NoKey::NotRebuilt);
}

/// An enrolment that lost its power before it counted left helper data with a good tag, this chip's
/// binding and the same counter as the one that was repeated.
#[test]
fn helper_data_of_an_interrupted_enrolment_gives_no_key() {
    let mut die = silicon(1);
    let (mut interrupted, mut repeated) = (chip(1), chip(1));
    interrupted.enroll(&mut die, &here(), &mut rng(1)).unwrap();
    repeated.enroll(&mut die, &here(), &mut rng(2)).unwrap();
    assert!(repeated.power_up(&mut die, &here()).unwrap().key().is_ok());
    repeated.nvm_mut().set_helper_data(interrupted.nvm().helper_data().to_vec());
    let powered = repeated.power_up(&mut die, &here()).unwrap();
    assert_eq!(powered.key().unwrap_err(), NoKey::NotRebuilt);
    assert_eq!(powered.corrected(), None);
}

#[test]
fn a_chip_answers_for_itself_only() {
    let (mut chip, mut die) = (chip(1), silicon(1));
    let powered = chip.enroll(&mut die, &here(), &mut rng(1)).unwrap();
    let own = chip.device_id().unwrap();
    assert!(matches!(
        powered.respond(&Message::Challenge(challenge(own))),
        Some(Message::Evidence(evidence)) if evidence.device_id == own
    ));
    let other = Message::Challenge(challenge(DeviceId([9; 20])));
    assert_eq!(powered.respond(&other), Some(Message::Refusal));
    // Reflection: a device is no verifier.
    let evidence = powered.respond(&Message::Challenge(challenge(own))).unwrap();
    assert_eq!(powered.respond(&evidence), Some(Message::Refusal));
}

#[test]
fn too_few_cells_and_no_more_readouts_are_said() {
    let mut chip = chip(1);
    let process = Process::from_ber(0.05).unwrap();
    let small = SramArray::manufacture(process, 2000, &SeedTree::from_seed(1)).unwrap();
    let error = chip.enroll(&mut ModelledSram::new(small), &here(), &mut rng(1)).unwrap_err();
    assert!(matches!(error, EnrollError::TooFewCells { needed: 2326, cells: 2000 }));

    let first = silicon(1).power_up(&here()).unwrap().expose().clone();
    let mut recorded = RecordedSram::new(vec![first]).unwrap();
    chip.enroll(&mut recorded, &here(), &mut rng(1)).unwrap();
    let exhausted = chip.power_up(&mut recorded, &here()).unwrap_err();
    assert_eq!(exhausted, PowerUpError::Exhausted { recorded: 1 });
}

#[test]
fn the_written_memory_reads_back_and_nothing_else_does() {
    let (mut chip, mut die) = (chip(1), silicon(1));
    for lifecycle in [Lifecycle::Blank, Lifecycle::Enrolled] {
        let bytes = chip.nvm().to_bytes();
        let helper = chip.nvm().helper_data().to_vec();
        assert_eq!(Nvm::from_bytes(&bytes, helper.clone()).as_ref(), Ok(chip.nvm()));
        assert_eq!(chip.nvm().lifecycle(), lifecycle);
        for cut in 0..bytes.len() {
            assert!(Nvm::from_bytes(&bytes[..cut], helper.clone()).is_err(), "cut at {cut}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Nvm::from_bytes(&longer, helper.clone()).is_err());
        let mut other = bytes.clone();
        other[1] = 7;
        let version = Err(NvmError::Version { found: 7 });
        assert_eq!(Nvm::from_bytes(&other, helper.clone()), version);
        other[1] = 1;
        other[2] = 5;
        assert_eq!(Nvm::from_bytes(&other, helper), Err(NvmError::Lifecycle { found: 5 }));
        if lifecycle == Lifecycle::Blank {
            chip.enroll(&mut die, &here(), &mut rng(1)).unwrap();
        }
    }
}
