//! The concurrency toolkit that Python programmers know, made for Rust.

mod primitive;
mod error;
mod task;
mod wait;

pub use error::{
    GroupError, Panic, Refusal, StartError, SubmitError, TaskError, TimedOut,
};
pub use task::{CancellationToken, Cancelled};
