//! Which process: `--profile NAME`, `--ber B`, or `--lambda1 A [--lambda2 B]`.

use clap::Args;
use puf_emulator::silicon::profile::{self, PROFILES};
use puf_emulator::silicon::{AgeingLaw, Environment, Process, TemperatureLaw};
use serde_json::{Value, json};

use super::exit::Failure;
use super::nearest::nearest;

/// The profile taken where none is named.
const DEFAULT_PROFILE: &str = "typical-mcu";

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Silicon")]
pub(crate) struct SiliconArguments {
    /// A process profile, by the name that `puflab profiles` lists [default: typical-mcu].
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ber", "lambda1"])]
    profile: Option<String>,
    /// Bit error rate between two power-ups, above 0 and below 0.5: an unbiased process.
    #[arg(long, value_name = "B", conflicts_with = "lambda1")]
    ber: Option<f64>,
    /// Noise of a power-up, in standard deviations of the cells' skew.
    #[arg(long, value_name = "A")]
    lambda1: Option<f64>,
    /// Bias: the threshold, in standard deviations of the cells' skew [default: 0].
    #[arg(long, value_name = "B", requires = "lambda1", allow_hyphen_values = true)]
    lambda2: Option<f64>,
}

/// A process and what it is called.
pub(crate) struct NamedProcess {
    pub(crate) name: String,
    pub(crate) process: Process,
}

impl SiliconArguments {
    pub(crate) fn resolve(&self) -> Result<NamedProcess, Failure> {
        let (name, process) = match (self.ber, self.lambda1) {
            (Some(ber), _) => (format!("BER {ber}"), Process::from_ber(ber)),
            (None, Some(lambda1)) => {
                let lambda2 = self.lambda2.unwrap_or(0.0);
                let laws = (TemperatureLaw::default(), AgeingLaw::default());
                let name = format!("lambda1 {lambda1}, lambda2 {lambda2}");
                (name, Process::new(lambda1, lambda2, laws.0, laws.1))
            }
            (None, None) => {
                let profile = find(self.profile.as_deref().unwrap_or(DEFAULT_PROFILE))?;
                (profile.name.to_owned(), profile.process())
            }
        };
        let process = process.map_err(Failure::usage)?;
        Ok(NamedProcess { name, process })
    }
}

fn find(name: &str) -> Result<&'static profile::Profile, Failure> {
    profile::find(name).ok_or_else(|| {
        let failure = Failure::usage(format_args!("unknown profile {name:?}"));
        match nearest(name, PROFILES.iter().map(|profile| profile.name)) {
            Some(near) => failure.advise(format_args!("--profile {near}")),
            None => failure.advise("`puflab profiles` lists them"),
        }
    })
}

impl NamedProcess {
    /// The resolved parameters, for a document.
    pub(crate) fn to_json(&self) -> Value {
        let process = &self.process;
        json!({
            "name": self.name,
            "lambda1": process.lambda1(),
            "lambda2": process.lambda2(),
            "theta_celsius": process.temperature().theta_celsius(),
            "reference_celsius": process.temperature().reference_celsius(),
            "ageing_delta": process.ageing().delta_reference(),
            "ageing_reference_years": process.ageing().reference_years(),
            "ageing_exponent": process.ageing().exponent(),
        })
    }
}

/// `--temperature-celsius` and `--age-years`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Environment")]
pub(crate) struct EnvironmentArguments {
    /// Temperature of the die [default: that at which the process was characterised].
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) temperature_celsius: Option<f64>,
    /// Age of the die in years [default: 0].
    #[arg(long, value_name = "Y")]
    age_years: Option<f64>,
}

impl EnvironmentArguments {
    pub(crate) fn resolve(&self) -> Result<Environment, Failure> {
        let aged = Environment::default().aged_years(self.age_years.unwrap_or(0.0));
        match self.temperature_celsius {
            Some(celsius) => aged.and_then(|environment| environment.at_celsius(celsius)),
            None => aged,
        }
        .map_err(Failure::usage)
    }
}
