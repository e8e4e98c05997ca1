//! Python's `threading`, `multiprocessing` and `concurrent.futures`, made for
//! Rust: a work-stealing thread pool whose `submit` gives a handle, and the
//! tools around it.
//!
//! ```
//! use raddle::prelude::*;
//!
//! let pool = ThreadPool::new(2)?;
//!
//! // One task: submit, then take the result. A panic arrives as an error.
//! let answer = pool.submit(|| 6 * 7);
//! assert_eq!(answer.result()?, 42);
//!
//! // Many: lazily, in order, with at most 8 under way.
//! let squares = pool.map(0..100u64, |n| n * n).buffer(8);
//! assert_eq!(squares.sum::<Result<u64, _>>()?, 328_350);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is where
//!
//! | you want to | take |
//! |---|---|
//! | compute on all CPUs | [`ThreadPool::new`], [`ThreadPool::global`] |
//! | split one computation, borrowing | [`join`], [`scope`], [`ThreadPool::par_map`] and its sisters |
//! | wait for files, commands, blocking clients | [`ThreadPool::for_blocking`] |
//! | wait now and then, among work for the CPUs | [`blocking()`], [`ThreadPool::submit_blocking`] |
//! | run everything in the caller, to debug | [`Inline`] |
//! | wait for a task, await it, cancel it, watch it | [`Handle`] |
//! | run a future on the pool | [`ThreadPool::spawn_async`] |
//! | one result for each input, in bounded memory | [`ThreadPool::map`], [`ThreadPool::map_init`], [`Map`] |
//! | results as they come | [`as_completed`] |
//! | the first, the first error, or all | [`wait()`] with [`When`] |
//! | all or nothing; the first success | [`TaskGroup`] |
//! | names, time limits, priorities and tokens for a task | [`task()`], [`Task`], [`Priority`] |
//! | stop work that is under way | [`CancellationToken`], [`current`] |
//! | bound what is queued | [`ThreadPoolBuilder::queue_limit`], [`WhenFull`] |
//! | end a pool, and know what was left | [`Shutdown`], [`ShutdownReport`] |
//! | lock, count, signal, meet, hand on | [`sync`] |
//! | see what hangs | [`dump`], [`PoolStats`] |
//! | say what went wrong | [`TaskError`], [`Panic`], [`SubmitError`], [`StartError`] |
//!
//! `use raddle::`[`prelude`]`::*` brings the most usual of these. Those who come
//! from Python find Python's names in the search box above, too.
//!
//! # What holds everywhere
//!
//! * *Waiting.* A task may wait for another task of its pool, at any depth: the
//!   waiting worker runs that task itself if nobody has started it, else a spare
//!   worker takes its place. It never runs a stranger meanwhile.
//! * *Time.* What blocks says so, and has twins with a time limit.
//!   `Duration::ZERO` tries once, `Duration::MAX` waits for ever.
//! * *Bounds.* A map holds at most its buffer; `submit` is unbounded unless the
//!   pool has a queue limit.
//! * *Drop.* Dropping a handle detaches its task. Dropping a map or a group
//!   cancels what is left. Dropping a pool finishes what was submitted.
//!
//! # Where it is not the answer
//!
//! * Tasks that mostly wait for sockets: an async runtime. (A handle is a
//!   `Future` there.)
//! * The adaptors of parallel iterators, and sorts: rayon.
//! * Tasks below some microseconds: do several in one, as [`Map::chunk`] does.
//! * Code that must be stopped by force: a thread cannot be killed. A time limit
//!   ends the waiting, and asks the task to stop.
//!
//! # Features
//!
//! None is on by default, and programs need none. `model` brings in loom, for
//! the crate's own models (`cargo model`).

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
pub mod prelude;
mod primitive;
pub mod sync;
mod task;
mod thread;
mod wait;

pub use error::{GroupError, Panic, Refusal, StartError, SubmitError, TaskError, TimedOut};
pub use task::{
    AsCompleted, Cancel, CancelOnDrop, CancellationToken, Cancelled, Handle, Inline, Keyed, Map,
    Priority, Submit, Task, TaskContext, TaskGroup, TaskId, TaskInfo, TaskOptions, TaskState, When,
    With, as_completed, current, task, wait,
};
pub use thread::{
    PoolStats, Scope, ScopedHandle, Shutdown, ShutdownReport, ThreadPool, ThreadPoolBuilder,
    WhenFull, WorkerIndex, blocking, dump, join, scope,
};
pub use wait::{TimedOutWaiting, block_on, block_on_timeout};

// The samples of the README are tests too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
