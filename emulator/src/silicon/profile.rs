//! Process profiles: parameters of silicon that exists, each with where it comes from.
//!
//! A profile is data, a TOML file:
//!
//! ```toml
//! format = 1
//! name = "my-board"
//! description = "what silicon this is, in a sentence"
//! kind = "measured"                   # or "literature", "typical"
//!
//! [parameters]
//! lambda1 = { value = 0.1010, unit = "sd of the skew", source = "fit to 85 readouts" }
//! lambda1_cv = { value = "typical", unit = "dimensionless" }
//! ```
//!
//! The parameters are those of [`PARAMETERS`]; each states its unit, which must be the table's, and its
//! source. `"typical"` stands for the table's typical value and `"off"` for that at which the term does
//! nothing; neither needs a source. What a profile does not set is at its default: temperature and
//! ageing as of the microcontrollers that were measured, every other law off.
//!
//! The profiles shipped are in the folder `profiles`. Their numbers were fitted to published
//! measurements or taken from the literature; the measurements themselves are not here.

mod error;
mod text;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub use error::{Position, ProfileError, ProfileFault};

use super::parameter::{PARAMETERS, Parameter, ParameterError};
use super::process::Process;

/// The version of the format of profiles.
pub const FORMAT: u32 = 1;

/// The longest text of a profile that is looked at, in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// The longest description or source, in characters.
pub const MAX_SENTENCE_CHARS: usize = 1000;

/// A named set of process parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    name: String,
    description: String,
    kind: ProfileKind,
    settings: Vec<Setting>,
}

/// Where a profile comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileKind {
    /// Fitted to readouts of silicon.
    Measured,
    /// Taken from a publication.
    Literature,
    /// A round choice within what was measured, for examples.
    Typical,
}

impl ProfileKind {
    const ALL: [Self; 3] = [Self::Measured, Self::Literature, Self::Typical];

    /// The kind in a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Literature => "literature",
            Self::Typical => "typical",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A parameter that a profile sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Which, with its unit.
    pub parameter: &'static Parameter,
    /// The number.
    pub value: f64,
    /// Whether the profile asks for the table's typical value instead of stating a number.
    pub is_typical: bool,
    /// Where the number comes from, and what was not checked.
    pub source: String,
}

impl Profile {
    /// A profile of numbers that were just found: the names of parameters, each with its value and its
    /// source.
    ///
    /// ```
    /// use puf_emulator::silicon::profile::{Profile, ProfileKind};
    ///
    /// let settings = [("lambda1", 0.1, "a fit to the readouts of my desk's board")];
    /// let profile = Profile::new("my-board", "the board on my desk", ProfileKind::Measured, settings)?;
    /// assert_eq!(profile.process()?.lambda1(), 0.1);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What [`from_toml`](Self::from_toml) says of the same profile in writing: there is one place that
    /// checks.
    pub fn new<'a>(
        name: &str,
        description: &str,
        kind: ProfileKind,
        settings: impl IntoIterator<Item = (&'a str, f64, &'a str)>,
    ) -> Result<Self, ProfileError> {
        let mut text = text::head(name, description, kind);
        for (name, value, source) in settings {
            let unit = Parameter::named(name).map_or("", |parameter| parameter.unit);
            text.push_str(&text::line(name, &format!("{value:?}"), unit, source));
        }
        Self::from_toml(&text)
    }

    /// Reads a profile.
    ///
    /// ```
    /// use puf_emulator::silicon::profile::Profile;
    ///
    /// let text = r#"
    ///     format = 1
    ///     name = "my-board"
    ///     description = "the board on my desk"
    ///     kind = "measured"
    ///     [parameters]
    ///     lambda1 = { value = 0.1, unit = "sd of the noise", source = "a fit" }
    /// "#;
    /// let error = Profile::from_toml(text).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "line 7, column 37: parameters.lambda1.unit is \"sd of the noise\", \
    ///      where \"sd of the skew\" is asked"
    /// );
    /// ```
    ///
    /// # Errors
    /// Names the key at fault, with its line and column where there is one.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        text::read(text)
    }

    /// Writes the profile: [`from_toml`](Self::from_toml) reads the same again.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = text::head(&self.name, &self.description, self.kind);
        for Setting { parameter, value, is_typical, source } in &self.settings {
            let value = match is_typical {
                true => text::quoted(text::TYPICAL),
                false => format!("{value:?}"),
            };
            text.push_str(&text::line(parameter.name, &value, parameter.unit, source));
        }
        text
    }

    /// The name by which it is found: 1 to 64 lower-case letters, digits and hyphens.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What silicon this is, in a sentence.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Where its numbers come from, as a whole.
    #[must_use]
    pub fn kind(&self) -> ProfileKind {
        self.kind
    }

    /// The parameters it sets, in the order of [`PARAMETERS`].
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The process with these parameters, the others at their defaults.
    ///
    /// # Errors
    /// If one of them is out of range, which a profile that was read never has.
    pub fn process(&self) -> Result<Process, ParameterError> {
        Process::from_parameters(|name| {
            let setting = self.settings.iter().find(|setting| setting.parameter.name == name);
            setting.map(|setting| setting.value)
        })
    }
}

/// The shipped profile called `name`.
///
/// ```
/// use puf_emulator::silicon::profile;
///
/// let scum = profile::find("scum").expect("it is shipped");
/// assert!((scum.process()?.ber() - 0.0474).abs() < 1e-4);
/// # Ok::<(), puf_emulator::silicon::ParameterError>(())
/// ```
#[must_use]
pub fn find(name: &str) -> Option<Profile> {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(name, text)| parsed(name, text))
}

/// The profiles shipped, the default of examples first.
pub fn shipped() -> impl Iterator<Item = Profile> {
    SHIPPED.iter().map(|(name, text)| parsed(name, text))
}

/// The names of the profiles shipped, in the same order.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

fn parsed(name: &str, text: &str) -> Profile {
    match Profile::from_toml(text) {
        Ok(profile) => profile,
        Err(error) => unreachable!("{name} was read when this was tested: {error}"),
    }
}

/// Names and texts; a test reads them all.
const SHIPPED: [(&str, &str); 5] = [
    ("typical-mcu", include_str!("../../profiles/typical-mcu.toml")),
    ("scum", include_str!("../../profiles/scum.toml")),
    ("stm32f401", include_str!("../../profiles/stm32f401.toml")),
    ("wang-2020-field", include_str!("../../profiles/wang-2020-field.toml")),
    ("maes-2013-sram", include_str!("../../profiles/maes-2013-sram.toml")),
];
