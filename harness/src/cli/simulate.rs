//! `puflab simulate`: power-ups of a population, as a file.

use std::path::Path;
use std::sync::atomic::Ordering;

use clap::Args;
use puf_emulator::silicon::CellCountError;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::interrupt;
use super::session::{Session, count, inputs, plain, shown};
use super::silicon_arguments::{EnvironmentArguments, SiliconArguments};
use crate::readouts::write::{Layout, ReadoutWriter, Shape, WriteError};
use crate::report::json::Document;
use crate::simulation::{self, Plan};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    silicon: SiliconArguments,
    #[command(flatten)]
    environment: EnvironmentArguments,
    /// Cells of a device.
    #[arg(long, value_name = "N", default_value_t = 8192)]
    cells: usize,
    /// Number of devices.
    #[arg(long, value_name = "D", default_value_t = 1)]
    devices: usize,
    /// Readouts of each device.
    #[arg(long, value_name = "R", default_value_t = 100)]
    readouts: usize,
    /// Eight cells a byte, most significant bit first; `.bin` is always packed.
    #[arg(long)]
    packed: bool,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let Some(path) = session.output() else {
        return Err(Failure::usage("no file to write the power-ups to")
            .advise("--output F.npy, F.bin or F.csv"));
    };
    let named = arguments.silicon.resolve()?;
    let environment = arguments.environment.resolve()?;
    let Arguments { cells, devices, readouts, .. } = *arguments;
    let shape = Shape { devices, readouts, cells };
    let seed = session.seed()?;
    let plan = Plan { seed, process: named.process, shape, environment };

    let layout = Layout::of(path, arguments.packed).map_err(write_failure)?;
    // Before any file is begun: a die that cannot be made leaves nothing behind.
    simulation::check(&plan).map_err(|error| too_many(&error))?;
    check_space(path, layout.bytes(shape))?;
    let mut writer = ReadoutWriter::create(path, layout, shape).map_err(write_failure)?;
    let progress = session.progress((devices * readouts) as u64, "simulating");
    let interrupted = interrupt::flag()?;
    let counts = simulation::run(&plan, |readout| -> Result<(), Stopped> {
        if interrupted.load(Ordering::Relaxed) {
            return Err(Stopped::Interrupted);
        }
        writer.push(readout)?;
        progress.advance(1);
        Ok(())
    })
    .map_err(Stopped::failure)?;
    drop(progress);
    let files = writer.finish().map_err(write_failure)?;

    let expected = named.process.ber_at(&environment);
    let environment = json!({
        "temperature_celsius": environment.temperature_celsius(),
        "age_years": environment.age_years(),
    });
    let page = || {
        let files: Vec<String> = files.iter().map(|file| plain(file.display())).collect();
        let ber = counts.ber().map_or(String::new(), |ber| {
            let (errors, compared) = (counts.errors, counts.compared);
            format!(
                "  realised BER  {ber:.6} to the first of these readouts ({errors} of {compared})\n"
            )
        });
        format!(
            "{} x {readouts} readouts x {cells} cells of {}\n  seed          {seed}\n\
             {ber}  expected BER  {expected:.6} to an enrolment where the process was characterised\n  ones          \
             {:.6}\n  written to    {}\n",
            count(devices, "device"),
            named.name,
            counts.ones_fraction(),
            abridge(&files),
        )
    };
    let document = || {
        let what = [
            ("process", named.to_json()),
            ("environment", environment),
            ("devices", json!(devices)),
            ("readouts", json!(readouts)),
            ("cells", json!(cells)),
            ("packed", json!(arguments.packed)),
        ];
        let results = json!({
            "files": files.iter().map(|file| shown(file)).collect::<Vec<_>>(),
            "shape": [devices, readouts, cells],
            "seed": seed,
            "realised_ber": counts.ber(),
            "expected_ber_to_reference_enrolment": expected,
            "errors": counts.errors,
            "compared": counts.compared,
            "ones_fraction": counts.ones_fraction(),
            "ones": counts.ones,
        });
        Document::new("simulate", Some(seed), inputs(what), results)
    };
    session.print_to_stdout(page, document)?;
    Ok(Exit::Done)
}

/// Refuses what cannot fit before it fills the disk.
fn check_space(path: &Path, needed: u128) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let is_file = std::fs::metadata(path).map_or(true, |metadata| metadata.is_file());
        if let Ok(disk) = rustix::fs::statvfs(folder)
            && is_file
        {
            let free = u128::from(disk.f_bavail) * u128::from(disk.f_frsize);
            if needed > free {
                return Err(Failure::unreachable(format_args!(
                    "{}: the power-ups take {needed} bytes, {free} are free",
                    path.display()
                ))
                .advise("--packed takes an eighth"));
            }
        }
    }
    Ok(())
}

fn abridge(files: &[String]) -> String {
    match files {
        [first, .., last] if files.len() > 3 => format!("{first} .. {last}"),
        _ => files.join(", "),
    }
}

/// Why a simulation stopped before its end.
enum Stopped {
    Interrupted,
    Cells(CellCountError),
    Write(WriteError),
}

impl Stopped {
    fn failure(self) -> Failure {
        match self {
            Self::Interrupted => Failure::unreachable("interrupted: nothing was written"),
            Self::Cells(error) => too_many(&error),
            Self::Write(error) => write_failure(error),
        }
    }
}

impl From<CellCountError> for Stopped {
    fn from(error: CellCountError) -> Self {
        Self::Cells(error)
    }
}

impl From<WriteError> for Stopped {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

fn too_many(error: &CellCountError) -> Failure {
    Failure::usage(error).advise("several devices with fewer --cells each")
}

fn write_failure(error: WriteError) -> Failure {
    match error {
        WriteError::Output(error) => Failure::unreachable(error),
        WriteError::PartOfAByte { .. } => {
            Failure::usage(error).advise("a multiple of 8 for --cells, or .csv")
        }
        error => Failure::usage(error),
    }
}
