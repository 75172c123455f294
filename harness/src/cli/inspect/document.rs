//! An inspection as a JSON document.

use serde_json::{Value, json};

use super::{Arguments, devices_of, files_of};
use crate::cli::session::{inputs, shown};
use crate::faults::{Finding, Severity};
use crate::fit::{self, Agreement, FitError, Split};
use crate::inspection::{
    Assessed, Comparison, DeviceRecord, Fits, Inspection, LeftOut, Reunion, main_comparison,
};
use crate::metric::address::AddressClasses;
use crate::metric::between::{ideal_aliasing_min_entropy, ideal_uniqueness_pypuf};
use crate::metric::device::DeviceFigures;
use crate::metric::estimate::{Estimate, OVER_CELLS, OVER_DEVICES, WILSON};
use crate::reliability::identification::equal_error;
use crate::report::json::Document;
use crate::sp80090b::Assessment;

pub(super) fn document(
    arguments: &Arguments,
    seed: Option<u64>,
    inspection: &Inspection,
) -> Document {
    let Inspection { devices, between, assessed, reunions, without, .. } = inspection;
    let leave_out = arguments.reading.leave_out.iter().map(|range| {
        let range = range.range();
        json!([range.start, range.end])
    });
    let what = [
        ("paths", arguments.paths.iter().map(|path| shown(path)).collect()),
        ("bit_order", json!(format!("{:?}", arguments.reading.bit_order).to_lowercase())),
        ("record_bytes", json!(arguments.reading.record_bytes)),
        ("leave_out", leave_out.collect()),
        ("first", json!(arguments.first)),
        ("metrics_only", json!(arguments.metrics_only)),
        ("strict", json!(arguments.strict)),
    ];
    let results = json!({
        "devices": devices.iter().map(device_json).collect::<Vec<_>>(),
        "between": main_comparison(between).map(|c| comparison_json(c, devices)),
        "comparisons": between.iter().map(|c| comparison_json(c, devices)).collect::<Vec<_>>(),
        "identification": identification_json(inspection),
        "entropy90b": assessed.as_ref().map(|assessed| assessed_json(assessed, devices)),
        "reunions": reunions.iter().map(|r| reunion_json(r, devices)).collect::<Vec<_>>(),
        "faults": of_severity(inspection, Severity::Fault),
        "advice": of_severity(inspection, Severity::Advice),
        "faults_looked_for": !arguments.metrics_only,
        "without_faults": without.as_ref().map(|without| json!({
            "devices": without.devices.iter().map(|l| left_out_json(l, devices)).collect::<Vec<_>>(),
            "between": main_comparison(&without.between).map(|c| comparison_json(c, devices)),
        })),
        "intervals": {
            "means_over_cells": OVER_CELLS, "proportions": WILSON, "over_devices": OVER_DEVICES,
            "fits": fit::METHOD,
        },
    });
    Document::new("inspect", seed, inputs(what), results)
}

fn of_severity(inspection: &Inspection, severity: Severity) -> Vec<Value> {
    let findings = inspection.findings.iter().filter(|finding| finding.severity() == severity);
    findings.map(|finding| finding_json(finding, inspection)).collect()
}

fn finding_json(finding: &Finding, inspection: &Inspection) -> Value {
    let devices = devices_of(finding, inspection);
    let start = match finding.devices.as_slice() {
        [place] => inspection.devices.get(*place).and_then(|device| device.address),
        _ => None,
    };
    // Addresses of bytes; the end is the byte after the last that is touched.
    let addresses: Option<Vec<Value>> = start.map(|start| {
        let byte = |cell: usize| u64::from(start) + cell as u64;
        let range = |cells: &std::ops::Range<usize>| {
            json!([byte(cells.start / 8), byte(cells.end.div_ceil(8))])
        };
        finding.cells.iter().take(MOST_RANGES).map(range).collect()
    });
    json!({
        "kind": finding.kind.name(),
        "device": devices.first(),
        "devices": devices,
        "readouts": finding.readouts,
        "files": files_of(finding, inspection, usize::MAX),
        "cells": finding.cells.iter().take(MOST_RANGES).map(|c| [c.start, c.end]).collect::<Vec<_>>(),
        "cells_in_all": finding.cells.iter().map(ExactSizeIterator::len).sum::<usize>(),
        "addresses": addresses,
        "detail": finding.detail,
        "effect": finding.kind.effect(),
        "log10_chance": finite(finding.log10_chance),
    })
}

/// Ranges of cells that are listed: a dead data line has one for every word.
const MOST_RANGES: usize = 1000;

fn left_out_json(left: &LeftOut, devices: &[DeviceRecord]) -> Value {
    json!({
        "device": devices[left.device].label(),
        "readouts_left_out": left.readouts,
        "cells_left_out": left.cells,
        "figures": left.record.as_ref().map(device_json),
    })
}

fn device_json(record: &DeviceRecord) -> Value {
    let figures = &record.figures;
    let value = |estimate: Option<Estimate>| estimate.map(|estimate| estimate.value);
    let fits = record.fits.as_ref();
    json!({
        "name": record.name,
        "condition": record.condition,
        "source": record.sources.first().map(|path| shown(path)),
        "sources": record.sources.len(),
        "readouts_in_files": record.readouts_in_files,
        "address": record.address,
        "readouts": figures.readouts,
        "cells": figures.cells,
        "cells_left_out": record.positions - figures.cells,
        "ones_fraction": value(figures.ones_fraction),
        "ones_fraction_min": finite(figures.ones_range[0]),
        "ones_fraction_max": finite(figures.ones_range[1]),
        "wchd_reference_mean": value(figures.wchd_first),
        "wchd_reference_max": figures.wchd_first_max,
        "wchd_majority_mean": value(figures.wchd_majority),
        "wchd_majority_max": figures.wchd_majority_max,
        "wchd_pairwise_mean": value(figures.wchd_pairwise),
        "never_flip_fraction": value(figures.never_flipping),
        "noise_min_entropy_per_cell": value(figures.noise_min_entropy),
        "intervals": {
            "ones_fraction": interval(figures.ones_fraction),
            "wchd_reference_mean": interval(figures.wchd_first),
            "wchd_majority_mean": interval(figures.wchd_majority),
            "wchd_pairwise_mean": interval(figures.wchd_pairwise),
            "never_flip_fraction": interval(figures.never_flipping),
            "noise_min_entropy_per_cell": interval(figures.noise_min_entropy),
        },
        "reliability_maiti": value(figures.reliability_maiti),
        "reliability_pypuf": value(figures.reliability_pypuf),
        "hori": figures.hori.map(|hori| json!({
            "randomness": hori.randomness, "steadiness": hori.steadiness,
            "correctness": hori.correctness, "diffuseness": hori.diffuseness, "ids": hori.ids,
            "diffuseness_of_ideal_cells": (hori.ids > 0).then(|| 1.0 - 1.0 / hori.ids as f64),
        })),
        "min_entropy_from_bias": figures.min_entropy_bias,
        "address_classes": classes_json(figures),
        "autocorrelation": {
            "lags": figures.autocorrelation.iter().map(|a| a.lag).collect::<Vec<_>>(),
            "coefficients":
                figures.autocorrelation.iter().map(|a| a.coefficient).collect::<Vec<_>>(),
        },
        "fit": fits.map(cells_json),
        "fit_error": fits.and_then(|fits| error(&fits.cells)),
        "growth": fits.map(|fits| fits.growth.iter().map(|growth| json!({
            "readouts": growth.readouts, "observed": growth.observed,
            "predicted": growth.predicted.map(estimate_json),
        })).collect::<Vec<_>>()),
        "polarity": fits.map(polarity_json),
        "readout_effects": fits.map(effects_json),
        "history": fits.map(history_json),
    })
}

/// A list for each column, which takes less room than an object for each class.
fn classes_json(figures: &DeviceFigures) -> Value {
    let classes = &figures.classes;
    let of = |f: fn(&AddressClasses) -> f64| classes.iter().map(f).collect::<Vec<f64>>();
    json!({
        "masks": classes.iter().map(|class| class.mask).collect::<Vec<_>>(),
        "ones_even": of(|class| class.ones_even),
        "ones_odd": of(|class| class.ones_odd),
        "min_entropy": of(|class| class.min_entropy),
    })
}

fn cells_json(fits: &Fits) -> Option<Value> {
    let fit = fits.cells.as_ref().ok()?;
    let majority =
        |k: usize| json!({ "readouts": k, "ber": estimate_json(fit.ber_after_majority_of(k)) });
    let after_majority = [1, 3, 5, 7, 9, 15, 25].map(majority);
    let mut document = json!({
        "lambda1": fit.lambda1.value,
        "lambda2": fit.lambda2.value,
        "lambda1_interval": [fit.lambda1.lower, fit.lambda1.upper],
        "lambda2_interval": [fit.lambda2.lower, fit.lambda2.upper],
        "moments": { "lambda1": fit.moments.lambda1, "lambda2": fit.moments.lambda2 },
        "log_likelihood": fit.log_likelihood,
        "ber_pairwise": estimate_json(fit.ber_pairwise()),
        "ber_to_dominant": estimate_json(fit.ber_to_dominant()),
        "ber_after_majority": after_majority,
        "noise_min_entropy_per_cell": estimate_json(fit.noise_min_entropy()),
    });
    merge(&mut document, agreement_json(&fit.agreement));
    Some(document)
}

fn agreement_json(agreement: &Agreement) -> Value {
    json!({
        "chi2": agreement.chi2, "df": agreement.df, "chi2_per_df": agreement.chi2_per_df(),
        "p_value": if agreement.df > 0 { p_value(agreement.p_value) } else { None }, "total_variation": agreement.total_variation,
    })
}

fn polarity_json(fits: &Fits) -> Value {
    let polarity = match &fits.polarity {
        Ok(polarity) => polarity,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let split = |split: &Split| {
        json!({
            "mask": split.mask, "bits": split.bits().collect::<Vec<_>>(),
            "ones_odd": split.odd_fraction.value, "ones_even": split.even_fraction.value,
            "amplitude": estimate_json(split.amplitude), "z": split.z,
            "z_binomial": split.z_binomial, "family_p_value": p_value(split.family_p_value),
            "is_significant": split.is_significant(),
        })
    };
    let classes = fits.classes.as_ref().map(|(mask, classes)| {
        let mut document = json!({
            "mask": mask,
            "lambda1": estimate_json(classes.lambda1), "lambda2": estimate_json(classes.lambda2),
            "amplitude": estimate_json(classes.amplitude),
            "log_likelihood_gain": classes.log_likelihood_gain,
        });
        merge(&mut document, agreement_json(&classes.agreement));
        document
    });
    json!({
        "masks": polarity.masks, "scale": polarity.scale, "residual_z": polarity.residual_z(),
        "top": polarity.top.iter().map(split).collect::<Vec<_>>(), "classes": classes,
    })
}

fn effects_json(fits: &Fits) -> Value {
    let effects = match &fits.readouts {
        Ok(effects) => effects,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let spread = |spread: &fit::Spread| {
        json!({
            "value": spread.value, "lower": spread.lower, "upper": finite(spread.upper),
            "p_value": p_value(spread.p_value),
        })
    };
    json!({
        "scale_cv": spread(&effects.scale),
        "offset_sd": spread(&effects.offset),
        "readouts": effects.readouts.iter().map(|effect| json!({
            "scale": estimate_json(effect.scale), "offset": estimate_json(effect.offset),
        })).collect::<Vec<_>>(),
        "outliers": effects.outliers.iter().map(|outlier| outlier.readout).collect::<Vec<_>>(),
    })
}

fn history_json(fits: &Fits) -> Value {
    match &fits.history {
        Ok(history) => json!({
            "pull": estimate_json(history.pull), "difference": estimate_json(history.difference),
            "z": history.z, "p_value": p_value(history.p_value), "by_lag": history.by_lag,
            "is_significant": history.is_significant(),
        }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn comparison_json(comparison: &Comparison, devices: &[DeviceRecord]) -> Value {
    let between = &comparison.between;
    let label = |place: usize| devices[comparison.devices[place]].label();
    let pair = |(value, [a, b]): (f64, [usize; 2])| json!({ "value": value, "devices": [label(a), label(b)] });
    json!({
        "devices": comparison.devices.len(),
        "devices_compared": between.devices,
        "pairs": between.pairs,
        "cells": comparison.cells,
        "the_same_die_again": comparison.again.iter().map(|&(again, first)| {
            [devices[again].label(), devices[first].label()]
        }).collect::<Vec<_>>(),
        "bchd_mean": between.bchd,
        "bchd_min": between.least.0,
        "bchd_max": between.greatest.0,
        "least": pair(between.least),
        "greatest": pair(between.greatest),
        "bchd_interval_over_devices": interval(between.bchd_over_devices),
        "bchd_interval_over_cells": interval(Some(between.bchd_over_cells)),
        "bchd_sd": between.bchd_sd,
        "expected_from_bias": between.expected_from_bias,
        "z_from_bias": finite(super::page::z_from_bias(between)),
        "bit_aliasing": between.aliasing,
        "aliasing_min_entropy_per_cell": between.aliasing_min_entropy,
        "aliasing_min_entropy_of_ideal_cells": ideal_aliasing_min_entropy(between.devices),
        "uniqueness_hori": between.uniqueness_hori,
        "uniqueness_hori_of_ideal_cells": 1.0 - 1.0 / between.devices as f64,
        "uniqueness_pypuf": between.uniqueness_pypuf,
        "uniqueness_pypuf_of_ideal_cells": ideal_uniqueness_pypuf(comparison.cells),
    })
}

fn assessed_json(assessed: &Assessed, devices: &[DeviceRecord]) -> Value {
    let of = |assessment: &Assessment| {
        let ran = assessment.original.estimates.iter();
        let estimators: serde_json::Map<String, Value> = ran
            .filter_map(|(estimator, estimate)| {
                Some((estimator.name().to_owned(), json!(estimate.as_ref().ok()?.min_entropy)))
            })
            .collect();
        json!({ "min_entropy": assessment.min_entropy, "estimators": estimators })
    };
    let [column, shuffled] = match &assessed.across {
        Some([column, shuffled]) => [Some(of(column)), Some(of(shuffled))],
        None => [None, None],
    };
    json!({
        "devices": assessed.devices.iter().map(|&d| devices[d].label()).collect::<Vec<_>>(),
        "cells": assessed.cells,
        "along_addresses": of(&assessed.row),
        "across_devices": column,
        "shuffled": shuffled,
    })
}

fn identification_json(inspection: &Inspection) -> Option<Value> {
    let rates = super::page::identification_rates(inspection)?;
    let row = |&cells: &usize| {
        equal_error(cells, rates.wchd, rates.bchd).map(|equal| {
            json!({
                "cells": cells, "threshold": equal.threshold,
                "false_accept": equal.false_accept, "false_reject": equal.false_reject,
            })
        })
    };
    Some(json!({
        "wchd": rates.wchd, "bchd": rates.bchd,
        "method": "binomial tails at the mean rates, cells independent",
        "equal_error": super::page::ID_CELLS.iter().filter_map(row).collect::<Vec<_>>(),
    }))
}

fn reunion_json(reunion: &Reunion, devices: &[DeviceRecord]) -> Value {
    let fit = reunion.fit.as_ref().ok().map(|fit| {
        let best = fit.best();
        let mut document = json!({
            "lambda1": estimate_json(best.lambda1), "lambda2": estimate_json(best.lambda2),
            "noise_ratio": estimate_json(best.noise_ratio), "shift": estimate_json(best.shift),
            "latent_correlation": estimate_json(best.correlation),
            "drift_sd": estimate_json(best.drift.sd),
            "drift_common_sd": estimate_json(best.drift.common_sd),
            "drift_rare_sd": best.drift.rare.map(|(sd, _)| estimate_json(sd)),
            "drift_rare_fraction": best.drift.rare.map(|(_, fraction)| estimate_json(fraction)),
            "log_likelihood_gain_of_two_components": fit.log_likelihood_gain,
            "predicted_majority_to_readouts": best.majority_ber.predicted,
            "predicted_flipped_for_good": best.flipped_for_good.predicted,
        });
        merge(&mut document, agreement_json(&best.agreement));
        document
    });
    json!({
        "first": devices[reunion.first].label(),
        "second": devices[reunion.second].label(),
        "cells": reunion.cells,
        "majority_to_readouts": reunion.majority_to_readouts.map(|e| e.value),
        "majority_to_readouts_interval": interval(reunion.majority_to_readouts),
        "between_majorities": reunion.between_majorities,
        "flipped_for_good": reunion.flipped_for_good,
        "fit": fit,
        "fit_error": error(&reunion.fit),
    })
}

fn estimate_json(estimate: Estimate) -> Value {
    json!({
        "value": estimate.value, "lower": finite(estimate.lower), "upper": finite(estimate.upper),
    })
}

fn interval(estimate: Option<Estimate>) -> Option<[f64; 2]> {
    estimate.map(|estimate| [estimate.lower, estimate.upper])
}

fn error<T>(result: &Result<T, FitError>) -> Option<String> {
    result.as_ref().err().map(ToString::to_string)
}

/// A probability that is below the least number is not 0: `null`, and the statistic stands beside it.
fn p_value(p: f64) -> Option<f64> {
    (p > 0.0).then_some(p)
}

/// JSON has no infinity: `null`.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Adds the members of one object to another.
fn merge(document: &mut Value, more: Value) {
    if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
    }
}
