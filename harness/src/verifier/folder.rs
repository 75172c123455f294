//! A verifier on disk: `verifier.toml`, who it is and what it allows, and `registry.redb`, whom it
//! knows.
//!
//! The registry is made first and moved into place whole, `verifier.toml` after it. So whatever
//! moment a power cut strikes while a verifier is set up, there is no `verifier.toml`: the folder is
//! not a verifier yet, and setting it up again finishes the work. Both files name the verifier; a
//! registry that was swapped for another's is noticed.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use puf_emulator::wire::{ParseIdError, VerifierId};
use rand_core::CryptoRng;
use serde::Deserialize;
use tempfile::{NamedTempFile, TempPath};

use crate::verifier::policy::{Policy, PolicyError, PolicySettings};
use crate::verifier::registry::{Registry, RegistryError};

/// File that says who the verifier is and what it allows.
pub const CONFIG_FILE: &str = "verifier.toml";

/// File of the devices and the audit log.
pub const REGISTRY_FILE: &str = "registry.redb";

/// The layout of `verifier.toml` that this code reads and writes.
pub const CONFIG_SCHEMA: u32 = 1;

/// Longest `verifier.toml` that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 16;

/// What a verifier's folder holds, opened.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) verifier_id: VerifierId,
    pub(super) policy: Policy,
    pub(super) registry: Registry,
}

/// Sets up a verifier in `dir`, which is made if it is not there.
///
/// # Errors
/// If there is a verifier already, or a registry with devices in it but no `verifier.toml`, or the
/// host refuses. Nothing that was there is overwritten.
pub(super) fn init(
    dir: &Path,
    policy: &Policy,
    rng: &mut impl CryptoRng,
) -> Result<Folder, FolderError> {
    let config = dir.join(CONFIG_FILE);
    if fs::symlink_metadata(&config).is_ok() {
        return Err(FolderError::Exists { path: config });
    }
    fs::create_dir_all(dir).map_err(|error| io_at(dir, error))?;
    let verifier_id = place_registry(dir, rng)?;
    place_config(&config, &write_config(verifier_id, policy))?;
    sync_directory(dir);
    open(dir)
}

/// Opens a verifier.
///
/// # Errors
/// If a file is missing, malformed, damaged or in use, or the registry is another verifier's.
pub(super) fn open(dir: &Path) -> Result<Folder, FolderError> {
    let (verifier_id, policy) = read_config(dir)?;
    let registry = Registry::open(&dir.join(REGISTRY_FILE)).map_err(FolderError::Registry)?;
    if registry.verifier_id() != verifier_id {
        return Err(FolderError::ForeignRegistry {
            dir: dir.into(),
            expected: verifier_id,
            found: registry.verifier_id(),
        });
    }
    Ok(Folder { verifier_id, policy, registry })
}

/// Puts a new registry into place, or finds the one that an unfinished setup has left, and says
/// whose it is.
fn place_registry(dir: &Path, rng: &mut impl CryptoRng) -> Result<VerifierId, FolderError> {
    let path = dir.join(REGISTRY_FILE);
    if fs::symlink_metadata(&path).is_ok() {
        return left_over(&path);
    }
    let mut id = VerifierId([0; VerifierId::LEN]);
    rng.fill_bytes(&mut id.0);
    let staged = stage(dir)?.into_temp_path();
    Registry::create(&staged, id).map_err(FolderError::Registry)?;
    publish(staged, &path)?;
    Ok(id)
}

/// Only a registry that nobody has used can be left from an unfinished setup. Of any other,
/// `verifier.toml` was lost, and with it a policy that must not be replaced in silence.
fn left_over(path: &Path) -> Result<VerifierId, FolderError> {
    let registry = Registry::open(path).map_err(FolderError::Registry)?;
    let unused = registry.audit(1).map_err(FolderError::Registry)?.is_empty();
    if unused {
        Ok(registry.verifier_id())
    } else {
        Err(FolderError::ConfigLost { registry: path.into(), id: registry.verifier_id() })
    }
}

fn place_config(path: &Path, text: &str) -> Result<(), FolderError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut staged = stage(dir)?;
    staged
        .write_all(text.as_bytes())
        .and_then(|()| staged.as_file().sync_all())
        .map_err(|error| io_at(path, error))?;
    publish(staged.into_temp_path(), path)
}

/// A file that is removed again unless it is published.
fn stage(dir: &Path) -> Result<NamedTempFile, FolderError> {
    NamedTempFile::with_prefix_in(".verifier-", dir).map_err(|error| io_at(dir, error))
}

/// Gives a finished file its name, unless the name is taken.
fn publish(staged: TempPath, path: &Path) -> Result<(), FolderError> {
    staged.persist_noclobber(path).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => FolderError::Exists { path: path.into() },
        _ => io_at(path, failed.error),
    })
}

/// Makes the names of the files durable, where the host lets a directory be opened. The files
/// themselves are durable already: a lost name means an unfinished setup, not a broken verifier.
fn sync_directory(dir: &Path) {
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
}

fn write_config(id: VerifierId, policy: &Policy) -> String {
    let settings = policy.settings();
    let mut text = format!(
        "# A puflab verifier: who it is and what it allows. Whom it knows is in {REGISTRY_FILE}.\n\
         schema = {CONFIG_SCHEMA}\n\
         verifier_id = \"{id}\"\n\
         \n\
         [policy]\n"
    );
    let lines = [
        ("How long a challenge can be answered.", "nonce_ttl_seconds", settings.nonce_ttl_seconds),
        (
            "Failed attempts in a row until a device is locked out, and for how long (0: never).",
            "max_failed_attempts",
            settings.max_failed_attempts,
        ),
        ("", "lockout_seconds", settings.lockout_seconds),
        (
            "Bounds on what a flood of attempts can take up: challenges in memory, log entries on disk.",
            "max_outstanding_nonces",
            settings.max_outstanding_nonces,
        ),
        ("", "max_audit_entries", settings.max_audit_entries),
        (
            "How long to wait for one message of a device, and for a whole attempt.",
            "answer_timeout_seconds",
            settings.answer_timeout_seconds,
        ),
        ("", "session_timeout_seconds", settings.session_timeout_seconds),
    ];
    for (comment, key, value) in lines {
        if !comment.is_empty() {
            let _ = writeln!(text, "# {comment}");
        }
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}

/// `verifier.toml` as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    schema: u32,
    verifier_id: String,
    #[serde(default)]
    policy: PolicySettings,
}

/// Only the schema: read first, as another schema may have other fields.
#[derive(Deserialize)]
struct ConfigSchema {
    schema: u32,
}

fn read_config(dir: &Path) -> Result<(VerifierId, Policy), FolderError> {
    let path = dir.join(CONFIG_FILE);
    let text = read_bounded(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if dir.join(REGISTRY_FILE).exists() => {
            FolderError::Unfinished { dir: dir.into() }
        }
        io::ErrorKind::NotFound => FolderError::Missing { dir: dir.into() },
        _ => io_at(&path, error),
    })?;
    parse_config(&text).map_err(|fault| FolderError::Config { path, fault })
}

fn parse_config(text: &str) -> Result<(VerifierId, Policy), ConfigFault> {
    let ConfigSchema { schema } = toml::from_str(text).map_err(ConfigFault::Syntax)?;
    if schema != CONFIG_SCHEMA {
        return Err(ConfigFault::Schema { found: schema });
    }
    let config: Config = toml::from_str(text).map_err(ConfigFault::Syntax)?;
    debug_assert_eq!(config.schema, schema);
    let id = config.verifier_id.parse().map_err(ConfigFault::VerifierId)?;
    let policy = Policy::new(config.policy).map_err(ConfigFault::Policy)?;
    Ok((id, policy))
}

fn read_bounded(path: &Path) -> io::Result<String> {
    use io::Read as _;
    let mut text = String::new();
    // Asked first, because opening a pipe waits for whoever writes to it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)?.take(MAX_CONFIG_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_CONFIG_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than 64 KiB"));
    }
    Ok(text)
}

fn io_at(path: &Path, source: io::Error) -> FolderError {
    FolderError::Io { path: path.into(), source }
}

/// Why a verifier's folder could not be set up or opened.
#[derive(Debug)]
pub enum FolderError {
    /// There is a verifier already.
    Exists {
        /// The file that is there.
        path: PathBuf,
    },
    /// The folder is not a verifier.
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder has a registry but no `verifier.toml`: its setup was interrupted, or the file was
    /// removed.
    Unfinished {
        /// The folder.
        dir: PathBuf,
    },
    /// A registry in use has lost its `verifier.toml`, which `init` does not make up anew.
    ConfigLost {
        /// The registry.
        registry: PathBuf,
        /// Whose it is.
        id: VerifierId,
    },
    /// `verifier.toml` cannot be understood.
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: ConfigFault,
    },
    /// The registry in the folder is that of another verifier.
    ForeignRegistry {
        /// The folder.
        dir: PathBuf,
        /// The verifier of `verifier.toml`.
        expected: VerifierId,
        /// The verifier of the registry.
        found: VerifierId,
    },
    /// The registry cannot be used.
    Registry(RegistryError),
    /// The host refused to read or write.
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What is wrong with a `verifier.toml`.
#[derive(Debug)]
pub enum ConfigFault {
    /// Not TOML, or not these fields; says where.
    Syntax(toml::de::Error),
    /// A layout that this code does not know.
    Schema {
        /// Version of its layout.
        found: u32,
    },
    /// `verifier_id` is not an id.
    VerifierId(ParseIdError),
    /// A setting of the policy is out of range.
    Policy(PolicyError),
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists { path } => write!(f, "{} exists already", path.display()),
            Self::Missing { dir } => {
                write!(f, "{} is not a verifier: it has no {CONFIG_FILE}", dir.display())
            }
            Self::Unfinished { dir } => write!(
                f,
                "{} has a {REGISTRY_FILE} but no {CONFIG_FILE}: its setup was interrupted, and \
                 setting it up again finishes it",
                dir.display()
            ),
            Self::ConfigLost { registry, id } => write!(
                f,
                "{} is in use by verifier {id}, whose {CONFIG_FILE} is gone: restore it",
                registry.display()
            ),
            Self::Config { path, fault } => write!(f, "{}: {fault}", path.display()),
            Self::ForeignRegistry { dir, expected, found } => write!(
                f,
                "{} holds a registry from another verifier: {CONFIG_FILE} is of {expected}, \
                 {REGISTRY_FILE} of {found}",
                dir.display()
            ),
            Self::Registry(error) => error.fmt(f),
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::Schema { found } => {
                write!(f, "schema {found}, this program knows schema {CONFIG_SCHEMA}")
            }
            Self::VerifierId(error) => write!(f, "verifier_id: {error}"),
            Self::Policy(error) => write!(f, "policy: {error}"),
        }
    }
}

impl Error for FolderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config { fault: ConfigFault::Syntax(error), .. } => Some(error),
            Self::Config { fault: ConfigFault::VerifierId(error), .. } => Some(error),
            Self::Config { fault: ConfigFault::Policy(error), .. } => Some(error),
            Self::Registry(error) => Some(error),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: VerifierId = VerifierId([0xab; 32]);

    #[test]
    fn what_is_written_is_read_back() {
        let policy = Policy::new(PolicySettings {
            nonce_ttl_seconds: 1,
            max_failed_attempts: 2,
            lockout_seconds: 3,
            max_outstanding_nonces: 4,
            max_audit_entries: 5,
            answer_timeout_seconds: 6,
            session_timeout_seconds: 7,
        })
        .unwrap();
        let text = write_config(ID, &policy);
        assert_eq!(parse_config(&text).unwrap(), (ID, policy));
        assert!(text.contains("[policy]\n# How long a challenge can be answered.\n"));
    }

    #[test]
    fn settings_left_out_have_their_defaults() {
        let text = format!("schema = 1\nverifier_id = \"{ID}\"\n");
        assert_eq!(parse_config(&text).unwrap(), (ID, Policy::default()));
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let message = parse_config(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{message:?} does not contain {expected:?}");
    }

    #[test]
    fn what_cannot_be_understood_is_said() {
        let head = format!("schema = 1\nverifier_id = \"{ID}\"\n");
        check_refused("schema = ", "line 1");
        check_refused("", "missing field `schema`");
        check_refused("schema = 2\nanything = true\n", "schema 2, this program knows schema 1");
        check_refused("schema = 1\nverifier_id = \"ab\"\n", "2 characters instead of 64");
        check_refused(&format!("{head}door = \"open\"\n"), "unknown field `door`");
        check_refused(&format!("{head}[policy]\nnonce_ttl = 3\n"), "unknown field `nonce_ttl`");
        check_refused(
            &format!("{head}[policy]\nnonce_ttl_seconds = 0\n"),
            "policy: nonce_ttl_seconds = 0 is not in 1..=3600",
        );
        check_refused(&format!("{head}[policy]\nlockout_seconds = -1\n"), "line 4");
    }
}
