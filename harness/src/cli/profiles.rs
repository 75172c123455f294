//! `puflab profiles`: what silicon can be made of.

use std::fmt::Write as _;

use anstyle::Style;
use clap::Args;
use puf_emulator::silicon::profile::{self, Profile, Setting};
use puf_emulator::silicon::{PARAMETERS, Parameter};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::session::{Session, inputs};
use super::silicon_arguments;
use crate::report::json::Document;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Profiles to show, by name or file [default: all that are shipped].
    #[arg(value_name = "NAME|FILE.toml")]
    names: Vec<String>,
    /// The text of the one profile named, to be changed and given to --profile.
    #[arg(long, requires = "names", conflicts_with = "parameters")]
    toml: bool,
    /// The parameters that a profile can set, instead of the profiles.
    #[arg(long, conflicts_with = "names")]
    parameters: bool,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.parameters {
        session.print(parameters_page, parameters_document)?;
        return Ok(Exit::Done);
    }
    let profiles: Vec<Profile> = if arguments.names.is_empty() {
        profile::shipped().collect()
    } else {
        arguments
            .names
            .iter()
            .map(|name| silicon_arguments::profile(name))
            .collect::<Result<_, _>>()?
    };
    match profiles.as_slice() {
        [profile] if arguments.toml => session.write_result(profile.to_toml().as_bytes())?,
        _ if arguments.toml => return Err(Failure::usage("--toml writes one profile")),
        _ => session.print(|| page(&profiles), || document(&profiles))?,
    }
    Ok(Exit::Done)
}

fn page(profiles: &[Profile]) -> String {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let mut page = String::new();
    for profile in profiles {
        let (name, kind) = (profile.name(), profile.kind().name());
        let _ = writeln!(page, "{bold}{name}{bold:#}  {} ({kind})", profile.description());
        for Setting { parameter, value, is_typical, source } in profile.settings() {
            let typical = if *is_typical { " (typical)" } else { "" };
            let _ = writeln!(page, "  {:<27} {value} {}{typical}", parameter.name, parameter.unit);
            let _ = writeln!(page, "  {dim}{:<27} {source}{dim:#}", "");
        }
        page.push('\n');
    }
    page
}

fn document(profiles: &[Profile]) -> Document {
    let profiles: Vec<Value> = profiles.iter().map(described).collect();
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
