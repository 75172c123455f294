//! Fits to measured silicon: second stage.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod summaries;

use std::path::{Path, PathBuf};

use puflab::fit;
use puflab::readouts::{self, RecordedDevice};
use summaries::{distances, dominant, joint, one_counts, readout_ones};

fn shared(name: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    std::env::var_os("PUFLAB_SHARED").map_or_else(beside, PathBuf::from).join(name)
}

fn measured(folder: &str) -> Vec<RecordedDevice> {
    readouts::read(&[shared(folder)], &readouts::Options::default()).unwrap().devices
}

#[test]
#[ignore = "exploration"]
fn explore_in_shared() {
    for folder in ["data/scum", "data/stm32f401"] {
        let devices = measured(folder);
        for d in &devices {
            let cells = if folder.contains("stm") { 8 * 98_300 } else { d.readouts[0].len() };
            let start = std::time::Instant::now();
            let h = one_counts(&d.readouts, cells);
            println!(
                "=== {} [{}] {} readouts {} cells (count {:?})",
                d.name,
                d.condition,
                d.readouts.len(),
                cells,
                start.elapsed()
            );
            let start = std::time::Instant::now();
            let f = match fit::two_parameter(&h) {
                Ok(f) => f,
                Err(e) => {
                    println!("{e}");
                    continue;
                }
            };
            println!(
                "fit {:?}: l1 {:?} l2 {:?} moments {:?} {:?} {:?}",
                start.elapsed(),
                f.lambda1,
                f.lambda2,
                f.moments,
                f.agreement,
                f.agreement.chi2_per_df()
            );
            println!(
                "ever {:?} observed {}",
                f.ever_flipped(h.readouts()),
                h.unstable() as f64 / h.cells() as f64
            );
            if d.readouts.len() > 20 {
                let f10 = fit::two_parameter(&one_counts(&d.readouts[..10], cells)).unwrap();
                println!(
                    "from 10: {:?} {:?} ever {:?}",
                    f10.lambda1,
                    f10.agreement,
                    f10.ever_flipped(d.readouts.len())
                );
            }
            let start = std::time::Instant::now();
            let p = fit::polarity(&dominant(&d.readouts, cells), None, 0.0).unwrap();
            println!(
                "polarity {:?}: ones {:.5} scale {:.3}",
                start.elapsed(),
                p.ones_fraction,
                p.scale
            );
            for s in &p.top {
                println!(
                    "  mask {:#x} bits {:?} {:?}/{:?} {:.5} {:.5} zb {:.1} z {:.1} p {:.1e} s {:.5}+-{:.5}",
                    s.mask,
                    s.bits().collect::<Vec<_>>(),
                    s.odd,
                    s.even,
                    s.odd_fraction.value,
                    s.even_fraction.value,
                    s.z_binomial,
                    s.z,
                    s.family_p_value,
                    s.amplitude.value,
                    s.amplitude.standard_error
                );
            }
            let start = std::time::Instant::now();
            match fit::readout_effects(&f.model(), &readout_ones(&d.readouts, cells)) {
                Ok(e) => {
                    println!(
                        "effects {:?}: scale {:?} offset {:?} outliers {:?}",
                        start.elapsed(),
                        e.scale,
                        e.offset,
                        e.outliers
                    );
                    for (j, r) in e.readouts.iter().enumerate().take(20) {
                        println!(
                            "   {j}: k {:.4} z {:.1}  o {:.5} z {:.1}",
                            r.scale.value, r.scale_z, r.offset.value, r.offset_z
                        );
                    }
                }
                Err(e) => println!("effects: {e}"),
            }
            for lags in [2, 3, 6] {
                if d.readouts.len() > lags {
                    match std::panic::catch_unwind(|| {
                        fit::history(&f, &distances(&d.readouts, cells, lags))
                    }) {
                        Ok(Ok(h)) => println!(
                            "history {lags}: diff {:.3e}+-{:.1e} z {:.2} pull {:?} excess {:.2} lags {:?}",
                            h.difference.value,
                            h.difference.standard_error,
                            h.z,
                            h.pull,
                            h.excess,
                            h.by_lag
                        ),
                        Ok(Err(e)) => println!("history {e}"),
                        _ => (),
                    }
                }
            }
        }
        if folder.contains("stm") {
            let named = |name: &str| devices.iter().find(|d| d.name == name).unwrap();
            for (a, b) in [("Andrzej", "Andrzejcold"), ("Pierre", "Pierrecold")] {
                let j = joint(&named(a).readouts, &named(b).readouts, 8 * 98_300);
                let start = std::time::Instant::now();
                match fit::two_conditions(&j) {
                    Ok(t) => println!(
                        "{a}: {:?} gain {} \n one {:#?}\n two {:#?}",
                        start.elapsed(),
                        t.log_likelihood_gain,
                        t.one,
                        t.two
                    ),
                    Err(e) => println!("{a}: {e}"),
                }
            }
        }
    }
}
