//! `puflab profiles`: what silicon can be made of.

use std::fmt::Write as _;

use anstyle::Style;
use puf_emulator::silicon::profile::PROFILES;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::session::{Session, inputs};
use crate::report::json::Document;

pub(crate) fn run(session: &Session) -> Result<Exit, Failure> {
    session.print(page, document)?;
    Ok(Exit::Done)
}

fn page() -> String {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let mut page = String::new();
    for profile in PROFILES {
        let _ = writeln!(page, "{bold}{}{bold:#}  {}", profile.name, profile.description);
        for (name, sourced) in profile.parameters() {
            let value = format!("{} {}", sourced.value, sourced.unit);
            let _ = writeln!(page, "  {name:<23} {}", value.trim_end());
            let _ = writeln!(page, "  {dim}{:<23} {}{dim:#}", "", sourced.provenance);
        }
        page.push('\n');
    }
    page
}

fn document() -> Document {
    let profiles: Vec<_> = PROFILES
        .iter()
        .map(|profile| {
            let parameters: Vec<_> = profile
                .parameters()
                .into_iter()
                .map(|(name, sourced)| {
                    json!({
                        "name": name, "value": sourced.value, "unit": sourced.unit,
                        "provenance": sourced.provenance,
                    })
                })
                .collect();
            json!({
                "name": profile.name, "kind": profile.kind.name(),
                "description": profile.description, "parameters": parameters,
            })
        })
        .collect();
    Document::new("profiles", None, inputs([]), json!({ "profiles": profiles }))
}
