//! `puflab demo`, also the default: the whole story in a few seconds.

mod measured_story;
mod modelled_story;
mod words;

use std::path::{Path, PathBuf};

use clap::Args;

use super::code;
use super::device::SketchName;
use super::exit::{Exit, Failure};
use super::session::{Session, count};
use super::silicon_arguments::SiliconArguments;
use crate::demo::{DemoError, KeyDesign, measured, modelled};
use crate::readouts;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    silicon: SiliconArguments,
    /// Number of chips.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=1000))]
    devices: u16,
    /// Cells of a chip.
    #[arg(long, value_name = "N", default_value_t = 8192)]
    cells: usize,
    /// Measured readouts, a file or a folder: the same story with measured chips.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["profile", "ber", "lambda1", "devices", "cells"])]
    readouts: Option<PathBuf>,
    /// Length of a record, where one raw file holds many readouts [default: recognised].
    #[arg(long, value_name = "N", requires = "readouts")]
    record_bytes: Option<usize>,
    /// Successive windows of a measured chip's cells that each make a key, or `all`.
    #[arg(long, value_name = "N", requires = "readouts", default_value = "1", value_parser = windows)]
    windows: Windows,
    /// Code that corrects the noise.
    #[arg(long, value_name = "CODE", default_value = "rep(7)*bch(318,174,17)")]
    code: String,
    /// Sketch construction.
    #[arg(long, value_enum, default_value_t = SketchName::CodeOffset)]
    sketch: SketchName,
}

/// How many windows: a number, or as many as there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Windows {
    All,
    Number(usize),
}

fn windows(text: &str) -> Result<Windows, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(Windows::Number(number)),
        _ if text == "all" => Ok(Windows::All),
        _ => Err("a number from 1, or all".to_owned()),
    }
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let design = KeyDesign {
        code: code::parse(&arguments.code)?.to_string(),
        sketch: arguments.sketch.construction().name().to_owned(),
    };
    let secret_bits = design.extractor().map_err(|error| failure(&error))?.secret_bits();
    if secret_bits < 128 {
        session.note(format_args!(
            "{} carries {}: fewer than the 128 of a strong key",
            design.code,
            count(secret_bits, "secret bit")
        ));
    }
    match &arguments.readouts {
        Some(path) => run_measured(session, arguments, design, path),
        None => run_modelled(session, arguments, design),
    }
}

fn run_modelled(
    session: &Session,
    arguments: &Arguments,
    design: KeyDesign,
) -> Result<Exit, Failure> {
    let named = arguments.silicon.resolve()?;
    let plan = modelled::Plan {
        seed: session.seed()?,
        process: named.process,
        cells: arguments.cells,
        devices: arguments.devices.into(),
        design,
    };
    let story = modelled::tell(&plan).map_err(|error| failure(&error))?;
    session.print(
        || modelled_story::page(&plan, &named, &story),
        || modelled_story::document(&plan, &named, &story),
    )?;
    Ok(if story.held() { Exit::Done } else { Exit::CheckFailed })
}

fn run_measured(
    session: &Session,
    arguments: &Arguments,
    design: KeyDesign,
    path: &Path,
) -> Result<Exit, Failure> {
    let options = readouts::Options { record_bytes: arguments.record_bytes, ..Default::default() };
    let recording = super::measured::read(session, path, &options)?;
    let windows = match arguments.windows {
        Windows::All => None,
        Windows::Number(number) => Some(number),
    };
    let bits = design.extractor().map_err(|error| failure(&error))?.response_bits();
    let (usable, short): (Vec<_>, Vec<_>) =
        recording.devices.into_iter().partition(|device| device.readouts.len() > 1);
    for device in short {
        session.note(format_args!(
            "{}: a single readout, none is left to authenticate with; left out",
            device.name
        ));
    }
    if usable.is_empty() {
        session.note("no chip with more than one readout");
        return Ok(Exit::NothingRun);
    }
    if let Some(asked) = windows {
        for device in &usable {
            let fit = device.readouts[0].len() / bits;
            if fit < asked && fit > 0 {
                session.note(format_args!("{}: {fit} windows of {bits} cells fit", device.name));
            }
        }
    }
    let power_ups: usize = usable
        .iter()
        .map(|device| {
            let there = (device.readouts[0].len() / bits).max(1);
            windows.unwrap_or(there).min(there) * (device.readouts.len() - 1)
        })
        .sum();
    let plan = measured::Plan { seed: session.seed()?, design, windows };
    let progress = session.progress(power_ups as u64, "power-ups");
    let story = measured::tell(&plan, &usable, &|done| progress.advance(done))
        .map_err(|error| measured_failure(&error))?;
    drop(progress);
    session.print(
        || measured_story::page(&plan, path, &story),
        || measured_story::document(&plan, path, arguments.record_bytes, &story),
    )?;
    Ok(if story.held() { Exit::Done } else { Exit::CheckFailed })
}

/// Measured readouts that cannot be enrolled are bad data; modelled ones were asked for.
fn measured_failure(error: &DemoError) -> Failure {
    match error {
        DemoError::Enroll { .. } => Failure::bad_data(error),
        error => failure(error),
    }
}

fn failure(error: &DemoError) -> Failure {
    match error {
        DemoError::OneReadout { .. } => Failure::bad_data(error),
        DemoError::NoKeyAtEnrolment | DemoError::Policy(_) | DemoError::Verifier(_) => {
            Failure::internal(error)
        }
        DemoError::Code(_)
        | DemoError::UnknownSketch(_)
        | DemoError::Silicon(_)
        | DemoError::Enroll { .. }
        | DemoError::PowerUp(_) => Failure::usage(error),
    }
}
