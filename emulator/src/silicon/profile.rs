//! Process profiles: parameters of silicon that exists, each with where it comes from.
//!
//! A profile is data. Its numbers were fitted to published measurements or taken from the
//! literature; the measurements themselves are not here.

use super::ageing::AgeingLaw;
use super::parameter::ParameterError;
use super::process::Process;
use super::temperature::TemperatureLaw;

/// A named set of process parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// The name by which it is found: lower case, digits and hyphens.
    pub name: &'static str,
    /// What silicon this is, in a sentence.
    pub description: &'static str,
    /// Where its numbers come from, as a whole.
    pub kind: ProfileKind,
    /// Readout noise, in standard deviations of the skew.
    pub lambda1: Sourced,
    /// Threshold, in standard deviations of the skew; positive prefers 0.
    pub lambda2: Sourced,
    /// The temperature scale theta.
    pub theta_celsius: Sourced,
    /// The temperature at which the other parameters hold.
    pub reference_celsius: Sourced,
    /// The ageing shift at the reference age, in standard deviations of the readout noise.
    pub ageing_delta: Sourced,
    /// The reference age.
    pub ageing_reference_years: Sourced,
    /// The exponent of the ageing clock.
    pub ageing_exponent: Sourced,
}

/// Where a profile comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileKind {
    /// Fitted to readouts of silicon for this project.
    Measured,
    /// Taken from a publication.
    Literature,
    /// A round choice within what was measured, for examples.
    Typical,
}

impl ProfileKind {
    /// The kind in a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Literature => "literature",
            Self::Typical => "typical",
        }
    }
}

/// A number, its unit, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sourced {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// Where it comes from, and what was not checked.
    pub provenance: &'static str,
}

impl Profile {
    /// Parameters by name, in the order in which they are shown.
    #[must_use]
    pub fn parameters(&self) -> [(&'static str, Sourced); 7] {
        [
            ("lambda1", self.lambda1),
            ("lambda2", self.lambda2),
            ("theta_celsius", self.theta_celsius),
            ("reference_celsius", self.reference_celsius),
            ("ageing_delta", self.ageing_delta),
            ("ageing_reference_years", self.ageing_reference_years),
            ("ageing_exponent", self.ageing_exponent),
        ]
    }

    /// The process with these parameters.
    ///
    /// # Errors
    /// If one of them is out of range; none of [`PROFILES`] is.
    pub fn process(&self) -> Result<Process, ParameterError> {
        let temperature =
            TemperatureLaw::new(self.theta_celsius.value, self.reference_celsius.value)?;
        let ageing = AgeingLaw::new(
            self.ageing_delta.value,
            self.ageing_reference_years.value,
            self.ageing_exponent.value,
        )?;
        Process::new(self.lambda1.value, self.lambda2.value, temperature, ageing)
    }
}

/// The profile called `name`.
///
/// ```
/// use puf_emulator::silicon::profile;
///
/// let scum = profile::find("scum").expect("it is shipped");
/// assert!((scum.process()?.ber() - 0.0453).abs() < 1e-4);
/// # Ok::<(), puf_emulator::silicon::ParameterError>(())
/// ```
#[must_use]
pub fn find(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// The profiles shipped, the default of examples first.
pub const PROFILES: &[Profile] = &[TYPICAL_MCU, SCUM, STM32F401, WANG_2020_FIELD, MAES_2013_SRAM];

const TYPICAL_MCU: Profile = Profile {
    name: "typical-mcu",
    description: "SRAM of a microcontroller as most measure it: no bias, 5 % bit errors",
    kind: ProfileKind::Typical,
    lambda1: of_skew(0.11, "a round value within 0.10 to 0.12 of measured microcontrollers"),
    lambda2: of_skew(0.0, "measured microcontrollers are about unbiased"),
    theta_celsius: BORROWED_THETA,
    reference_celsius: ASSUMED_ROOM,
    ageing_delta: BORROWED_DELTA,
    ageing_reference_years: TWO_YEARS,
    ageing_exponent: CLOCK_EXPONENT,
};

const SCUM: Profile = Profile {
    name: "scum",
    description: "Single-Chip Micro-Mote, chip M39: 85 readouts of 450,560 cells",
    kind: ProfileKind::Measured,
    lambda1: of_skew(0.1010, "fitted to the ones counts of 85 readouts, chi2/df 0.9"),
    lambda2: of_skew(-0.0022, "fitted to the ones counts of 85 readouts, chi2/df 0.9"),
    theta_celsius: BORROWED_THETA,
    reference_celsius: ASSUMED_ROOM,
    ageing_delta: BORROWED_DELTA,
    ageing_reference_years: TWO_YEARS,
    ageing_exponent: CLOCK_EXPONENT,
};

const STM32F401: Profile = Profile {
    name: "stm32f401",
    description: "STM32F401 microcontroller: four boards, 15 readouts of 786,400 cells each",
    kind: ProfileKind::Measured,
    lambda1: of_skew(0.1147, "mean of maximum-likelihood fits at 23 C: .1103, .1145, .1168, .1173"),
    lambda2: of_skew(-0.0104, "mean of the same fits: -.0038, -.0315, -.0108, .0044"),
    theta_celsius: degrees(
        30.0,
        "majority at 23 C to readouts at -18 C, 6.192 % and 6.146 % on two boards: 30.4 and 29.6",
    ),
    reference_celsius: celsius(23.0, "the room of the measurement"),
    ageing_delta: BORROWED_DELTA,
    ageing_reference_years: TWO_YEARS,
    ageing_exponent: CLOCK_EXPONENT,
};

const WANG_2020_FIELD: Profile = Profile {
    name: "wang-2020-field",
    description: "16 boards in a two-year field test, 175 million readouts (Wang et al. 2020)",
    kind: ProfileKind::Literature,
    lambda1: of_skew(0.058_377_654_478_3, "solves a bit error rate of 2.49 % (recalled)"),
    lambda2: of_skew(-0.324_469_632_35, "solves a bias of 0.627 (recalled)"),
    theta_celsius: BORROWED_THETA,
    reference_celsius: ASSUMED_ROOM,
    ageing_delta: of_noise(
        0.205_691_719_379,
        "solves 2.97 % after two years (recalled; the rise of 19.3 % was read in the source)",
    ),
    ageing_reference_years: years(2.0, "length of the field test"),
    ageing_exponent: CLOCK_EXPONENT,
};

const MAES_2013_SRAM: Profile = Profile {
    name: "maes-2013-sram",
    description: "SRAM at 25 C in the paper of the model (Maes, CHES 2013)",
    kind: ProfileKind::Literature,
    lambda1: of_skew(0.1213, "Maes, CHES 2013 (recalled, not re-checked)"),
    lambda2: of_skew(0.0210, "Maes, CHES 2013 (recalled, not re-checked)"),
    theta_celsius: BORROWED_THETA,
    reference_celsius: celsius(25.0, "Maes, CHES 2013 (recalled, not re-checked)"),
    ageing_delta: BORROWED_DELTA,
    ageing_reference_years: TWO_YEARS,
    ageing_exponent: CLOCK_EXPONENT,
};

const BORROWED_THETA: Sourced =
    degrees(30.0, "borrowed from stm32f401: no temperature data for this silicon");
const ASSUMED_ROOM: Sourced = celsius(25.0, "assumed: the room was not recorded");
const BORROWED_DELTA: Sourced =
    of_noise(0.205_691_719_379, "borrowed from wang-2020-field: no ageing data for this silicon");
const TWO_YEARS: Sourced = years(2.0, "borrowed from wang-2020-field, with its shift");
const CLOCK_EXPONENT: Sourced = Sourced {
    value: 0.2,
    unit: "",
    provenance: "within 0.16 to 0.25 of the literature (recalled, not re-checked)",
};

const fn of_skew(value: f64, provenance: &'static str) -> Sourced {
    Sourced { value, unit: "standard deviations of the skew", provenance }
}

const fn of_noise(value: f64, provenance: &'static str) -> Sourced {
    Sourced { value, unit: "standard deviations of the readout noise", provenance }
}

const fn degrees(value: f64, provenance: &'static str) -> Sourced {
    Sourced { value, unit: "degrees", provenance }
}

const fn celsius(value: f64, provenance: &'static str) -> Sourced {
    Sourced { value, unit: "degrees Celsius", provenance }
}

const fn years(value: f64, provenance: &'static str) -> Sourced {
    Sourced { value, unit: "years", provenance }
}
