//! `puflab entropy90b`: NIST SP 800-90B over a file.

mod document;
mod page;
mod source;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::progress::Progress;
use super::session::Session;
use super::{interrupt, output};
use crate::sp80090b::iid::{self, Iid, IidError};
use crate::sp80090b::order::{Matrix, Order};
use crate::sp80090b::restart::{self, Restart, RestartError};
use crate::sp80090b::{self, Assessment, Estimator, FirstBit, Interrupted, Symbols};
use source::Source;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A file of packed bits, of symbols, or of cells as `.npy`.
    file: PathBuf,
    /// Bits of a symbol, 1 to 8 [default: 1; with --symbols those of the largest one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8))]
    bits_per_symbol: Option<u32>,
    /// The file holds one symbol a byte, in its lowest bits.
    #[arg(long)]
    symbols: bool,
    /// The order of bits in a byte of packed bits.
    #[arg(long, value_enum, default_value_t = BitOrder::Msb)]
    bit_order: BitOrder,
    /// Bytes of a row: a readout, or a device. With rows, columns can be looked at.
    #[arg(long, value_name = "N")]
    record_bytes: Option<usize>,
    /// One order of the cells of all rows [default: all three beside each other].
    #[arg(long, value_enum)]
    order: Option<OrderName>,
    /// Also whether the samples may be called independent and identically distributed (section 5).
    #[arg(long)]
    iid: bool,
    /// The restart tests on R restarts of C samples, one after another (section 3.1.4); exit 1 if they
    /// fail. The standard asks for 1000,1000.
    #[arg(long, value_name = "R,C", conflicts_with = "record_bytes")]
    restart: Option<Shape>,
    /// The initial estimate of the restart tests, in bits per sample [default: the assessment of the
    /// file itself].
    #[arg(long, value_name = "H", requires = "restart")]
    initial: Option<f64>,
    /// Exit 1 if the assessment is below this, in bits per symbol; of several orders the lowest counts.
    #[arg(long, value_name = "H")]
    require: Option<f64>,
    /// Some of the estimators instead of all ten; the least of them bounds nothing.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    estimator: Vec<EstimatorName>,
    /// The first N samples only.
    #[arg(long, value_name = "N", conflicts_with_all = ["record_bytes", "restart"])]
    samples: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BitOrder {
    /// The first bit is the most significant.
    Msb,
    /// The first bit is the least significant.
    Lsb,
}

impl BitOrder {
    fn first(self) -> FirstBit {
        match self {
            Self::Msb => FirstBit::MostSignificant,
            Self::Lsb => FirstBit::LeastSignificant,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OrderName {
    /// Row by row, as the file is written.
    Row,
    /// Column by column: the first cell of every row, then the second.
    Column,
    /// In an order drawn from the seed.
    Shuffled,
}

impl OrderName {
    fn order(self) -> Order {
        match self {
            Self::Row => Order::Row,
            Self::Column => Order::Column,
            Self::Shuffled => Order::Shuffled,
        }
    }
}

/// An estimator by its name.
#[derive(Debug, Clone, Copy)]
struct EstimatorName(Estimator);

impl FromStr for EstimatorName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Estimator::ALL.into_iter().find(|estimator| estimator.name() == name);
        found.map(Self).ok_or_else(|| {
            let names = Estimator::ALL.map(Estimator::name);
            let near = super::nearest::nearest(name, names.into_iter());
            near.map_or_else(
                || format!("one of {}", names.join(", ")),
                |near| format!("did you mean {near}?"),
            )
        })
    }
}

/// Rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    rows: usize,
    columns: usize,
}

impl FromStr for Shape {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(',').and_then(|(rows, columns)| {
            let number = |text: &str| text.trim().parse().ok().filter(|&number| number > 0);
            Some(Self { rows: number(rows)?, columns: number(columns)? })
        });
        parts.ok_or("two numbers, as in 1000,1000")
    }
}

/// All that was found.
struct Findings {
    source: Source,
    /// The orders that were assessed, the first of them the main one.
    orders: Vec<(Order, Assessment)>,
    /// Whether the cells have rows, so that orders differ.
    has_rows: bool,
    iid: Option<Iid>,
    restart: Option<Restart>,
    required: Option<f64>,
    /// Where anything was drawn.
    seed: Option<u64>,
    /// Whether not all estimators were asked.
    some_only: bool,
}

impl Findings {
    fn main(&self) -> &Assessment {
        &self.orders[0].1
    }

    /// The lowest assessment of all orders.
    fn least(&self) -> f64 {
        let orders = self.orders.iter().map(|(_, assessment)| assessment.min_entropy);
        let restart = self.restart.as_ref().map_or(f64::INFINITY, |restart| restart.min_entropy);
        orders.fold(restart, f64::min)
    }

    fn exit(&self) -> Exit {
        let falls_short = self.required.is_some_and(|required| self.least() < required);
        let restarts_alike = self.restart.as_ref().is_some_and(|restart| !restart.passed());
        if falls_short || restarts_alike { Exit::CheckFailed } else { Exit::Done }
    }
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    if let Some(required) = arguments.require.filter(|required| !(0.0..=8.0).contains(required)) {
        return Err(Failure::usage(format_args!(
            "--require {required}: a min-entropy per symbol is between 0 and 8"
        )));
    }
    if arguments.samples == Some(0) {
        return Err(Failure::usage("--samples 0: nothing to assess").advise("a number from 1"));
    }
    output::spares([session.output()], [&arguments.file])?;
    let source = source::read(arguments)?;
    source.notes.iter().for_each(|note| session.note(note));
    let found = assess(session, arguments, source)?;
    session.print(|| page::page(&found), || document::document(&found, arguments))?;
    Ok(found.exit())
}

fn assess(session: &Session, arguments: &Arguments, source: Source) -> Result<Findings, Failure> {
    let has_rows = source.matrix.rows() > 1 && source.matrix.columns() > 1;
    let orders = match (arguments.order, has_rows && arguments.restart.is_none()) {
        (Some(OrderName::Column), _) if !has_rows => return Err(no_rows()),
        (Some(order), _) => vec![order.order()],
        (None, true) => Order::ALL.to_vec(),
        (None, false) => vec![Order::Row],
    };
    let draws = arguments.iid || orders.contains(&Order::Shuffled);
    let seed = draws.then(|| session.seed()).transpose()?;
    let mut wanted: Vec<Estimator> = arguments.estimator.iter().map(|name| name.0).collect();
    if wanted.is_empty() {
        wanted = Estimator::ALL.to_vec();
    }
    let work = Work { session, interrupted: interrupt::flag()? };

    let symbols = |order| cells(&source.matrix, order, seed.unwrap_or(0));
    let mut assessed = Vec::with_capacity(orders.len());
    let progress = work.progress(2 * orders.len() * Estimator::ALL.len(), "assessing");
    let mut iid = None;
    for &order in &orders {
        let symbols = symbols(order)?;
        let mut goes_on = || work.goes_on(&progress);
        let assessment = sp80090b::assess_some(&symbols, &wanted, &mut goes_on);
        assessed.push((order, assessment.map_err(|Interrupted| stopped())?));
        if arguments.iid && iid.is_none() {
            iid = Some(work.iid(&symbols, seed.unwrap_or(0))?);
        }
    }
    drop(progress);
    let restart = match arguments.restart {
        Some(_) => {
            let initial = arguments.initial.unwrap_or(assessed[0].1.min_entropy);
            Some(work.restart(&source.matrix, initial)?)
        }
        None => None,
    };
    let some_only = wanted.len() < Estimator::ALL.len();
    let required = arguments.require;
    Ok(Findings { source, orders: assessed, has_rows, iid, restart, required, seed, some_only })
}

/// The cells in an order.
fn cells(matrix: &Matrix, order: Order, seed: u64) -> Result<Symbols, Failure> {
    matrix.symbols(order, seed).map_err(Failure::bad_data)
}

/// What long work needs.
struct Work<'a> {
    session: &'a Session,
    interrupted: Arc<AtomicBool>,
}

impl Work<'_> {
    fn progress(&self, total: usize, what: &str) -> Progress {
        self.session.progress(total as u64, what)
    }

    fn goes_on(&self, progress: &Progress) -> bool {
        progress.advance(1);
        !self.interrupted.load(Ordering::Relaxed)
    }

    fn iid(&self, symbols: &Symbols, seed: u64) -> Result<Iid, Failure> {
        let progress = self.progress(iid::permutation::PERMUTATIONS, "permuting");
        let mut before = 0;
        let mut goes_on = |done: usize| {
            progress.advance((done - before) as u64);
            before = done;
            !self.interrupted.load(Ordering::Relaxed)
        };
        iid::test(symbols, seed, &mut goes_on).map_err(|error| match error {
            IidError::Interrupted => stopped(),
            error => Failure::bad_data(format_args!("{} samples: {error}", symbols.len())),
        })
    }

    fn restart(&self, matrix: &Matrix, initial: f64) -> Result<Restart, Failure> {
        let progress = self.progress(restart::STEPS, "assessing restarts");
        let mut goes_on = || self.goes_on(&progress);
        restart::test(matrix, initial, &mut goes_on).map_err(|error| match error {
            RestartError::Interrupted => stopped(),
            RestartError::Initial { .. } => Failure::usage(format_args!("--initial: {error}")),
            RestartError::Symbols(error) => Failure::bad_data(error),
        })
    }
}

fn stopped() -> Failure {
    Failure::unreachable("interrupted: nothing was written")
}

fn no_rows() -> Failure {
    Failure::usage("the file has no rows, and so no columns")
        .advise("--record-bytes N for rows of N bytes, or an .npy of shape (readouts, cells)")
}
