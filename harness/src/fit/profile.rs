//! Fits as silicon to simulate: a process profile, each number with its unit and its source.

use puf_emulator::silicon::Parameter;
use puf_emulator::silicon::profile::{MAX_SENTENCE_CHARS, Profile, ProfileKind};

use super::classes::ClassFit;
use super::error::FitError;
use super::history::HistoryFit;
use super::polarity::PolarityFit;
use super::readout_effects::ReadoutEffects;
use super::two_conditions::TwoConditionFit;
use super::two_parameter::TwoParameterFit;
use crate::metric::estimate::Estimate;

/// What was fitted to one device.
#[derive(Debug, Clone)]
pub struct DeviceFit {
    /// Its name, as sources have it.
    pub name: String,
    /// Noise and bias at the first condition.
    pub cells: TwoParameterFit,
    /// The temperature of that, in degrees Celsius, if known.
    pub celsius: Option<f64>,
    /// A second temperature in degrees Celsius, and what it changes.
    pub at_other_temperature: Option<(f64, TwoConditionFit)>,
    /// What address bits tell.
    pub polarity: Option<PolarityFit>,
    /// A mask over bits of the cell index, best that of [`common_mask`], and the fit of its classes.
    pub classes: Option<(u32, ClassFit)>,
    /// Noise and offset of single readouts.
    pub readouts: Option<ReadoutEffects>,
    /// What readouts feel of the one before.
    pub history: Option<HistoryFit>,
}

impl DeviceFit {
    /// Only what the one-counts tell.
    #[must_use]
    pub fn new(name: impl Into<String>, cells: TwoParameterFit) -> Self {
        Self {
            name: name.into(),
            cells,
            celsius: None,
            at_other_temperature: None,
            polarity: None,
            classes: None,
            readouts: None,
            history: None,
        }
    }

    /// The fit of both classes of `mask`.
    fn classes_of(&self, mask: Option<u32>) -> Option<&ClassFit> {
        let (of, classes) = self.classes.as_ref()?;
        (Some(*of) == mask).then_some(classes)
    }

    /// The amplitude of the classes of `mask`, if it was fitted or is among those that stand out.
    fn amplitude(&self, mask: u32) -> Option<Estimate> {
        let shown = || {
            let mut top = self.polarity.as_ref()?.top.iter();
            top.find(|split| split.mask == mask).map(|split| split.amplitude)
        };
        self.classes_of(Some(mask)).map(|classes| classes.amplitude).or_else(shown)
    }
}

/// The profile of devices of one kind of silicon.
///
/// Noise and bias are means over the devices, their spread is that over devices less that of sampling
/// and only given for two or more. Polarity, readout effects and history are set where they are no
/// chance, temperature where two were measured; all else is left at its default, as the description
/// says.
///
/// # Errors
/// If there is no device, or a number lies outside the range of its parameter.
pub fn profile(name: &str, devices: &[DeviceFit]) -> Result<Profile, FitError> {
    if devices.is_empty() {
        return Err(FitError::NoDevice);
    }
    let mut settings = Settings { whose: whose(devices), list: Vec::new() };
    let mask = common_mask(devices);
    let lambda1 = noise_and_bias(&mut settings, devices, mask);
    polarity(&mut settings, devices, mask);
    temperature(&mut settings, devices, lambda1);
    readouts(&mut settings, devices);
    history(&mut settings, devices);
    let description = sentence(&format!(
        "{}; {}",
        settings.whose,
        "what is not set was not measured or not told from chance, and is at its default",
    ));
    let given = settings.list.iter().map(|(name, value, source)| (*name, *value, source.as_str()));
    Profile::new(&profile_name(name), &description, ProfileKind::Measured, given)
        .map_err(FitError::Profile)
}

/// A name that a profile can have, near to `name`: lower-case letters, digits and single hyphens, 64 at
/// most; `measured` if nothing is left.
#[must_use]
pub fn profile_name(name: &str) -> String {
    let mut clean = String::new();
    for letter in name.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            clean.push(letter);
        } else if !clean.is_empty() && !clean.ends_with('-') {
            clean.push('-');
        }
    }
    clean.truncate(64);
    let clean = clean.trim_end_matches('-');
    if clean.is_empty() { "measured".to_owned() } else { clean.to_owned() }
}

/// The parameters that are set, with their sources.
struct Settings {
    whose: String,
    list: Vec<(&'static str, f64, String)>,
}

impl Settings {
    fn set(&mut self, name: &'static str, value: f64, source: &str) {
        // What was measured may lie outside what the model has, by chance: the nearest it has, then.
        let value = Parameter::named(name).map_or(value, |p| value.clamp(p.least, p.greatest));
        let value = if libm::trunc(value) == value { value } else { rounded(value) };
        self.list.push((name, value, sentence(source)));
    }
}

/// Six significant digits, more than any interval has.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// Devices, cells and readouts in a few words.
fn whose(devices: &[DeviceFit]) -> String {
    let one = |device: &DeviceFit| {
        let (cells, readouts) = (device.cells.cells, device.cells.readouts);
        format!("{} ({cells} cells, {readouts} readouts)", device.name)
    };
    let names: Vec<String> = devices.iter().take(4).map(one).collect();
    let more = if devices.len() > 4 { ", ..." } else { "" };
    let noun = if devices.len() == 1 { "device" } else { "devices" };
    format!("{} {noun}: {}{more}", devices.len(), names.join(", "))
}

/// A text that a profile takes for a sentence.
fn sentence(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_SENTENCE_CHARS).collect()
}

/// Estimates in a few words.
fn listed(estimates: &[Estimate]) -> String {
    let one = |e: &Estimate| format!("{:.5} ({:.5} to {:.5})", e.value, e.lower, e.upper);
    let shown: Vec<String> = estimates.iter().take(8).map(one).collect();
    let more = if estimates.len() > 8 { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// Mean over devices, and the variance over them beyond that of sampling; no variance of one device.
fn mean_and_variance(estimates: &[Estimate]) -> (f64, Option<f64>) {
    let n = estimates.len() as f64;
    let mean = estimates.iter().map(|e| e.value).sum::<f64>() / n;
    if estimates.len() < 2 {
        return (mean, None);
    }
    let square = |x: f64| x * x;
    let squares: f64 = estimates.iter().map(|e| square(e.value - mean)).sum();
    let sampling = estimates.iter().map(|e| square(e.standard_error)).sum::<f64>() / n;
    (mean, Some((squares / (n - 1.0) - sampling).max(0.0)))
}

const SPREAD: &str = "spread of the same fits over devices, that of sampling taken off";

/// Sets noise and bias; returns the noise.
fn noise_and_bias(settings: &mut Settings, devices: &[DeviceFit], mask: Option<u32>) -> f64 {
    let of = |of_classes: fn(&ClassFit) -> Estimate, of_cells: fn(&TwoParameterFit) -> Estimate| {
        let one = |device: &DeviceFit| {
            device.classes_of(mask).map_or(of_cells(&device.cells), of_classes)
        };
        devices.iter().map(one).collect::<Vec<Estimate>>()
    };
    let mut lambda1 = of(|classes| classes.lambda1, |cells| cells.lambda1);
    let remembers = has_history(devices);
    if remembers {
        for (lambda1, device) in lambda1.iter_mut().zip(devices) {
            let factor = device.history.as_ref().map_or(1.0, |history| history.lambda1_factor);
            *lambda1 = Estimate::positive(factor * lambda1.value, factor * lambda1.standard_error);
        }
    }
    let lambda2 = of(|classes| classes.lambda2, |cells| cells.lambda2);
    let by_class = if devices.iter().any(|device| device.classes_of(mask).is_some()) {
        ", by class of polarity"
    } else {
        ""
    };
    let by_history = if remembers { ", what history adds taken off" } else { "" };
    let of_noise = format!(
        "maximum likelihood of the ones counts{by_class}{by_history}, with intervals of 95 %: {}; {}",
        listed(&lambda1),
        settings.whose
    );
    let (mean, variance) = mean_and_variance(&lambda1);
    settings.set("lambda1", mean, &of_noise);
    let (bias, bias_variance) = mean_and_variance(&lambda2);
    settings.set("lambda2", bias, &format!("the same fits: {}", listed(&lambda2)));
    if let (Some(variance), Some(bias_variance)) = (variance, bias_variance) {
        settings.set("lambda1_cv", libm::sqrt(variance) / mean, SPREAD);
        settings.set("lambda2_sd", libm::sqrt(bias_variance), SPREAD);
    }
    mean
}

/// The mask that stands out most, beyond chance, on most of the devices: the one to divide the cells of
/// all of them by for [`classes`](super::classes); the smaller of two.
#[must_use]
pub fn common_mask(devices: &[DeviceFit]) -> Option<u32> {
    let first =
        |device: &DeviceFit| device.polarity.as_ref()?.significant().next().map(|split| split.mask);
    let masks: Vec<u32> = devices.iter().filter_map(first).collect();
    let votes = |mask: u32| masks.iter().filter(|&&other| other == mask).count();
    masks.iter().copied().max_by_key(|&mask| (votes(mask), core::cmp::Reverse(mask)))
}

fn polarity(settings: &mut Settings, devices: &[DeviceFit], mask: Option<u32>) {
    let Some(mask) = mask else { return };
    let amplitudes: Vec<Estimate> =
        devices.iter().filter_map(|device| device.amplitude(mask)).collect();
    let source = format!(
        "Walsh-Hadamard transform of the values that the cells prefer, over all masks: {} of {} \
         devices, one in a million by chance",
        amplitudes.len(),
        devices.len()
    );
    settings.set("polarity_mask", f64::from(mask), &source);
    let (mean, variance) = mean_and_variance(&amplitudes);
    let source = format!("amplitude of the classes, intervals of 95 %: {}", listed(&amplitudes));
    settings.set("polarity_mean", mean, &source);
    if let Some(variance) = variance {
        settings.set("polarity_sd", libm::sqrt(variance), SPREAD);
    }
}

/// Sets the laws of temperature; `lambda1` is the noise that the profile has, in which theta is told.
fn temperature(settings: &mut Settings, devices: &[DeviceFit], lambda1: f64) {
    let known: Vec<f64> = devices.iter().filter_map(|device| device.celsius).collect();
    if known.is_empty() {
        return;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    settings.set("reference_celsius", mean(&known), "as the readouts are labelled");

    let (mut thetas, mut exponents, mut fractions, mut ratios) = (vec![], vec![], vec![], vec![]);
    let mut found = Vec::new();
    for device in devices {
        let (Some(first), Some((second, fit))) = (device.celsius, &device.at_other_temperature)
        else {
            continue;
        };
        let best = fit.best();
        let step = second - first;
        if step == 0.0 {
            continue;
        }
        thetas.push(lambda1 * step.abs() / best.drift.sd.value);
        let kelvins = (second + KELVIN) / (first + KELVIN);
        exponents.push(libm::log(best.noise_ratio.value) / libm::log(kelvins));
        if let Some((rare, fraction)) = &best.drift.rare {
            // Half is the most that the law has for the rarer component.
            fractions.push(fraction.value.min(0.5));
            ratios.push(rare.value / best.drift.common_sd.value);
        }
        found.push(format!(
            "{} from {first} to {second} degrees, drift {}, noise ratio {}",
            device.name,
            listed(&[best.drift.sd]),
            listed(&[best.noise_ratio])
        ));
    }
    if thetas.is_empty() {
        return;
    }
    let source = format!(
        "maximum likelihood of the joint ones counts at two temperatures, a change of session among \
         them: {}",
        found.join("; ")
    );
    settings.set("theta_celsius", mean(&thetas), &source);
    if !fractions.is_empty() {
        let source = "the same fits, a mixture of two drifts";
        settings.set("temperature_rare_fraction", mean(&fractions), source);
        settings.set("temperature_rare_ratio", mean(&ratios), source);
    }
    let source = "the same fits: the noise over the ratio of absolute temperatures";
    settings.set("noise_temperature_exponent", mean(&exponents), source);
}

/// Zero degrees Celsius in kelvins.
const KELVIN: f64 = 273.15;

fn readouts(settings: &mut Settings, devices: &[DeviceFit]) {
    let effects: Vec<&ReadoutEffects> =
        devices.iter().filter_map(|device| device.readouts.as_ref()).collect();
    let rms = |values: &[f64]| {
        libm::sqrt(values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64)
    };
    let of = |of: fn(&ReadoutEffects) -> (f64, bool)| {
        let all: Vec<(f64, bool)> = effects.iter().map(|effects| of(effects)).collect();
        let values: Vec<f64> = all.iter().map(|(value, _)| *value).collect();
        all.iter().any(|(_, significant)| *significant).then(|| rms(&values))
    };
    let source = format!(
        "root of the mean square over {} devices of the spread over readouts, that of sampling taken \
         off, outliers left out",
        effects.len()
    );
    if let Some(cv) = of(|effects| (effects.scale.value, effects.scale.is_significant())) {
        settings.set("readout_scale_cv", cv, &source);
    }
    if let Some(sd) = of(|effects| (effects.offset.value, effects.offset.is_significant())) {
        settings.set("readout_offset_sd", sd, &source);
    }
    let first = |effects: &&ReadoutEffects| {
        let out = effects.outliers.iter().any(|out| out.is_offset && out.readout == 0);
        let offset = effects.readouts.first()?.offset;
        // From the mean of the others, which the first readout is part of.
        let n = effects.readouts.len() as f64;
        out.then_some(offset.value * n / (n - 1.0))
    };
    let firsts: Vec<f64> = effects.iter().filter_map(first).collect();
    // An event of most devices is of the silicon; of one among many it is an accident.
    if !firsts.is_empty() && 2 * firsts.len() > effects.len() {
        let source = format!(
            "offset of the first readout from the mean of the others, {} of {} devices",
            firsts.len(),
            effects.len()
        );
        let mean = firsts.iter().sum::<f64>() / firsts.len() as f64;
        settings.set("first_readout_offset", mean, &source);
    }
}

/// Whether the history of any device is no chance.
fn has_history(devices: &[DeviceFit]) -> bool {
    devices.iter().filter_map(|device| device.history.as_ref()).any(HistoryFit::is_significant)
}

fn history(settings: &mut Settings, devices: &[DeviceFit]) {
    if !has_history(devices) {
        return;
    }
    let fits: Vec<&HistoryFit> =
        devices.iter().filter_map(|device| device.history.as_ref()).collect();
    let pulls: Vec<Estimate> = fits.iter().map(|fit| fit.pull).collect();
    let source = format!(
        "distance of successive readouts from that of others, numbers of each readout taken off; \
         intervals of 95 %: {}",
        listed(&pulls)
    );
    settings.set("history", mean_and_variance(&pulls).0, &source);
}
