//! The concurrency toolkit that Python programmers know, made for Rust.

mod primitive;
mod error;

pub use error::{
    GroupError, Panic, Refusal, StartError, SubmitError, TaskError, TimedOut,
};
