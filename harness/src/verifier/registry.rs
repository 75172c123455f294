//! The devices a verifier knows, and what it decided: one embedded database file (redb).
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | `schema`: u32; `verifier_id`: 32 bytes |
//! | `devices` | device id | [device record](record) |
//! | `audit` | sequence number | [audit entry](record) |
//!
//! Every change is one durable transaction: when a call returns, its counters, lock-outs and log
//! entries are on disk, and after a power cut in the middle none of them is. One process at a time
//! has the file open. It holds public keys and counters: nothing in it lets anybody in, but whoever
//! can *write* it can register a key.

pub mod record;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use puf_emulator::wire::{DeviceId, VerifierId};
use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    Table, TableDefinition, TableError, WriteTransaction,
};

use record::{AuditEntry, AuditEvent, DeviceRecord, RecordError};

use crate::verifier::timestamp::Timestamp;

/// The layout of the database that this code reads and writes.
pub const SCHEMA_VERSION: u32 = 1;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const DEVICES: TableDefinition<'_, &[u8; DeviceId::LEN], &[u8]> = TableDefinition::new("devices");
const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");

const SCHEMA: &str = "schema";
const VERIFIER_ID: &str = "verifier_id";

/// Memory for pages of the database.
const CACHE_BYTES: usize = 16 << 20;

/// An open registry.
#[derive(Debug)]
pub struct Registry {
    database: Database,
    path: PathBuf,
    verifier_id: VerifierId,
}

impl Registry {
    /// Writes the registry of a new verifier into `path`, an empty file or none.
    ///
    /// # Errors
    /// If the file is something else already, or cannot be written.
    pub fn create(path: &Path, verifier_id: VerifierId) -> Result<(), RegistryError> {
        let database = builder().create(path).map_err(|error| at(path, error.into()))?;
        let registry = Self { database, path: path.into(), verifier_id };
        registry.change(|transaction| write_meta(transaction, verifier_id))
    }

    /// Opens a registry, and checks all of it: pages, schema and every record of a device.
    ///
    /// # Errors
    /// Tells a missing file, something that is not a registry, another schema, a registry that
    /// another process has open, and damage apart: see [`RegistryFault`].
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let database = builder().open(path).map_err(|error| at(path, error.into()))?;
        let verifier_id = read_meta(&database).map_err(|fault| at(path, fault))?;
        let registry = Self { database, path: path.into(), verifier_id };
        registry.devices()?;
        Ok(registry)
    }

    /// A registry that lives as long as this value, for stories and tests.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn in_memory(verifier_id: VerifierId) -> Result<Self, RegistryError> {
        let path = PathBuf::from("(in memory)");
        let database = builder()
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| at(&path, error.into()))?;
        let registry = Self { database, path, verifier_id };
        registry.change(|transaction| write_meta(transaction, verifier_id))?;
        Ok(registry)
    }

    /// Whose registry it is.
    #[must_use]
    pub fn verifier_id(&self) -> VerifierId {
        self.verifier_id
    }

    /// The record of one device.
    ///
    /// # Errors
    /// If the database cannot be read or the record is damaged.
    pub fn device(&self, id: DeviceId) -> Result<Option<DeviceRecord>, RegistryError> {
        self.look(|| {
            let table = self.database.begin_read()?.open_table(DEVICES)?;
            table.get(&id.0)?.map(|bytes| read_device(id, bytes.value())).transpose()
        })
    }

    /// Every device, by id.
    ///
    /// # Errors
    /// If the database cannot be read or a record is damaged.
    pub fn devices(&self) -> Result<Vec<(DeviceId, DeviceRecord)>, RegistryError> {
        self.look(|| {
            let table = self.database.begin_read()?.open_table(DEVICES)?;
            let mut devices = Vec::new();
            for row in table.iter()? {
                let (id, bytes) = row?;
                let id = DeviceId(*id.value());
                devices.push((id, read_device(id, bytes.value())?));
            }
            Ok(devices)
        })
    }

    /// The latest entries of the audit log, at most `limit`, the oldest of them first, each with its
    /// sequence number. The first entry ever has number 0: numbers that are missing before the
    /// oldest are of entries that made room.
    ///
    /// # Errors
    /// If the database cannot be read or an entry is damaged.
    pub fn audit(&self, limit: usize) -> Result<Vec<(u64, AuditEntry)>, RegistryError> {
        self.look(|| {
            let table = self.database.begin_read()?.open_table(AUDIT)?;
            let mut entries = Vec::new();
            for row in table.iter()?.rev().take(limit) {
                let (number, bytes) = row?;
                let entry = AuditEntry::from_bytes(bytes.value())
                    .map_err(|error| damaged(&format!("audit entry {}", number.value()), error))?;
                entries.push((number.value(), entry));
            }
            entries.reverse();
            Ok(entries)
        })
    }

    /// One change of one device and its line in the log, in one durable transaction.
    ///
    /// `decide` sees the record as it is and says what happened; the record as `decide` leaves it is
    /// written, or none if it leaves none. If `decide` declines, nothing is written.
    pub(super) fn transact<E>(
        &self,
        device_id: Option<DeviceId>,
        now: Timestamp,
        max_audit_entries: u64,
        decide: impl FnOnce(&mut Option<DeviceRecord>) -> Result<AuditEvent, E>,
    ) -> Result<Result<AuditEvent, E>, RegistryError> {
        self.change(|transaction| {
            let mut devices = transaction.open_table(DEVICES)?;
            let mut record = match device_id {
                Some(id) => {
                    devices.get(&id.0)?.map(|bytes| read_device(id, bytes.value())).transpose()?
                }
                None => None,
            };
            let event = match decide(&mut record) {
                Ok(event) => event,
                Err(declined) => return Ok(Err(declined)),
            };
            if let (Some(id), Some(record)) = (device_id, record) {
                devices.insert(&id.0, record.to_bytes().as_slice())?;
            }
            let entry = AuditEntry { at: now, device_id, event };
            append(&mut transaction.open_table(AUDIT)?, entry, max_audit_entries)?;
            Ok(Ok(event))
        })
    }

    /// Runs `write` in a transaction of its own and waits until it is durable.
    fn change<T>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<T, RegistryFault>,
    ) -> Result<T, RegistryError> {
        self.look(|| {
            // Durability::Immediate is redb's default.
            let transaction = self.database.begin_write()?;
            let result = write(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    /// Names the file in whatever goes wrong.
    fn look<T>(
        &self,
        access: impl FnOnce() -> Result<T, RegistryFault>,
    ) -> Result<T, RegistryError> {
        access().map_err(|fault| at(&self.path, fault))
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    // Without the check redb trusts a file that was closed in order, and may panic if it is damaged.
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// Makes the tables, in a database that has none.
fn write_meta(transaction: &WriteTransaction, id: VerifierId) -> Result<(), RegistryFault> {
    if transaction.list_tables()?.next().is_some() {
        return Err(RegistryFault::Exists);
    }
    let mut meta = transaction.open_table(META)?;
    meta.insert(SCHEMA, SCHEMA_VERSION.to_be_bytes().as_slice())?;
    meta.insert(VERIFIER_ID, id.0.as_slice())?;
    transaction.open_table(DEVICES)?;
    transaction.open_table(AUDIT)?;
    Ok(())
}

fn read_meta(database: &Database) -> Result<VerifierId, RegistryFault> {
    let meta = match database.begin_read()?.open_table(META) {
        Err(TableError::TableDoesNotExist(_) | TableError::TableTypeMismatch { .. }) => {
            return Err(RegistryFault::NotARegistry("a database of something else".into()));
        }
        other => other?,
    };
    let field = |name: &'static str| -> Result<Vec<u8>, RegistryFault> {
        let value = meta.get(name)?.map(|bytes| bytes.value().to_vec());
        value.ok_or_else(|| RegistryFault::Damaged(format!("no {name} in it")))
    };
    let schema = <[u8; 4]>::try_from(field(SCHEMA)?.as_slice()).map(u32::from_be_bytes);
    match schema {
        Ok(SCHEMA_VERSION) => {}
        Ok(found) => return Err(RegistryFault::Schema { found }),
        Err(_) => return Err(RegistryFault::Damaged("schema is not a number".into())),
    }
    let id = <[u8; VerifierId::LEN]>::try_from(field(VERIFIER_ID)?.as_slice());
    id.map(VerifierId).map_err(|_| RegistryFault::Damaged("verifier_id is not 32 bytes".into()))
}

fn read_device(id: DeviceId, bytes: &[u8]) -> Result<DeviceRecord, RegistryFault> {
    DeviceRecord::from_bytes(id, bytes).map_err(|error| damaged(&format!("device {id}"), error))
}

/// Appends to the audit log, and forgets its oldest entries beyond `max_entries`.
fn append(
    audit: &mut Table<'_, u64, &'static [u8]>,
    entry: AuditEntry,
    max_entries: u64,
) -> Result<(), RegistryFault> {
    let next = audit.last()?.map_or(0, |(number, _)| number.value().saturating_add(1));
    audit.insert(next, entry.to_bytes().as_slice())?;
    while audit.len()? > max_entries {
        audit.pop_first()?;
    }
    Ok(())
}

fn damaged(what: &str, error: RecordError) -> RegistryFault {
    RegistryFault::Damaged(format!("{what}: {error}"))
}

fn at(path: &Path, fault: RegistryFault) -> RegistryError {
    RegistryError { path: path.into(), fault }
}

/// What went wrong with which registry.
#[derive(Debug)]
pub struct RegistryError {
    /// The file.
    pub path: PathBuf,
    /// What went wrong.
    pub fault: RegistryFault,
}

/// What can go wrong with a registry.
#[derive(Debug)]
pub enum RegistryFault {
    /// There is no such file.
    Missing,
    /// Where a new registry was to be made, there is a database already.
    Exists,
    /// The file is something else.
    NotARegistry(String),
    /// The registry has a layout that this code does not know.
    Schema {
        /// Version of its layout.
        found: u32,
    },
    /// Another process has it open.
    InUse,
    /// The file was altered behind the database's back, or its medium fails.
    Damaged(String),
    /// The host refused to read or write.
    Io(io::Error),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "registry {}: ", self.path.display())?;
        match &self.fault {
            RegistryFault::Missing => f.write_str("no such file"),
            RegistryFault::Exists => f.write_str("exists already"),
            RegistryFault::NotARegistry(detail) => write!(f, "not a registry: {detail}"),
            RegistryFault::Schema { found } => {
                write!(f, "has schema {found}, this program knows schema {SCHEMA_VERSION}")
            }
            RegistryFault::InUse => f.write_str("in use by another process"),
            RegistryFault::Damaged(detail) => write!(f, "damaged: {detail}"),
            RegistryFault::Io(error) => error.fmt(f),
        }
    }
}

impl Error for RegistryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault {
            RegistryFault::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<redb::Error> for RegistryFault {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => Self::Missing,
                io::ErrorKind::InvalidData => Self::NotARegistry(error.to_string()),
                _ => Self::Io(error),
            },
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::UpgradeRequired(version) => {
                Self::NotARegistry(format!("a database file of version {version}"))
            }
            redb::Error::PreviousIo => Self::Io(io::Error::other(error.to_string())),
            other => Self::Damaged(other.to_string()),
        }
    }
}

macro_rules! faults_of_the_database {
    ($($error:ident),*) => {
        $(impl From<redb::$error> for RegistryFault {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

faults_of_the_database!(DatabaseError, TransactionError, TableError, StorageError, CommitError);
