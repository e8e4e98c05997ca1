//! How a pool is configured.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::ThreadPool;
use super::core::{self, Core};
use super::limit::WhenFull;
use super::search_length;
use super::sleep::THREADS_MAX;
use crate::error::{Panic, StartError};
use crate::primitive::{available_cpus, catch_unwind, drop_contained};
use crate::task::unread::OnPanic;
use crate::task::{panic_hook, unread};

/// Called with the index of a worker.
struct Hook {
    /// Empty only while the hook is dropped.
    call: Option<Box<dyn Fn(usize) + Send + Sync>>,
    site: &'static Location<'static>,
}

impl Hook {
    #[track_caller]
    fn new(call: impl Fn(usize) + Send + Sync + 'static) -> Self {
        Self {
            call: Some(Box::new(call)),
            site: Location::caller(),
        }
    }

    fn run(&self, pool: u32, index: usize) {
        if let Some(call) = &self.call {
            let outcome = catch_unwind(|| call(index));
            unread::report_payload(pool, outcome.err(), self.site);
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        // What it has captured is the user's.
        drop_contained(self.call.take());
    }
}

/// So many spare threads a pool may start beside its workers, unless told
/// otherwise.
const SPARES: usize = 256;

/// The least stack that a thread gets: a task that waits for another one and
/// panics needs some 20 KiB in a debug build.
const STACK_MIN: usize = 64 << 10;

/// So long a spare thread stays when nobody needs it, unless told otherwise.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What a pool was built with.
pub(super) struct Config {
    pub(super) name: String,
    /// How many threads may work at once, at first.
    pub(super) workers: usize,
    workers_max: Option<usize>,
    on_demand: bool,
    pub(super) keep_alive: Duration,
    pub(super) stack_size: Option<usize>,
    pub(super) queue_limit: Option<(usize, WhenFull)>,
    /// How often a searching thread looks again before it sleeps: never, where
    /// there is one CPU, since nobody else can bring work meanwhile.
    pub(super) search_rounds: u32,
    pub(super) caller_runs: bool,
    pub(super) trace_tasks: bool,
    pub(super) pin: bool,
    start_hook: Option<Hook>,
    exit_hook: Option<Hook>,
    /// Whom the pool's start tells the process of.
    pub(super) on_panic: Option<OnPanic>,
}

impl Config {
    /// How many threads may exist at once.
    pub(super) fn threads_max(&self) -> usize {
        let max = self.workers_max.unwrap_or(match self.on_demand {
            true => self.workers,
            false => self.workers.saturating_add(SPARES),
        });
        max.clamp(self.workers, THREADS_MAX)
    }

    /// How many threads of a pool with so many workers never retire; those it is
    /// built with start with it. A pool that grows on demand keeps one, so that a
    /// task it has accepted is never left without a thread because the system has
    /// none to give.
    pub(super) fn resident(&self, workers: usize) -> usize {
        if self.on_demand { 1 } else { workers }
    }

    pub(super) fn has_start_hook(&self) -> bool {
        self.start_hook.is_some()
    }

    pub(super) fn run_start_hook(&self, pool: u32, index: usize) {
        if let Some(hook) = &self.start_hook {
            hook.run(pool, index);
        }
    }

    pub(super) fn run_exit_hook(&self, pool: u32, index: usize) {
        if let Some(hook) = &self.exit_hook {
            hook.run(pool, index);
        }
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // Here still, if no pool was started. What it has captured is the user's.
        drop_contained(self.on_panic.take());
    }
}

/// Configures a [`ThreadPool`]; [`build`](Self::build) starts it.
///
/// # Examples
///
/// ```
/// use raddle::ThreadPool;
///
/// let pool = ThreadPool::builder().workers(2).name("decoder").build()?;
/// let name = pool.submit(|| std::thread::current().name().map(str::to_owned));
/// assert!(name.result().unwrap().unwrap().starts_with("decoder-"));
/// # Ok::<_, raddle::StartError>(())
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct ThreadPoolBuilder {
    workers: Option<usize>,
    config: Config,
    panic_hook: bool,
}

impl ThreadPoolBuilder {
    pub(super) fn new() -> Self {
        Self {
            workers: None,
            config: Config {
                name: "raddle".to_owned(),
                workers: 0,
                workers_max: None,
                on_demand: false,
                keep_alive: KEEP_ALIVE,
                stack_size: None,
                queue_limit: None,
                search_rounds: if available_cpus() > 1 {
                    search_length::MOST
                } else {
                    0
                },
                caller_runs: false,
                trace_tasks: false,
                pin: false,
                start_hook: None,
                exit_hook: None,
                on_panic: None,
            },
            panic_hook: true,
        }
    }

    pub(super) fn set(mut self, set: impl FnOnce(&mut Config)) -> Self {
        set(&mut self.config);
        self
    }

    /// How many tasks run at once. Default: the number of CPUs that this
    /// process may use, or the environment variable `RADDLE_WORKERS`.
    ///
    /// At most 32767: [`build`](Self::build) refuses more with
    /// [`StartError::TooMany`].
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(2).build()?;
    /// assert_eq!(pool.width(), 2);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "max_workers")]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many threads may exist, those that are blocked included; never fewer
    /// than there are workers. Default:
    /// 256 more than there are workers; spare threads start only when a worker
    /// blocks. Less than [`workers`](Self::workers) counts as that many. A task that
    /// waits in `shutdown` for the end of its own pool does not count.
    ///
    /// At most 32767: [`build`](Self::build) refuses more with
    /// [`StartError::TooMany`], and the default is never more.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(1).workers_max(4).build()?;
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn workers_max(self, threads: usize) -> Self {
        self.set(|config| config.workers_max = Some(threads))
    }

    /// Starts threads only when tasks need them, and ends them when they are
    /// idle for [`keep_alive`](Self::keep_alive); one stays. For tasks that
    /// block: see [`ThreadPool::for_blocking`].
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(20).on_demand(true).build()?;
    /// assert_eq!(pool.stats().threads, 1);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn on_demand(self, yes: bool) -> Self {
        self.set(|config| config.on_demand = yes)
    }

    /// How long a thread that nobody needs stays. Default: 10 seconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let builder = raddle::ThreadPool::builder().workers(20).on_demand(true);
    /// let pool = builder.keep_alive(Duration::from_secs(1)).build()?;
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn keep_alive(self, time: Duration) -> Self {
        self.set(|config| config.keep_alive = time)
    }

    /// What the threads' names begin with; a hyphen and the worker's index
    /// follow. Default: `raddle`.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(1).name("cook").build()?;
    /// assert!(raddle::dump().contains("cook"));
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "thread_name_prefix")]
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into().replace('\0', "");
        self.set(|config| config.name = name)
    }

    /// The size of each thread's stack, in bytes; no less than 64 KiB, which the
    /// pool's own code needs. Default: std's, 2 MiB.
    ///
    /// One that the system cannot give fails [`build`](Self::build) with
    /// [`StartError::Threads`]; one too small for the tasks overflows, which
    /// ends the process.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(1).stack_size(8 << 20).build()?;
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn stack_size(self, bytes: usize) -> Self {
        self.set(|config| config.stack_size = Some(bytes.max(STACK_MIN)))
    }

    /// Bounds what is queued, and says what happens at the bound. Default: no
    /// bound. A task counts until it leaves the queue, cancelled ones included.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Refusal, ThreadPool, WhenFull};
    ///
    /// let pool = ThreadPool::builder().workers(1).queue_limit(0, WhenFull::Refuse).build()?;
    /// assert_eq!(pool.try_submit(|| ()).unwrap_err().why, Refusal::Full);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn queue_limit(self, tasks: usize, when_full: WhenFull) -> Self {
        self.set(|config| config.queue_limit = Some((tasks, when_full)))
    }

    /// Called in each thread with the worker's index, before its first task. A
    /// panic goes to [`on_panic`](Self::on_panic), and the thread goes on. While
    /// a hook waits for something, no spare takes the thread's place.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(1).on_worker_start(|index| println!("worker {index}")).build()?;
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "initializer")]
    #[track_caller]
    pub fn on_worker_start(self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        let hook = Hook::new(hook);
        self.set(|config| config.start_hook = Some(hook))
    }

    /// Called in each thread with the worker's index, after its last task. A
    /// panic goes to [`on_panic`](Self::on_panic). No spare takes the place of a
    /// hook that waits, and its thread counts towards
    /// [`workers_max`](Self::workers_max) until it has returned.
    ///
    /// The hook still has the worker's own value of each
    /// [`WorkerLocal`](crate::sync::WorkerLocal), and the thread's `thread_local!`s.
    /// The order of an end: the last task, this hook, then the destructors of the
    /// `thread_local!`s, to which the thread is no worker any more. A `WorkerLocal`
    /// keeps its values longer, until it is gathered or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(1).on_worker_exit(|index| println!("worker {index}")).build()?;
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[track_caller]
    pub fn on_worker_exit(self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        let hook = Hook::new(hook);
        self.set(|config| config.exit_hook = Some(hook))
    }

    /// Called with panics that no handle will show: of detached tasks, of
    /// callbacks, of destructors, of the hooks of threads. Default: one report on
    /// stderr for each; that is also where the panic of a task is told whose
    /// handle is dropped unread when the pool is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (seen, panics) = mpsc::channel();
    /// let builder = raddle::ThreadPool::builder().workers(1);
    /// let pool = builder.on_panic(move |panic| seen.send(panic.to_string()).unwrap()).build()?;
    /// pool.submit(|| panic!("no luck")).detach();
    /// assert!(panics.recv().unwrap().contains("no luck"));
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn on_panic(mut self, f: impl Fn(&Panic) + Send + Sync + 'static) -> Self {
        drop_contained(self.config.on_panic.replace(Arc::new(f)));
        self
    }

    /// Whether the first pool installs a panic hook, chained to the one it
    /// finds, that notes where tasks panic. Default: yes. Without it errors
    /// have neither location nor backtrace.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(1).panic_hook(false).build()?;
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn panic_hook(mut self, yes: bool) -> Self {
        self.panic_hook = yes;
        self
    }

    /// Lets a thread that is no worker run a task that nobody has started,
    /// when it waits for its result. Default: no; a task keeps its pool's
    /// stack size, names and hooks.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(1).caller_runs(true).build()?;
    /// assert_eq!(pool.submit(|| 1).result().unwrap(), 1); // here, or on the worker
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn caller_runs(self, yes: bool) -> Self {
        self.set(|config| config.caller_runs = yes)
    }

    /// Keeps a list of the queued tasks, so that [`dump`](crate::dump) shows
    /// them one by one. Costs a lock for each task. Default: no.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(1).trace_tasks(true).build()?;
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn trace_tasks(self, yes: bool) -> Self {
        self.set(|config| config.trace_tasks = yes)
    }

    /// Starts the pool.
    ///
    /// # Errors
    ///
    /// [`StartError::Workers`] for 0 workers, [`StartError::TooMany`] beyond
    /// what a pool can have, [`StartError::NoRoom`] for a `queue_limit` of 0
    /// that submitters wait for, [`StartError::Threads`] if the system does not
    /// give the threads or their stacks; those that had started have ended again.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = raddle::ThreadPool::builder().workers(0).build().unwrap_err();
    /// assert!(error.to_string().contains("for_blocking"));
    /// ```
    pub fn build(mut self) -> Result<ThreadPool, StartError> {
        let workers = self.workers.unwrap_or_else(default_workers);
        if workers == 0 {
            return Err(StartError::Workers);
        }
        let asked = workers.max(self.config.workers_max.unwrap_or(0));
        if asked > THREADS_MAX {
            return Err(StartError::too_many(asked, THREADS_MAX));
        }
        if let Some((0, WhenFull::Wait)) = self.config.queue_limit {
            return Err(StartError::NoRoom);
        }
        self.config.workers = workers;
        if self.panic_hook {
            panic_hook::install();
        }
        let core = Core::start(self.config)?;
        core::enlist(&core);
        Ok(ThreadPool::of(core))
    }

    /// Starts the pool as the global one.
    ///
    /// # Errors
    ///
    /// [`StartError::GlobalTaken`] if the global pool exists already; else as
    /// [`build`](Self::build).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(2).build_global()?;
    /// assert_eq!(raddle::ThreadPool::global().width(), 2);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn build_global(self) -> Result<&'static ThreadPool, StartError> {
        ThreadPool::set_global(|| self.build())
    }
}

/// The workers of a pool that was not told how many.
fn default_workers() -> usize {
    let cpus = available_cpus();
    let Some(text) = std::env::var_os("RADDLE_WORKERS") else {
        return cpus;
    };
    let workers = text.to_str().and_then(|text| text.trim().parse().ok());
    match workers {
        Some(workers) if (1..=THREADS_MAX).contains(&workers) => workers,
        _ => {
            eprintln!(
                "raddle: RADDLE_WORKERS={text:?} is no number from 1 to {THREADS_MAX}: \
                 using {cpus}, the number of CPUs"
            );
            cpus
        }
    }
}

impl fmt::Debug for ThreadPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder")
            .field("name", &self.config.name)
            .field("workers", &self.workers)
            .field("workers_max", &self.config.workers_max)
            .finish_non_exhaustive()
    }
}
