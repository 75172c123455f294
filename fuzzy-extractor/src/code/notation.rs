//! Codes in text: `rep(7)*bch(318,174,17)` and back.
//!
//! ```text
//! code    = power { "*" power }              A*B concatenates, inner code first
//! power   = atom [ "^" count ]               A^m is m words side by side; binds tighter than *
//! atom    = family "(" number { "," number } ")" | "(" code ")"
//! ```
//!
//! Blanks may stand between any two of these. `A*B*C` is `(A*B)*C`. The canonical text, which every
//! code prints, has no blanks and no needless parentheses.
//!
//! Text may come from an enemy: its length, its nesting and every number are bounded before anything
//! is built from them.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::{
    Bch, BlockCode, BoxedCode, CodeError, Concatenated, Golay, Hamming, MAX_BITS, Repeated,
    Repetition,
};

/// The longest text that is read, in bytes.
pub const MAX_TEXT: usize = 256;

/// The deepest nesting of parentheses that is read.
pub const MAX_NESTING: usize = 16;

/// A family of codes, as text names it.
#[derive(Debug)]
pub struct Family {
    /// The name before the parenthesis.
    pub name: &'static str,
    /// Name and parameters, for example `bch(n,k,t)`.
    pub syntax: &'static str,
    /// What the codes are.
    pub summary: &'static str,
    /// How they are decoded.
    pub decoder: &'static str,
    /// Codes of the family, in canonical text.
    pub examples: &'static [&'static str],
    parameters: usize,
    build: fn(&[usize]) -> Result<BoxedCode, CodeError>,
}

/// Families are told apart by their names.
impl PartialEq for Family {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Family {}

/// Every family that can be read.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "rep",
        syntax: "rep(n)",
        summary: "repetition [n,1,n]",
        decoder: "majority",
        examples: &["rep(1)", "rep(2)", "rep(7)", "rep(64)"],
        parameters: 1,
        build: |p| Ok(Box::new(Repetition::new(p[0])?)),
    },
    Family {
        name: "hamming",
        syntax: "hamming(n,k)",
        summary: "Hamming [2^m-1,2^m-1-m,3], or shortened",
        decoder: "bounded distance",
        examples: &["hamming(3,1)", "hamming(7,4)", "hamming(12,8)", "hamming(71,64)"],
        parameters: 2,
        build: |p| Ok(Box::new(Hamming::new(p[0], p[1])?)),
    },
    Family {
        name: "golay",
        syntax: "golay(n,k)",
        summary: "Golay [23,12,7] or extended [24,12,8]",
        decoder: "bounded distance",
        examples: &["golay(23,12)", "golay(24,12)"],
        parameters: 2,
        build: |p| Ok(Box::new(Golay::new(p[0], p[1])?)),
    },
    Family {
        name: "bch",
        syntax: "bch(n,k,t)",
        summary: "BCH, narrow-sense, primitive or shortened, n up to 8191",
        decoder: "bounded distance",
        examples: &["bch(7,1,3)", "bch(15,7,2)", "bch(127,64,10)", "bch(318,174,17)"],
        parameters: 3,
        build: |p| Ok(Box::new(Bch::new(p[0], p[1], p[2])?)),
    },
];

/// Families that the notation knows and this version cannot build.
const PLANNED: &[&str] = &["rm", "polar"];

/// Composed codes in canonical text, beside the [`examples`](Family::examples) of the families.
pub const COMPOSED_EXAMPLES: &[&str] = &[
    "rep(7)*bch(318,174,17)",
    "rep(4)*golay(24,12)",
    "bch(127,64,10)^16",
    "(rep(5)*golay(24,12))^11",
    "golay(24,12)*bch(252,128,18)",
    "hamming(7,4)^3*golay(24,12)",
    "rep(3)*rep(5)*hamming(15,11)",
    "rep(3)*(hamming(7,4)*golay(24,12)^2)",
    "(hamming(7,4)^2)^3",
];

/// How tightly the text of a code binds, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precedence {
    /// `A*B`.
    Product,
    /// `A^m`.
    Power,
    /// A family with its parameters, or anything in parentheses.
    Atom,
}

impl Precedence {
    /// Writes a code where one that binds at least this tightly is expected.
    pub(super) fn write(self, f: &mut fmt::Formatter<'_>, code: &dyn BlockCode) -> fmt::Result {
        if code.precedence() < self { write!(f, "({code})") } else { write!(f, "{code}") }
    }
}

/// Reads a code.
///
/// ```
/// use fuzzy_extractor::code::{BlockCode, notation};
///
/// let code = notation::parse("rep(7) * bch(318, 174, 17)")?;
/// assert_eq!((code.n(), code.k(), code.t()), (2226, 174, 71));
/// assert_eq!(code.to_string(), "rep(7)*bch(318,174,17)");
///
/// let error = notation::parse("bhc(318,174,17)").unwrap_err();
/// assert_eq!(error.to_string(), "unknown code family \"bhc\" at offset 0; did you mean bch?");
/// # Ok::<(), notation::NotationError>(())
/// ```
///
/// # Errors
/// Says what is wrong, where, and what would be right.
pub fn parse(text: &str) -> Result<BoxedCode, NotationError> {
    if text.len() > MAX_TEXT {
        return Err(NotationError { offset: MAX_TEXT, fault: Fault::TextLength(text.len()) });
    }
    let mut parser = Parser { text, offset: 0, nesting: 0 };
    let code = parser.product()?;
    match parser.peek() {
        None => Ok(code),
        Some(_) => Err(parser.unexpected("\"*\" or the end")),
    }
}

/// What is wrong with the text of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotationError {
    /// Where, in bytes from the beginning.
    pub offset: usize,
    /// What.
    pub fault: Fault,
}

/// A fault in the text of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// More than [`MAX_TEXT`] bytes.
    TextLength(usize),
    /// More than [`MAX_NESTING`] parentheses inside each other.
    Nesting,
    /// Something else was expected here.
    Unexpected {
        /// What may stand here.
        expected: &'static str,
        /// What does, `None` for the end.
        found: Option<char>,
    },
    /// A number past any word's length.
    Number(String),
    /// No family has this name.
    UnknownFamily(String),
    /// The family is known, but not in this version.
    UnavailableFamily(&'static str),
    /// The family takes another number of parameters.
    ParameterCount {
        /// How the family is written.
        syntax: &'static str,
        /// Parameters given.
        found: usize,
    },
    /// Decoders cannot be chosen in this version.
    UnavailableDecoder {
        /// The decoder asked for.
        decoder: String,
        /// What the code is decoded by, if it is of one family.
        default: Option<&'static Family>,
    },
    /// `A^m^l`.
    TowerOfPowers,
    /// No code has these parameters.
    Code(CodeError),
}

impl fmt::Display for NotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        match &self.fault {
            Fault::TextLength(length) => {
                write!(f, "a code is written in at most {MAX_TEXT} bytes, not {length}")
            }
            Fault::Nesting => {
                write!(f, "more than {MAX_NESTING} nested parentheses at offset {at}")
            }
            Fault::Unexpected { expected, found: Some(found) } => {
                write!(f, "{found:?} at offset {at} where {expected} is expected")
            }
            Fault::Unexpected { expected, found: None } => {
                write!(f, "the text ends at offset {at} where {expected} is expected")
            }
            Fault::Number(digits) => {
                write!(f, "{digits} at offset {at} is past the longest word, {MAX_BITS} bits")
            }
            Fault::UnknownFamily(name) => {
                write!(f, "unknown code family {name:?} at offset {at}; {}", Suggestion(name))
            }
            Fault::UnavailableFamily(name) => {
                write!(f, "{name} codes (at offset {at}) are not available in this version; ")?;
                write!(f, "{Names} are")
            }
            Fault::ParameterCount { syntax, found } => {
                write!(f, "{found} parameters at offset {at}; it is written {syntax}")
            }
            Fault::UnavailableDecoder { decoder, default } => {
                write!(f, "decoder {decoder:?} at offset {at} is not available in this version; ")?;
                match default {
                    Some(family) => write!(
                        f,
                        "{} is decoded by {}, without a suffix",
                        family.name, family.decoder
                    ),
                    None => f.write_str("leave it out"),
                }
            }
            Fault::TowerOfPowers => {
                write!(f, "a second power at offset {at}; write (A^m)^l")
            }
            Fault::Code(error) => write!(f, "{error} (at offset {at})"),
        }
    }
}

impl core::error::Error for NotationError {}

/// The names of the families, for people.
struct Names;

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, family) in FAMILIES.iter().enumerate() {
            f.write_str(match i {
                0 => "",
                _ if i + 1 == FAMILIES.len() => " and ",
                _ => ", ",
            })?;
            f.write_str(family.name)?;
        }
        Ok(())
    }
}

/// The family that a wrong name may mean, or all of them.
struct Suggestion<'a>(&'a str);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.to_ascii_lowercase();
        let nearest = FAMILIES
            .iter()
            .map(|family| (distance(&name, family.name), family.name))
            .min()
            // Half of the name has to be right.
            .filter(|&(distance, family)| 2 * distance <= family.len());
        match nearest {
            Some((_, family)) => write!(f, "did you mean {family}?"),
            None => write!(f, "there are {Names}"),
        }
    }
}

/// How far a wrong name is from a family's: a longer form of it is as near as can be.
fn distance(name: &str, family: &str) -> usize {
    if name.starts_with(family) { 0 } else { edit_distance(name, family) }
}

/// Letters to insert, remove, replace or swap with their neighbour to get from one to the other
/// (optimal string alignment).
fn edit_distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut rows: Vec<Vec<usize>> =
        (0..=from.len()).map(|i| (i..=i + to.len()).collect()).collect();
    for i in 1..=from.len() {
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[from.len()][to.len()]
}

/// A recursive descent over the grammar of the door comment.
struct Parser<'a> {
    text: &'a str,
    offset: usize,
    nesting: usize,
}

impl Parser<'_> {
    fn product(&mut self) -> Result<BoxedCode, NotationError> {
        let mut code = self.power()?;
        while let Some(star) = self.take('*') {
            let outer = self.power()?;
            code = Box::new(at(star, Concatenated::new(code, outer))?);
        }
        Ok(code)
    }

    fn power(&mut self) -> Result<BoxedCode, NotationError> {
        let (code, family) = self.atom()?;
        self.refuse_decoder(family)?;
        let Some(caret) = self.take('^') else {
            return Ok(code);
        };
        let (_, count) = self.number()?;
        if self.peek() == Some('^') {
            return Err(self.fault(Fault::TowerOfPowers));
        }
        Ok(Box::new(at(caret, Repeated::new(code, count))?))
    }

    fn atom(&mut self) -> Result<(BoxedCode, Option<&'static Family>), NotationError> {
        match self.peek() {
            Some('(') => Ok((self.parenthesized()?, None)),
            Some(c) if c.is_ascii_alphabetic() => {
                let family = self.family()?;
                Ok((self.member(family)?, Some(family)))
            }
            _ => Err(self.unexpected("a code")),
        }
    }

    fn parenthesized(&mut self) -> Result<BoxedCode, NotationError> {
        if self.nesting == MAX_NESTING {
            return Err(self.fault(Fault::Nesting));
        }
        self.expect('(', "\"(\"")?;
        self.nesting += 1;
        let code = self.product()?;
        self.expect(')', "\")\"")?;
        self.nesting -= 1;
        Ok(code)
    }

    fn family(&mut self) -> Result<&'static Family, NotationError> {
        let (offset, name) = self.letters_and_digits();
        if let Some(family) = FAMILIES.iter().find(|family| family.name == name) {
            return Ok(family);
        }
        let fault = match PLANNED.iter().find(|planned| **planned == name) {
            Some(planned) => Fault::UnavailableFamily(planned),
            None => Fault::UnknownFamily(name.to_string()),
        };
        Err(NotationError { offset, fault })
    }

    /// A member of the family, from its opening parenthesis on.
    fn member(&mut self, family: &'static Family) -> Result<BoxedCode, NotationError> {
        let open = self.expect('(', "\"(\"")?;
        let mut parameters = Vec::new();
        let first = self.number()?;
        parameters.push(first.1);
        while self.take(',').is_some() {
            parameters.push(self.number()?.1);
        }
        self.expect(')', "\",\" or \")\"")?;
        if parameters.len() != family.parameters {
            let fault = Fault::ParameterCount { syntax: family.syntax, found: parameters.len() };
            return Err(NotationError { offset: open, fault });
        }
        at(first.0, (family.build)(&parameters))
    }

    fn refuse_decoder(&mut self, default: Option<&'static Family>) -> Result<(), NotationError> {
        if self.take('@').is_none() {
            return Ok(());
        }
        self.skip_blanks();
        let (offset, decoder) = self.letters_and_digits();
        let decoder = decoder.to_string();
        Err(NotationError { offset, fault: Fault::UnavailableDecoder { decoder, default } })
    }

    /// A number that no word's length exceeds, and where it stands.
    fn number(&mut self) -> Result<(usize, usize), NotationError> {
        if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
            return Err(self.unexpected("a number"));
        }
        let (offset, digits) = self.span(|c| c.is_ascii_digit());
        match digits.parse() {
            Ok(number) if number <= MAX_BITS => Ok((offset, number)),
            _ => Err(NotationError { offset, fault: Fault::Number(digits.to_string()) }),
        }
    }

    fn letters_and_digits(&mut self) -> (usize, &str) {
        self.span(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// The longest run of such characters from here on, and where it starts.
    fn span(&mut self, is_part: impl Fn(char) -> bool) -> (usize, &str) {
        let start = self.offset;
        let rest = &self.text[start..];
        let run = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        self.offset += run.len();
        (start, run)
    }

    fn skip_blanks(&mut self) {
        self.span(|c| c.is_ascii_whitespace());
    }

    /// The next character that is no blank.
    fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
        self.text[self.offset..].chars().next()
    }

    /// Takes this character if it is the next one, and says where it stood.
    fn take(&mut self, wanted: char) -> Option<usize> {
        if self.peek() != Some(wanted) {
            return None;
        }
        let place = self.offset;
        self.offset += wanted.len_utf8();
        Some(place)
    }

    fn expect(&mut self, wanted: char, name: &'static str) -> Result<usize, NotationError> {
        self.take(wanted).ok_or_else(|| self.unexpected(name))
    }

    fn unexpected(&mut self, expected: &'static str) -> NotationError {
        let found = self.peek();
        self.fault(Fault::Unexpected { expected, found })
    }

    fn fault(&self, fault: Fault) -> NotationError {
        NotationError { offset: self.offset, fault }
    }
}

/// Says where a code that does not exist was asked for.
fn at<C>(offset: usize, built: Result<C, CodeError>) -> Result<C, NotationError> {
    built.map_err(|error| NotationError { offset, fault: Fault::Code(error) })
}
