//! Verifiers in folders: what survives a restart, and what is refused to be opened.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use puf_emulator::wire::VerifierId;
use puflab::verifier::folder::{CONFIG_FILE, REGISTRY_FILE};
use puflab::verifier::{
    FolderError, Policy, Reason, Registry, RegistryError, RegistryFault, Verdict, Verifier,
};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use tempfile::TempDir;

use crate::mock::{MockDevice, VERIFIER, at, policy, rng};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const DEVICES: TableDefinition<'_, &[u8; 20], &[u8]> = TableDefinition::new("devices");
const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");

struct Gate {
    dir: TempDir,
}

impl Gate {
    fn new() -> Self {
        let gate = Self { dir: tempfile::tempdir().unwrap() };
        Verifier::init(&gate.path(), &policy(), &mut rng()).unwrap();
        gate
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("gate")
    }

    fn config(&self) -> PathBuf {
        self.path().join(CONFIG_FILE)
    }

    fn registry(&self) -> PathBuf {
        self.path().join(REGISTRY_FILE)
    }

    fn open(&self) -> Verifier {
        Verifier::open(&self.path()).unwrap()
    }

    fn refused(&self) -> FolderError {
        Verifier::open(&self.path()).unwrap_err()
    }

    #[track_caller]
    fn fault(&self) -> RegistryFault {
        match self.refused() {
            FolderError::Registry(RegistryError { fault, path }) => {
                assert_eq!(path, self.registry());
                fault
            }
            other => panic!("{other}"),
        }
    }

    /// Changes the database behind the verifier's back.
    fn tamper(&self, change: impl FnOnce(&redb::WriteTransaction)) {
        let database = Database::open(self.registry()).unwrap();
        let transaction = database.begin_write().unwrap();
        change(&transaction);
        transaction.commit().unwrap();
    }
}

fn files(dir: &Path) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(name).collect();
    names.sort();
    names
}

fn attempt(verifier: &Verifier, claimed: &MockDevice, signer: &MockDevice, second: u64) -> Verdict {
    let mut rng = rng();
    let challenge = verifier.challenge(claimed.id(), at(second), &mut rng).unwrap();
    verifier.judge(&signer.answer(&challenge), at(second)).unwrap()
}

#[test]
fn setting_up_makes_two_files_and_no_more() {
    let gate = Gate::new();
    assert_eq!(files(&gate.path()), [REGISTRY_FILE, CONFIG_FILE]);
    let verifier = gate.open();
    assert_eq!(verifier.policy(), &policy());
    assert_eq!(verifier.registry().verifier_id(), verifier.id());
    let text = fs::read_to_string(gate.config()).unwrap();
    assert!(text.contains(&format!("verifier_id = \"{}\"", verifier.id())));
}

#[test]
fn a_verifier_is_never_overwritten() {
    let gate = Gate::new();
    let before = (fs::read(gate.config()).unwrap(), fs::read(gate.registry()).unwrap());
    let again = Verifier::init(&gate.path(), &Policy::default(), &mut rng());
    assert!(matches!(again, Err(FolderError::Exists { path }) if path == gate.config()));
    assert_eq!(before, (fs::read(gate.config()).unwrap(), fs::read(gate.registry()).unwrap()));
}

#[test]
fn two_verifiers_have_two_ids() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = rng();
    let mut id = |name: &str| {
        Verifier::init(&dir.path().join(name), &Policy::default(), &mut rng).unwrap().id()
    };
    assert_ne!(id("one"), id("two"));
}

#[test]
fn what_a_verifier_knows_survives_a_restart() {
    let gate = Gate::new();
    let (device, stranger) = (MockDevice::new(1), MockDevice::new(2));
    let id = gate.open().id();
    gate.open().register(device.id(), &device.public_key(), at(0)).unwrap();
    assert_eq!(attempt(&gate.open(), &device, &device, 1), Verdict::Accepted);
    let verifier = gate.open();
    assert_eq!(verifier.id(), id);
    let (listed, record) = verifier.list().unwrap().remove(0);
    assert_eq!((listed, record.accepted()), (device.id(), 1));
    drop(verifier);

    // A failure each in three lives of the verifier, and the lock-out in a fourth.
    for second in 2..5 {
        let verdict = attempt(&gate.open(), &device, &stranger, second);
        assert_eq!(verdict, Verdict::Rejected(Reason::BadSignature));
    }
    let verdict = attempt(&gate.open(), &device, &device, 103);
    assert_eq!(verdict, Verdict::Rejected(Reason::LockedOut));
    assert_eq!(attempt(&gate.open(), &device, &device, 104), Verdict::Accepted);

    let log = gate.open().registry().audit(100).unwrap();
    let names: Vec<_> = log.iter().map(|(_, entry)| entry.event.name()).collect();
    assert_eq!(
        names,
        [
            "registered",
            "accepted",
            "bad-signature",
            "bad-signature",
            "bad-signature",
            "locked-out",
            "accepted"
        ]
    );
    gate.open().revoke(device.id(), at(105)).unwrap();
    let verdict = attempt(&gate.open(), &device, &device, 106);
    assert_eq!(verdict, Verdict::Rejected(Reason::DeviceRevoked));
}

#[test]
fn a_restart_forgets_challenges_and_so_refuses_their_answers() {
    let gate = Gate::new();
    let device = MockDevice::new(1);
    let verifier = gate.open();
    verifier.register(device.id(), &device.public_key(), at(0)).unwrap();
    let challenge = verifier.challenge(device.id(), at(0), &mut rng()).unwrap();
    drop(verifier);
    assert_eq!(
        gate.open().judge(&device.answer(&challenge), at(1)).unwrap(),
        Verdict::Rejected(Reason::NonceUnknown)
    );
}

#[test]
fn one_process_at_a_time() {
    let gate = Gate::new();
    let _first = gate.open();
    assert!(matches!(gate.fault(), RegistryFault::InUse));
}

#[test]
fn a_registry_from_another_verifier_is_named_as_such() {
    let (ours, theirs) = (Gate::new(), TempDir::new().unwrap());
    let other = theirs.path().join("gate");
    let their_id = Verifier::init(&other, &policy(), &mut rng()).unwrap().id();
    let our_id = ours.open().id();
    fs::copy(other.join(REGISTRY_FILE), ours.registry()).unwrap();
    let error = ours.refused();
    assert!(matches!(
        error,
        FolderError::ForeignRegistry { expected, found, .. }
            if expected == our_id && found == their_id
    ));
    let message = error.to_string();
    assert!(message.contains(&our_id.to_string()) && message.contains(&their_id.to_string()));
    assert!(message.contains("registry from another verifier"), "{message}");
}

#[test]
fn what_is_not_a_registry_is_told_apart() {
    let gate = Gate::new();
    let spoil = |bytes: &[u8]| {
        fs::write(gate.registry(), bytes).unwrap();
        gate.fault()
    };
    assert!(matches!(spoil(b""), RegistryFault::NotARegistry(_)));
    assert!(matches!(spoil(b"garbage"), RegistryFault::NotARegistry(_)));
    assert!(matches!(spoil(&[0x5a; 100_000]), RegistryFault::NotARegistry(_)));
    fs::remove_file(gate.registry()).unwrap();
    assert!(matches!(gate.fault(), RegistryFault::Missing));
    fs::create_dir(gate.registry()).unwrap();
    assert!(matches!(gate.fault(), RegistryFault::Io(_)));
}

#[test]
fn a_database_of_something_else_is_not_a_registry() {
    let gate = Gate::new();
    fs::remove_file(gate.registry()).unwrap();
    let database = Database::create(gate.registry()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u64, u64>::new("books")).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(gate.fault(), RegistryFault::NotARegistry(_)));
}

#[test]
fn another_schema_is_named() {
    let gate = Gate::new();
    gate.tamper(|transaction| {
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert("schema", [0, 0, 0, 2].as_slice()).unwrap();
    });
    assert!(matches!(gate.fault(), RegistryFault::Schema { found: 2 }));
    assert!(gate.refused().to_string().contains("schema 2, this program knows schema 1"));
}

#[test]
fn a_spoilt_record_is_named_with_its_device() {
    let gate = Gate::new();
    let device = MockDevice::new(1);
    gate.open().register(device.id(), &device.public_key(), at(0)).unwrap();
    let good = {
        let database = Database::open(gate.registry()).unwrap();
        let table = database.begin_read().unwrap().open_table(DEVICES).unwrap();
        let bytes = table.get(&device.id().0).unwrap().unwrap();
        bytes.value().to_vec()
    };
    let spoil = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        gate.tamper(|transaction| {
            let mut devices = transaction.open_table(DEVICES).unwrap();
            devices.insert(&device.id().0, bytes.as_slice()).unwrap();
        });
        match gate.fault() {
            RegistryFault::Damaged(detail) => detail,
            other => panic!("{other:?}"),
        }
    };
    let id = device.id();
    assert_eq!(spoil(0), format!("device {id}: record version 65 is not known"));
    assert_eq!(spoil(1), format!("device {id}: status 64 is not known"));
    assert_eq!(spoil(10), format!("device {id}: public key is not a point of P-256"));
}

/// Whoever can write the file cannot pass another key off as a known device's.
#[test]
fn a_swapped_key_is_noticed() {
    let gate = Gate::new();
    let (device, thief) = (MockDevice::new(1), MockDevice::new(2));
    let verifier = gate.open();
    verifier.register(device.id(), &device.public_key(), at(0)).unwrap();
    verifier.register(thief.id(), &thief.public_key(), at(0)).unwrap();
    drop(verifier);
    gate.tamper(|transaction| {
        let mut devices = transaction.open_table(DEVICES).unwrap();
        let record = devices.get(&thief.id().0).unwrap().unwrap().value().to_vec();
        devices.insert(&device.id().0, record.as_slice()).unwrap();
    });
    assert!(matches!(gate.fault(), RegistryFault::Damaged(detail)
        if detail.contains("public key is not that of the device's id")));
}

#[test]
fn a_spoilt_log_does_not_keep_the_gate_shut() {
    let gate = Gate::new();
    gate.tamper(|transaction| {
        let mut audit = transaction.open_table(AUDIT).unwrap();
        audit.insert(3, [9, 9].as_slice()).unwrap();
    });
    let verifier = gate.open();
    assert!(matches!(
        verifier.registry().audit(10),
        Err(RegistryError { fault: RegistryFault::Damaged(detail), .. })
            if detail == "audit entry 3: record version 9 is not known"
    ));
    let device = MockDevice::new(1);
    verifier.register(device.id(), &device.public_key(), at(0)).unwrap();
    assert_eq!(attempt(&verifier, &device, &device, 1), Verdict::Accepted);
}

/// Bytes changed behind the database's back, all over the file: it is refused, or what is read is
/// what was written; it never panics.
#[test]
fn a_damaged_file_never_panics_and_never_lies() {
    let gate = Gate::new();
    let device = MockDevice::new(1);
    gate.open().register(device.id(), &device.public_key(), at(0)).unwrap();
    assert_eq!(attempt(&gate.open(), &device, &device, 1), Verdict::Accepted);
    let good = fs::read(gate.registry()).unwrap();
    let expected = gate.open().list().unwrap();
    let good_len = good.len();

    let used: Vec<_> = (0..good_len).filter(|at| good[*at] != 0).collect();
    let step = (used.len() / 150).max(1);
    let places = (0..64).chain(used.into_iter().step_by(step));
    let (mut refused, mut unharmed) = (0, 0);
    for place in places {
        let mut bytes = good.clone();
        bytes[place] ^= 0xa5;
        fs::write(gate.registry(), &bytes).unwrap();
        let path = gate.path();
        let read = panic::catch_unwind(|| Verifier::open(&path).map(|verifier| verifier.list()));
        match read {
            Err(_) => panic!("byte {place} of {good_len} makes it panic"),
            Ok(Err(_)) => refused += 1,
            Ok(Ok(devices)) => {
                assert_eq!(devices.unwrap(), expected, "byte {place}");
                unharmed += 1;
            }
        }
    }
    assert!(refused > 0 && unharmed > 0, "{refused} refused, {unharmed} unharmed");
    for len in [1, 8, 64, 4095, 4096, 8192, good_len / 2, good_len - 1] {
        fs::write(gate.registry(), &good[..len.min(good_len)]).unwrap();
        let path = gate.path();
        let opened = panic::catch_unwind(|| Verifier::open(&path).is_ok());
        assert_eq!(opened.ok(), Some(false), "cut to {len} of {good_len}");
    }
}

/// The states that a power cut can leave while a verifier is set up: nothing, a file in the making,
/// a registry without a configuration.
#[test]
fn an_interrupted_setup_is_finished_by_the_next() {
    let gate = Gate::new();
    let id = gate.open().id();
    fs::remove_file(gate.config()).unwrap();
    fs::write(gate.path().join(".verifier-abc123"), "half a file").unwrap();
    assert!(matches!(gate.refused(), FolderError::Unfinished { dir } if dir == gate.path()));
    let finished = Verifier::init(&gate.path(), &policy(), &mut rng()).unwrap();
    assert_eq!(finished.id(), id);
    drop(finished);
    assert_eq!(gate.open().id(), id);

    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Verifier::open(empty.path()), Err(FolderError::Missing { .. })));
    assert!(Verifier::init(empty.path(), &policy(), &mut rng()).is_ok());
}

#[test]
fn a_lost_configuration_is_not_made_up() {
    let gate = Gate::new();
    let device = MockDevice::new(1);
    gate.open().register(device.id(), &device.public_key(), at(0)).unwrap();
    fs::remove_file(gate.config()).unwrap();
    let error = Verifier::init(&gate.path(), &policy(), &mut rng()).unwrap_err();
    assert!(matches!(error, FolderError::ConfigLost { .. }), "{error}");
    assert!(!gate.config().exists());
}

#[test]
fn a_configuration_that_cannot_be_understood_is_named_with_its_place() {
    let gate = Gate::new();
    let text = fs::read_to_string(gate.config()).unwrap();
    fs::write(gate.config(), text.replace("lockout_seconds", "lockout_second")).unwrap();
    let message = gate.refused().to_string();
    assert!(message.contains("verifier.toml") && message.contains("`lockout_second`"), "{message}");
    assert!(message.contains("line 10"), "{message}");
    fs::write(gate.config(), [0xff, 0xfe]).unwrap();
    assert!(matches!(gate.refused(), FolderError::Io { .. }));
    fs::write(gate.config(), "#".repeat(100_000)).unwrap();
    assert!(gate.refused().to_string().contains("longer than 64 KiB"));
}

#[test]
fn a_registry_is_made_in_a_new_file_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(REGISTRY_FILE);
    fs::write(&path, "precious").unwrap();
    let error = Registry::create(&path, VERIFIER).unwrap_err();
    assert!(matches!(error.fault, RegistryFault::NotARegistry(_)));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    fs::remove_file(&path).unwrap();
    Registry::create(&path, VERIFIER).unwrap();
    assert!(Registry::create(&path, VerifierId([1; 32])).is_err());
    assert_eq!(Registry::open(&path).unwrap().verifier_id(), VERIFIER);
}
