//! `puflab profiles`: what silicon can be made of.

use std::fmt::Write as _;

use anstyle::Style;
use clap::Args;
use puf_emulator::silicon::profile::{self, Profile, Setting};
use puf_emulator::silicon::{PARAMETERS, Parameter};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::session::{Session, inputs};
use crate::report::json::Document;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The parameters that a profile can set, instead of the profiles.
    #[arg(long)]
    parameters: bool,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.parameters {
        session.print(parameters_page, parameters_document)?;
    } else {
        session.print(page, document)?;
    }
    Ok(Exit::Done)
}

fn page() -> String {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let mut page = String::new();
    for profile in profile::shipped() {
        let _ = writeln!(page, "{bold}{}{bold:#}  {}", profile.name(), profile.description());
        for Setting { parameter, value, is_typical, source } in profile.settings() {
            let typical = if *is_typical { " (typical)" } else { "" };
            let _ = writeln!(page, "  {:<27} {value} {}{typical}", parameter.name, parameter.unit);
            let _ = writeln!(page, "  {dim}{:<27} {source}{dim:#}", "");
        }
        page.push('\n');
    }
    page
}

fn document() -> Document {
    let profiles: Vec<Value> = profile::shipped().map(|profile| described(&profile)).collect();
    Document::new("profiles", None, inputs([]), json!({ "profiles": profiles }))
}

fn described(profile: &Profile) -> Value {
    let parameters: Vec<_> = profile
        .settings()
        .iter()
        .map(|setting| {
            json!({
                "name": setting.parameter.name, "value": setting.value,
                "unit": setting.parameter.unit, "provenance": setting.source,
                "typical": setting.is_typical,
            })
        })
        .collect();
    json!({
        "name": profile.name(), "kind": profile.kind().name(),
        "description": profile.description(), "parameters": parameters,
    })
}

fn parameters_page() -> String {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let mut page = String::new();
    for parameter in PARAMETERS {
        let Parameter { name, unit, off, default, typical, least, greatest, meaning } = parameter;
        let _ = writeln!(page, "{bold}{name}{bold:#}  {least} to {greatest}, {unit}");
        let values = [("off", off), ("default", default), ("typical", typical)];
        let values: Vec<String> = values
            .into_iter()
            .filter_map(|(what, value)| value.map(|value| format!("{what} {value}")))
            .collect();
        let _ = writeln!(page, "  {}", values.join(", "));
        let _ = writeln!(page, "  {dim}{meaning}{dim:#}");
    }
    page
}

fn parameters_document() -> Document {
    let parameters: Vec<_> = PARAMETERS
        .iter()
        .map(|parameter| {
            let Parameter { name, unit, off, default, typical, least, greatest, meaning } =
                parameter;
            json!({
                "name": name, "unit": unit, "off": off, "default": default, "typical": typical,
                "least": least, "greatest": greatest, "meaning": meaning,
            })
        })
        .collect();
    let what = inputs([("parameters", json!(true))]);
    Document::new("profiles", None, what, json!({ "parameters": parameters }))
}
