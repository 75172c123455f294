//! What there is to read: devices, their shapes, where each readout stands. The readouts themselves
//! stay in their files.

use std::collections::BTreeMap;
use std::mem;
use std::path::Path;

use super::device::{DeviceSource, Part, Recipe};
use super::file::{OpenFile, SourceFile};
use super::records::{self, Sampled};
use super::rows::{self, CsvFile, Form};
use super::tree::{self, Group};
use super::{Format, MAX_CELLS, MAX_STREAMED, Options, ReadoutError, format, in_parallel, write};

/// The devices that were found.
#[derive(Debug)]
pub struct Catalogue {
    /// At least one device.
    pub devices: Vec<DeviceSource>,
    /// What a reader of the results should know: files skipped, lengths concluded.
    pub notes: Vec<String>,
}

/// Looks at every file, reads none of the readouts into memory: names, shapes, order.
///
/// Text is read once, to count and to check it; of Intel HEX the first file of each device is,
/// the others are held to it when their turn comes.
///
/// # Errors
/// [`ReadoutError`], which names the file, and the line or offset where there is one.
pub fn open<P: AsRef<Path>>(paths: &[P], options: &Options) -> Result<Catalogue, ReadoutError> {
    open_within(paths, options, u64::MAX)
}

/// As [`open`], of files that have at most so many bytes together.
pub(super) fn open_within<P: AsRef<Path>>(
    paths: &[P],
    options: &Options,
    max_total_bytes: u64,
) -> Result<Catalogue, ReadoutError> {
    let mut notes = Vec::new();
    let groups = tree::find(paths, &mut notes)?;
    let mut left = max_total_bytes;
    let mut devices = Vec::new();
    for group in &groups {
        let mut files = Vec::with_capacity(group.files.len());
        for path in &group.files {
            let file = SourceFile::look(path)?;
            let too_large =
                || ReadoutError::TooLarge { path: path.clone(), limit: max_total_bytes };
            left = left.checked_sub(file.len()).ok_or_else(too_large)?;
            files.push(file);
        }
        devices.extend(open_group(group, files, options, &mut notes)?);
    }
    tell_apart(&mut devices, &mut notes);
    Ok(Catalogue { devices, notes })
}

/// One file, looked at.
struct Seen {
    file: SourceFile,
    content: Content,
}

enum Content {
    /// Bytes that may hold several records.
    Bytes { form: Form, len: u64 },
    /// Bytes at an address: one record unless told otherwise.
    Image,
    /// Devices of readouts, as the file itself says.
    Devices(Vec<Part>),
}

/// One file's devices.
struct Found {
    file: SourceFile,
    devices: Vec<Part>,
}

fn open_group(
    group: &Group,
    files: Vec<SourceFile>,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Vec<DeviceSource>, ReadoutError> {
    let contents = in_parallel(&files, |file| {
        let seen = see(file, options).map_err(|error| file.blame(error))?;
        file.verify()?;
        Ok(seen)
    })?;
    let seen: Vec<_> =
        files.into_iter().zip(contents).map(|(file, content)| Seen { file, content }).collect();
    let record_bytes = match options.record_bytes {
        Some(given) => Some(given as u64),
        None => conclude_record_bytes(&seen, notes)?,
    };
    let given = options.record_bytes;
    let mut found = Vec::with_capacity(seen.len());
    for Seen { file, content } in seen {
        let devices = match content {
            Content::Bytes { form, len } => vec![cut(&file, form, len, record_bytes)?],
            Content::Devices(devices) => devices,
            // A concluded length is about other files; a given one holds for all.
            Content::Image => vec![match given {
                Some(record_bytes) => cut_image(&file, record_bytes)?,
                None => Part::new(&file, Recipe::Image { record_bytes: None }, 1, None),
            }],
        };
        found.push(Found { file, devices });
    }
    let one_each = found.iter().all(|f| f.devices.len() == 1 && f.devices[0].readouts == 1);
    let devices = if one_each { folder_devices(group, found) } else { file_devices(group, found) };
    devices.into_iter().map(|named| named.open(options)).collect()
}

/// Files whose look is taken at all of them; of larger ones it is this much of the start.
const WHOLE_BYTES: u64 = 1 << 24;
/// Mostly enough to tell.
const GLANCE_BYTES: u64 = 1 << 16;

fn see(file: &SourceFile, options: &Options) -> Result<Content, ReadoutError> {
    let format = match options.format {
        Some(format) => format,
        None => recognise(file)?,
    };
    let bytes = |form| Ok(Content::Bytes { form, len: rows::count_bytes(form, file)? });
    match format {
        Format::Raw => Ok(Content::Bytes { form: Form::Raw, len: file.len() }),
        Format::HexText => bytes(Form::Hex),
        Format::BinaryText => bytes(Form::Binary),
        Format::IntelHex => Ok(Content::Image),
        Format::Csv => {
            let (readouts, cells) = CsvFile::count(file)?;
            Ok(Content::Devices(vec![part(file, Recipe::Csv, readouts, cells)?]))
        }
        Format::Npy => {
            let (array, rows) = rows::survey_array(file, options.bit_order)?;
            let readouts = array.readouts as u64;
            let device = |number: usize| {
                let recipe = Recipe::Array { rows, first: number as u64 * readouts };
                part(file, recipe, readouts, rows.cells())
            };
            Ok(Content::Devices((0..array.devices).map(device).collect::<Result<_, _>>()?))
        }
    }
}

fn recognise(file: &SourceFile) -> Result<Format, ReadoutError> {
    let failed = |source| ReadoutError::Format { path: file.path().to_owned(), source };
    let extension = file.path().extension().and_then(|extension| extension.to_str());
    let mut open = file.open()?;
    let mut last = [0];
    open.read_at(file.len() - 1, &mut last)?;
    open.seek(0)?;
    let mut head = Vec::new();
    for bytes in [GLANCE_BYTES, WHOLE_BYTES].map(|bytes| bytes.min(file.len())) {
        let start = head.len();
        head.resize(usize::try_from(bytes).unwrap_or(start), 0);
        open.read_exact(&mut head[start..])?;
        if format::settles(&head) {
            break;
        }
    }
    if (head.len() as u64) < file.len() {
        // A group that goes on is not to be judged by its start.
        let blank = head.iter().rposition(|byte| byte.is_ascii_whitespace() || *byte == b',');
        head.truncate(blank.unwrap_or(head.len()));
    }
    format::recognise_from(extension, &head, Some(last[0])).map_err(failed)
}

/// A part whose shape is known and within the bounds.
fn part(
    file: &SourceFile,
    recipe: Recipe,
    readouts: u64,
    cells: usize,
) -> Result<Part, ReadoutError> {
    let path = || file.path().to_owned();
    if cells > MAX_CELLS {
        return Err(ReadoutError::TooLong { path: path(), cells: cells as u64 });
    }
    match usize::try_from(readouts) {
        Ok(count) if readouts <= MAX_STREAMED => Ok(Part::new(file, recipe, count, Some(cells))),
        _ => Err(ReadoutError::TooMany { path: path(), readouts }),
    }
}

fn ragged(file: &SourceFile, bytes: u64, record_bytes: u64) -> ReadoutError {
    ReadoutError::Ragged { path: file.path().to_owned(), bytes, record_bytes }
}

fn cut(
    file: &SourceFile,
    form: Form,
    len: u64,
    record_bytes: Option<u64>,
) -> Result<Part, ReadoutError> {
    let record = record_bytes.unwrap_or(len);
    if record == 0 || !len.is_multiple_of(record) {
        return Err(ragged(file, len, record));
    }
    let cells = record.saturating_mul(8);
    match (usize::try_from(record), usize::try_from(cells)) {
        (Ok(record_bytes), Ok(cells)) => {
            part(file, Recipe::Bytes { form, record_bytes }, len / record, cells)
        }
        _ => Err(ReadoutError::TooLong { path: file.path().to_owned(), cells }),
    }
}

fn cut_image(file: &SourceFile, record_bytes: usize) -> Result<Part, ReadoutError> {
    let memory = rows::load_image(file).map_err(|error| file.blame(error))?;
    let (len, record) = (memory.bytes.len(), record_bytes);
    if record == 0 || !len.is_multiple_of(record) {
        return Err(ragged(file, len as u64, record as u64));
    }
    let recipe = Recipe::Image { record_bytes: Some(record) };
    let mut part = part(file, recipe, (len / record) as u64, 8 * record)?;
    part.address = Some(memory.address);
    Ok(part)
}

/// Looks for a record length in the files of bytes of one folder, and notes what came out.
fn conclude_record_bytes(
    seen: &[Seen],
    notes: &mut Vec<String>,
) -> Result<Option<u64>, ReadoutError> {
    let of_bytes: Vec<_> = seen
        .iter()
        .filter_map(|Seen { file, content }| match *content {
            Content::Bytes { form, len } => Some((file, form, len)),
            Content::Image | Content::Devices(_) => None,
        })
        .collect();
    let Some(&(first, ..)) = of_bytes.first() else {
        return Ok(None);
    };
    let contents: Vec<_> =
        of_bytes.iter().map(|&(file, form, len)| move || Bytes::open(file, form, len)).collect();
    let found = records::agree(&contents)?.map_err(|conflict| ReadoutError::RecordLength {
        path: of_bytes[conflict.file].0.path().to_owned(),
        record_bytes: conflict.record_bytes,
        other: of_bytes[conflict.other].0.path().to_owned(),
    })?;
    let name = match of_bytes.len() {
        1 => first.path().display().to_string(),
        count => format!("{} and {} more", first.path().display(), count - 1),
    };
    notes.push(match &found {
        Some(evidence) => format!("{name}: {evidence}"),
        None => format!("{name}: one readout a file; if it holds more, give the record length"),
    });
    Ok(found.map(|evidence| evidence.record_bytes as u64))
}

/// The bytes of a file, to take samples from.
enum Bytes<'a> {
    File(OpenFile<'a>, usize),
    Memory(Vec<u8>),
    /// More text than is looked through for a record length.
    Unseen,
}

/// Decoded text that is held in memory to find its record length.
const MAX_DECODED_BYTES: u64 = 1 << 26;

impl<'a> Bytes<'a> {
    fn open(file: &'a SourceFile, form: Form, len: u64) -> Result<Self, ReadoutError> {
        let Ok(bytes) = usize::try_from(len) else {
            return Ok(Self::Unseen);
        };
        if form == Form::Raw {
            return Ok(Self::File(file.open()?, bytes));
        }
        if len > MAX_DECODED_BYTES {
            return Ok(Self::Unseen);
        }
        let mut decoded = vec![0; bytes];
        form.open(file)?.read_exact(&mut decoded).map_err(|error| file.blame(error))?;
        Ok(Self::Memory(decoded))
    }
}

impl Sampled for Bytes<'_> {
    type Error = ReadoutError;

    fn len(&self) -> usize {
        match self {
            Self::File(_, len) => *len,
            Self::Memory(bytes) => bytes.len(),
            Self::Unseen => 0,
        }
    }

    fn sample(&self, offset: usize, out: &mut [u8]) -> Result<(), ReadoutError> {
        match self {
            Self::File(file, _) => file.read_at(offset as u64, out),
            Self::Memory(bytes) => {
                out.copy_from_slice(&bytes[offset..][..out.len()]);
                Ok(())
            }
            Self::Unseen => Ok(()),
        }
    }
}

/// A device that has a name.
struct Named {
    name: String,
    condition: String,
    parts: Vec<Part>,
}

impl Named {
    fn open(self, options: &Options) -> Result<DeviceSource, ReadoutError> {
        DeviceSource::of(self.name, self.condition, self.parts, options)
    }
}

/// A folder whose files hold one readout each: a device, at as many conditions as the names say.
fn folder_devices(group: &Group, found: Vec<Found>) -> Vec<Named> {
    let mut by_condition: Vec<Named> = Vec::new();
    let alone = found.len() == 1;
    for Found { file, devices } in found {
        let (name, condition) = group.name_of_folder(file.path(), alone);
        match by_condition.iter_mut().find(|device| device.condition == condition) {
            Some(device) => device.parts.extend(devices),
            None => by_condition.push(Named { name, condition, parts: devices }),
        }
    }
    by_condition
}

/// Files of several readouts: a device each, or as many as the file says.
fn file_devices(group: &Group, found: Vec<Found>) -> Vec<Named> {
    let mut named = Vec::new();
    for Found { file, devices } in found {
        let (name, condition) = group.name_of_file(file.path());
        let several = devices.len() > 1;
        let width = write::number_width(devices.len());
        for (number, part) in devices.into_iter().enumerate() {
            let name = if several { format!("{name}-{number:0width$}") } else { name.clone() };
            named.push(Named { name, condition: condition.clone(), parts: vec![part] });
        }
    }
    named
}

/// Numbers devices that would otherwise have one name.
fn tell_apart(devices: &mut [DeviceSource], notes: &mut Vec<String>) {
    let mut seen = BTreeMap::new();
    for device in devices {
        // Names come from files, and end on terminals.
        for text in [&mut device.name, &mut device.condition] {
            if text.contains(char::is_control) {
                *text = text.replace(char::is_control, "?");
            }
        }
        let count = seen.entry((device.name.clone(), device.condition.clone())).or_insert(0_usize);
        *count += 1;
        if *count > 1 {
            let numbered = format!("{} ({count})", device.name);
            let old = mem::replace(&mut device.name, numbered);
            let path = device.source_of(0).display();
            notes.push(format!("{path}: another device called {old}, here {}", device.name));
        }
    }
}
