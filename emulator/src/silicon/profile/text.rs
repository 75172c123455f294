//! Reading the text of a profile: every key known, every number with unit and source.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{
    FORMAT, MAX_SENTENCE_CHARS, MAX_TEXT_BYTES, PARAMETERS, Parameter, Position, Profile,
    ProfileError, ProfileFault, ProfileKind, Setting,
};

/// What a profile writes instead of a number to take the table's.
pub(super) const TYPICAL: &str = "typical";

/// What a profile writes to switch a term off.
pub(super) const OFF: &str = "off";

/// The source of a parameter that is off, where none is stated.
const OFF_SOURCE: &str = "switched off";

/// The source of a typical value, where none is stated.
const TYPICAL_SOURCE: &str = "typical of measured SRAM, as the table of parameters has it";

const KEYS: [&str; 5] = ["format", "name", "description", "kind", "parameters"];
const SETTING_KEYS: [&str; 3] = ["value", "unit", "source"];

pub(super) fn read(text: &str) -> Result<Profile, ProfileError> {
    if text.len() > MAX_TEXT_BYTES {
        let fault = ProfileFault::TooLong;
        return Err(ProfileError { position: None, key: String::new(), fault });
    }
    let document = DeTable::parse(text).map_err(|error| ProfileError {
        position: error.span().map(|span| position(text, &span)),
        key: String::new(),
        fault: ProfileFault::Syntax(error.message().to_owned()),
    })?;
    // The span of a document is all of it, which says nothing of where a key is missing.
    let whole = Table { text, path: String::new(), table: document.get_ref(), span: None };

    let format = whole.get("format", || format!("format = {FORMAT}"))?;
    if integer(format.value) != Some(f64::from(FORMAT)) {
        let found = shown(&text[format.span.clone()]);
        return Err(format.fault(ProfileFault::Format { found }));
    }
    whole.keys_are(&KEYS)?;

    let name = whole.get("name", || "name = \"my-board\"".to_owned())?;
    let is_letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let written = name.string()?;
    if !(1..=64).contains(&written.len()) || !written.bytes().all(is_letter) {
        return Err(name.fault(ProfileFault::Name));
    }
    let description = whole
        .get("description", || "description = \"what silicon this is\"".to_owned())?
        .sentence()?;
    let kind = whole.get("kind", || "kind = \"measured\"".to_owned())?;
    let word = kind.string()?;
    let kind = ProfileKind::named(word)
        .ok_or_else(|| kind.fault(ProfileFault::Kind { found: abridged(word) }))?;

    let parameters = whole.get("parameters", || "[parameters]".to_owned())?;
    let parameters = parameters.table()?;
    let known: Vec<&str> = PARAMETERS.iter().map(|parameter| parameter.name).collect();
    parameters.keys_are(&known)?;
    let mut settings = Vec::new();
    for parameter in PARAMETERS {
        if let Some(entry) = parameters.find(parameter.name) {
            settings.push(setting(parameter, &entry)?);
        } else if parameter.default.is_none() {
            return Err(parameters.missing(parameter.name, example(parameter)));
        }
    }
    Ok(Profile { name: written.to_owned(), description, kind, settings })
}

fn setting(parameter: &'static Parameter, entry: &Entry<'_>) -> Result<Setting, ProfileError> {
    let table = entry.table()?;
    table.keys_are(&SETTING_KEYS)?;

    let value = table.get("value", || format!("value = {:?}", a_value_of(parameter)))?;
    let is_typical = matches!(value.value, DeValue::String(text) if text == TYPICAL);
    let is_off = matches!(value.value, DeValue::String(text) if text == OFF);
    let word = if is_off { parameter.off } else { parameter.typical };
    let number = match (is_typical || is_off, word) {
        (true, Some(number)) => number,
        (true, None) if is_off => return Err(value.fault(ProfileFault::NoOff)),
        (true, None) => return Err(value.fault(ProfileFault::NoTypical)),
        (false, _) => number(value.value).ok_or_else(|| {
            let expected = "a number, \"typical\" or \"off\"";
            value.fault(ProfileFault::Type { expected })
        })?,
    };
    let number =
        parameter.check(number).map_err(|error| value.fault(ProfileFault::Value(error)))?;

    let unit = table.get("unit", || format!("unit = {}", quoted(parameter.unit)))?;
    if unit.string()? != parameter.unit {
        let found = abridged(unit.string()?);
        return Err(unit.fault(ProfileFault::Unit { found, expected: parameter.unit }));
    }
    let source = match table.find("source") {
        None if is_typical => TYPICAL_SOURCE.to_owned(),
        None if is_off => OFF_SOURCE.to_owned(),
        _ => table
            .get("source", || "source = \"where the number comes from\"".to_owned())?
            .sentence()?,
    };
    Ok(Setting { parameter, value: number, is_typical, source })
}

/// A line that sets a parameter.
fn example(parameter: &Parameter) -> String {
    let Parameter { name, unit, .. } = parameter;
    let value = a_value_of(parameter);
    format!("{name} = {{ value = {value:?}, unit = {}, source = \"a fit\" }}", quoted(unit))
}

fn a_value_of(parameter: &Parameter) -> f64 {
    parameter.typical.or(parameter.default).unwrap_or(parameter.least)
}

/// A table of the document, and the path to it with a dot at its end.
struct Table<'a> {
    text: &'a str,
    path: String,
    table: &'a DeTable<'a>,
    span: Option<Range<usize>>,
}

/// A key with its value.
struct Entry<'a> {
    text: &'a str,
    path: String,
    value: &'a DeValue<'a>,
    span: Range<usize>,
}

impl<'a> Table<'a> {
    fn find(&self, key: &str) -> Option<Entry<'a>> {
        let (_, value) = self.table.iter().find(|(found, _)| found.get_ref() == key)?;
        Some(self.entry(key, value))
    }

    fn entry(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Entry<'a> {
        let path = format!("{}{}", self.path, shown(key));
        Entry { text: self.text, path, value: value.get_ref(), span: value.span() }
    }

    /// The entry of a key that must be there; `example` says how.
    fn get(&self, key: &str, example: impl Fn() -> String) -> Result<Entry<'a>, ProfileError> {
        self.find(key).ok_or_else(|| self.missing(key, example()))
    }

    fn missing(&self, key: &str, example: String) -> ProfileError {
        ProfileError {
            position: self.span.as_ref().map(|span| position(self.text, span)),
            key: format!("{}{key}", self.path),
            fault: ProfileFault::Missing { example },
        }
    }

    /// Refuses the first key that is not among `known`.
    fn keys_are(&self, known: &[&'static str]) -> Result<(), ProfileError> {
        let stranger = |key: &&Spanned<DeString<'_>>| !known.contains(&key.get_ref().as_ref());
        let first = self.table.keys().filter(stranger).min_by_key(|key| key.span().start);
        first.map_or(Ok(()), |key| {
            Err(ProfileError {
                position: Some(position(self.text, &key.span())),
                key: format!("{}{}", self.path, shown(key.get_ref())),
                fault: ProfileFault::Unknown { known: known.to_vec() },
            })
        })
    }
}

impl<'a> Entry<'a> {
    fn fault(&self, fault: ProfileFault) -> ProfileError {
        let position = Some(position(self.text, &self.span));
        ProfileError { position, key: self.path.clone(), fault }
    }

    fn table(&self) -> Result<Table<'a>, ProfileError> {
        let DeValue::Table(table) = self.value else {
            return Err(self.fault(ProfileFault::Type { expected: "a table" }));
        };
        let path = format!("{}.", self.path);
        Ok(Table { text: self.text, path, table, span: Some(self.span.clone()) })
    }

    fn string(&self) -> Result<&'a str, ProfileError> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.fault(ProfileFault::Type { expected: "a text in quotes" })),
        }
    }

    fn sentence(&self) -> Result<String, ProfileError> {
        let text = self.string()?;
        let blank = text.trim().is_empty() || text.chars().any(char::is_control);
        if blank || text.chars().count() > MAX_SENTENCE_CHARS {
            return Err(self.fault(ProfileFault::Sentence));
        }
        Ok(text.to_owned())
    }
}

/// An integer or a float; what is too large for one is infinite, and refused as that.
fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        value => integer(value),
    }
}

fn integer(value: &DeValue<'_>) -> Option<f64> {
    let integer = value.as_integer()?;
    match i128::from_str_radix(integer.as_str(), integer.radix()) {
        Ok(integer) => Some(integer as f64),
        Err(_) => Some(f64::INFINITY),
    }
}

/// The text of a profile up to its first parameter.
pub(super) fn head(name: &str, description: &str, kind: ProfileKind) -> String {
    let (name, description, kind) = (quoted(name), quoted(description), quoted(kind.name()));
    format!(
        "format = {FORMAT}\nname = {name}\ndescription = {description}\nkind = {kind}\n\n[parameters]\n"
    )
}

/// The line of a parameter, its value as TOML has it.
pub(super) fn line(name: &str, value: &str, unit: &str, source: &str) -> String {
    let (unit, source) = (quoted(unit), quoted(source));
    format!("{name} = {{ value = {value}, unit = {unit}, source = {source} }}\n")
}

/// A basic string of TOML, of a text without control characters.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text of the file in an error: no longer than a name, nothing that moves a cursor.
fn shown(text: &str) -> String {
    abridged(text).escape_debug().to_string()
}

fn abridged(text: &str) -> String {
    text.chars().take(64).collect()
}

fn position(text: &str, span: &Range<usize>) -> Position {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}
