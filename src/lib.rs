//! The concurrency toolkit that Python programmers know, made for Rust.

mod error;
mod primitive;
mod task;
mod wait;

pub use error::{GroupError, Panic, Refusal, StartError, SubmitError, TaskError, TimedOut};
pub use task::{
    Cancel, CancelOnDrop, Cancelled, CancellationToken, Handle, Inline, Submit, Task, TaskContext,
    TaskId, TaskInfo, TaskOptions, TaskState, With, current, task,
};
pub use wait::{TimedOutWaiting, block_on, block_on_timeout};
