//! `puflab inspect`: what measured power-ups tell.

mod document;
mod page;
mod profile;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::session::{Session, count, plain};
use super::{interrupt, measured, output};
use puf_emulator::silicon::Parameter;

use crate::faults::{Finding, Severity};
use crate::inspection::{self, InspectError, Inspection, Observer, Wanted};
use crate::readouts::{self, AddressRange, BitOrder, Format, Options};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files and folders of readouts. A file of many readouts is a device, and so is a folder whose
    /// files hold one each; `name@condition` and folders below name the condition.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Looks at the first N readouts of each device only.
    #[arg(long, value_name = "N", value_parser = number)]
    first: Option<usize>,
    /// The metrics alone: no noise model, no search for faults, and so neither --strict nor
    /// --save-profile.
    #[arg(long, conflicts_with_all = ["strict", "save_profile"])]
    metrics_only: bool,
    /// Also assesses the values that cells prefer by SP 800-90B, along the addresses and across the
    /// devices; takes some seconds.
    #[arg(long)]
    entropy90b: bool,
    /// Exits with 3 if anything is wrong with the data. Bias by address and dies that come again are
    /// worth knowing and not wrong.
    #[arg(long)]
    strict: bool,
    /// Writes the fitted noise model as a profile that `--profile FILE.toml` takes.
    #[arg(long, value_name = "FILE.toml")]
    save_profile: Option<PathBuf>,
    /// The temperature of readouts whose condition names none: two temperatures give the profile its
    /// drift.
    #[arg(long, value_name = "T", requires = "save_profile", allow_hyphen_values = true, value_parser = celsius)]
    celsius: Option<f64>,
    #[command(flatten)]
    reading: Reading,
}

/// How files are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
struct Reading {
    /// The order of cells in a byte of a dump.
    #[arg(long, value_enum, default_value_t = Order::Msb)]
    bit_order: Order,
    /// Length of a record, where one file of bytes holds many readouts [default: recognised].
    #[arg(long, value_name = "N", value_parser = number)]
    record_bytes: Option<usize>,
    /// What every file is [default: from its extension and content].
    #[arg(long, value_enum, value_name = "FORMAT")]
    file_format: Option<FileFormat>,
    /// Byte addresses that are no cells of the fingerprint, as `0x20017ffc..0x20018000`, the end not
    /// among them; offsets from the start of a readout where the files have no addresses. May be given
    /// several times.
    #[arg(long, value_name = "FROM..TO")]
    leave_out: Vec<AddressRange>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Order {
    /// The first cell is the most significant bit.
    Msb,
    /// The first cell is the least significant bit.
    Lsb,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    /// The bytes of a memory dump.
    Raw,
    /// Intel HEX.
    IntelHex,
    /// Bytes as hex digits.
    Hex,
    /// Bytes as groups of eight binary digits.
    Binary,
    /// NumPy's array file.
    Npy,
    /// Comma-separated 0 and 1, one readout a line.
    Csv,
}

impl Reading {
    fn options(&self) -> Options {
        let format = self.file_format.map(|format| match format {
            FileFormat::Raw => Format::Raw,
            FileFormat::IntelHex => Format::IntelHex,
            FileFormat::Hex => Format::HexText,
            FileFormat::Binary => Format::BinaryText,
            FileFormat::Npy => Format::Npy,
            FileFormat::Csv => Format::Csv,
        });
        let bit_order = match self.bit_order {
            Order::Msb => BitOrder::Msb,
            Order::Lsb => BitOrder::Lsb,
        };
        Options {
            bit_order,
            record_bytes: self.record_bytes,
            format,
            leave_out: self.leave_out.iter().map(AddressRange::range).collect(),
            ..Options::default()
        }
    }
}

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a number from 1".to_owned()),
    }
}

/// A temperature as profiles take it.
fn celsius(text: &str) -> Result<f64, String> {
    let parameter = Parameter::named("reference_celsius");
    let checked = |value: f64| parameter.map_or(Ok(value), |parameter| parameter.check(value));
    let value = text.parse().map_err(|_| "a number of degrees".to_owned())?;
    checked(value).map_err(|error| error.to_string())
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let catalogue = readouts::open(&arguments.paths, &arguments.reading.options())
        .map_err(|error| measured::failure(&error))?;
    for note in &catalogue.notes {
        session.note(note);
    }
    output::spares(
        [session.output(), arguments.save_profile.as_deref()],
        catalogue.devices.iter().flat_map(|device| device.sources()),
    )?;
    let seed = arguments.entropy90b.then(|| session.seed()).transpose()?;
    let wanted =
        Wanted { first: arguments.first, metrics_only: arguments.metrics_only, entropy90b: seed };
    let cells: u64 = catalogue
        .devices
        .iter()
        .map(|device| {
            let readouts = wanted.first.map_or(device.readouts(), |n| n.min(device.readouts()));
            (device.cells() * readouts) as u64
        })
        .sum();
    let progress = session.progress(cells, "inspecting");
    let interrupted = interrupt::flag()?;
    let advance = |cells| progress.advance(cells);
    let observer = Observer { advance: &advance, interrupted: &interrupted };
    let inspection =
        inspection::inspect(&catalogue, wanted, observer).map_err(|error| match error {
            InspectError::Readouts(error) => measured::failure(&error),
            InspectError::Interrupted => Failure::unreachable(error),
        })?;
    drop(progress);
    if let Some(path) = &arguments.save_profile {
        profile::save(path, arguments, &inspection)?;
        session
            .note(format_args!("{}: `puflab simulate --profile` takes it", plain(path.display())));
    }
    session.print(
        || page::page(arguments, seed, &inspection),
        || document::document(arguments, seed, &inspection),
    )?;
    let faults = inspection.findings.iter().filter(|f| f.severity() == Severity::Fault).count();
    if arguments.strict && faults > 0 {
        session.note(format_args!("--strict: {} in the data", count(faults, "fault")));
        return Ok(Exit::BadData);
    }
    Ok(Exit::Done)
}

/// The files of a finding's readouts, where each is in a file of its own.
fn files_of(finding: &Finding, inspection: &Inspection, most: usize) -> Vec<String> {
    let device = finding.devices.last().and_then(|&place| inspection.devices.get(place));
    let Some(device) = device.filter(|device| device.sources.len() > 1) else {
        return Vec::new();
    };
    let files = finding.readouts.iter().filter_map(|&readout| device.sources.get(readout));
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.map(name).take(most).collect()
}

/// The devices of a finding, by name.
fn devices_of(finding: &Finding, inspection: &Inspection) -> Vec<String> {
    let label = |&place: &usize| inspection.devices.get(place).map(|device| device.label());
    finding.devices.iter().filter_map(label).collect()
}
