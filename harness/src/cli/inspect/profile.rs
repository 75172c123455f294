//! `--save-profile`: the noise model of what was inspected, as a profile.

use std::path::Path;

use super::Arguments;
use crate::cli::exit::Failure;
use crate::fit::{self, DeviceFit, FitError};
use crate::inspection::{DeviceRecord, Inspection, Reunion};
use crate::store::output::write_output;

/// Writes a profile of the devices, each die once and without what is faulty.
pub(super) fn save(
    path: &Path,
    arguments: &Arguments,
    inspection: &Inspection,
) -> Result<(), Failure> {
    let is_again = |place: usize| inspection.reunions.iter().any(|r| r.second == place);
    let sound = |place: usize| {
        let mut left_out = inspection.without.iter().flat_map(|without| &without.devices);
        let of_place = left_out.find(|left| left.device == place);
        of_place.map_or(Some(&inspection.devices[place]), |left| left.record.as_ref())
    };
    let mut devices = Vec::new();
    let mut unfit = None;
    for place in (0..inspection.devices.len()).filter(|&place| !is_again(place)) {
        let Some(record) = sound(place) else { continue };
        match device_fit(record, place, arguments, inspection) {
            Some(Ok(fit)) => devices.push(fit),
            Some(Err(error)) => unfit = Some((record.label(), error)),
            None => (),
        }
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let profile = match (devices.as_slice(), unfit) {
        ([], Some((label, error))) => {
            return Err(Failure::bad_data(format_args!("{label}: no noise model: {error}")));
        }
        _ => fit::profile(&fit::profile_name(&name), &devices).map_err(Failure::bad_data)?,
    };
    write_output(path, |file| file.write_all(profile.to_toml().as_bytes()))
        .map_err(Failure::unreachable)
}

fn device_fit(
    record: &DeviceRecord,
    place: usize,
    arguments: &Arguments,
    inspection: &Inspection,
) -> Option<Result<DeviceFit, FitError>> {
    let fits = record.fits.as_ref()?;
    let cells = match &fits.cells {
        Ok(cells) => cells.clone(),
        Err(error) => return Some(Err(error.clone())),
    };
    let celsius = |record: &DeviceRecord| celsius(&record.condition).or(arguments.celsius);
    let mut fit = DeviceFit::new(record.label(), cells);
    fit.celsius = celsius(record);
    fit.at_other_temperature = fit.celsius.and_then(|here| {
        let reunions = inspection.reunions.iter().filter(|reunion| reunion.first == place);
        let there = |reunion: &Reunion| {
            let celsius = celsius(&inspection.devices[reunion.second])?;
            Some((celsius, reunion.fit.as_ref().ok()?.clone()))
        };
        let others = reunions.filter_map(there).filter(|(celsius, _)| *celsius != here);
        others.max_by(|(a, _), (b, _)| (a - here).abs().total_cmp(&(b - here).abs()))
    });
    fit.polarity = fits.polarity.as_ref().ok().cloned();
    fit.classes = fits.classes.clone();
    fit.readouts = fits.readouts.as_ref().ok().cloned();
    // History is left out: its law gives the difference of successive readouts, and takes from the
    // noise what the error rate of the profile would then lack.
    Some(Ok(fit))
}

/// The temperature that a condition names: a number followed by `C`, `degC`, `deg` or `degrees`, of
/// which there is one.
fn celsius(condition: &str) -> Option<f64> {
    let mut found = None;
    let lower = condition.to_ascii_lowercase();
    let mut rest = lower.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        // A sign counts where nothing but a separator stands before it.
        let before = &rest[..start];
        let is_minus = before.ends_with('-')
            && !before[..before.len() - 1].ends_with(|c: char| c.is_ascii_alphanumeric());
        let end = rest[start..].find(|c: char| !c.is_ascii_digit() && c != '.');
        let end = end.map_or(rest.len(), |end| start + end);
        let unit = rest[end..].trim_start_matches(['_', ' ', '\u{b0}']);
        let word: String = unit.chars().take_while(char::is_ascii_alphabetic).collect();
        if ["c", "degc", "deg", "degree", "degrees", "celsius"].contains(&word.as_str()) {
            let number: f64 = rest[start..end].parse().ok()?;
            let number = if is_minus { -number } else { number };
            if found.replace(number).is_some() {
                return None;
            }
        }
        rest = &rest[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::celsius;

    #[test]
    fn temperatures_are_read_out_of_conditions() {
        for (condition, expected) in [
            ("-18degrees", Some(-18.0)),
            ("cold/-7degrees", Some(-7.0)),
            ("normal/23degrees", Some(23.0)),
            ("23C", Some(23.0)),
            ("T85.5_degC", Some(85.5)),
            ("lot-85C", Some(85.0)),
            ("", None),
            ("run2", None),
            ("23C/85C", None),
            ("3V3", None),
            ("5 cells", None),
        ] {
            assert_eq!(celsius(condition), expected, "{condition}");
        }
    }
}
