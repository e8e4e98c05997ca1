//! The concurrency toolkit that Python programmers know, made for Rust.

#![cfg_attr(docsrs, feature(doc_cfg))]

// `cargo model` sets RADDLE_MODEL and `--cfg raddle_loom` together. An exported
// RUSTFLAGS replaces the second without a word, and every model would vanish.
const _: () = assert!(
    option_env!("RADDLE_MODEL").is_none() || cfg!(raddle_loom),
    "cargo model: `--cfg raddle_loom` did not arrive, so no model would run. \
     RUSTFLAGS or CARGO_ENCODED_RUSTFLAGS in the environment (or `target.*.rustflags` in a \
     config file) replaces the flags of the alias. Remedy: `env -u RUSTFLAGS cargo model`, \
     or add `--cfg raddle_loom` to those flags."
);

#[cfg(all(raddle_loom, not(feature = "model")))]
compile_error!("`--cfg raddle_loom` needs the feature `model`: use `cargo model`.");

mod error;
mod primitive;
mod task;
mod thread;
mod wait;

pub use error::{GroupError, Panic, Refusal, StartError, SubmitError, TaskError, TimedOut};
pub use task::{
    AsCompleted, Cancel, CancelOnDrop, CancellationToken, Cancelled, Handle, Inline, Keyed, Map,
    Submit, Task, TaskContext, TaskGroup, TaskId, TaskInfo, TaskOptions, TaskState, When, With,
    as_completed, current, task, wait,
};
pub use thread::{
    PoolStats, Shutdown, ShutdownReport, ThreadPool, ThreadPoolBuilder, WhenFull, dump,
};
pub use wait::{TimedOutWaiting, block_on, block_on_timeout};
