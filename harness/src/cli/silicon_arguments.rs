//! Which process: `--profile NAME|FILE.toml`, `--ber B`, or `--lambda1 A [--lambda2 B]`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use puf_emulator::silicon::profile::{self, MAX_TEXT_BYTES, Profile, ProfileError, ProfileFault};
use puf_emulator::silicon::{AgeingLaw, Environment, ParameterError, Process, TemperatureLaw};
use serde_json::{Value, json};

use super::exit::Failure;
use super::nearest::nearest;
use super::session::shown;

/// The profile taken where none is named.
const DEFAULT_PROFILE: &str = "typical-mcu";

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Silicon")]
pub(crate) struct SiliconArguments {
    /// A process profile: a name that `puflab profiles` lists, or a file [default: typical-mcu].
    #[arg(long, value_name = "NAME|FILE.toml", conflicts_with_all = ["ber", "lambda1"])]
    profile: Option<String>,
    /// Bit error rate between two power-ups, above 0 and below 0.5: an unbiased process.
    #[arg(long, value_name = "B", conflicts_with = "lambda1")]
    ber: Option<f64>,
    /// Noise of a power-up, in standard deviations of the cells' skew.
    #[arg(long, value_name = "A")]
    lambda1: Option<f64>,
    /// Bias: the threshold, in standard deviations of the cells' skew [default: 0].
    #[arg(
        long,
        value_name = "B",
        requires = "lambda1",
        conflicts_with = "ber",
        allow_hyphen_values = true
    )]
    lambda2: Option<f64>,
}

/// A process and what it is called.
pub(crate) struct NamedProcess {
    pub(crate) name: String,
    pub(crate) process: Process,
    /// The file that the profile was read from, unless it is a shipped one.
    pub(crate) file: Option<PathBuf>,
}

impl SiliconArguments {
    pub(crate) fn resolve(&self) -> Result<NamedProcess, Failure> {
        let mut file = None;
        let (name, process) = match (self.ber, self.lambda1) {
            (Some(ber), _) => (format!("BER {ber}"), Process::from_ber(ber)),
            (None, Some(lambda1)) => {
                let lambda2 = self.lambda2.unwrap_or(0.0);
                let laws = (TemperatureLaw::default(), AgeingLaw::default());
                let name = format!("lambda1 {lambda1}, lambda2 {lambda2}");
                (name, Process::new(lambda1, lambda2, laws.0, laws.1))
            }
            (None, None) => {
                let named = self.profile.as_deref().unwrap_or(DEFAULT_PROFILE);
                file = is_file(named).then(|| PathBuf::from(named));
                let profile = profile(named)?;
                (profile.name().to_owned(), profile.process())
            }
        };
        let process = process.map_err(Failure::usage)?;
        Ok(NamedProcess { name, process, file })
    }
}

/// Whether `--profile` names a file: names of profiles have neither separators nor dots.
fn is_file(named: &str) -> bool {
    named.contains(std::path::is_separator) || named.ends_with(".toml")
}

/// The profile that `--profile` or `puflab profiles` names.
pub(crate) fn profile(named: &str) -> Result<Profile, Failure> {
    if is_file(named) { read(Path::new(named)) } else { find(named) }
}

fn find(name: &str) -> Result<Profile, Failure> {
    profile::find(name).ok_or_else(|| {
        let failure = Failure::usage(format_args!("unknown profile {name:?}"));
        match nearest(name, profile::shipped_names()) {
            Some(near) => failure.advise(format_args!("--profile {near}")),
            None => failure.advise("`puflab profiles` lists them; a file's name ends in .toml"),
        }
    })
}

fn read(path: &Path) -> Result<Profile, Failure> {
    let bytes = read_bounded(path).map_err(|error| Failure::file(path, &error))?;
    let at = path.display();
    if bytes.len() > MAX_TEXT_BYTES {
        return Err(Failure::usage(format_args!("{at}: longer than {MAX_TEXT_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Failure::usage(format_args!("{at}: not UTF-8 at byte {offset}"))
    })?;
    Profile::from_toml(&text).map_err(|error| {
        let failure = Failure::usage(format_args!("{at}: {error}"));
        match advice(&error) {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    })
}

/// The file, or the beginning of one that is too long to be a profile.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_TEXT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn advice(error: &ProfileError) -> Option<String> {
    match &error.fault {
        ProfileFault::Unknown { known } => {
            let name = error.key.rsplit('.').next().unwrap_or_default();
            let near = nearest(name, known.iter().copied());
            Some(near.map_or_else(|| format!("one of {}", known.join(", ")), str::to_owned))
        }
        ProfileFault::NoTypical | ProfileFault::NoOff | ProfileFault::Value(_) => {
            Some("`puflab profiles --parameters` lists what each can be".to_owned())
        }
        _ => None,
    }
}

impl NamedProcess {
    /// The resolved parameters, for a document: those of the two-parameter model with temperature and
    /// ageing, and every other that does something.
    pub(crate) fn to_json(&self) -> Value {
        let mut members = json!({ "name": self.name });
        if let Some(file) = &self.file {
            members["file"] = shown(file);
        }
        for (parameter, value) in self.process.parameters() {
            let is_off = parameter.off == Some(value) || parameter.default == Some(value);
            if ALWAYS.contains(&parameter.name) || !is_off {
                members[parameter.name] = json!(value);
            }
        }
        members
    }
}

/// The parameters that every document has.
const ALWAYS: [&str; 7] = [
    "lambda1",
    "lambda2",
    "theta_celsius",
    "reference_celsius",
    "ageing_delta",
    "ageing_reference_years",
    "ageing_exponent",
];

/// Temperature, age and supply of the power-ups.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Environment")]
pub(crate) struct EnvironmentArguments {
    /// Temperature of the die [default: that at which the process was characterised].
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) temperature_celsius: Option<f64>,
    /// Age of the die in years [default: 0].
    #[arg(long, value_name = "Y", allow_hyphen_values = true)]
    age_years: Option<f64>,
    /// Rise time of the supply in microseconds [default: that of the process].
    #[arg(long, value_name = "US", allow_hyphen_values = true)]
    ramp_us: Option<f64>,
    /// Time without power before, in seconds [default: nothing is retained].
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    off_seconds: Option<f64>,
}

impl EnvironmentArguments {
    pub(crate) fn resolve(&self) -> Result<Environment, Failure> {
        self.environment().map_err(Failure::usage)
    }

    /// What was asked for and changes nothing in silicon of `process`.
    pub(crate) fn idle(&self, process: &Process) -> Vec<&'static str> {
        let mut idle = Vec::new();
        if self.off_seconds.is_some() && process.remanence().retention_seconds() == 0.0 {
            idle.push("--off-seconds changes nothing: this process retains nothing");
        }
        let ramped = Environment::default().ramped_in_us(2.0 * process.ramp().reference_us());
        let is_ramp_off = ramped.is_ok_and(|ramped| {
            process.ramp().step(&ramped) == 0.0 && process.ramp().noise_scale(&ramped) == 1.0
        });
        if self.ramp_us.is_some() && is_ramp_off {
            idle.push("--ramp-us changes nothing: this process does not feel it");
        }
        idle
    }

    fn environment(&self) -> Result<Environment, ParameterError> {
        let mut environment = Environment::default().aged_years(self.age_years.unwrap_or(0.0))?;
        if let Some(celsius) = self.temperature_celsius {
            environment = environment.at_celsius(celsius)?;
        }
        if let Some(ramp) = self.ramp_us {
            environment = environment.ramped_in_us(ramp)?;
        }
        if let Some(off) = self.off_seconds {
            environment = environment.off_for_seconds(off)?;
        }
        Ok(environment)
    }
}
