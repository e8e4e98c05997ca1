//! Ends a benchmark in which a contender hangs, and says which.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// No turn takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Told what runs now; after two minutes of the same it ends the process: as a
/// failure, if it is raddle that hangs.
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
                        let seconds = PATIENCE.as_secs();
                        let says = format!("{now}: not done after {seconds} s: it hangs");
                        if now.contains(": raddle") {
                            eprintln!("{says}");
                            std::process::exit(3);
                        }
                        // A thread that hangs cannot be ended alone, and that a
                        // peer does is not raddle's failure.
                        println!("SKIPPED: {says}, and so are the questions after it");
                        std::process::exit(0);
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
