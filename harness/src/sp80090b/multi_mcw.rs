//! The multi most common in window (MultiMCW) prediction estimate (section 6.3.7).

use super::LeftOut;
use super::prediction::{Prediction, Scoreboard, Tally};

/// Lengths of the windows, ascending: step 1 of the section.
pub const WINDOWS: [usize; 4] = [63, 255, 1023, 4095];

/// Min-entropy from how well the most common value of a window of past samples predicts the next.
///
/// A window of which several values are the most common predicts that of them which came last. A part
/// predicts from the first whole window on.
///
/// # Errors
/// [`LeftOut::TooFew`] if the longest window is never followed by a sample.
pub fn estimate(
    samples: &[u8],
    alphabet: usize,
    windows: &[usize],
    z: f64,
) -> Result<Prediction, LeftOut> {
    let (Some(&shortest), Some(&longest)) = (windows.first(), windows.last()) else {
        return Err(LeftOut::TooFew { needed: 1 });
    };
    if samples.len() <= longest {
        return Err(LeftOut::TooFew { needed: longest + 1 });
    }
    let tally = if alphabet == 2 && windows.iter().all(|window| window % 2 == 1) {
        tally(samples, windows.iter().map(|&length| Majority::new(samples, length)).collect())
    } else {
        let mode = |&length: &usize| Mode::new(samples, length, alphabet);
        tally(samples, windows.iter().map(mode).collect())
    };
    Ok(tally.estimate(samples.len() - shortest, alphabet, z))
}

/// The windows' predictions of each sample after the first window.
fn tally<W: Window>(samples: &[u8], mut windows: Vec<W>) -> Tally {
    let mut board = Scoreboard::new(windows.len());
    let mut tally = Tally::default();
    let first = windows.first().map_or(0, W::length);
    for i in first..samples.len() {
        let followed = &windows[board.winner()];
        tally.push(i >= followed.length() && followed.most_common() == samples[i]);
        for (part, window) in windows.iter_mut().enumerate() {
            if i < window.length() {
                // The windows grow longer: no later one is whole yet.
                break;
            }
            board.score(part, window.most_common() == samples[i]);
            window.slide(samples[i - window.length()], i, samples[i]);
        }
    }
    tally
}

/// A window over the past.
trait Window {
    fn length(&self) -> usize;

    /// The most common value in it.
    fn most_common(&self) -> u8;

    /// Moves on by a sample.
    fn slide(&mut self, out: u8, place: usize, into: u8);
}

/// A window of an odd number of bits, in which there is no tie.
struct Majority {
    length: usize,
    ones: usize,
}

impl Majority {
    fn new(samples: &[u8], length: usize) -> Self {
        Self { length, ones: samples[..length].iter().map(|&bit| usize::from(bit)).sum() }
    }
}

impl Window for Majority {
    fn length(&self) -> usize {
        self.length
    }

    fn most_common(&self) -> u8 {
        u8::from(2 * self.ones > self.length)
    }

    fn slide(&mut self, out: u8, _: usize, into: u8) {
        self.ones = self.ones + usize::from(into) - usize::from(out);
    }
}

/// A window of any symbols.
struct Mode {
    length: usize,
    counts: Vec<u32>,
    /// Where each symbol came last, in the window or before.
    last: Vec<usize>,
    most_common: u8,
}

impl Mode {
    fn new(samples: &[u8], length: usize, alphabet: usize) -> Self {
        let mut window =
            Self { length, counts: vec![0; alphabet], last: vec![0; alphabet], most_common: 0 };
        for (place, &sample) in samples[..length].iter().enumerate() {
            window.counts[usize::from(sample)] += 1;
            window.last[usize::from(sample)] = place;
        }
        window.look_for_most_common();
        window
    }

    fn rank(&self, symbol: u8) -> (u32, usize) {
        (self.counts[usize::from(symbol)], self.last[usize::from(symbol)])
    }

    fn look_for_most_common(&mut self) {
        let symbols = (0..=u8::MAX).take(self.counts.len());
        self.most_common = symbols.max_by_key(|&symbol| self.rank(symbol)).unwrap_or(0);
    }
}

impl Window for Mode {
    fn length(&self) -> usize {
        self.length
    }

    fn most_common(&self) -> u8 {
        self.most_common
    }

    fn slide(&mut self, out: u8, place: usize, into: u8) {
        self.counts[usize::from(out)] -= 1;
        self.counts[usize::from(into)] += 1;
        self.last[usize::from(into)] = place;
        if out == self.most_common && out != into {
            self.look_for_most_common();
        } else if self.rank(into) > self.rank(self.most_common) {
            self.most_common = into;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sp80090b::oracle;
    use proptest::prelude::*;

    /// The worked example of section 6.3.7, windows of 3, 5, 7 and 9: min-entropy 0.3908.
    #[test]
    fn worked_example() {
        let input = [1, 2, 1, 0, 2, 1, 1, 2, 2, 0, 0, 0];
        let found = estimate(&input, 3, &[3, 5, 7, 9], 2.576).unwrap();
        assert_eq!((found.correct, found.predictions, found.r), (3, 9, 2));
        assert!((found.p_global_upper - 0.762_666_666_666_666_7).abs() < 1e-4);
        assert!((found.min_entropy - 0.390_875_448_604_853_74).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn sliding_windows_are_counted_windows(
            samples in (0_u8..5).prop_flat_map(|top| proptest::collection::vec(0..=top, 12..200)),
            windows in prop::sample::select(vec![[3, 5, 7, 9], [1, 2, 4, 11], [5, 7, 9, 11]]),
        ) {
            for alphabet in [2, 5] {
                let samples: Vec<u8> = samples.iter().map(|s| s % alphabet).collect();
                let k = usize::from(alphabet);
                let found = estimate(&samples, k, &windows, 2.576).unwrap();
                prop_assert_eq!(found, oracle::multi_mcw(&samples, k, &windows));
            }
        }
    }

    #[test]
    fn the_longest_window_must_predict() {
        let needed = 4096;
        assert_eq!(estimate(&[0; 4095], 2, &WINDOWS, 2.576), Err(LeftOut::TooFew { needed }));
        assert!(estimate(&[0; 4096], 2, &WINDOWS, 2.576).is_ok());
    }
}
