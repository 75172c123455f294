//! The story of modelled chips, as a page and as a document.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::words::{
    BAD, BOLD, GOOD, design_json, design_lines, heading, hex, line, percent, rate, refusal_lines,
    refused_json, thousands, verdict_line,
};
use crate::cli::session::{count, inputs};
use crate::cli::silicon_arguments::NamedProcess;
use crate::demo::modelled::{self, Situation};
use crate::reliability::exact;
use crate::report::json::Document;

pub(super) fn page(plan: &modelled::Plan, named: &NamedProcess, story: &modelled::Story) -> String {
    let mut page = String::new();
    let ber = story.predictions.first().map_or(0.0, |prediction| prediction.ber);
    let chips = count(plan.devices, "chip");
    let cells = thousands(plan.cells);
    line(
        &mut page,
        format_args!(
            "{BOLD}{chips} that never had a key loaded{BOLD:#}                                seed {}",
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
    refusal_lines(&mut page, &story.refusals);

    heading(&mut page, 4, "How often does a good chip fail to rebuild its key?");
    for prediction in &story.predictions {
        line(
            &mut page,
            format_args!(
                "  {:<16} {:>7} of the cells differ   key failure rate {:>9}",
                situation_name(prediction.situation, &named.process),
                percent(prediction.ber),
                rate(prediction.key_failure),
            ),
        );
    }
    let how = match story.prediction_method {
        exact::METHOD => "exact: the mean over all chips of this process, cells independent",
        exact::METHOD_OF_MEAN_RATE => {
            "exact for a chip with the mean error rate; chips of this process differ, and a few bad ones\n   \
             make the mean over all chips larger"
        }
        _ => {
            "not predicted: readouts of this process differ, or depend on what the cells held before;\n   \
             the error rates leave out the first readout's offset, history and remanence"
        }
    };
    line(&mut page, format_args!("  ({how})"));
    verdict_line(&mut page, story.all_in(), &story.refusals);
    page
}

pub(super) fn document(
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
        "refused": refused_json(&story.refusals),
        "not_tried": story.refusals.not_tried,
        "held": story.held(),
        "key_failure": story.predictions.first().map(|prediction| prediction.key_failure),
        "key_failure_method": story.prediction_method,
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
