//! An inspection as a page.

use super::{Arguments, devices_of, files_of};
use crate::cli::session::{count, plain};
use crate::cli::words::{BAD, BOLD, GOOD, Table, heading, line, thousands};
use crate::faults::{Finding, Kind, Severity};
use crate::fit;
use crate::inspection::{
    Assessed, Comparison, DeviceRecord, Fits, Inspection, Without, main_comparison,
};
use crate::metric::between::{Between, ideal_aliasing_min_entropy, ideal_uniqueness_pypuf};
use crate::metric::device::DeviceFigures;
use crate::metric::estimate::Estimate;
use crate::reliability::identification::equal_error;

/// Devices of which each has a line; of more, the first and a summary.
const MOST_LINES: usize = 24;

/// Lengths of identities whose error rates are told.
pub(super) const ID_CELLS: [usize; 4] = [64, 128, 256, 512];

pub(super) fn page(arguments: &Arguments, seed: Option<u64>, inspection: &Inspection) -> String {
    let mut page = String::new();
    let devices = &inspection.devices;
    let readouts: usize = devices.iter().map(|device| device.figures.readouts).sum();
    let paths: Vec<String> = arguments.paths.iter().map(|path| plain(path.display())).collect();
    line(
        &mut page,
        format_args!(
            "{BOLD}{}{BOLD:#} in {}, {}",
            count(devices.len(), "set"),
            paths.join(", "),
            count(readouts, "readout")
        ),
    );
    let mut number = 0..;
    let mut next = |page: &mut String, text: &str| {
        heading(page, number.next().unwrap_or(0) + 1, text);
    };
    next(&mut page, "Metrics");
    let again: Vec<usize> =
        inspection.between.iter().flat_map(|c| c.again.iter().map(|&(again, _)| again)).collect();
    let all: Vec<&DeviceRecord> = devices.iter().collect();
    metrics(&mut page, &all, &|place| !again.contains(&place));
    other_names(&mut page, devices);
    if !arguments.metrics_only {
        next(
            &mut page,
            "Noise model: a cell reads 1 with probability Phi((z - lambda2) / lambda1)",
        );
        noise_model(&mut page, &all);
        growth(&mut page, devices);
        next(&mut page, "Addresses and readouts");
        address_classes(&mut page, devices);
        readouts_and_history(&mut page, devices);
    }
    if let Some(comparison) = main_comparison(&inspection.between) {
        next(&mut page, "Between devices");
        between(&mut page, comparison, devices);
        identification(&mut page, inspection);
    } else {
        line(
            &mut page,
            format_args!("\n  (one die: nothing can be said of differences between dies)"),
        );
    }
    if let (Some(assessed), Some(seed)) = (&inspection.assessed, seed) {
        next(&mut page, "Min-entropy by SP 800-90B, of the values that cells prefer");
        assessed_lines(&mut page, assessed, seed);
    }
    if !inspection.reunions.is_empty() {
        next(&mut page, "The same die under another condition or name");
        reunions(&mut page, inspection);
    }
    if !arguments.metrics_only {
        next(&mut page, "What is wrong with the data");
        findings(&mut page, inspection);
        if let Some(without) = &inspection.without {
            next(&mut page, "Without the faulty part");
            without_faults(&mut page, without, devices);
        }
    }
    page
}

/// A percentage with half the width of its interval.
fn percent(estimate: Option<Estimate>) -> String {
    estimate.map_or("-".to_owned(), |estimate| {
        let half = 50.0 * (estimate.upper - estimate.lower);
        format!("{:.2} ±{}", 100.0 * estimate.value, short(half))
    })
}

/// Two digits of a number that says how far another may be off.
fn short(number: f64) -> String {
    match number {
        n if n >= 9.95 => format!("{n:.0}"),
        n if n >= 0.995 => format!("{n:.1}"),
        n => format!("{n:.2}"),
    }
}

/// A line for each device, and their mean over those that are `once` there.
fn metrics(page: &mut String, devices: &[&DeviceRecord], once: &dyn Fn(usize) -> bool) {
    let mut table = Table::new([
        "% of cells",
        "readouts x cells",
        "ones",
        "to first",
        "(max)",
        "to majority",
        "pairwise",
        "never flip",
        "noise bit/cell",
    ]);
    let bits = |e: Estimate| format!("{:.4} ±{:.4}", e.value, (e.upper - e.lower) / 2.0);
    for device in devices.iter().take(MOST_LINES) {
        let figures = &device.figures;
        table.row([
            plain(device.label()),
            format!("{} x {}", thousands(figures.readouts), thousands(figures.cells)),
            percent(figures.ones_fraction),
            percent(figures.wchd_first),
            figures.wchd_first_max.map_or("-".to_owned(), |max| format!("({:.2})", 100.0 * max)),
            percent(figures.wchd_majority),
            percent(figures.wchd_pairwise),
            percent(figures.never_flipping),
            figures.noise_min_entropy.map_or("-".to_owned(), bits),
        ]);
    }
    let dies = (0..devices.len()).filter(|&place| once(place)).count();
    if dies > 2 {
        let mean = |of: fn(&DeviceFigures) -> Option<Estimate>| {
            let dies = devices.iter().enumerate().filter(|(place, _)| once(*place));
            let values = dies.filter_map(|(_, device)| Some(of(&device.figures)?.value));
            Estimate::of_devices(&values.collect::<Vec<f64>>())
        };
        table.row([
            format!("mean of {dies} dies"),
            String::new(),
            percent(mean(|figures| figures.ones_fraction)),
            percent(mean(|figures| figures.wchd_first)),
            String::new(),
            percent(mean(|figures| figures.wchd_majority)),
            percent(mean(|figures| figures.wchd_pairwise)),
            String::new(),
            mean(|figures| figures.noise_min_entropy).map_or("-".to_owned(), bits),
        ]);
    }
    table.write(page);
    more(page, devices.len(), MOST_LINES);
    line(
        page,
        format_args!(
            "  (to first, majority, pairwise: cells that differ between readouts of one device, WCHD; ± is 95 %,\n   \
             over cells, for the mean over devices by Student's t)"
        ),
    );
}

fn other_names(page: &mut String, devices: &[DeviceRecord]) {
    let mut table = Table::new([
        "",
        "reliability:",
        "Maiti",
        "pypuf",
        "Hori: randomness",
        "steadiness",
        "correctness",
        "diffuseness",
        "of ideal cells",
    ]);
    let several = devices.iter().filter(|device| device.figures.hori.is_some());
    let mut rows = 0;
    for device in several.take(MOST_LINES) {
        let figures = &device.figures;
        let Some(hori) = figures.hori else { continue };
        let digits = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.4}"));
        let value = |estimate: Option<Estimate>| digits(estimate.map(|estimate| estimate.value));
        let ideal = (hori.ids > 0).then(|| 1.0 - 1.0 / hori.ids as f64);
        table.row([
            plain(device.label()),
            String::new(),
            value(figures.reliability_maiti),
            value(figures.reliability_pypuf),
            digits(Some(hori.randomness)),
            digits(Some(hori.steadiness)),
            digits(Some(hori.correctness)),
            digits(hori.diffuseness),
            digits(ideal),
        ]);
        rows += 1;
    }
    if rows > 0 {
        line(
            page,
            format_args!("\n  under other names, which do not mean the same thing (ideally 1):"),
        );
        table.write(page);
        more(page, devices.len(), MOST_LINES);
    }
}

fn plus_minus(estimate: Estimate, digits: usize) -> String {
    let half = (estimate.upper - estimate.lower) / 2.0;
    format!("{:.digits$} ±{half:.digits$}", estimate.value)
}

fn noise_model(page: &mut String, devices: &[&DeviceRecord]) {
    let mut table = Table::new([
        "",
        "lambda1",
        "by moments",
        "lambda2",
        "chi2/df",
        "p",
        "TV",
        "BER %: pairwise",
        "to majority of 3",
        "of 9",
        "to dominant",
    ]);
    let mut unfit = Vec::new();
    for device in devices.iter().take(MOST_LINES) {
        let Some(fits) = &device.fits else { continue };
        let fit = match &fits.cells {
            Ok(fit) => fit,
            Err(error) => {
                unfit.push(format!("{}: {error}", plain(device.label())));
                continue;
            }
        };
        let rate = |estimate: Estimate| format!("{:.3}", 100.0 * estimate.value);
        table.row([
            plain(device.label()),
            plus_minus(fit.lambda1, 4),
            format!("{:.4}", fit.moments.lambda1),
            plus_minus(fit.lambda2, 4),
            fit.agreement.chi2_per_df().map_or("-".to_owned(), |chi2| format!("{chi2:.2}")),
            match fit.agreement.df {
                0 => "-".to_owned(),
                _ => probability(fit.agreement.p_value),
            },
            format!("{:.4}", fit.agreement.total_variation),
            rate(fit.ber_pairwise()),
            rate(fit.ber_after_majority_of(3)),
            rate(fit.ber_after_majority_of(9)),
            rate(fit.ber_to_dominant()),
        ]);
    }
    table.write(page);
    more(page, devices.len(), MOST_LINES);
    for error in unfit {
        line(page, format_args!("  {error}"));
    }
    line(
        page,
        format_args!(
            "  (in standard deviations of the cells' skew; chi2/df is about 1 where the law holds, and a\n   \
             small p says it does not; the BERs are those of fresh readouts, predicted)"
        ),
    );
}

fn probability(p: f64) -> String {
    match p {
        p if p >= 0.001 => format!("{p:.3}"),
        p if p >= 1e-99 => format!("{p:.0e}"),
        _ => "<1e-99".to_owned(),
    }
}

/// Predicted growth beside what is observed, for the first few devices.
fn growth(page: &mut String, devices: &[DeviceRecord]) {
    let with: Vec<(&DeviceRecord, &Fits)> =
        devices.iter().filter_map(|device| Some((device, device.fits.as_ref()?))).collect();
    let shown: Vec<_> = with.iter().filter(|(_, fits)| fits.cells.is_ok()).take(4).collect();
    if shown.is_empty() {
        return;
    }
    line(
        page,
        format_args!(
            "\n  cells that have ever flipped, %: observed / predicted, by number of readouts"
        ),
    );
    let of = |fits: &Fits, readouts: usize| {
        let found = fits.growth.iter().find(|growth| growth.readouts == readouts);
        found.map(|growth| {
            let observed = growth.observed.map_or("-".to_owned(), |x| format!("{:.2}", 100.0 * x));
            let predicted =
                growth.predicted.map_or("-".to_owned(), |e| format!("{:.2}", 100.0 * e.value));
            format!("{observed} / {predicted}")
        })
    };
    let round = [5, 10, 20, 50, 100, 200, 500, 1000];
    let readouts: Vec<usize> = round
        .into_iter()
        .filter(|&readouts| shown.iter().all(|(_, fits)| of(fits, readouts).is_some()))
        .collect();
    let headings = readouts.iter().map(|&readouts| thousands(readouts));
    let mut table = Table::new(
        std::iter::once(String::new()).chain(headings).chain(["all there are".to_owned()]),
    );
    for (device, fits) in shown {
        let cells = readouts.iter().map(|&readouts| of(fits, readouts).unwrap_or_default());
        let all = device.readouts_in_files;
        let last = of(fits, all).map(|growth| format!("{}: {growth}", thousands(all)));
        let name = std::iter::once(plain(device.label()));
        table.row(name.chain(cells).chain([last.unwrap_or_default()]));
    }
    table.write(page);
    more(page, with.len(), 4);
}

/// Says that there are more devices than lines.
fn more(page: &mut String, all: usize, shown: usize) {
    if all > shown {
        line(page, format_args!("  ({} more: --format json has them all)", all - shown));
    }
}

fn address_classes(page: &mut String, devices: &[DeviceRecord]) {
    let mut table = Table::new([
        "",
        "bits",
        "ones: even %",
        "odd %",
        "amplitude",
        "z",
        "H bias",
        "H class",
        "lag",
        "r",
    ]);
    for device in devices.iter().take(MOST_LINES) {
        let Some(fits) = &device.fits else { continue };
        let figures = &device.figures;
        let lag = figures.strongest_correlation().map_or([String::from("-"), String::new()], |a| {
            let star = if a.z.abs() > 5.0 { "*" } else { "" };
            [format!("{}{star}", a.lag), format!("{:+.4}", a.coefficient)]
        });
        let bias = format!("{:.4}", figures.min_entropy_bias);
        let split = fits.polarity.as_ref().ok().and_then(|polarity| polarity.significant().next());
        let mut row = vec![plain(device.label())];
        match split {
            Some(split) => {
                let bits: Vec<String> = split.bits().map(|bit| bit.to_string()).collect();
                let by_class = class_entropy(split);
                row.extend([
                    bits.join(" xor "),
                    format!("{:.2}", 100.0 * split.even_fraction.value),
                    format!("{:.2}", 100.0 * split.odd_fraction.value),
                    plus_minus(split.amplitude, 3),
                    format!("{:.0}", split.z),
                    bias,
                    format!("{by_class:.4}"),
                ]);
            }
            None => {
                let least =
                    figures.least_class().map_or(figures.min_entropy_bias, |c| c.min_entropy);
                let dash = || "-".to_owned();
                let none = ["none".to_owned(), dash(), dash(), dash(), dash()];
                row.extend(none);
                row.extend([bias, format!("{least:.4}")]);
            }
        }
        row.extend(lag);
        table.row(row);
    }
    table.write(page);
    more(page, devices.len(), MOST_LINES);
    line(
        page,
        format_args!(
            "  (bits of the cell's index whose parity parts the cells into classes that prefer opposite values, which
   \
             no histogram of one-counts shows; amplitude in sd of the skew; H: min-entropy, bits a cell, from
   \
             the bias of all and of the classes; r: strongest correlation of cells, at which lag, * beyond 5 sd)"
        ),
    );
}

/// Mean over the cells of the min-entropy of their class.
fn class_entropy(split: &fit::Split) -> f64 {
    let (odd, even) = (split.odd.0 as f64, split.even.0 as f64);
    let of = |estimate: &Estimate| crate::metric::counts::min_entropy(estimate.value);
    (odd * of(&split.odd_fraction) + even * of(&split.even_fraction)) / (odd + even)
}

fn readouts_and_history(page: &mut String, devices: &[DeviceRecord]) {
    let mut table = Table::new([
        "",
        "noise of readouts: CV %",
        "p",
        "offset sd",
        "p",
        "outliers",
        "history: pull",
        "z",
    ]);
    let mut rows = 0;
    for device in devices.iter().take(MOST_LINES) {
        let Some(fits) = &device.fits else { continue };
        let dash = || "-".to_owned();
        let mut row = vec![plain(device.label())];
        match &fits.readouts {
            Ok(effects) => {
                let outliers: Vec<String> =
                    effects.outliers.iter().take(4).map(|o| o.readout.to_string()).collect();
                row.extend([
                    format!(
                        "{:.1} ({:.1} to {:.1})",
                        100.0 * effects.scale.value,
                        100.0 * effects.scale.lower,
                        100.0 * effects.scale.upper
                    ),
                    probability(effects.scale.p_value),
                    format!("{:.4}", effects.offset.value),
                    probability(effects.offset.p_value),
                    if outliers.is_empty() { "none".to_owned() } else { outliers.join(" ") },
                ]);
            }
            Err(_) => row.extend(std::iter::repeat_with(dash).take(5)),
        }
        match &fits.history {
            Ok(history) => {
                row.extend([plus_minus(history.pull, 4), format!("{:+.1}", history.z)]);
            }
            Err(_) => row.extend([dash(), dash()]),
        }
        if fits.readouts.is_ok() || fits.history.is_ok() {
            table.row(row);
            rows += 1;
        }
    }
    if rows > 0 {
        line(page, format_args!(""));
        table.write(page);
        line(
            page,
            format_args!(
                "  (of up to 256 readouts: spread of the readouts' own noise and offset beyond sampling, readouts counted from 0; pull towards\n   \
                 the value before, from how much farther apart successive readouts are than others)"
            ),
        );
    }
}

fn between(page: &mut String, comparison: &Comparison, devices: &[DeviceRecord]) {
    let between = &comparison.between;
    let label = |place: usize| plain(devices[comparison.devices[place]].label());
    line(
        page,
        format_args!(
            "  {} of {} cells, {}",
            count(comparison.devices.len(), "die"),
            thousands(comparison.cells),
            count(between.pairs, "pair")
        ),
    );
    if between.devices < comparison.devices.len() {
        line(
            page,
            format_args!("  compared: {} of them, evenly spread", thousands(between.devices)),
        );
    }
    for &(again, first) in comparison.again.iter().take(8) {
        let [again, first] = [again, first].map(|place| plain(devices[place].label()));
        line(page, format_args!("  {again} is {first} again: not compared"));
    }
    let percent_of = |x: f64| format!("{:.2}", 100.0 * x);
    let over_devices = between.bchd_over_devices.map_or_else(
        || "too few devices for an interval over devices".to_owned(),
        |e| format!("{} to {} over devices", percent_of(e.lower), percent_of(e.upper)),
    );
    let over_cells = between.bchd_over_cells;
    line(
        page,
        format_args!(
            "  BCHD           {} %   ({} to {} over the cells of these; {over_devices})\n  \
             least, most    {} % ({} - {}), {} % ({} - {})\n  from bias      {} % is expected of \
             independent dies with these fractions of ones",
            percent_of(between.bchd),
            percent_of(over_cells.lower),
            percent_of(over_cells.upper),
            percent_of(between.least.0),
            label(between.least.1[0]),
            label(between.least.1[1]),
            percent_of(between.greatest.0),
            label(between.greatest.1[0]),
            label(between.greatest.1[1]),
            percent_of(between.expected_from_bias),
        ),
    );
    let few = between.devices < 16 && z_from_bias(between).abs() < 5.0;
    let few = if few { "; so few devices say little" } else { "" };
    let z = z_from_bias(between);
    if z.abs() >= 5.0 {
        let (word, why) = if z < 0.0 { ("nearer", "share") } else { ("farther apart", "part") };
        line(
            page,
            format_args!(
                "                 they are {word} than that by {:.0} standard errors over cells: something that \
                 dies {why}, as classes of addresses do",
                z.abs()
            ),
        );
    }
    line(
        page,
        format_args!(
            "  bit-aliasing   {:.4} bit a cell of min-entropy; ideal cells would show {:.4} with {}{few}",
            between.aliasing_min_entropy,
            ideal_aliasing_min_entropy(between.devices),
            count(between.devices, "device")
        ),
    );
    line(
        page,
        format_args!(
            "  uniqueness     Hori {:.4} (ideal cells {:.4}), pypuf {:.4} (ideal cells {:.4})",
            between.uniqueness_hori,
            1.0 - 1.0 / between.devices as f64,
            between.uniqueness_pypuf,
            ideal_uniqueness_pypuf(comparison.cells),
        ),
    );
}

/// How far the mean distance is off what the bias explains, in standard errors over cells.
pub(super) fn z_from_bias(between: &Between) -> f64 {
    (between.bchd - between.expected_from_bias) / between.bchd_over_cells.standard_error
}

/// The rates that identification is judged by.
pub(super) struct IdentificationRates {
    pub(super) wchd: f64,
    pub(super) bchd: f64,
}

/// The mean distance to the first readout over devices, and the mean distance between devices.
pub(super) fn identification_rates(inspection: &Inspection) -> Option<IdentificationRates> {
    let comparison = main_comparison(&inspection.between)?;
    let rates: Vec<f64> = comparison
        .devices
        .iter()
        .filter_map(|&place| Some(inspection.devices[place].figures.wchd_first?.value))
        .collect();
    if rates.is_empty() {
        return None;
    }
    let wchd = rates.iter().sum::<f64>() / rates.len() as f64;
    Some(IdentificationRates { wchd, bchd: comparison.between.bchd })
}

fn identification(page: &mut String, inspection: &Inspection) {
    let Some(rates) = identification_rates(inspection) else { return };
    let mut table = Table::new(["identified by", "accepted up to", "false accept", "false reject"]);
    for cells in ID_CELLS {
        if let Some(equal) = equal_error(cells, rates.wchd, rates.bchd) {
            table.row([
                format!("{cells} cells"),
                format!("{} differing", equal.threshold),
                format!("{:.1e}", equal.false_accept),
                format!("{:.1e}", equal.false_reject),
            ]);
        }
    }
    line(page, format_args!(""));
    table.write(page);
    line(
        page,
        format_args!(
            "  (thresholds of equal error: exact binomial tails at the mean rates, cells independent)"
        ),
    );
}

fn assessed_lines(page: &mut String, assessed: &Assessed, seed: u64) {
    let mut table = Table::new(["", "bit a cell", "by"]);
    let shuffled = format!("shuffled (seed {seed})");
    let across = assessed.across.iter().flatten().zip(["across devices", shuffled.as_str()]);
    let orders = std::iter::once((&assessed.row, "along addresses")).chain(across);
    for (assessment, order) in orders {
        let least = assessment.least().map_or("-", |(estimator, _)| estimator.title());
        table.row([order.to_owned(), format!("{:.4}", assessment.min_entropy), least.to_owned()]);
    }
    table.write(page);
    line(
        page,
        format_args!(
            "  ({} cells of {}; a perfect coin of a million bits is assessed at about 0.81, fewer bits lower.\n   \
             What chips have in common shows across devices only)",
            thousands(assessed.cells),
            count(assessed.devices.len(), "device")
        ),
    );
}

/// A drift, or below what it is where there may be none.
fn drift(sd: Estimate) -> String {
    if sd.lower > 0.0 { format!("{:.3}", sd.value) } else { format!("<{:.3}", sd.upper) }
}

fn reunions(page: &mut String, inspection: &Inspection) {
    let mut table = Table::new([
        "first -> second",
        "to readouts %",
        "majorities %",
        "for good %",
        "r",
        "noise ratio",
        "drift sd",
        "common",
        "rare",
        "share",
        "chi2/df",
    ]);
    let mut unfit = Vec::new();
    for reunion in &inspection.reunions {
        let label = |place: usize| plain(inspection.devices[place].label());
        let name = format!("{} -> {}", label(reunion.first), label(reunion.second));
        let mut row = vec![
            name.clone(),
            reunion.majority_to_readouts.map_or("-".to_owned(), |e| {
                format!("{:.3} ±{:.3}", 100.0 * e.value, 50.0 * (e.upper - e.lower))
            }),
            format!("{:.3}", 100.0 * reunion.between_majorities),
            format!("{:.3}", 100.0 * reunion.flipped_for_good),
        ];
        match &reunion.fit {
            Ok(fit) => {
                let best = fit.best();
                row.extend([
                    format!("{:.4}", best.correlation.value),
                    plus_minus(best.noise_ratio, 3),
                    drift(best.drift.sd),
                    drift(best.drift.common_sd),
                ]);
                row.extend(best.drift.rare.map_or(
                    ["-".to_owned(), "-".to_owned()],
                    |(sd, fraction)| {
                        [format!("{:.3}", sd.value), format!("{:.1} %", 100.0 * fraction.value)]
                    },
                ));
                let chi2 = best.agreement.chi2_per_df();
                row.push(chi2.map_or("-".to_owned(), |chi2| format!("{chi2:.2}")));
            }
            Err(error) => unfit.push(format!("{name}: {error}")),
        }
        table.row(row);
    }
    table.write(page);
    for error in unfit {
        line(page, format_args!("  {error}"));
    }
    line(
        page,
        format_args!(
            "  (of the second: its readouts, and its majority, differing from the majority of the first; cells that
   \
             always read one value there and the other here; r: correlation of the latents; drift of the
   \
             cells in sd of their skew, most with the common sd, a share with the rare one)"
        ),
    );
}

/// Findings that have a line each.
const MOST_FINDINGS: usize = 40;

fn findings(page: &mut String, inspection: &Inspection) {
    // Address classes and dies met again have sections of their own.
    let has_section = |kind: Kind| matches!(kind, Kind::AddressClass | Kind::SameDie);
    let shown: Vec<&Finding> =
        inspection.findings.iter().filter(|finding| !has_section(finding.kind)).collect();
    if !shown.iter().any(|finding| finding.severity() == Severity::Fault) {
        line(page, format_args!("  {GOOD}nothing that the detectors know{GOOD:#}"));
    }
    for (place, finding) in shown.iter().take(MOST_FINDINGS).enumerate() {
        let devices = devices_of(finding, inspection);
        let (style, word) = match finding.severity() {
            Severity::Fault => (BAD, "fault"),
            Severity::Advice => (BOLD, "note"),
        };
        line(
            page,
            format_args!(
                "  {style}{word}{style:#}  {}  {}: {}",
                finding.kind.name(),
                plain(devices.join(", ")),
                plain(&finding.detail)
            ),
        );
        let files = files_of(finding, inspection, 4);
        if !files.is_empty() {
            line(
                page,
                format_args!("         readouts are counted from 0: {}", plain(files.join(", "))),
            );
        }
        // Once for all findings of a kind.
        if shown.get(place + 1).is_none_or(|next| next.kind != finding.kind) {
            line(page, format_args!("         {}", finding.kind.effect()));
        }
    }
    let of = |kind: Kind| -> Vec<String> {
        let mut names: Vec<String> = inspection
            .findings
            .iter()
            .filter(|finding| finding.kind == kind)
            .map(|finding| devices_of(finding, inspection).join(" = "))
            .collect();
        names.dedup();
        names
    };
    for (kind, about) in [
        (Kind::AddressClass, "ones depend on the address (above, under Addresses):"),
        (Kind::SameDie, "one die, and not compared with itself:"),
    ] {
        let names = of(kind);
        if !names.is_empty() {
            let first = plain(names[..names.len().min(6)].join(", "));
            let more = if names.len() > 6 {
                format!(" and {} more", names.len() - 6)
            } else {
                String::new()
            };
            line(
                page,
                format_args!("  {BOLD}note{BOLD:#}   {}  {about} {first}{more}", kind.name()),
            );
        }
    }
    if shown.len() > MOST_FINDINGS {
        let more = shown.len() - MOST_FINDINGS;
        line(page, format_args!("  ({more} more: --format json has them all)"));
    }
}

fn without_faults(page: &mut String, without: &Without, devices: &[DeviceRecord]) {
    for left in without.devices.iter().take(MOST_LINES) {
        line(
            page,
            format_args!(
                "  {}: without {} and {}{}",
                plain(devices[left.device].label()),
                count(left.readouts, "readout"),
                count(left.cells, "cell"),
                if left.record.is_some() { "" } else { ", nothing remains" }
            ),
        );
    }
    let remaining: Vec<&DeviceRecord> =
        without.devices.iter().filter_map(|left| left.record.as_ref()).collect();
    if !remaining.is_empty() {
        // No mean: these are some of the devices.
        metrics(page, &remaining, &|_| false);
        noise_model(page, &remaining);
    }
    if let Some(comparison) = main_comparison(&without.between) {
        let between = &comparison.between;
        line(
            page,
            format_args!(
                "  between devices: BCHD {:.2} % ({:.2} to {:.2} %), {:.2} % from bias",
                100.0 * between.bchd,
                100.0 * between.least.0,
                100.0 * between.greatest.0,
                100.0 * between.expected_from_bias
            ),
        );
    }
}
