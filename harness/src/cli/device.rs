//! `puflab device`: a persistent emulated device in a folder.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand, ValueEnum};
use fuzzy_extractor::helper_data::HelperData;
use fuzzy_extractor::sketch;
use puf_emulator::chip::{EnrollError, Lifecycle, NoKey, Serial};
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::PowerUpError;
use puf_emulator::wire::Message;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::exit::{Exit, Failure};
use super::session::{Session, count, fill_random, inputs, plain, shown};
use super::silicon_arguments::SiliconArguments;
use super::{code, endpoint, interrupt, nearest};
use crate::demo::measured::label;
use crate::device_folder::{
    self, Description, DeviceError, DeviceFolder, ModelledDie, RecordedDie, SiliconSource,
};
use crate::device_server::{self, ServeOptions, SessionEnd};
use crate::readouts;
use crate::report::json::Document;
use crate::store::{FolderError, StoreError};

#[derive(Debug, Subcommand)]
pub(crate) enum Arguments {
    /// Makes a new blank device: silicon, and no key.
    New(New),
    /// Enrols it: its first power-up becomes helper data and a key pair. Once in its life.
    Enroll {
        /// The device's folder.
        dir: PathBuf,
        /// Temperature of the die [default: that at which the process was characterised].
        #[arg(long, value_name = "T", allow_hyphen_values = true)]
        temperature_celsius: Option<f64>,
    },
    /// What can be known of it without powering it up.
    Info {
        /// The device's folder.
        dir: PathBuf,
    },
    /// Powers it up and says whether it rebuilt its key; exit 1 if it did not.
    PowerCycle {
        /// The device's folder.
        dir: PathBuf,
        /// How often.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        times: u32,
        /// Temperature of the die [default: that at which the process was characterised].
        #[arg(long, value_name = "T", allow_hyphen_values = true)]
        temperature_celsius: Option<f64>,
    },
    /// Powers it up and offers it to a verifier over TCP, a Unix socket or a serial line, until interrupted.
    Serve(Serve),
    /// Powers it up and writes its self-signed certificate or a PKCS#10 request, in PEM.
    Certificate {
        /// The device's folder.
        dir: PathBuf,
        /// A certification request instead of a certificate.
        #[arg(long)]
        request: bool,
        /// Start of validity, seconds since 1970 [default: now].
        #[arg(long, value_name = "SECONDS", conflicts_with = "request")]
        not_before: Option<u64>,
    },
    /// Lets years pass.
    Age {
        /// The device's folder.
        dir: PathBuf,
        /// How many.
        #[arg(long, value_name = "Y", allow_hyphen_values = true)]
        years: f64,
    },
    /// Changes its helper data, as an attacker with a programmer does.
    Tamper {
        /// The device's folder.
        dir: PathBuf,
        #[command(flatten)]
        how: TamperArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The device's folder; made if it is not there.
    dir: PathBuf,
    #[command(flatten)]
    silicon: SiliconArguments,
    /// Number of SRAM cells.
    #[arg(long, value_name = "N", default_value_t = 8192)]
    cells: usize,
    /// Measured readouts, a file or a folder, instead of modelled silicon.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["profile", "ber", "lambda1", "cells"])]
    readouts: Option<PathBuf>,
    /// Which of the measured chips, where there are several.
    #[arg(long, value_name = "NAME", requires = "readouts")]
    chip: Option<String>,
    /// Length of a record, where one raw file holds many readouts [default: recognised].
    #[arg(long, value_name = "N", requires = "readouts")]
    record_bytes: Option<usize>,
    /// Code that corrects the noise.
    #[arg(long, value_name = "CODE", default_value = "rep(7)*bch(318,174,17)")]
    code: String,
    /// Sketch construction.
    #[arg(long, value_enum, default_value_t = SketchName::CodeOffset)]
    sketch: SketchName,
    /// First cell that the key is made of.
    #[arg(long, value_name = "I", default_value_t = 0)]
    first_cell: usize,
}

/// The sketch constructions by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SketchName {
    /// Reading plus a random code word: n bits.
    CodeOffset,
    /// Syndrome of the reading: n - k bits.
    Syndrome,
}

impl SketchName {
    pub(crate) fn construction(self) -> &'static dyn sketch::SecureSketch {
        match self {
            Self::CodeOffset => &sketch::CodeOffset,
            Self::Syndrome => &sketch::Syndrome,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The device's folder.
    dir: PathBuf,
    #[command(flatten)]
    endpoint: endpoint::EndpointArguments,
    /// Temperature of the die [default: that at which the process was characterised].
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    temperature_celsius: Option<f64>,
    /// Stop after so many sessions [default: never].
    #[arg(long, value_name = "N")]
    sessions: Option<u64>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TamperArguments {
    /// Flips one bit, counted from the first byte's most significant bit.
    #[arg(long, value_name = "BIT")]
    flip_bit: Option<usize>,
    /// Keeps the first bytes only.
    #[arg(long, value_name = "BYTES")]
    truncate: Option<usize>,
    /// Replaces it with the bytes of a file, for example another device's helper.bin.
    #[arg(long, value_name = "FILE")]
    replace: Option<PathBuf>,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    match arguments {
        Arguments::New(new) => make(session, new),
        Arguments::Enroll { dir, temperature_celsius } => {
            enroll(session, dir, *temperature_celsius)
        }
        Arguments::Info { dir } => info(session, dir),
        Arguments::PowerCycle { dir, times, temperature_celsius } => {
            power_cycle(session, dir, *times, *temperature_celsius)
        }
        Arguments::Serve(arguments) => serve(session, arguments),
        Arguments::Certificate { dir, request, not_before } => {
            certificate(session, dir, *request, *not_before)
        }
        Arguments::Age { dir, years } => age(session, dir, *years),
        Arguments::Tamper { dir, how } => tamper(session, dir, how),
    }
}

fn make(session: &Session, new: &New) -> Result<Exit, Failure> {
    let code = code::parse(&new.code)?;
    if code.k() < 128 {
        session.note(format_args!(
            "{code} carries {} secret bits: fewer than a 128-bit key needs",
            code.k()
        ));
    }
    let tree = device_tree(session)?;
    let silicon = match &new.readouts {
        Some(path) => recorded(session, new, path)?,
        None => {
            let named = new.silicon.resolve()?;
            let seed = bytes_of(&tree.child("die"));
            let die = ModelledDie::new(&named.name, &named.process, new.cells, seed);
            SiliconSource::Modelled(die)
        }
    };
    let mut serial = [0; 16];
    serial.copy_from_slice(&bytes_of(&tree.child("serial"))[..16]);
    let description = Description {
        serial: Serial(serial),
        code: code.to_string(),
        sketch: new.sketch.construction().name().to_owned(),
        first_cell: new.first_cell,
        silicon,
    };
    let device = DeviceFolder::create(&new.dir, description).map_err(|e| failure(&new.dir, &e))?;
    let what = [("dir", shown(&new.dir))];
    let given = session.given_seed();
    let document = || Document::new("device-new", given, inputs(what), describe(&device));
    session.print(|| page("a new blank device", &device), document)?;
    Ok(Exit::Done)
}

/// What a new device is drawn from: the operating system, or the seed of somebody who wants the same
/// device again. Only a given seed is ever printed: it makes a test device that anybody can make, and
/// a drawn one would be the secret of the die.
fn device_tree(session: &Session) -> Result<SeedTree, Failure> {
    match session.given_seed() {
        Some(seed) => {
            session.note(TEST_DEVICE);
            Ok(SeedTree::from_seed(seed).child("puflab device"))
        }
        None => {
            let mut root = Zeroizing::new([0; 32]);
            fill_random(root.as_mut())?;
            Ok(SeedTree::from_bytes(&root))
        }
    }
}

/// What a given seed costs: 64 bits are soon tried, and the public helper data shows which are right.
const TEST_DEVICE: &str = "a device of a given seed can be made again by anybody: for tests only";

fn bytes_of(tree: &SeedTree) -> [u8; 32] {
    let mut bytes = [0; 32];
    rand_core::Rng::fill_bytes(&mut tree.stream(0), &mut bytes);
    bytes
}

fn recorded(session: &Session, new: &New, path: &Path) -> Result<SiliconSource, Failure> {
    let path = path.canonicalize().map_err(|error| Failure::file(path, &error))?;
    if path.to_str().is_none() {
        return Err(Failure::usage(format_args!("{}: not UTF-8", path.display()))
            .advise("a path that chip.toml can hold"));
    }
    let options = readouts::Options { record_bytes: new.record_bytes, ..Default::default() };
    let measured = super::measured::read(session, &path, &options)?;
    let labels: Vec<String> =
        measured.devices.iter().map(|d| label(&d.name, &d.condition)).collect();
    let named = |wanted: &str| {
        let place = |texts: &mut dyn Iterator<Item = &str>| {
            let mut places = texts.enumerate().filter(|(_, text)| *text == wanted).map(|(i, _)| i);
            (places.next(), places.next())
        };
        // By its label, or by its name alone where that is enough.
        match place(&mut labels.iter().map(String::as_str)) {
            (Some(i), _) => Some(i),
            (None, _) => match place(&mut measured.devices.iter().map(|d| d.name.as_str())) {
                (Some(i), None) => Some(i),
                _ => None,
            },
        }
    };
    let found = match (&new.chip, &labels[..]) {
        (Some(name), _) => named(name).ok_or_else(|| {
            let failure = Failure::usage(format_args!(
                "{}: no chip {name:?}, or several; there are {}",
                path.display(),
                labels.join(", ")
            ));
            match nearest::nearest(name, labels.iter().map(String::as_str)) {
                Some(near) => failure.advise(format_args!("--chip '{near}'")),
                None => failure,
            }
        })?,
        (None, [_]) => 0,
        (None, _) => {
            return Err(Failure::usage(format_args!(
                "{} holds {} chips: {}",
                path.display(),
                labels.len(),
                labels.join(", ")
            ))
            .advise("name one with --chip"));
        }
    };
    let device = &measured.devices[found];
    Ok(SiliconSource::Recorded(RecordedDie {
        name: device.name.clone(),
        condition: device.condition.clone(),
        record_bytes: new.record_bytes,
        digest: device_folder::digest(&device.readouts),
        path,
    }))
}

fn enroll(session: &Session, dir: &Path, celsius: Option<f64>) -> Result<Exit, Failure> {
    let mut device = open(session, dir)?;
    let mut seed = [0; 32];
    match session.given_seed() {
        Some(given) => {
            session.note(TEST_DEVICE);
            seed[..8].copy_from_slice(&given.to_le_bytes());
        }
        // The salt and the random code word are the device's own to draw.
        None => fill_random(&mut seed)?,
    }
    let mut rng = ChaCha20Rng::from_seed(seed);
    device.enroll(celsius, &mut rng).map_err(|error| failure(dir, &error))?;
    let what = [("dir", shown(dir)), ("temperature_celsius", json!(celsius))];
    session.print(
        || page("enrolled: its power-up became a key pair", &device),
        || Document::new("device-enroll", session.given_seed(), inputs(what), describe(&device)),
    )?;
    Ok(Exit::Done)
}

fn info(session: &Session, dir: &Path) -> Result<Exit, Failure> {
    let device = open(session, dir)?;
    let what = [("dir", shown(dir))];
    session.print(
        || page("an emulated device", &device),
        || Document::new("device-info", None, inputs(what), describe(&device)),
    )?;
    whole_helper_data(dir, &device)?;
    Ok(Exit::Done)
}

fn power_cycle(
    session: &Session,
    dir: &Path,
    times: u32,
    celsius: Option<f64>,
) -> Result<Exit, Failure> {
    let mut device = open(session, dir)?;
    if device.chip().nvm().lifecycle() == Lifecycle::Blank {
        return Err(Failure::bad_data(NoKey::NotEnrolled)
            .advise(format_args!("puflab device enroll {}", dir.display())));
    }
    whole_helper_data(dir, &device)?;
    if let Some(left) = device.power_cycles_left().filter(|&left| left < times.into()) {
        return Err(Failure::bad_data(format_args!(
            "{}: {times} power cycles asked for, and {left} measured ones are left",
            dir.display()
        )));
    }
    let progress = session.progress(u64::from(times), "power cycles");
    let mut corrected: Vec<Option<usize>> = Vec::new();
    for _ in 0..times {
        let powered = device.power_up(celsius).map_err(|error| failure(dir, &error))?;
        corrected.push(powered.corrected());
        progress.advance(1);
    }
    drop(progress);
    let rebuilt = corrected.iter().flatten().count();
    let bits = device.chip().design().extractor.response_bits();
    let page = || match (&corrected[..], corrected.iter().flatten().max()) {
        ([Some(cells)], _) => format!("key rebuilt, {cells} of {bits} cells corrected\n"),
        ([None], _) => "key not rebuilt\n".to_owned(),
        (_, Some(most)) => format!(
            "key rebuilt in {rebuilt} of {times} power cycles, at most {most} of {bits} cells \
             corrected\n"
        ),
        (_, None) => format!("key rebuilt in none of {times} power cycles\n"),
    };
    let document = || {
        let cycles: Vec<Value> = corrected
            .iter()
            .map(|cells| json!({ "key_rebuilt": cells.is_some(), "corrected": cells }))
            .collect();
        let results = json!({
            "device_id": device.chip().device_id().map(|id| id.to_string()),
            "power_cycles": device.power_cycles(), "rebuilt": rebuilt, "cycles": cycles,
        });
        let what =
            [("dir", shown(dir)), ("times", json!(times)), ("temperature_celsius", json!(celsius))];
        Document::new("device-power-cycle", None, inputs(what), results)
    };
    session.print(page, document)?;
    Ok(if rebuilt == corrected.len() { Exit::Done } else { Exit::CheckFailed })
}

fn serve(session: &Session, arguments: &Serve) -> Result<Exit, Failure> {
    let mut device = open(session, &arguments.dir)?;
    // A mistyped address must not cost a power-up: measured ones are not to be had again.
    let listener = arguments.endpoint.listen()?;
    let endpoint = listener.endpoint().map_err(Failure::unreachable)?;
    let powered = device
        .power_up(arguments.temperature_celsius)
        .map_err(|error| failure(&arguments.dir, &error))?;
    match powered.key() {
        Ok(key) => session.note(format_args!("powered up as {}", key.device_id())),
        Err(no_key) => session.note(format_args!("powered up, and will refuse: {no_key}")),
    }
    session.note(format_args!("listening on {endpoint}"));
    let options = ServeOptions { sessions: arguments.sessions, ..ServeOptions::default() };
    let stop = interrupt::flag()?;
    let respond = |message: Message| powered.respond(&message);
    let observe = |ended: device_server::Session| session.note(session_line(&ended));
    let served = device_server::serve(&listener, respond, &options, &stop, observe)
        .map_err(Failure::unreachable)?;
    session.print(
        || format!("{}\n", count(usize::try_from(served).unwrap_or(usize::MAX), "session")),
        || {
            let what = [("dir", shown(&arguments.dir)), ("sessions", json!(arguments.sessions))];
            Document::new("device-serve", None, inputs(what), json!({ "sessions": served }))
        },
    )?;
    Ok(Exit::Done)
}

fn session_line(ended: &device_server::Session) -> String {
    let verdict = match ended.accepted {
        Some(true) => ", accepted",
        Some(false) => ", rejected",
        None => "",
    };
    let end = match &ended.end {
        SessionEnd::Over | SessionEnd::Left => String::new(),
        SessionEnd::TooMany => ", cut off: too many messages".to_owned(),
        SessionEnd::Failed(error) => format!(", ended: {error}"),
    };
    format!("session {}: {} messages{verdict}{end}", ended.number, ended.messages)
}

fn certificate(
    session: &Session,
    dir: &Path,
    request: bool,
    not_before: Option<u64>,
) -> Result<Exit, Failure> {
    let mut device = open(session, dir)?;
    whole_helper_data(dir, &device)?;
    let powered = device.power_up(None).map_err(|error| failure(dir, &error))?;
    let key = match powered.key() {
        Ok(key) => key,
        Err(no_key) => {
            return Err(Failure::check_failed(format_args!("no document: {no_key}")));
        }
    };
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let pem = if request {
        key.certification_request()
    } else {
        key.self_signed_certificate(not_before.unwrap_or_else(now))
    }
    .map_err(Failure::usage)?;
    let what = [("dir", shown(dir)), ("request", json!(request))];
    session.print(
        || pem.clone(),
        || Document::new("device-certificate", None, inputs(what), json!({ "pem": pem })),
    )?;
    Ok(Exit::Done)
}

fn age(session: &Session, dir: &Path, years: f64) -> Result<Exit, Failure> {
    let mut device = open(session, dir)?;
    device.age(years).map_err(|error| failure(dir, &error))?;
    let what = [("dir", shown(dir)), ("years", json!(years))];
    session.print(
        || page("older", &device),
        || Document::new("device-age", None, inputs(what), describe(&device)),
    )?;
    Ok(Exit::Done)
}

fn tamper(session: &Session, dir: &Path, how: &TamperArguments) -> Result<Exit, Failure> {
    let mut device = open(session, dir)?;
    let bytes = device.chip().nvm().helper_data().len();
    if let Some(bit) = how.flip_bit.filter(|&bit| bit >= 8 * bytes) {
        return Err(Failure::usage(format_args!(
            "--flip-bit {bit}: the helper data has {} bits",
            8 * bytes
        )));
    }
    let replacement = match &how.replace {
        Some(path) => Some(read_bounded(path)?),
        None => None,
    };
    device
        .tamper(|helper| {
            if let Some(bit) = how.flip_bit {
                helper[bit / 8] ^= 0x80 >> (bit % 8);
            }
            if let Some(kept) = how.truncate {
                helper.truncate(kept);
            }
            if let Some(replacement) = replacement {
                *helper = replacement;
            }
        })
        .map_err(|error| failure(dir, &error))?;
    let what = [
        ("dir", shown(dir)),
        ("flip_bit", json!(how.flip_bit)),
        ("truncate", json!(how.truncate)),
        ("replace", how.replace.as_deref().map_or(Value::Null, shown)),
    ];
    session.print(
        || page("helper data changed", &device),
        || Document::new("device-tamper", None, inputs(what), describe(&device)),
    )?;
    Ok(Exit::Done)
}

/// Opens a file that is one: a pipe would be waited for without end.
pub(crate) fn regular_file(path: &Path) -> Result<std::fs::File, Failure> {
    let is_file = std::fs::metadata(path).map_err(|error| Failure::file(path, &error))?.is_file();
    if !is_file {
        return Err(Failure::bad_data(format_args!("{}: not a regular file", path.display())));
    }
    std::fs::File::open(path).map_err(|error| Failure::file(path, &error))
}

/// Bytes of a file that may be anything, up to a little more than helper data can be.
fn read_bounded(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let limit = fuzzy_extractor::helper_data::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    regular_file(path)?
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::file(path, &error))?;
    Ok(bytes)
}

fn open(session: &Session, dir: &Path) -> Result<DeviceFolder, Failure> {
    let device = DeviceFolder::open(dir).map_err(|error| failure(dir, &error))?;
    if let Ok(strange) = device.strange_files()
        && !strange.is_empty()
    {
        session.note(format_args!("{}: not the device's: {}", dir.display(), strange.join(", ")));
    }
    Ok(device)
}

/// Helper data that nobody could have written is bad data, and said to be: that much is public. A
/// blob that can be read and is not genuine shows only in the key that is not rebuilt.
fn whole_helper_data(dir: &Path, device: &DeviceFolder) -> Result<(), Failure> {
    let nvm = device.chip().nvm();
    if nvm.lifecycle() == Lifecycle::Blank {
        return Ok(());
    }
    match HelperData::from_bytes(nvm.helper_data()) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Failure::bad_data(format_args!("{}: {error}", dir.join("helper.bin").display())))
        }
    }
}

/// The exit code and the advice that go with an error of a device.
fn failure(dir: &Path, error: &DeviceError) -> Failure {
    let at = format!("{}: {error}", dir.display());
    match error {
        DeviceError::Folder(FolderError::InUse(_)) => {
            Failure::unreachable(error).advise("end the `puflab device serve` that has it")
        }
        DeviceError::Folder(FolderError::Missing(_)) => {
            Failure::unreachable(error).advise(format_args!("puflab device new {}", dir.display()))
        }
        DeviceError::Folder(_) | DeviceError::Store(StoreError::Io { .. }) => {
            Failure::unreachable(error)
        }
        DeviceError::NotEmpty { .. } => Failure::usage(at).advise("another folder"),
        DeviceError::NoDevice => {
            Failure::bad_data(at).advise(format_args!("puflab device new {}", dir.display()))
        }
        DeviceError::Readouts(error) => super::measured::failure(error),
        DeviceError::Code(_)
        | DeviceError::UnknownSketch(_)
        | DeviceError::Silicon(_)
        | DeviceError::Environment(_)
        | DeviceError::NoHelperData
        | DeviceError::PowerUp(PowerUpError::NotRecorded)
        | DeviceError::Enroll(EnrollError::AlreadyEnrolled | EnrollError::TooFewCells { .. }) => {
            Failure::usage(at)
        }
        DeviceError::Enroll(_) => Failure::bad_data(at),
        DeviceError::TooManyPowerCycles { .. } => Failure::bad_data(at),
        DeviceError::Description(_)
        | DeviceError::Store(_)
        | DeviceError::Missing { .. }
        | DeviceError::Foreign { .. }
        | DeviceError::State(_)
        | DeviceError::OtherReadouts { .. }
        | DeviceError::NoSuchChip { .. }
        | DeviceError::PowerUp(_) => Failure::bad_data(at),
    }
}

fn describe(device: &DeviceFolder) -> Value {
    let chip = device.chip();
    let design = chip.design();
    let silicon = match &device.description().silicon {
        SiliconSource::Modelled(die) => json!({
            "kind": "modelled", "profile": die.profile, "cells": die.cells,
            "lambda1": die.process.lambda1(), "lambda2": die.process.lambda2(),
        }),
        SiliconSource::Recorded(die) => json!({
            "kind": "recorded", "path": shown(&die.path), "name": die.name,
            "power_cycles_left": device.power_cycles_left(),
        }),
    };
    json!({
        "serial": chip.serial().to_string(),
        "lifecycle": chip.nvm().lifecycle().to_string(),
        "device_id": chip.device_id().map(|id| id.to_string()),
        "public_key": chip.nvm().public_key().map(|key| device_folder::to_hex(key)),
        "enrolments": chip.nvm().enrolments(),
        "power_cycles": device.power_cycles(),
        "age_years": device.age_years(),
        "code": design.extractor.code().to_string(),
        "sketch": design.extractor.construction().name(),
        "first_cell": design.first_cell,
        "helper_bytes": chip.nvm().helper_data().len(),
        "silicon": silicon,
    })
}

fn page(headline: &str, device: &DeviceFolder) -> String {
    use std::fmt::Write as _;
    let chip = device.chip();
    let design = chip.design();
    let mut page = format!("{}: {headline}\n", plain(device.path().display()));
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(page, "  {name:<14} {value}");
    };
    line("serial", &chip.serial());
    line("life cycle", &chip.nvm().lifecycle());
    if let (Some(id), Some(key)) = (chip.device_id(), chip.nvm().public_key()) {
        line("device id", &id);
        line("public key", &device_folder::to_hex(key));
    }
    match &device.description().silicon {
        SiliconSource::Modelled(die) => {
            line("silicon", &format_args!("{} cells, {}", die.cells, plain(&die.profile)));
        }
        SiliconSource::Recorded(die) => {
            line(
                "silicon",
                &format_args!("measured, {} of {}", plain(&die.name), plain(die.path.display())),
            );
        }
    }
    let extractor = &design.extractor;
    line(
        "key from",
        &format_args!(
            "{} cells from cell {}, {}, {}",
            extractor.response_bits(),
            design.first_cell,
            extractor.code(),
            extractor.construction().name()
        ),
    );
    if !chip.nvm().helper_data().is_empty() {
        line("helper data", &format_args!("{} bytes, public", chip.nvm().helper_data().len()));
    }
    match device.power_cycles_left() {
        Some(left) => {
            line("power cycles", &format_args!("{}, {left} left", device.power_cycles()));
        }
        None => line("power cycles", &device.power_cycles()),
    }
    line("age", &format_args!("{} years", device.age_years()));
    page
}
