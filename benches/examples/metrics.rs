//! The work of `benches/peers/metrics.py`, to be timed in turns with NumPy's: reads `THREADS FILE` a
//! line from standard input, scores the file as `puflab inspect --metrics-only` does, and writes the
//! seconds it took and the mean distance between devices. With a file as its only argument it scores
//! that once on all cores, for its peak memory.
//!
//! What limits it: of one core about half is the counting of ones in bit planes and the distances of
//! readouts (some twenty instructions for 64 cells of a readout), a quarter is figures of a device that
//! do not depend on the number of readouts (classes, autocorrelation, histograms), the rest reading.

use std::io::{BufRead as _, Write as _};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use puflab::inspection::{self, Inspection, Observer, Wanted};
use puflab::readouts::{self, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(file) = std::env::args().nth(1) {
        inspect(&file)?;
        return Ok(());
    }
    let mut output = std::io::stdout().lock();
    for job in std::io::stdin().lock().lines() {
        let job = job?;
        let (threads, file) = job.split_once(' ').ok_or("THREADS FILE")?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build()?;
        // Threads that are awake: not how soon a core comes out of its sleep.
        pool.broadcast(|_| ());
        let started = Instant::now();
        let inspection = pool.install(|| inspect(file).map_err(|error| error.to_string()))?;
        let seconds = started.elapsed().as_secs_f64();
        let bchd = inspection.between.first().map_or(f64::NAN, |c| c.between.bchd);
        writeln!(output, "{seconds:e} {bchd:e}")?;
        output.flush()?;
    }
    Ok(())
}

fn inspect(file: &str) -> Result<Inspection, Box<dyn std::error::Error>> {
    let catalogue = readouts::open(&[file], &Options::default())?;
    let never = AtomicBool::new(false);
    let observer = Observer { advance: &|_| (), interrupted: &never };
    let wanted = Wanted { metrics_only: true, ..Wanted::default() };
    Ok(inspection::inspect(&catalogue, wanted, observer)?)
}
