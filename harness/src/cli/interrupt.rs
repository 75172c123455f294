//! Ctrl-C and a polite kill: work that holds something is asked to stop, and lets go of it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::exit::Failure;

/// A flag that is set when the process is asked to end; asked twice, it ends at once.
pub(crate) fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let asked = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        use signal_hook::flag::{register, register_conditional_shutdown};
        // In this order, so that the first time finds the flag not yet set.
        register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))
            .and_then(|_| register(signal, Arc::clone(&asked)))
            .map_err(|error| Failure::unreachable(format_args!("signals: {error}")))?;
    }
    Ok(asked)
}
