//! `puflab demo`, also the default: the whole story in a few seconds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::{Value, json};

use super::code;
use super::device::SketchName;
use super::exit::{Exit, Failure};
use super::session::{Session, count, inputs};
use super::silicon_arguments::{NamedProcess, SiliconArguments};
use crate::demo::measured::{self, ChipRecord, SameSilicon};
use crate::demo::modelled::{self, Situation};
use crate::demo::{DemoError, DesignRecord, KeyDesign, Refusal};
use crate::readouts::{self, Recording};
use crate::reliability::exact;
use crate::report::json::Document;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const BOLD: Style = Style::new().bold();

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    silicon: SiliconArguments,
    /// Number of chips.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..))]
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

impl Default for Arguments {
    /// What `puflab` without a subcommand runs.
    fn default() -> Self {
        let KeyDesign { code, .. } = KeyDesign::default();
        Self {
            silicon: SiliconArguments::default(),
            devices: 6,
            cells: 8192,
            readouts: None,
            record_bytes: None,
            windows: Windows::Number(1),
            code,
            sketch: SketchName::CodeOffset,
        }
    }
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let design = KeyDesign {
        code: code::parse(&arguments.code)?.to_string(),
        sketch: arguments.sketch.construction().name().to_owned(),
    };
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
        || modelled_page(&plan, &named, &story),
        || modelled_document(&plan, &named, &story),
    )?;
    Ok(if story.held() { Exit::Done } else { Exit::CheckFailed })
}

fn modelled_page(plan: &modelled::Plan, named: &NamedProcess, story: &modelled::Story) -> String {
    let mut page = String::new();
    let ber = story.predictions.first().map_or(0.0, |prediction| prediction.ber);
    let chips = count(plan.devices, "chip");
    let cells = thousands(plan.cells);
    line(
        &mut page,
        format_args!(
            "{BOLD}{chips} that were never given a key{BOLD:#}                                seed {}",
            plan.seed
        ),
    );
    line(
        &mut page,
        format_args!(
            "\nSRAM cells wake up as 0 or 1: each chip in a pattern of its own, every time nearly the same.\n\
         Out of that pattern a chip grows its private key whenever it is switched on, and forgets it\n\
         when it is switched off. Nothing secret is ever stored, and nothing was ever loaded.\n"
        ),
    );
    line(
        &mut page,
        format_args!(
            "  silicon    {} of {cells} cells each ({}); two power-ups differ in {} of the cells",
            chips,
            named.name,
            percent(ber)
        ),
    );
    design_lines(&mut page, &story.design);

    heading(
        &mut page,
        1,
        "Enrolment: the first power-up becomes a key pair; the public half is registered",
    );
    for device in &story.devices {
        line(
            &mut page,
            format_args!(
                "  {:<8} device {}  public key {}...",
                device.name,
                device.device_id,
                hex(&device.public_key[..9])
            ),
        );
    }

    heading(
        &mut page,
        2,
        "Authentication: switched on again, the chip signs the verifier's fresh nonce",
    );
    let mut header = format!("  {:<8}", "");
    for situation in modelled::SITUATIONS {
        let _ = write!(header, " {:>15}", situation_name(situation, &named.process));
    }
    line(&mut page, format_args!("{header}"));
    for device in &story.devices {
        let mut row = format!("  {:<8}", device.name);
        for authentication in &device.authentications {
            let (style, word) = match authentication.accepted() {
                true => (GOOD, "accepted"),
                false => (BAD, "REJECTED"),
            };
            let noise = authentication
                .corrected
                .map_or(String::from("no key"), |cells| format!("{cells:>4}"));
            let _ = write!(row, "  {style}{word}{style:#} {noise:>5}");
        }
        line(&mut page, format_args!("{row}"));
    }
    line(
        &mut page,
        format_args!(
            "  (the numbers count the cells, of {}, that woke up otherwise than at enrolment)",
            thousands(story.design.puf_bits)
        ),
    );

    heading(&mut page, 3, "Refused");
    refusal_lines(&mut page, &story.refused);

    heading(&mut page, 4, "How often does a good chip fail to rebuild its key?");
    for prediction in &story.predictions {
        line(
            &mut page,
            format_args!(
                "  {:<16} {:>6} of the cells differ   key failure rate {:>9}",
                situation_name(prediction.situation, &named.process),
                percent(prediction.ber),
                scientific(prediction.key_failure),
            ),
        );
    }
    line(&mut page, format_args!("  (mean over all chips of this process, {})", exact::METHOD));
    verdict_line(&mut page, story.held(), "every chip got in, nobody else did");
    page
}

fn modelled_document(
    plan: &modelled::Plan,
    named: &NamedProcess,
    story: &modelled::Story,
) -> Document {
    let devices: Vec<Value> = story
        .devices
        .iter()
        .map(|device| {
            let authentications: Vec<Value> = device
                .authentications
                .iter()
                .zip(modelled::SITUATIONS)
                .map(|(authentication, situation)| {
                    json!({
                        "temperature_celsius": celsius(situation, &named.process),
                        "age_years": situation.age_years,
                        "corrected_cells": authentication.corrected,
                        "verdict": authentication.verdict.name(),
                        "reason": authentication.verdict.reason().map(|r| r.name()),
                    })
                })
                .collect();
            json!({
                "name": device.name,
                "device_id": device.device_id.to_string(),
                "public_key": hex(&device.public_key),
                "authenticated": device.authentications.iter().all(|a| a.accepted()),
                "authentications": authentications,
            })
        })
        .collect();
    let predictions: Vec<Value> = story
        .predictions
        .iter()
        .map(|prediction| {
            json!({
                "temperature_celsius": celsius(prediction.situation, &named.process),
                "age_years": prediction.situation.age_years,
                "ber": prediction.ber,
                "key_failure": prediction.key_failure,
            })
        })
        .collect();
    let results = json!({
        "design": design_json(&story.design),
        "devices": devices,
        "refused": refused_json(&story.refused),
        "key_failure": story.predictions.first().map(|prediction| prediction.key_failure),
        "key_failure_method": exact::METHOD,
        "key_failure_by_environment": predictions,
    });
    let what = [
        ("process", named.to_json()),
        ("devices", json!(plan.devices)),
        ("cells", json!(plan.cells)),
        ("code", json!(plan.design.code)),
        ("sketch", json!(plan.design.sketch)),
    ];
    Document::new("demo", Some(plan.seed), inputs(what), results)
}

fn run_measured(
    session: &Session,
    arguments: &Arguments,
    design: KeyDesign,
    path: &Path,
) -> Result<Exit, Failure> {
    let options = readouts::Options { record_bytes: arguments.record_bytes, ..Default::default() };
    let recording = read_measured(session, path, &options)?;
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
        .map_err(|error| failure(&error))?;
    drop(progress);
    session.print(
        || measured_page(&plan, path, &story),
        || measured_document(&plan, path, arguments, &story),
    )?;
    Ok(if story.held() { Exit::Done } else { Exit::CheckFailed })
}

/// Reads measured readouts and passes the reader's notes on.
pub(crate) fn read_measured(
    session: &Session,
    path: &Path,
    options: &readouts::Options,
) -> Result<Recording, Failure> {
    if let Err(error) = std::fs::metadata(path) {
        return Err(Failure::file(path, &error));
    }
    let recording = readouts::read(&[path], options).map_err(Failure::bad_data)?;
    for note in &recording.notes {
        session.note(note);
    }
    Ok(recording)
}

fn measured_page(plan: &measured::Plan, path: &Path, story: &measured::Story) -> String {
    let mut page = String::new();
    line(
        &mut page,
        format_args!(
            "{BOLD}{} of measured silicon{BOLD:#}, {}                        seed {}",
            count(story.chips.len(), "chip"),
            path.display(),
            plan.seed
        ),
    );
    line(
        &mut page,
        format_args!(
            "\nEach chip is enrolled from its first measured power-up and has to prove who it is at every\n\
         later one. No key was ever loaded: it grows from the cells, each time anew.\n"
        ),
    );
    design_lines(&mut page, &story.design);

    heading(&mut page, 1, "Enrolment from the first readout");
    let width = story.chips.iter().map(|chip| chip.name.len()).max().unwrap_or(0);
    for chip in &story.chips {
        line(
            &mut page,
            format_args!(
                "  {:<width$}  {} cells, {} readouts   device {}  public key {}...",
                chip.name,
                thousands(chip.cells),
                chip.readouts,
                chip.device_id,
                hex(&chip.public_key[..5])
            ),
        );
    }

    heading(&mut page, 2, "Authentication at every later readout");
    line(
        &mut page,
        format_args!(
            "  {:<width$}  {:>5}  {:>11}  {:>13}  {:>15}  {:>9}",
            "", "boots", "key rebuilt", "authenticated", "cells differing", "at most"
        ),
    );
    for chip in &story.chips {
        let rebuilt = chip.boots() - chip.failures[0];
        let style = if chip.authenticated == chip.boots() { GOOD } else { BAD };
        line(
            &mut page,
            format_args!(
                "  {:<width$}  {:>5}  {rebuilt:>11}  {style}{:>13}{style:#}  {:>15}  {:>9}",
                chip.name,
                chip.boots(),
                chip.authenticated,
                percent(chip.ber),
                percent(chip.ber_max),
            ),
        );
    }
    if story.chips.iter().any(|chip| chip.windows > 1) {
        window_lines(&mut page, &story.chips, width);
    }
    same_silicon_lines(&mut page, &story.same);
    heading(&mut page, 3, "Refused");
    refusal_lines(&mut page, &story.refused);
    heading(&mut page, 4, "How often would a key not be rebuilt?");
    for chip in &story.chips {
        line(
            &mut page,
            format_args!(
                "  {:<width$}  {:>6} of the cells differ   key failure rate {:>9}",
                chip.name,
                percent(chip.ber),
                scientific(chip.predicted_key_failure)
            ),
        );
    }
    line(
        &mut page,
        format_args!(
            "  ({}, at the measured error rate, cells alike and independent)",
            exact::METHOD
        ),
    );
    verdict_line(&mut page, story.held(), "every chip got in every time, nobody else did");
    page
}

/// A die that was measured twice, in the cold for example, is one chip and not two.
fn same_silicon_lines(page: &mut String, same: &[SameSilicon]) {
    if same.is_empty() {
        return;
    }
    line(
        page,
        format_args!("\n  the same silicon under another name rebuilds the key of the first:"),
    );
    for same in same {
        line(
            page,
            format_args!(
                "  {} is {}: {} of {} readouts, {} of the cells apart",
                same.again,
                same.enrolled,
                same.authenticated,
                same.boots,
                percent(same.distance)
            ),
        );
    }
}

fn window_lines(page: &mut String, chips: &[ChipRecord], width: usize) {
    line(page, format_args!("\n  every window of successive cells as a key of its own:"));
    line(
        page,
        format_args!(
            "  {:<width$}  {:>7}  {:>7}  {:>8}  {:>17}",
            "", "windows", "tries", "failures", "key failure"
        ),
    );
    for chip in chips {
        let failures: usize = chip.failures.iter().sum();
        let error = chip
            .key_failure_standard_error()
            .map_or(String::new(), |error| format!(" +- {}", percent(error)));
        line(
            page,
            format_args!(
                "  {:<width$}  {:>7}  {:>7}  {failures:>8}  {:>17}",
                chip.name,
                chip.windows,
                chip.windows * chip.boots(),
                format!("{}{error}", percent(chip.key_failure())),
            ),
        );
    }
    line(page, format_args!("  (+- one standard error, from the spread over windows)"));
}

fn measured_document(
    plan: &measured::Plan,
    path: &Path,
    arguments: &Arguments,
    story: &measured::Story,
) -> Document {
    let devices: Vec<Value> = story
        .chips
        .iter()
        .map(|chip| {
            json!({
                "name": chip.name,
                "device_id": chip.device_id.to_string(),
                "public_key": hex(&chip.public_key),
                "authenticated": chip.authenticated == chip.boots(),
                "cells": chip.cells,
                "readouts": chip.readouts,
                "boots": chip.boots(),
                "keys_rebuilt": chip.boots() - chip.failures[0],
                "authentications": chip.authenticated,
                "wchd_reference_mean": chip.ber,
                "wchd_reference_max": chip.ber_max,
                "predicted_key_failure": chip.predicted_key_failure,
                "windows": {
                    "count": chip.windows,
                    "tries": chip.windows * chip.boots(),
                    "failures": chip.failures.iter().sum::<usize>(),
                    "key_failure": chip.key_failure(),
                    "key_failure_standard_error": chip.key_failure_standard_error(),
                },
            })
        })
        .collect();
    let same: Vec<Value> = story
        .same
        .iter()
        .map(|same| {
            json!({
                "enrolled": same.enrolled, "again": same.again, "distance": same.distance,
                "boots": same.boots, "authenticated": same.authenticated,
            })
        })
        .collect();
    let worst = story.chips.iter().map(|chip| chip.predicted_key_failure).fold(0.0, f64::max);
    let results = json!({
        "design": design_json(&story.design),
        "devices": devices,
        "same_silicon": same,
        "refused": refused_json(&story.refused),
        "key_failure": worst,
        "key_failure_method": format!("{}, worst chip at its measured error rate", exact::METHOD),
    });
    let what = [
        ("readouts", json!(path)),
        ("record_bytes", json!(arguments.record_bytes)),
        ("windows", json!(plan.windows)),
        ("code", json!(plan.design.code)),
        ("sketch", json!(plan.design.sketch)),
    ];
    Document::new("demo", Some(plan.seed), inputs(what), results)
}

fn failure(error: &DemoError) -> Failure {
    match error {
        DemoError::OneReadout { .. } => Failure::bad_data(error),
        DemoError::NoKeyAtEnrolment | DemoError::Verifier(_) => Failure::internal(error),
        DemoError::Code(_)
        | DemoError::UnknownSketch(_)
        | DemoError::Silicon(_)
        | DemoError::Enroll { .. }
        | DemoError::PowerUp(_)
        | DemoError::NoClosedForm(_) => Failure::usage(error),
    }
}

fn design_lines(page: &mut String, design: &DesignRecord) {
    line(
        page,
        format_args!(
            "  key        {} on {} cells: {} secret bits from an unbiased chip,\n  {:<10} {} bytes of \
         public helper data ({})",
            design.code,
            thousands(design.puf_bits),
            design.secret_bits,
            "",
            thousands(design.helper_bytes),
            design.sketch
        ),
    );
    line(page, format_args!("  identity   ECDSA on P-256; the verifier knows the public key only"));
}

fn design_json(design: &DesignRecord) -> Value {
    json!({
        "code": design.code, "sketch": design.sketch, "puf_bits": design.puf_bits,
        "secret_bits": design.secret_bits, "helper_bytes": design.helper_bytes,
    })
}

fn refusal_lines(page: &mut String, refused: &[Refusal]) {
    let width = refused.iter().map(|refusal| refusal.story.chars().count()).max().unwrap_or(0);
    for refusal in refused {
        let (style, word) =
            if refusal.held() { (GOOD, "refused") } else { (BAD, "NOT AS EXPECTED") };
        let reason = refusal.verdict.reason().map_or("accepted", |reason| reason.name());
        line(page, format_args!("  {:<width$}  {style}{word}{style:#}: {reason}", refusal.story));
    }
}

fn refused_json(refused: &[Refusal]) -> Value {
    refused
        .iter()
        .map(|refusal| {
            json!({
                "attack": refusal.attack,
                "story": refusal.story,
                "verdict": refusal.verdict.name(),
                "reason": refusal.verdict.reason().map(|reason| reason.name()),
                "expected_reason": refusal.expected.name(),
                "held": refusal.held(),
            })
        })
        .collect()
}

fn verdict_line(page: &mut String, held: bool, good: &str) {
    let (style, text) =
        if held { (GOOD, good) } else { (BAD, "not everything is as it should be: see above") };
    line(page, format_args!("\n{style}{text}{style:#}"));
}

fn heading(page: &mut String, number: u8, text: &str) {
    line(page, format_args!("\n{BOLD}{number}. {text}{BOLD:#}"));
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(page, "{text}");
}

fn celsius(situation: Situation, process: &puf_emulator::silicon::Process) -> f64 {
    situation.temperature_celsius.unwrap_or_else(|| process.temperature().reference_celsius())
}

fn situation_name(situation: Situation, process: &puf_emulator::silicon::Process) -> String {
    let celsius = celsius(situation, process);
    match situation.age_years {
        0.0 => format!("{celsius} C"),
        years => format!("{celsius} C, {years} yr"),
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}

fn scientific(value: f64) -> String {
    format!("{value:.2e}")
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    crate::device_folder::to_hex(bytes)
}
