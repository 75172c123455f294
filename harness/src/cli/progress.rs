//! Progress on standard error, for work of more than two seconds.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{ProgressChoice, stderr_is_terminal};

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bar that appears when the work turns out to be long.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: Mutex<bool>,
    wanted: bool,
}

impl Progress {
    pub(super) fn new(choice: ProgressChoice, quiet: bool, total: u64, what: &str) -> Self {
        let wanted = match choice {
            ProgressChoice::Auto => !quiet && stderr_is_terminal(),
            ProgressChoice::Bar => true,
            ProgressChoice::None => false,
        };
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let template = "{msg} {wide_bar} {percent}% of {human_len}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self { bar, started: Instant::now(), shown: Mutex::new(false), wanted }
    }

    /// Some more of it is done.
    pub(crate) fn advance(&self, done: u64) {
        self.bar.inc(done);
        if self.wanted
            && self.started.elapsed() > PATIENCE
            && let Ok(mut shown) = self.shown.lock()
            && !*shown
        {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            *shown = true;
        }
    }
}

impl Progress {
    /// What is known so far.
    pub(crate) fn tell(&self, estimate: &impl std::fmt::Display) {
        // Only where it is seen: an estimate may cost more than a glance.
        if self.shown.lock().is_ok_and(|shown| *shown) {
            self.bar.set_message(estimate.to_string());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
