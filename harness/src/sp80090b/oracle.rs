//! The predictors of sections 6.3.7 to 6.3.10 step by step, as the standard writes them: slow, and
//! beside nothing of the estimators but the last steps that all four share.
//!
//! Where the text leaves a tie open it is decided as NIST's tool does: the largest symbol. A silence of
//! MultiMMC breaks no run, as in the tool.

use std::collections::HashMap;

use super::prediction::{Prediction, Scoreboard, Tally};

const Z: f64 = 2.576;

pub(super) fn multi_mcw(samples: &[u8], alphabet: usize, windows: &[usize]) -> Prediction {
    let mut board = Scoreboard::new(windows.len());
    let mut tally = Tally::default();
    for i in windows[0]..samples.len() {
        let guesses: Vec<Option<u8>> = windows
            .iter()
            .map(|&w| {
                let window = &samples[i.checked_sub(w)?..i];
                let count = |symbol: u8| window.iter().filter(|&&s| s == symbol).count();
                let most = window.iter().map(|&s| count(s)).max();
                window.iter().rev().copied().find(|&s| Some(count(s)) == most)
            })
            .collect();
        tally.push(guesses[board.winner()] == Some(samples[i]));
        credit(&mut board, &guesses, samples[i]);
    }
    tally.estimate(samples.len() - windows[0], alphabet, Z)
}

pub(super) fn lag(samples: &[u8], alphabet: usize, depth: usize) -> Prediction {
    let mut board = Scoreboard::new(depth);
    let mut tally = Tally::default();
    for i in 1..samples.len() {
        let guess = |d: usize| i.checked_sub(d).map(|place| samples[place]);
        let guesses: Vec<Option<u8>> = (1..=depth).map(guess).collect();
        tally.push(guesses[board.winner()] == Some(samples[i]));
        credit(&mut board, &guesses, samples[i]);
    }
    tally.estimate(samples.len() - 1, alphabet, Z)
}

pub(super) fn multi_mmc(samples: &[u8], alphabet: usize, depth: usize) -> Prediction {
    let mut models: Vec<HashMap<(&[u8], u8), usize>> = vec![HashMap::new(); depth];
    let mut board = Scoreboard::new(depth);
    let mut tally = Tally::default();
    for i in 2..samples.len() {
        let mut guesses = Vec::new();
        for (d, model) in (1..).zip(&mut models) {
            if d < i {
                let pair = (&samples[i - d - 1..i - 1], samples[i - 1]);
                let full = model.len() >= super::multi_mmc::MAX_ENTRIES;
                if model.contains_key(&pair) || !full {
                    *model.entry(pair).or_default() += 1;
                }
            }
            let context = i.checked_sub(d).map(|start| &samples[start..i]);
            let count = |y: u8| Some((*model.get(&(context?, y))?, y));
            let symbols = (0..=u8::MAX).take(alphabet);
            guesses.push(symbols.filter_map(count).max().map(|(_, y)| y));
        }
        if let Some(guess) = guesses[board.winner()] {
            tally.push(guess == samples[i]);
        }
        credit(&mut board, &guesses, samples[i]);
    }
    tally.estimate(samples.len() - 2, alphabet, Z)
}

pub(super) fn lz78y(samples: &[u8], alphabet: usize, longest: usize) -> Prediction {
    let mut dictionary: HashMap<&[u8], Vec<usize>> = HashMap::new();
    let mut tally = Tally::default();
    for i in longest + 1..samples.len() {
        for j in (1..=longest).rev() {
            let context = &samples[i - j - 1..i - 1];
            if !dictionary.contains_key(context) && dictionary.len() < super::lz78y::MAX_DICTIONARY
            {
                dictionary.insert(context, vec![0; alphabet]);
            }
            if let Some(counts) = dictionary.get_mut(context) {
                counts[usize::from(samples[i - 1])] += 1;
            }
        }
        let (mut most, mut guess) = (0, None);
        for j in (1..=longest).rev() {
            if let Some(counts) = dictionary.get(&samples[i - j..i])
                && let Some((y, &count)) =
                    counts.iter().enumerate().max_by_key(|&(y, count)| (count, y))
                && count > most
            {
                (most, guess) = (count, Some(y));
            }
        }
        tally.push(guess == Some(usize::from(samples[i])));
    }
    tally.estimate(samples.len() - longest - 1, alphabet, Z)
}

/// The part that is followed is chosen after all have been asked.
fn credit(board: &mut Scoreboard, guesses: &[Option<u8>], sample: u8) {
    for (part, guess) in guesses.iter().enumerate() {
        board.score(part, *guess == Some(sample));
    }
}
