//! Ends a benchmark in which a contender hangs, and says which.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// No turn takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Told what runs now; after two minutes of the same it ends the process.
#[derive(Debug)]
pub struct Watchdog(Sender<String>);

impl Watchdog {
    /// Starts its thread, which sleeps.
    #[must_use]
    pub fn start() -> Self {
        let (sender, receiver) = mpsc::channel::<String>();
        std::thread::spawn(move || {
            let mut now = String::new();
            loop {
                match receiver.recv_timeout(PATIENCE) {
                    Ok(next) => now = next,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("{now}: not done after {} s: it hangs", PATIENCE.as_secs());
                        std::process::exit(3);
                    }
                }
            }
        });
        Self(sender)
    }

    /// This runs from now on.
    pub fn runs(&self, what: &str) {
        // The thread ends only with the sender.
        let _ = self.0.send(what.into());
    }
}
