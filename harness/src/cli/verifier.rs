//! `puflab verifier`: the gate and its registry in a folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand};
use puf_emulator::identity::PublicKey;
use puf_emulator::wire::{DeviceId, Hello, Message};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};
use x509_cert::Certificate;
use x509_cert::der::{DateTime, DecodePem as _};

use super::endpoint::EndpointArguments;
use super::exit::{Exit, Failure};
use super::session::{Session, count, fill_random, inputs, plain, shown};
use crate::device_folder::{from_hex, to_hex as hex};
use crate::link::Link;
use crate::report::json::Document;
use crate::verifier::policy::PolicySettings;
use crate::verifier::{
    AuthenticateError, FolderError, Policy, Registration, RegistryError, RegistryFault, Status,
    Timestamp, Verdict, Verifier, VerifierError,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Arguments {
    /// Sets up a verifier under a new id, with an empty registry.
    Init {
        /// The verifier's folder.
        db: PathBuf,
        #[command(flatten)]
        policy: PolicyArguments,
    },
    /// Makes a device known by its public key.
    Register {
        /// The verifier's folder.
        db: PathBuf,
        #[command(flatten)]
        device: DeviceSource,
    },
    /// The devices it knows.
    List {
        /// The verifier's folder.
        db: PathBuf,
    },
    /// Asks a device who it is and lets it prove it; exit 1 if it is rejected.
    Authenticate {
        /// The verifier's folder.
        db: PathBuf,
        #[command(flatten)]
        endpoint: EndpointArguments,
    },
    /// Never accepts a device again.
    Revoke {
        /// The verifier's folder.
        db: PathBuf,
        /// The device's id.
        device_id: DeviceId,
    },
    /// Lifts a device's lock-out.
    Unlock {
        /// The verifier's folder.
        db: PathBuf,
        /// The device's id.
        device_id: DeviceId,
    },
    /// What happened, with the reasons that the wire never tells; the latest last.
    Log {
        /// The verifier's folder.
        db: PathBuf,
        /// How many entries.
        #[arg(long, value_name = "N", default_value_t = 50)]
        last: usize,
    },
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Policy, kept in verifier.toml")]
pub(crate) struct PolicyArguments {
    /// How long a nonce can be answered [default: 30].
    #[arg(long, value_name = "SECONDS")]
    nonce_ttl_seconds: Option<u64>,
    /// Failed attempts in a row until a device is locked out [default: 5].
    #[arg(long, value_name = "N")]
    max_failed_attempts: Option<u64>,
    /// How long a device is locked out; with 0 it never is [default: 300].
    #[arg(long, value_name = "SECONDS")]
    lockout_seconds: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct DeviceSource {
    /// The public key, SEC 1 uncompressed, 130 hex digits.
    #[arg(long, value_name = "HEX")]
    public_key: Option<String>,
    /// A certificate of the device in PEM. Its signature is not checked: whoever registers a device
    /// vouches for where the key comes from.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    live: LiveDevice,
}

/// As [`EndpointArguments`], where others will do as well.
#[derive(Debug, Args)]
pub(crate) struct LiveDevice {
    /// A device that listens on host and port: takes the key it names.
    #[arg(long, value_name = "ADDR")]
    tcp: Option<String>,
    /// A device that listens on a Unix socket: takes the key it names.
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// A device on a serial line: takes the key it names.
    #[arg(long, value_name = "LINK")]
    pty: Option<PathBuf>,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    match arguments {
        Arguments::Init { db, policy } => init(session, db, policy),
        Arguments::Register { db, device } => register(session, db, device),
        Arguments::List { db } => list(session, db),
        Arguments::Authenticate { db, endpoint } => authenticate(session, db, endpoint),
        Arguments::Revoke { db, device_id } => {
            amend(session, db, *device_id, "revoke", Verifier::revoke)
        }
        Arguments::Unlock { db, device_id } => {
            amend(session, db, *device_id, "unlock", Verifier::unlock)
        }
        Arguments::Log { db, last } => log(session, db, *last),
    }
}

fn init(session: &Session, db: &Path, given: &PolicyArguments) -> Result<Exit, Failure> {
    let defaults = PolicySettings::default();
    let settings = PolicySettings {
        nonce_ttl_seconds: given.nonce_ttl_seconds.unwrap_or(defaults.nonce_ttl_seconds),
        max_failed_attempts: given.max_failed_attempts.unwrap_or(defaults.max_failed_attempts),
        lockout_seconds: given.lockout_seconds.unwrap_or(defaults.lockout_seconds),
        ..defaults
    };
    let policy = Policy::new(settings).map_err(Failure::usage)?;
    let verifier =
        Verifier::init(db, &policy, &mut rng(session)?).map_err(|error| folder_failure(&error))?;
    let id = verifier.id().to_string();
    session.print(
        || {
            format!(
                "{}: a new verifier\n  id      {id}\n  policy  {}\n",
                plain(db.display()),
                plain(db.join("verifier.toml").display())
            )
        },
        || {
            let what = [("db", shown(db))];
            let results = json!({ "verifier_id": id, "policy": policy.settings() });
            Document::new("verifier-init", session.given_seed(), inputs(what), results)
        },
    )?;
    Ok(Exit::Done)
}

fn register(session: &Session, db: &Path, source: &DeviceSource) -> Result<Exit, Failure> {
    let verifier = open(db)?;
    let public_key = public_key(source)?;
    let device_id = DeviceId::of_public_key(&public_key);
    let registration = verifier
        .register(device_id, &public_key, Timestamp::of_host())
        .map_err(|error| verifier_failure(&error))?;
    let new = registration == Registration::New;
    session.print(
        || {
            let how = if new { "registered" } else { "known already, by the same key" };
            format!("{device_id} {how}\n")
        },
        || {
            let what = [("db", shown(db))];
            let results = json!({
                "device_id": device_id.to_string(), "public_key": hex(&public_key), "new": new,
            });
            Document::new("verifier-register", None, inputs(what), results)
        },
    )?;
    Ok(Exit::Done)
}

fn public_key(source: &DeviceSource) -> Result<PublicKey, Failure> {
    let DeviceSource { public_key, certificate, live } = source;
    let LiveDevice { tcp, unix, pty } = live;
    let lines =
        [tcp.is_some(), unix.is_some(), pty.is_some()].iter().filter(|&&given| given).count();
    match (public_key, certificate, lines) {
        (Some(hex), None, 0) => from_hex(hex).ok_or_else(|| {
            Failure::usage(format_args!("--public-key {hex:?} is not 130 hex digits"))
                .advise("puflab device info DIR prints it")
        }),
        (None, Some(path), 0) => certificate_key(path),
        (None, None, 1) => {
            let (tcp, unix, pty) = (tcp.clone(), unix.clone(), pty.clone());
            live_key(&EndpointArguments { tcp, unix, pty })
        }
        _ => Err(Failure::usage("which device? exactly one source of its public key is needed")
            .advise("--public-key HEX, --certificate FILE, --tcp ADDR, --unix PATH or --pty LINK")),
    }
}

fn certificate_key(path: &Path) -> Result<PublicKey, Failure> {
    use std::io::Read as _;
    let mut pem = Vec::new();
    super::device::regular_file(path)?
        .take(1 << 16)
        .read_to_end(&mut pem)
        .map_err(|error| Failure::file(path, &error))?;
    let bad = |what: &str| Failure::bad_data(format_args!("{}: {what}", path.display()));
    let certificate =
        Certificate::from_pem(&pem).map_err(|error| bad(&format!("no certificate: {error}")))?;
    certificate
        .tbs_certificate()
        .subject_public_key_info()
        .subject_public_key
        .raw_bytes()
        .try_into()
        .map_err(|_| bad("the key of the certificate is no uncompressed P-256 point"))
}

/// Asks a device for its public key. It proves nothing: this is for a registration where the line to
/// the device is trusted, in a factory for example.
fn live_key(endpoint: &EndpointArguments) -> Result<PublicKey, Failure> {
    let mut link = Link::new(endpoint.connect()?, crate::link::Timeouts::default());
    link.send(&Message::Hello(Hello)).map_err(Failure::unreachable)?;
    match link.receive().map_err(Failure::unreachable)? {
        Message::Identity(identity) => Ok(identity.public_key),
        Message::Refusal => {
            Err(Failure::bad_data("the device has no identity").advise("puflab device enroll DIR"))
        }
        _ => Err(Failure::bad_data("the device answered something else than who it is")),
    }
}

fn list(session: &Session, db: &Path) -> Result<Exit, Failure> {
    let verifier = open(db)?;
    let now = Timestamp::of_host();
    let devices = verifier.list().map_err(|error| verifier_failure(&error))?;
    let page = || {
        let known = count(devices.len(), "device");
        let mut page = format!("verifier {}, {known}\n", verifier.id());
        for (id, record) in &devices {
            let standing = match (record.status(), record.locked_until(now)) {
                (Status::Revoked, _) => "revoked".to_owned(),
                (Status::Active, Some(until)) => {
                    let seconds = until.as_millis().saturating_sub(now.as_millis()).div_ceil(1000);
                    format!("locked out for {seconds} s")
                }
                (Status::Active, None) => "active".to_owned(),
            };
            let _ = writeln!(
                page,
                "  {id}  {standing}, accepted {}, failed in a row {}",
                record.accepted(),
                record.failed_in_a_row()
            );
        }
        page
    };
    let document = || {
        let devices: Vec<Value> = devices
            .iter()
            .map(|(id, record)| {
                json!({
                    "device_id": id.to_string(),
                    "public_key": hex(record.public_key()),
                    "status": match record.status() {
                        Status::Active => "active",
                        Status::Revoked => "revoked",
                    },
                    "registered_at_ms": record.registered_at().as_millis(),
                    "accepted": record.accepted(),
                    "failed_in_a_row": record.failed_in_a_row(),
                    "locked_until_ms": record.locked_until(now).map(Timestamp::as_millis),
                })
            })
            .collect();
        let results = json!({ "verifier_id": verifier.id().to_string(), "devices": devices });
        Document::new("verifier-list", None, inputs([("db", shown(db))]), results)
    };
    session.print(page, document)?;
    Ok(Exit::Done)
}

fn authenticate(
    session: &Session,
    db: &Path,
    endpoint: &EndpointArguments,
) -> Result<Exit, Failure> {
    // First the device, then the registry: whoever keeps us waiting keeps nobody else out.
    let connection = endpoint.connect()?;
    let verifier = open(db)?;
    let mut link = Link::new(connection, verifier.timeouts());
    let attempt = verifier
        .authenticate(&mut link, Timestamp::of_host, &mut rng(session)?)
        .map_err(|error| match error {
            AuthenticateError::Link(error) => Failure::unreachable(error),
            AuthenticateError::Verifier(error) => verifier_failure(&error),
        })?;
    let device =
        attempt.device_id.map_or("a device without a name".to_owned(), |id| id.to_string());
    let page = || match attempt.verdict {
        Verdict::Accepted => {
            let green = AnsiColor::Green.on_default();
            format!("{green}accepted{green:#}  {device}\n")
        }
        Verdict::Rejected(reason) => {
            let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
            format!("{red}rejected{red:#}  {device}: {}\n", reason.name())
        }
    };
    let document = || {
        let results = json!({
            "verdict": attempt.verdict.name(),
            "reason": attempt.verdict.reason().map(|reason| reason.name()),
            "device_id": attempt.device_id.map(|id| id.to_string()),
            "told": attempt.told,
        });
        let what = [("db", shown(db))];
        Document::new("verifier-authenticate", session.given_seed(), inputs(what), results)
    };
    session.print(page, document)?;
    Ok(if attempt.verdict.is_accepted() { Exit::Done } else { Exit::CheckFailed })
}

fn amend(
    session: &Session,
    db: &Path,
    device_id: DeviceId,
    what: &str,
    change: impl FnOnce(&Verifier, DeviceId, Timestamp) -> Result<(), VerifierError>,
) -> Result<Exit, Failure> {
    let verifier = open(db)?;
    change(&verifier, device_id, Timestamp::of_host()).map_err(|error| verifier_failure(&error))?;
    session.print(
        || format!("{device_id}: {what} done\n"),
        || {
            let inputs = inputs([("db", shown(db)), ("device_id", json!(device_id.to_string()))]);
            Document::new(&format!("verifier-{what}"), None, inputs, json!({}))
        },
    )?;
    Ok(Exit::Done)
}

fn log(session: &Session, db: &Path, last: usize) -> Result<Exit, Failure> {
    let verifier = open(db)?;
    let entries = verifier
        .registry()
        .audit(last)
        .map_err(|error| verifier_failure(&VerifierError::Registry(error)))?;
    let verdict = |event| match event {
        crate::verifier::AuditEvent::Judged(verdict) => Some(verdict),
        _ => None,
    };
    let page = || {
        let mut page = String::new();
        for (number, entry) in &entries {
            let device = entry.device_id.map_or("-".to_owned(), |id| id.to_string());
            let event = match verdict(entry.event).and_then(Verdict::reason) {
                Some(reason) => format!("rejected: {}", reason.name()),
                None => entry.event.name().to_owned(),
            };
            let _ = writeln!(page, "{number:>6}  {}  {device}  {event}", utc(entry.at));
        }
        page
    };
    let document = || {
        let entries: Vec<Value> = entries
            .iter()
            .map(|(number, entry)| {
                json!({
                    "number": number,
                    "at_ms": entry.at.as_millis(),
                    "device_id": entry.device_id.map(|id| id.to_string()),
                    "event": entry.event.name(),
                    "reason": verdict(entry.event).and_then(Verdict::reason).map(|r| r.name()),
                })
            })
            .collect();
        let what = [("db", shown(db)), ("last", json!(last))];
        Document::new("verifier-log", None, inputs(what), json!({ "entries": entries }))
    };
    session.print(page, document)?;
    Ok(Exit::Done)
}

/// Nonces and ids come from the operating system, unless a test gives a seed.
fn rng(session: &Session) -> Result<ChaCha20Rng, Failure> {
    let mut seed = [0; 32];
    match session.given_seed() {
        Some(given) => {
            session.note("nonces from a given seed can be foretold: for tests only");
            seed[..8].copy_from_slice(&given.to_le_bytes());
        }
        None => fill_random(&mut seed)?,
    }
    Ok(ChaCha20Rng::from_seed(seed))
}

fn open(db: &Path) -> Result<Verifier, Failure> {
    Verifier::open(db).map_err(|error| folder_failure(&error))
}

fn folder_failure(error: &FolderError) -> Failure {
    match error {
        FolderError::Exists { .. } => {
            Failure::usage(error).advise("another folder: a verifier is never overwritten")
        }
        FolderError::Missing { dir } => Failure::unreachable(error)
            .advise(format_args!("puflab verifier init {}", dir.display())),
        FolderError::Unfinished { dir } => {
            Failure::bad_data(error).advise(format_args!("puflab verifier init {}", dir.display()))
        }
        FolderError::Config { .. } => Failure::usage(error),
        FolderError::ConfigLost { .. } | FolderError::ForeignRegistry { .. } => {
            Failure::bad_data(error)
        }
        FolderError::Registry(error) => registry_failure(error),
        FolderError::Io { .. } => Failure::unreachable(error),
    }
}

fn registry_failure(error: &RegistryError) -> Failure {
    match &error.fault {
        RegistryFault::Missing
        | RegistryFault::NotARegistry(_)
        | RegistryFault::Schema { .. }
        | RegistryFault::Damaged(_) => Failure::bad_data(error),
        RegistryFault::InUse | RegistryFault::Io(_) => Failure::unreachable(error),
        RegistryFault::Exists => Failure::usage(error),
    }
}

fn verifier_failure(error: &VerifierError) -> Failure {
    match error {
        VerifierError::Registry(error) => registry_failure(error),
        VerifierError::NoNonce(_) => Failure::unreachable(error),
        VerifierError::PublicKey(_) | VerifierError::DeviceIdMismatch { .. } => {
            Failure::bad_data(error)
        }
        VerifierError::Revoked(_) | VerifierError::UnknownDevice(_) => {
            Failure::usage(error).advise("puflab verifier list DB shows the devices it knows")
        }
    }
}

/// A moment in UTC, to the second.
fn utc(at: Timestamp) -> String {
    let millis = at.as_millis();
    DateTime::from_unix_duration(Duration::from_millis(millis))
        .map_or(format!("{millis} ms"), |time| time.to_string())
}
