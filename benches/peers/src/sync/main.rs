//! raddle::sync beside its peers.
//!
//! ```text
//!   cargo run --release --manifest-path benches/peers/Cargo.toml --bin sync
//!   cargo peers sync -- --quick semaphore
//! ```
//!
//! It reports, and never fails because of a time: what a shared machine shows in
//! one run is no verdict. That a mutex takes at most three instructions more than
//! parking_lot's is counted by `cargo bench --bench instructions`, which fails.
//!
//! All futures run under the same executor, futures-lite's `block_on`, one for
//! each thread: those of raddle and of every peer work with any.

mod locks;
mod queues;
mod semaphores;
mod signals;

use std::process::ExitCode;

use raddle_peers::{Options, report};

fn main() -> ExitCode {
    let options = match Options::from_arguments() {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    let mut rows = locks::rows();
    rows.extend(semaphores::rows());
    rows.extend(queues::rows());
    rows.extend(signals::rows());
    report(&rows, &options);
    println!(
        "bar       mutex, uncontended, in instructions: see `cargo bench --bench instructions`"
    );
    ExitCode::SUCCESS
}
