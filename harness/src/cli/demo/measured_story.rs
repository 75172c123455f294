//! The story of measured chips, as a page and as a document.

use std::path::Path;

use serde_json::{Value, json};

use super::words::{
    BAD, BOLD, GOOD, design_json, design_lines, heading, hex, line, percent, rate, refusal_lines,
    refused_json, thousands, verdict_line,
};
use crate::cli::session::{count, inputs, plain, shown};
use crate::demo::measured::{self, ChipRecord, SameSilicon};
use crate::report::json::Document;

pub(super) fn page(plan: &measured::Plan, path: &Path, story: &measured::Story) -> String {
    let mut page = String::new();
    line(
        &mut page,
        format_args!(
            "{BOLD}{} of measured silicon{BOLD:#}, {}                        seed {}",
            count(story.chips.len(), "chip"),
            plain(path.display()),
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
            "", "boots", "key rebuilt", "authenticated", "cells differing", "worst"
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
    refusal_lines(&mut page, &story.refusals);
    heading(&mut page, 4, "How often would a key not be rebuilt?");
    for chip in &story.chips {
        line(
            &mut page,
            format_args!(
                "  {:<width$}  {:>6} of the cells differ, {:>6} at most   key failure rate {:>9}",
                chip.name,
                percent(chip.ber),
                percent(chip.ber_max),
                rate(chip.predicted_key_failure)
            ),
        );
    }
    line(
        &mut page,
        format_args!(
            "  (exact for independent cells at the error rate of each readout, averaged over them)"
        ),
    );
    verdict_line(&mut page, story.all_in(), &story.refusals);
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
        let figure = match chip.key_failure_standard_error() {
            // None seen: tries of one window share their cells, so windows are what is counted.
            _ if failures == 0 => format!("below {}", percent(none_seen_bound(chip.windows))),
            Some(error) => format!("{} +- {}", percent(chip.key_failure()), percent(error)),
            None => percent(chip.key_failure()),
        };
        line(
            page,
            format_args!(
                "  {:<width$}  {:>7}  {:>7}  {failures:>8}  {:>17}",
                chip.name,
                chip.windows,
                chip.windows * chip.boots(),
                figure,
            ),
        );
    }
    line(
        page,
        format_args!("  (+- one standard error, from the spread over windows; below: 95 %)"),
    );
}

/// Upper 95 % limit of the fraction of windows that ever fail, when none of so many was seen to.
fn none_seen_bound(windows: usize) -> f64 {
    1.0 - libm::pow(0.05, 1.0 / windows as f64)
}

pub(super) fn document(
    plan: &measured::Plan,
    path: &Path,
    record_bytes: Option<usize>,
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
    let failures: Option<Vec<f64>> =
        story.chips.iter().map(|chip| chip.predicted_key_failure).collect();
    let worst = failures.map(|failures| failures.into_iter().fold(0.0, f64::max));
    let results = json!({
        "design": design_json(&story.design),
        "devices": devices,
        "same_silicon": same,
        "refused": refused_json(&story.refusals),
        "not_tried": story.refusals.not_tried,
        "held": story.held(),
        "key_failure": worst,
        "key_failure_method": "exact for independent cells at the error rate of each readout, averaged; the worst chip",
    });
    let what = [
        ("readouts", shown(path)),
        ("record_bytes", json!(record_bytes)),
        ("windows", json!(plan.windows)),
        ("code", json!(plan.design.code)),
        ("sketch", json!(plan.design.sketch)),
    ];
    Document::new("demo", Some(plan.seed), inputs(what), results)
}
