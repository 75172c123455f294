//! The work of `benches/peers/silicon.py`, to be timed in turns with NumPy's: reads the name of a job
//! a line from standard input, does it, and writes the seconds it took.
//!
//! A job is a population of 10 devices of 8192 cells, 100 readouts each, everything in memory, unless
//! it says otherwise:
//!
//! - `whole NAME`: with the making of the dies and their thresholds, on one core, with the
//!   instructions called NAME or the `best` there are;
//! - `drift NAME`: the same 10 degrees warmer, with a drift of two components and louder noise;
//! - `power-ups NAME`: of dies that are there already;
//! - `cores N`: 10,000 readouts of each, on N threads.
//!
//! What limits it: the whole job half of the time by the thresholds of new dies, the power-ups by
//! ChaCha8 and by bringing the bits of the noisy cells to their places.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{
    AgeingLaw, ConditionedSram, Environment, Instructions, Process, Scratch, SramArray,
    TemperatureLaw, TwoComponent,
};
use rayon::prelude::*;

const CELLS: usize = 8192;
const DEVICES: u64 = 10;
const READOUTS: u64 = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let drift = TwoComponent::of_temperature(0.14, 2.45)?;
    let temperature =
        TemperatureLaw::new(28.0, 25.0)?.with_coefficient(drift).with_noise_exponent(0.5)?;
    let process = Process::new(0.15, 0.0, temperature, AgeingLaw::default())?;
    let warm = Environment::default().at_celsius(35.0)?;

    let mut output = std::io::stdout().lock();
    for (seed, job) in std::io::stdin().lock().lines().enumerate() {
        let tree = SeedTree::from_seed(seed as u64);
        let make = |instructions, environment: &Environment| {
            let tree = &tree;
            let environment = *environment;
            (0..DEVICES).map(move |device| {
                let tree = tree.index(device);
                SramArray::manufacture_with(instructions, process, CELLS, &tree)
                    .map(|array| array.in_environment(&environment))
            })
        };
        let job = job?;
        let (name, argument) = job.split_once(' ').unwrap_or((&job, ""));
        let seconds = match name {
            "whole" | "drift" => {
                let environment = if name == "drift" { warm } else { Environment::default() };
                let instructions = instructions(argument)?;
                let started = Instant::now();
                for die in make(instructions, &environment) {
                    power_up(&die?, 0..READOUTS);
                }
                started.elapsed()
            }
            "power-ups" => {
                let dies = make(instructions(argument)?, &Environment::default());
                let dies: Vec<ConditionedSram> = dies.collect::<Result<_, _>>()?;
                let started = Instant::now();
                dies.iter().for_each(|die| power_up(die, 0..READOUTS));
                started.elapsed()
            }
            "cores" => {
                let threads = argument.parse()?;
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
                let dies = make(Instructions::detected(), &Environment::default());
                let dies: Vec<ConditionedSram> = dies.collect::<Result<_, _>>()?;
                let parts: Vec<(&ConditionedSram, u64)> =
                    dies.iter().flat_map(|die| (0..100).map(move |part| (die, part))).collect();
                let work = |parts: &[(&ConditionedSram, u64)]| {
                    parts.par_iter().for_each(|(die, part)| {
                        power_up(die, part * READOUTS..(part + 1) * READOUTS);
                    });
                };
                // Threads that are awake: not how soon a core comes out of its sleep.
                pool.install(|| work(&parts[..100]));
                let started = Instant::now();
                pool.install(|| work(&parts));
                started.elapsed()
            }
            "instructions" => {
                writeln!(output, "{}", Instructions::detected().name())?;
                output.flush()?;
                continue;
            }
            _ => return Err(format!("no job called {job:?}").into()),
        };
        writeln!(output, "{:e}", seconds.as_secs_f64())?;
        output.flush()?;
    }
    Ok(())
}

fn instructions(name: &str) -> Result<Instructions, String> {
    if name == "best" {
        return Ok(Instructions::detected());
    }
    let found = Instructions::available().iter().find(|instructions| instructions.name() == name);
    found.copied().ok_or_else(|| format!("no instructions called {name:?}"))
}

fn power_up(die: &ConditionedSram, readouts: std::ops::Range<u64>) {
    let mut scratch = Scratch::new();
    let mut row = vec![0; CELLS / 64];
    for readout in readouts {
        die.power_up_into(readout, &mut row, &mut scratch);
        black_box(&row);
    }
}
