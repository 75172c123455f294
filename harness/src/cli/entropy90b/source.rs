//! Reading what is assessed.

use std::fs::File;
use std::io::{Read as _, Seek as _};

use super::{Arguments, BitOrder, Shape};
use crate::cli::exit::Failure;
use crate::readouts;
use crate::sp80090b::order::Matrix;
use crate::sp80090b::{MAX_SAMPLES, RECOMMENDED_SAMPLES, SymbolError, Symbols, unpack};

/// The cells of a file, in rows.
pub(super) struct Source {
    pub(super) matrix: Matrix,
    pub(super) name: String,
    /// What a reader of the results should know.
    pub(super) notes: Vec<String>,
}

/// Bytes that are read at most.
const MAX_BYTES: u64 = 1 << 30;

pub(super) fn read(arguments: &Arguments) -> Result<Source, Failure> {
    let bytes = bytes(arguments)?;
    let mut notes = Vec::new();
    let npy = readouts::recognise_format(None, &bytes) == Ok(readouts::Format::Npy);
    let matrix = if npy {
        array(&bytes, arguments, &mut notes)?
    } else {
        file(bytes, arguments, &mut notes)?
    };
    let samples = matrix.rows() * matrix.columns();
    if samples < 2 {
        return Err(Failure::bad_data(format_args!(
            "{}: {samples} sample; the estimators need 2 at the very least",
            arguments.file.display()
        ))
        .advise(format_args!("{RECOMMENDED_SAMPLES} samples, which the standard asks for")));
    }
    Ok(Source { matrix, name: arguments.file.display().to_string(), notes })
}

fn bytes(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    let path = &arguments.file;
    let failure = |error| Failure::file(path, &error);
    // Looked at first: opening a pipe waits for whoever writes to it.
    let metadata = std::fs::metadata(path).map_err(failure)?;
    if !metadata.is_file() {
        return Err(Failure::bad_data(format_args!("{}: not a regular file", path.display()))
            .advise("the samples in a file"));
    }
    let mut file = File::open(path).map_err(failure)?;
    let mut head = [0; 8];
    let known = file.read(&mut head).map_err(failure)?;
    let is_array = readouts::recognise_format(None, &head[..known]) == Ok(readouts::Format::Npy);
    file.rewind().map_err(failure)?;
    let wanted = arguments.samples.map(|samples| {
        let bits = if arguments.symbols { 8 } else { arguments.bits_per_symbol.unwrap_or(1) };
        (samples as u64).saturating_mul(u64::from(bits)).div_ceil(8)
    });
    let mut bytes = Vec::new();
    // An array is held to its header, whatever is wanted of it.
    let wanted = if is_array { None } else { wanted };
    let limit = wanted.unwrap_or(MAX_BYTES).min(MAX_BYTES);
    if wanted.is_none() && metadata.len() > MAX_BYTES {
        return Err(Failure::bad_data(format_args!(
            "{}: more than {MAX_BYTES} bytes",
            path.display()
        ))
        .advise("--samples N for the first N samples"));
    }
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failure)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::bad_data(format_args!(
            "{}: more than {MAX_BYTES} bytes",
            path.display()
        ))
        .advise("--samples N for the first N samples"));
    }
    if bytes.is_empty() {
        return Err(Failure::bad_data(format_args!("{}: an empty file", path.display()))
            .advise(format_args!("{RECOMMENDED_SAMPLES} samples, which the standard asks for")));
    }
    Ok(bytes)
}

/// Cells of 0 and 1: every readout a row.
fn array(bytes: &[u8], arguments: &Arguments, notes: &mut Vec<String>) -> Result<Matrix, Failure> {
    if arguments.symbols || arguments.bits_per_symbol.is_some_and(|bits| bits != 1) {
        return Err(Failure::usage("an .npy holds cells of one bit, no symbols"));
    }
    if arguments.record_bytes.is_some() {
        return Err(Failure::usage("an .npy says itself how long its rows are")
            .advise("leave --record-bytes out"));
    }
    let path = arguments.file.display();
    let order = match arguments.bit_order {
        BitOrder::Msb => readouts::BitOrder::Msb,
        BitOrder::Lsb => readouts::BitOrder::Lsb,
    };
    let devices = readouts::parse_npy(bytes, order)
        .map_err(|error| Failure::bad_data(format_args!("{path}: {error}")))?;
    let rows: usize = devices.iter().map(Vec::len).sum();
    let cells = devices.first().and_then(|device| device.first()).map_or(0, |row| row.len());
    check_count(rows.saturating_mul(cells), arguments)?;
    if devices.len() > 1 && rows > devices.len() {
        notes.push(format!(
            "{path}: {} devices of {} readouts; each readout is a row",
            devices.len(),
            rows / devices.len()
        ));
    }
    let mut values = Vec::with_capacity(rows * cells);
    for row in devices.iter().flatten() {
        values.extend(row.iter().map(u8::from));
    }
    let mut columns = cells;
    if let Some(wanted) = arguments.samples {
        values.truncate(wanted);
        columns = values.len();
    }
    in_rows(values, columns, Some(1), arguments)
}

fn file(bytes: Vec<u8>, arguments: &Arguments, notes: &mut Vec<String>) -> Result<Matrix, Failure> {
    let bits = arguments.bits_per_symbol;
    let path = arguments.file.display();
    let (mut values, bits, in_byte) = if arguments.symbols {
        (bytes, bits, 8)
    } else {
        let bits = bits.unwrap_or(1);
        let in_all = bytes.len() * 8;
        if arguments.samples.is_none() {
            check_count(in_all / bits as usize, arguments)?;
            let left = in_all % bits as usize;
            if left > 0 {
                notes.push(format!("{path}: {left} bits at the end are no whole symbol"));
            }
        }
        let mut bytes = bytes;
        if let Some(wanted) = arguments.samples {
            bytes.truncate(wanted.saturating_mul(bits as usize).div_ceil(8));
        }
        if is_text(&bytes) {
            return Err(Failure::bad_data(format_args!(
                "{path}: text, where packed bits are asked for"
            ))
            .advise(
                "a file of bytes or an .npy of cells; --symbols if each character is a symbol",
            ));
        }
        let values = unpack(&bytes, arguments.bit_order.first(), bits);
        (values.map_err(|error| bad(arguments, &error))?, Some(bits), bits)
    };
    if let Some(wanted) = arguments.samples {
        values.truncate(wanted);
    }
    check_count(values.len(), arguments)?;
    let columns = match arguments.record_bytes {
        Some(0) => return Err(Failure::usage("rows of 0 bytes")),
        Some(record) => {
            let row_bits = record.saturating_mul(8);
            if row_bits % in_byte as usize > 0 {
                return Err(Failure::usage(format_args!(
                    "rows of {record} bytes are no whole number of {in_byte}-bit symbols"
                )));
            }
            row_bits / in_byte as usize
        }
        None => values.len(),
    };
    in_rows(values, columns, bits, arguments)
}

/// Whether all bytes are of a text of digits, as no packed bits are in so many.
fn is_text(bytes: &[u8]) -> bool {
    let is_digit = |&byte: &u8| {
        byte.is_ascii_hexdigit() || byte.is_ascii_whitespace() || b",;:xX".contains(&byte)
    };
    bytes.len() >= 32 && bytes.iter().all(is_digit)
}

/// Puts values in rows, and holds them to the shape of the restarts if there is one.
fn in_rows(
    values: Vec<u8>,
    columns: usize,
    bits: Option<u32>,
    arguments: &Arguments,
) -> Result<Matrix, Failure> {
    let path = arguments.file.display();
    let samples = values.len();
    let columns = match arguments.restart {
        Some(Shape { rows, columns }) => {
            if rows.checked_mul(columns) != Some(samples) {
                return Err(Failure::bad_data(format_args!(
                    "{path}: {samples} samples where {rows} restarts of {columns} are {}",
                    rows as u128 * columns as u128
                )));
            }
            columns
        }
        None => columns,
    };
    // Before any order is made, so that an offset is that of the file.
    let symbols = Symbols::from_values(values, bits).map_err(|error| bad(arguments, &error))?;
    let bits = symbols.bits();
    Matrix::new(symbols.values().collect(), columns, Some(bits)).ok_or_else(|| {
        Failure::bad_data(format_args!(
            "{path}: {samples} samples are no whole number of rows of {columns}"
        ))
        .advise("another --record-bytes")
    })
}

fn check_count(samples: usize, arguments: &Arguments) -> Result<(), Failure> {
    if samples > MAX_SAMPLES && arguments.samples.is_none_or(|wanted| wanted > MAX_SAMPLES) {
        return Err(bad(arguments, &SymbolError::TooMany { samples }));
    }
    Ok(())
}

fn bad(arguments: &Arguments, error: &SymbolError) -> Failure {
    let failure = Failure::bad_data(format_args!("{}: {error}", arguments.file.display()));
    match error {
        SymbolError::TooMany { .. } => failure.advise("--samples N for the first N of them"),
        SymbolError::TooWide { .. } => failure.advise("a larger --bits-per-symbol"),
        SymbolError::Empty | SymbolError::Width(_) => failure
            .advise(format_args!("{RECOMMENDED_SAMPLES} samples, which the standard asks for")),
    }
}
