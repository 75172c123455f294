//! `puflab simulate`: power-ups of a population, counted and as a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::Args;
use puf_emulator::silicon::{CellCountError, Process};
use serde_json::json;

use super::exit::{Exit, Failure};
use super::interrupt;
use super::output::different;
use super::session::{Session, count, inputs, plain, shown};
use super::silicon_arguments::{EnvironmentArguments, SiliconArguments};
use crate::readouts::write::{Layout, ProbabilityWriter, ReadoutWriter, Shape, WriteError};
use crate::report::json::Document;
use crate::simulation::{self, Batch, Counts, Plan, Wanted};
use crate::store::output::folder_of;

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
    /// The number of the first readout [default: 0, or 1 of a die that has aged, whose readout 0 was
    /// what it held]. Runs of one seed have the same dies, and share randomness in readouts of the
    /// same number: to compare two conditions, give them other numbers.
    #[arg(long, value_name = "N")]
    first_readout: Option<u32>,
    /// Eight cells a byte, most significant bit first; `.bin` is always packed.
    #[arg(long)]
    packed: bool,
    /// Also writes what no measurement tells: the true probability of each cell to read 1, as `.npy`
    /// of shape (D, N); in a readout without scale or offset of its own, after a long time without
    /// power.
    #[arg(long, value_name = "F.npy")]
    probabilities: Option<PathBuf>,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let named = arguments.silicon.resolve()?;
    let environment = arguments.environment.resolve()?;
    let Arguments { cells, devices, readouts, packed, .. } = *arguments;
    let shape = Shape { devices, readouts, cells };
    let seed = session.seed()?;
    let wanted = Wanted {
        readouts: session.output().is_some(),
        probabilities: arguments.probabilities.is_some(),
    };
    let default = u32::from(environment.age_years() > 0.0);
    let first_readout = u64::from(arguments.first_readout.unwrap_or(default));
    let plan = Plan { seed, process: named.process, shape, first_readout, environment, wanted };
    for idle in arguments.environment.idle(&named.process) {
        session.note(idle);
    }

    // Before any file is begun: a die that cannot be made leaves nothing behind.
    simulation::check(&plan).map_err(|error| too_many(&error))?;
    if devices == 0 || readouts == 0 {
        return Err(nothing(shape));
    }
    let total = devices.checked_mul(readouts).filter(|total| total.checked_mul(cells).is_some());
    let Some(total) = total else {
        return Err(nothing(shape));
    };
    let layout = session.output().map(|path| Layout::of(path, packed)).transpose();
    let layout = layout.map_err(write_failure)?;
    let written = [session.output(), arguments.probabilities.as_deref(), named.file.as_deref()];
    different(written)?;
    check_space(&[
        (session.output(), layout.map_or(0, |layout| layout.bytes(shape))),
        (arguments.probabilities.as_deref(), ProbabilityWriter::bytes(devices, cells)),
    ])?;
    let mut files = Files::create(session.output().zip(layout), arguments, shape)?;
    let progress = session.progress(total as u64, "simulating");
    let interrupted = interrupt::flag()?;
    let started = Instant::now();
    let mut spread = Spread::default();
    let counts = simulation::run(&plan, |batch| -> Result<(), Stopped> {
        if interrupted.load(Ordering::Relaxed) {
            return Err(Stopped::Interrupted);
        }
        files.push(&batch)?;
        spread.add(&batch);
        progress.advance(batch.range.len() as u64);
        progress.tell(&spread);
        Ok(())
    })
    .map_err(Stopped::failure)?;
    drop(progress);
    let written = files.finish()?;
    let standard_error = spread.standard_error();
    if written.is_empty() {
        let seconds = started.elapsed().as_secs_f64();
        let speed = counts.cells as f64 / seconds / 1e9;
        session.note(format_args!(
            "nothing is written without --output; {speed:.2} billion cells a second"
        ));
    }

    let expected = named.process.ber_at(&environment);
    let left_out = left_out_of_expectation(&named.process);
    let environment = json!({
        "temperature_celsius": environment.temperature_celsius(),
        "age_years": environment.age_years(),
        "supply_ramp_us": environment.supply_ramp_us(),
        "off_seconds": environment.off_seconds(),
    });
    let page = || {
        let files: Vec<String> = written.iter().map(|file| plain(file.display())).collect();
        let files = if files.is_empty() {
            String::new()
        } else {
            format!("  written to    {}\n", abridge(&files))
        };
        let ber = counts.ber().map_or(String::new(), |ber| {
            let (errors, compared) = (counts.errors, counts.compared);
            let spread = standard_error.map_or(String::new(), |error| {
                format!(
                    "                standard error {error:.2e}, from the spread over devices\n"
                )
            });
            format!(
                "  realised BER  {ber:.6} to the first of these readouts ({errors} of {compared})\n\
                 {spread}"
            )
        });
        let enrolled = counts.ber_to_enrolment().map_or(String::new(), |ber| {
            let (errors, compared) = (counts.enrolment_errors, counts.enrolment_compared);
            format!(
                "  to enrolment  {ber:.6} to a fresh readout where the process was characterised \
                 ({errors} of {compared})\n"
            )
        });
        let left_out = if left_out.is_empty() {
            String::new()
        } else {
            format!("                which leaves out {}\n", left_out.join(", "))
        };
        format!(
            "{} x {readouts} readouts x {cells} cells of {}\n  seed          {seed}\n\
             {ber}{enrolled}  expected      {expected:.6}\n{left_out}  ones          \
             {:.6}\n{files}",
            count(devices, "device"),
            named.name,
            counts.ones_fraction(),
        )
    };
    let document = || {
        let what = [
            ("process", named.to_json()),
            ("environment", environment),
            ("devices", json!(devices)),
            ("readouts", json!(readouts)),
            ("first_readout", json!(first_readout)),
            ("cells", json!(cells)),
            ("packed", json!(arguments.packed)),
        ];
        let results = json!({
            "files": written.iter().map(|file| shown(file)).collect::<Vec<_>>(),
            "shape": [devices, readouts, cells],
            "seed": seed,
            "realised_ber": counts.ber(),
            "realised_ber_standard_error": standard_error,
            "realised_ber_to_reference_enrolment": counts.ber_to_enrolment(),
            "errors_to_reference_enrolment": counts.enrolment_errors,
            "compared_to_reference_enrolment": counts.enrolment_compared,
            "expected_ber_to_reference_enrolment": expected,
            "expected_ber_leaves_out": left_out,
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

/// The terms of a process that the closed form of its error rate does not have.
fn left_out_of_expectation(process: &Process) -> Vec<&'static str> {
    [
        (process.readout().first_offset() != 0.0, "the first readout's offset"),
        (process.history().pull() != 0.0, "history"),
        (process.remanence().retention_seconds() != 0.0, "remanence"),
    ]
    .into_iter()
    .filter_map(|(is_on, term)| is_on.then_some(term))
    .collect()
}

fn nothing(Shape { devices, readouts, cells }: Shape) -> Failure {
    Failure::usage(format_args!(
        "nothing to simulate, or too much: {devices} devices x {readouts} readouts x {cells} cells"
    ))
}

/// What is written, if anything.
struct Files {
    readouts: Option<ReadoutWriter>,
    probabilities: Option<ProbabilityWriter>,
    probability_path: Option<PathBuf>,
}

impl Files {
    fn create(
        readouts: Option<(&Path, Layout)>,
        arguments: &Arguments,
        shape: Shape,
    ) -> Result<Self, Failure> {
        let begin = |(path, layout)| ReadoutWriter::create(path, layout, shape);
        let probability_path = arguments.probabilities.clone();
        let probabilities = probability_path
            .as_ref()
            .map(|path| ProbabilityWriter::create(path, shape.devices, shape.cells))
            .transpose()
            .map_err(write_failure)?;
        let readouts = readouts.map(begin).transpose().map_err(write_failure)?;
        Ok(Self { readouts, probabilities, probability_path })
    }

    fn push(&mut self, batch: &Batch) -> Result<(), WriteError> {
        if let Some(writer) = &mut self.readouts {
            batch.readouts.iter().try_for_each(|readout| writer.push(readout))?;
        }
        if let (Some(writer), Some(probabilities)) = (&mut self.probabilities, &batch.probabilities)
        {
            writer.push(probabilities)?;
        }
        Ok(())
    }

    /// Puts all files in place; what can fail for want of space has failed before the first shows.
    fn finish(self) -> Result<Vec<PathBuf>, Failure> {
        let staged = self.probabilities.map(ProbabilityWriter::stage).transpose();
        let staged = staged.map_err(write_failure)?;
        let readouts = self.readouts.map(ReadoutWriter::finish).transpose();
        let mut written = readouts.map_err(write_failure)?.unwrap_or_default();
        if let Some(staged) = staged {
            staged.commit().map_err(|error| write_failure(error.into()))?;
            written.extend(self.probability_path);
        }
        Ok(written)
    }
}

/// Bit error rates of the devices, for how far their mean may be off.
///
/// The cells of a device keep their probabilities in all of its readouts, so that errors are not
/// independent; devices are.
#[derive(Clone, Copy, Default)]
struct Spread {
    device: usize,
    counts: Counts,
    // Of the devices before: how many, their mean, and the sum of squares about it (Welford, 1962).
    devices: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, batch: &Batch) {
        if batch.device != self.device {
            *self = Self { device: batch.device, counts: Counts::default(), ..self.closed() };
        }
        self.counts += batch.counts;
    }

    /// With the present device among those before.
    fn closed(&self) -> Self {
        let Some(rate) = self.counts.ber() else { return *self };
        let devices = self.devices + 1.0;
        let mean = self.mean + (rate - self.mean) / devices;
        let squares = self.squares + (rate - self.mean) * (rate - mean);
        Self { devices, mean, squares, counts: Counts::default(), ..*self }
    }

    /// One standard error of the mean rate; `None` below two devices.
    fn standard_error(&self) -> Option<f64> {
        let Self { devices, squares, .. } = self.closed();
        (devices >= 2.0).then(|| libm::sqrt(squares / (devices - 1.0) / devices))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BER {:.5}", self.closed().mean)?;
        match self.standard_error() {
            Some(error) => write!(f, " +- {error:.1e}"),
            None => Ok(()),
        }
    }
}

/// Refuses what cannot fit before it fills the disk.
fn check_space(files: &[(Option<&Path>, u128)]) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;

        // What is written to each disk, by its number.
        let mut needed_on: Vec<(u64, u128)> = Vec::new();
        for &(path, needed) in files {
            let Some(path) = path else { continue };
            let folder = folder_of(path);
            let is_file = std::fs::metadata(path).map_or(true, |metadata| metadata.is_file());
            let (Ok(disk), Ok(metadata)) = (rustix::fs::statvfs(folder), folder.metadata()) else {
                continue;
            };
            if !is_file {
                continue;
            }
            let before: u128 = needed_on
                .iter()
                .filter(|(number, _)| *number == metadata.dev())
                .map(|(_, needed)| *needed)
                .sum();
            needed_on.push((metadata.dev(), needed));
            let free = u128::from(disk.f_bavail) * u128::from(disk.f_frsize);
            if before.saturating_add(needed) > free {
                return Err(Failure::unreachable(format_args!(
                    "{}: it takes {needed} bytes, {} are free",
                    path.display(),
                    free.saturating_sub(before)
                ))
                .advise(
                    "a packed .npy or .bin is the smallest; without --output, only counts are kept",
                ));
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
    let failure = Failure::usage(error);
    if error.cells == 0 {
        return failure;
    }
    failure.advise("several devices with fewer --cells each")
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
