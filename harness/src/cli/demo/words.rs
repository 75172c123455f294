//! What both stories say alike: the design, who was refused.

use serde_json::{Value, json};

use crate::cli::session::count;
pub(super) use crate::cli::words::{BAD, BOLD, GOOD, heading, line, percent, rate, thousands};
use crate::demo::{DesignRecord, Refusals};
pub(super) use crate::device_folder::to_hex as hex;

pub(super) fn design_lines(page: &mut String, design: &DesignRecord) {
    let cells = thousands(design.puf_bits);
    line(page, format_args!("  key        {} corrects {cells} noisy cells;", design.code));
    line(
        page,
        format_args!(
            "             {} come out of an unbiased chip (128 make a strong key)",
            count(design.secret_bits, "secret bit"),
        ),
    );
    line(
        page,
        format_args!(
            "  helper     {} bytes that anybody may read ({}); without the chip they are useless",
            thousands(design.helper_bytes),
            design.sketch
        ),
    );
    line(page, format_args!("  identity   ECDSA on P-256; the verifier knows the public key only"));
}

pub(super) fn design_json(design: &DesignRecord) -> Value {
    json!({
        "code": design.code, "sketch": design.sketch, "puf_bits": design.puf_bits,
        "secret_bits": design.secret_bits, "helper_bytes": design.helper_bytes,
    })
}

pub(super) fn refusal_lines(page: &mut String, refusals: &Refusals) {
    let width =
        refusals.tried.iter().map(|refusal| refusal.story.chars().count()).max().unwrap_or(0);
    for refusal in &refusals.tried {
        let (style, word) =
            if refusal.held() { (GOOD, "refused") } else { (BAD, "NOT AS EXPECTED") };
        let reason = refusal.verdict.reason().map_or("accepted", |reason| reason.name());
        line(page, format_args!("  {:<width$}  {style}{word}{style:#}: {reason}", refusal.story));
    }
    for what in &refusals.not_tried {
        line(page, format_args!("  not tried: {what}"));
    }
}

pub(super) fn refused_json(refusals: &Refusals) -> Value {
    refusals
        .tried
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

/// The last line: what held, or what did not.
pub(super) fn verdict_line(page: &mut String, all_in: bool, refusals: &Refusals) {
    let complaints: Vec<&str> = [
        (all_in, "a chip that should have got in was rejected: the code is too weak for its noise"),
        (refusals.held(), "somebody was not refused, or not for the right reason"),
    ]
    .into_iter()
    .filter_map(|(held, complaint)| (!held).then_some(complaint))
    .collect();
    match (&complaints[..], &refusals.not_tried[..]) {
        ([], []) => line(page, format_args!("\n{GOOD}every chip got in, nobody else did{GOOD:#}")),
        ([], _) => {
            line(page, format_args!("\n{GOOD}every chip got in, nobody who tried did{GOOD:#}"));
        }
        (bad, _) => line(page, format_args!("\n{BAD}{}{BAD:#}", bad.join("; "))),
    }
}
