//! ThreadPool: threads that share work.
//!
//! ```text
//!   submit from outside ──► injector ──batch──► deque of a worker ◄── submit
//!                                                 │  ▲                from inside
//!                                          newest │  │ oldest, a batch
//!                                                 ▼  │
//!                                               runs  thieves
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `deque` | a thread's own tasks |
//! | `core` | what threads and owner share; how a task gets in |
//! | `worker`, `search`, `slot` | find, run, sleep: a thread's day, and its place |
//! | `fork/` | join: halves that may be stolen, and how one waits for them |
//! | `scope`, `split`, `slices`, `parallel` | what borrows: scopes, loops, and their front door |
//! | `guest` | a caller from outside that takes part |
//! | `sleep/` | when a thread may sleep, and why no job is forgotten |
//! | `blocking` | tasks that block, beside those that compute |
//! | `broadcast`, `post` | once on each worker, and what is addressed to one thread |
//! | `priority` | what comes before all others, and after them |
//! | `map_init` | a map with a state in each worker |
//! | `pin` | workers tied to CPUs |
//! | `resize` | another number of workers |
//! | `running` | who runs what, for others to look at |
//! | `limit` | a bound on the queue |
//! | `submit_after` | tasks that are not yet due |
//! | `spawn_async` | futures that the pool drives |
//! | `shutdown` | the end |
//! | `builder`, `stats`, `dump` | configuration and reports |

mod blocking;
mod broadcast;
mod builder;
mod core;
pub(crate) mod deque;
mod dump;
mod fork;
mod guest;
mod haul;
mod last_resort;
mod limit;
mod linger;
mod map_init;
#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(feature = "orx")]
mod orx;
mod parallel;
mod pin;
mod post;
mod priority;
mod resize;
mod running;
mod scope;
mod search;
mod search_length;
mod shutdown;
mod sleep;
mod slices;
mod slot;
mod spawn_async;
mod split;
mod stats;
mod submission;
mod submit_after;
mod worker;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use blocking::blocking;
pub use broadcast::WorkerIndex;
pub use builder::ThreadPoolBuilder;
pub use dump::dump;
pub use limit::WhenFull;
pub use parallel::{join, scope};
pub use scope::{Scope, ScopedHandle};
pub use shutdown::{Shutdown, ShutdownReport};
pub use stats::PoolStats;

use self::core::Core;
use crate::error::{StartError, SubmitError};
use crate::primitive::unmodelled::OnceLock;
use crate::primitive::{fork as process, thread};
use crate::task::{Handle, Map, Submit, Task, map_on};
use crate::wait::deadline::Deadline;
use limit::Patience;

/// Threads that share work: submit closures, get [`Handle`]s.
///
/// Each worker has a deque of its own; idle ones steal from the others. A task
/// that waits for another task of the same pool never deadlocks: see
/// [`Handle::result`].
///
/// Dropping the pool finishes what was submitted, however long that takes;
/// while unwinding it cancels what is queued instead.
/// [`shutdown`](Self::shutdown) is for every other wish. Dropped on one of its
/// own workers it does not wait: the last thread out cleans up.
///
/// # Examples
///
/// ```
/// use raddle::ThreadPool;
///
/// let pool = ThreadPool::new(2)?;
/// let squares: Vec<_> = (0..4).map(|i| pool.submit(move || i * i)).collect();
/// let sum: i32 = squares.into_iter().map(|square| square.result().unwrap()).sum();
/// assert_eq!(sum, 14);
/// # Ok::<_, raddle::StartError>(())
/// ```
#[doc(alias = "ThreadPoolExecutor")]
pub struct ThreadPool {
    core: Arc<Core>,
}

static GLOBAL: OnceLock<ThreadPool> = OnceLock::new();

impl ThreadPool {
    fn of(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Starts a pool for CPU work: as many tasks run at once as there are
    /// `workers`.
    ///
    /// # Errors
    ///
    /// See [`ThreadPoolBuilder::build`].
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// assert_eq!(pool.submit(|| 6 * 7).result().unwrap(), 42);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn new(workers: usize) -> Result<Self, StartError> {
        Self::builder().workers(workers).build()
    }

    /// Starts a pool for tasks that block: on files, sockets, other programs.
    ///
    /// Threads start on demand, up to `workers_max`, and end when they have
    /// been idle for [`keep_alive`](ThreadPoolBuilder::keep_alive); one stays.
    /// There are no spares beyond them: when all are blocked on something that
    /// only a further task of this pool can bring (a channel, a future in
    /// `block_on`), nothing moves. Untimed waits for its handles always end.
    ///
    /// # Errors
    ///
    /// See [`ThreadPoolBuilder::build`].
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::for_blocking(20)?;
    /// let text = pool.submit(|| std::fs::read_to_string("Cargo.toml"));
    /// assert!(text.result().unwrap().is_ok());
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "ThreadPoolExecutor")]
    pub fn for_blocking(workers_max: usize) -> Result<Self, StartError> {
        Self::builder().workers(workers_max).on_demand(true).build()
    }

    /// The pool of the process, made at its first use.
    ///
    /// It has as many workers as the environment variable `RADDLE_WORKERS`
    /// says (a text that is no such number is told on stderr and not used), else
    /// one for each CPU that the process may use;
    /// [`build_global`](ThreadPoolBuilder::build_global) configures it
    /// otherwise. It is never dropped: tasks that nobody waits for end with the
    /// process.
    ///
    /// # Panics
    ///
    /// When the system gives not a single thread: a program that can go on
    /// without calls `build_global` first, which returns the error.
    ///
    /// # Examples
    ///
    /// ```
    /// let sum = raddle::ThreadPool::global().submit(|| 1 + 1);
    /// assert_eq!(sum.result().unwrap(), 2);
    /// ```
    pub fn global() -> &'static Self {
        GLOBAL.get_or_init(|| {
            let started = Self::builder().build().or_else(|_| Self::new(1));
            match started {
                Ok(pool) => pool,
                Err(error) => panic!("the global pool cannot start: {error}"),
            }
        })
    }

    fn set_global(
        build: impl FnOnce() -> Result<Self, StartError>,
    ) -> Result<&'static Self, StartError> {
        if GLOBAL.get().is_some() {
            return Err(StartError::GlobalTaken);
        }
        let pool = build()?;
        GLOBAL.set(pool).map_err(|_| StartError::GlobalTaken)?;
        Ok(Self::global())
    }

    /// Configures a pool.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(1).name("decoder").build()?;
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }

    /// Submits a task.
    ///
    /// Never blocks, unless the pool has a
    /// [`queue_limit`](ThreadPoolBuilder::queue_limit): with [`WhenFull::Wait`]
    /// it waits for room, and [`submit_timeout`](Self::submit_timeout) is the
    /// timed twin; with [`WhenFull::RunHere`] it may run the task. A task that
    /// is refused has a handle that says so.
    ///
    /// The task may outlive the caller, so it borrows nothing from it: `move` what it
    /// needs into the closure, or submit in a [`scope`](Self::scope), where tasks borrow.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{ThreadPool, task};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let plain = pool.submit(|| 1);
    /// let named = pool.submit(task(|| 2).named("two"));
    /// assert_eq!(plain.result().unwrap() + named.result().unwrap(), 3);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "to_thread")]
    #[doc(alias = "run_in_executor")]
    #[track_caller]
    pub fn submit<T: Task>(&self, task: T) -> Handle<T::Output> {
        let origin = self.core.origin(Location::caller());
        self.core.submit(task, origin, Patience::AsConfigured)
    }

    /// Submits a task, and waits at most `limit` for room in the queue.
    ///
    /// Blocks so long at most, and only at a
    /// [`queue_limit`](ThreadPoolBuilder::queue_limit) with [`WhenFull::Wait`];
    /// in all else it is [`submit`](Self::submit). `Duration::ZERO` looks once,
    /// `Duration::MAX` waits for ever. If the queue is still full then, the
    /// handle says [`Refused`](crate::TaskError::Refused) with
    /// [`Refusal::Full`](crate::Refusal::Full).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{ThreadPool, WhenFull};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::builder().workers(1).queue_limit(8, WhenFull::Wait).build()?;
    /// let handle = pool.submit_timeout(|| 1, Duration::from_secs(1));
    /// assert_eq!(handle.result().unwrap(), 1);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[track_caller]
    pub fn submit_timeout<T: Task>(&self, task: T, limit: Duration) -> Handle<T::Output> {
        let origin = self.core.origin(Location::caller());
        let patience = Patience::Until(Deadline::after(limit));
        self.core.submit(task, origin, patience)
    }

    /// Submits a task, and waits until `at` for room in the queue.
    ///
    /// Blocks, and answers a full queue, as
    /// [`submit_timeout`](Self::submit_timeout) does; a time that has passed
    /// looks once.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(1)?;
    /// let handle = pool.submit_deadline(|| 1, std::time::Instant::now());
    /// assert_eq!(handle.result().unwrap(), 1); // there is no limit to wait at
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[track_caller]
    pub fn submit_deadline<T: Task>(&self, task: T, at: Instant) -> Handle<T::Output> {
        let origin = self.core.origin(Location::caller());
        self.core
            .submit(task, origin, Patience::Until(Deadline::at(at)))
    }

    /// Submits a task, or gives it back. Never blocks.
    ///
    /// # Errors
    ///
    /// The task and why it was refused: the queue is full, the pool is shut
    /// down, or this process was forked from the one with the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Refusal, Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// pool.shutdown(Shutdown::Finish);
    /// let refused = pool.try_submit(|| 42).unwrap_err();
    /// assert_eq!(refused.why, Refusal::Shutdown);
    /// assert_eq!(refused.into_task()(), 42);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[track_caller]
    pub fn try_submit<T: Task>(&self, task: T) -> Result<Handle<T::Output>, SubmitError<T>> {
        let origin = self.core.origin(Location::caller());
        self.core.try_submit(task, origin, Patience::None)
    }

    /// Submits many tasks of one type with one wake-up.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let handles = pool.submit_many((0..100u64).map(|i| move || i * i));
    /// let sum: u64 = handles.into_iter().map(|h| h.result().unwrap()).sum();
    /// assert_eq!(sum, 328_350);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[track_caller]
    pub fn submit_many<T: Task>(
        &self,
        tasks: impl IntoIterator<Item = T>,
    ) -> Vec<Handle<T::Output>> {
        let origin = self.core.origin(Location::caller());
        // The iterator is user code: it runs before anything is pushed.
        let tasks: Vec<T> = tasks.into_iter().collect();
        self.core.submit_many(tasks, origin)
    }

    /// Submits a task that is queued only after `delay`.
    ///
    /// A shutdown, or the drop of the pool, cancels it if it is not yet due, and
    /// so does a system that gives no thread for the timer. A delay that never
    /// ends is allowed. When it is due it is queued, whatever the `queue_limit`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = raddle::ThreadPool::new(1)?;
    /// let later = pool.submit_after(Duration::from_millis(5), || "now");
    /// assert_eq!(later.result().unwrap(), "now");
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "Timer")]
    #[track_caller]
    pub fn submit_after<T: Task>(&self, delay: Duration, task: T) -> Handle<T::Output> {
        let origin = self.core.origin(Location::caller());
        self.core.submit_after(delay, task, origin)
    }

    /// Applies `f` to each item, and yields the results in the order of the
    /// items: see [`Map`].
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let squares = pool.map(1..=4, |n| n * n);
    /// assert_eq!(squares.map(Result::unwrap).sum::<u32>(), 30);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[track_caller]
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<'_, I::IntoIter, R>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        map_on(self, self.width(), Location::caller(), items.into_iter(), f)
    }

    /// How many tasks run at once: as built, or since the last
    /// [`resize`](Self::resize).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// assert_eq!(pool.width(), 2);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn width(&self) -> usize {
        self.core.sleep.permits()
    }

    /// What the pool does and has done.
    ///
    /// The figures are read one after the other while the pool goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// pool.submit(|| ()).wait();
    /// assert_eq!(pool.stats().workers, 2);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn stats(&self) -> PoolStats {
        self.core.stats()
    }

    /// Ends the pool as `how` says, from any thread, a task of its own included.
    ///
    /// Blocks as long as `how` says. From now on every submit is refused. A
    /// second shutdown returns the same report, and dropping the pool waits for
    /// nothing more. What waits inside a shutdown or a drop of the same pool is
    /// not waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Shutdown, ThreadPool};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(2)?;
    /// pool.submit(|| ()).detach();
    /// let report = pool.shutdown(Shutdown::FinishWithin(Duration::from_secs(5)));
    /// assert_eq!(report.finished, 1);
    /// assert!(report.still_running.is_empty());
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        if process::is_forked(self.core.id) {
            return ShutdownReport::default();
        }
        self.core.shut_down(how)
    }
}

impl<T: Task> Submit<T> for ThreadPool {
    #[track_caller]
    fn accept(&self, task: T) -> Handle<T::Output> {
        self.submit(task)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // In a forked child there is nothing to end, and locks may be held by
        // threads that do not exist.
        if !process::is_forked(self.core.id) {
            self.core.end_by_drop(thread::panicking());
        } else {
            std::mem::forget(Arc::clone(&self.core));
        }
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("name", &self.core.config.name)
            .field("workers", &self.width())
            .finish_non_exhaustive()
    }
}
