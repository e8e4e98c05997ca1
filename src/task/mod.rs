//! Tasks: for now, how they are told to stop.

mod cancel;

pub use cancel::{CancellationToken, Cancelled};
