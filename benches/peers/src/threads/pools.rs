//! The pools to which one task at a time is given: one form for all, each used
//! as its own documentation says.
//!
//! A peer without handles gets a oneshot channel (the crate `oneshot`, which
//! allocates once): what one does to get a result out of it.

use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use executors::Executor as _;
use futures_lite::future::block_on;

/// What a task does: nothing worth mentioning.
#[inline]
pub fn work(number: u64) -> u64 {
    black_box(number) + 1
}

/// The sum of what `work` returns.
pub fn worked(numbers: Range<u64>) -> u64 {
    numbers.map(|number| number + 1).sum()
}

/// A pool with so many threads; it ends when it is dropped.
pub trait Pool: Sync {
    /// What tables call it.
    const NAME: &'static str;

    /// Starts it.
    fn start(threads: usize) -> Self;

    /// A task for each number, and then every result by its handle: the sum.
    fn flood(&self, numbers: Range<u64>) -> u64;

    /// One task, and its result; the caller does not run it itself.
    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R;
}

/// One task for each number by `$submit`, all results by `$take`.
macro_rules! flood {
    ($numbers:expr, |$number:ident| $submit:expr, |$handle:ident| $take:expr) => {{
        let handles: Vec<_> = $numbers.map(|$number| $submit).collect();
        handles.into_iter().map(|$handle| $take).sum()
    }};
}

/// The same in one future, for handles that are futures.
macro_rules! flood_futures {
    ($block_on:expr, $numbers:expr, |$number:ident| $submit:expr, |$handle:ident| $take:expr) => {{
        let handles: Vec<_> = $numbers.map(|$number| $submit).collect();
        ($block_on)(async move {
            let mut sum = 0;
            for $handle in handles {
                sum += $take;
            }
            sum
        })
    }};
}

/// A task that sends its result, and where it arrives.
fn with_oneshot<R: Send + 'static>(
    task: impl FnOnce() -> R + Send + 'static,
    spawn: impl FnOnce(Box<dyn FnOnce() + Send>),
) -> oneshot::Receiver<R> {
    let (sender, receiver) = oneshot::channel();
    spawn(Box::new(move || {
        let _ = sender.send(task());
    }));
    receiver
}

impl Pool for raddle::ThreadPool {
    const NAME: &'static str = "raddle";

    fn start(threads: usize) -> Self {
        Self::new(threads).unwrap()
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood!(
            numbers,
            |number| self.submit(move || work(number)),
            |handle| handle.result().unwrap()
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        self.submit(task).result().unwrap()
    }
}

/// raddle with `submit_many`.
pub struct Many(raddle::ThreadPool);

impl Pool for Many {
    const NAME: &'static str = "raddle submit_many";

    fn start(threads: usize) -> Self {
        Self(Pool::start(threads))
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        let tasks = numbers.map(|number| move || work(number));
        let handles = self.0.submit_many(tasks);
        handles
            .into_iter()
            .map(|handle| handle.result().unwrap())
            .sum()
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        self.0.once(task)
    }
}

pub struct Rayon(pub rayon::ThreadPool);

impl Pool for Rayon {
    const NAME: &'static str = "rayon + oneshot";

    fn start(threads: usize) -> Self {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        Self(builder.build().unwrap())
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood!(
            numbers,
            |number| {
                let (sender, receiver) = oneshot::channel();
                self.0.spawn(move || {
                    let _ = sender.send(work(number));
                });
                receiver
            },
            |receiver| receiver.recv().unwrap()
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = oneshot::channel();
        self.0.spawn(move || {
            let _ = sender.send(task());
        });
        receiver.recv().unwrap()
    }
}

/// rayon's own way to have one thing done and to wait for it.
pub struct Install(rayon::ThreadPool);

impl Pool for Install {
    const NAME: &'static str = "rayon install";

    fn start(threads: usize) -> Self {
        Self(Rayon::start(threads).0)
    }

    /// There is no way to call it many times and to wait later.
    fn flood(&self, numbers: Range<u64>) -> u64 {
        numbers.map(|number| self.0.install(|| work(number))).sum()
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        self.0.install(task)
    }
}

/// forte's pools are statics; only one is needed at a time.
pub static FORTE: forte::ThreadPool = forte::ThreadPool::new();

pub struct Forte;

impl Pool for Forte {
    const NAME: &'static str = "forte";

    fn start(threads: usize) -> Self {
        FORTE.resize_to(threads);
        Self
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood_futures!(
            block_on,
            numbers,
            |number| FORTE.spawn(async move { work(number) }),
            |task| task.await
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        block_on(FORTE.spawn(async move { task() }))
    }
}

impl Drop for Forte {
    fn drop(&mut self) {
        FORTE.depopulate();
    }
}

/// forte, where the waiting thread becomes a worker meanwhile: its own way.
pub struct ForteHelping(Forte);

impl Pool for ForteHelping {
    const NAME: &'static str = "forte, caller helps";

    fn start(threads: usize) -> Self {
        Self(Forte::start(threads))
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood_futures!(
            (|future| FORTE.block_on(future)),
            numbers,
            |number| FORTE.spawn(async move { work(number) }),
            |task| task.await
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        FORTE.block_on(FORTE.spawn(async move { task() }))
    }
}

pub struct Tokio(pub tokio::runtime::Runtime);

impl Pool for Tokio {
    const NAME: &'static str = "tokio spawn";

    fn start(threads: usize) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        Self(builder.worker_threads(threads).build().unwrap())
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood_futures!(
            (|future| self.0.block_on(future)),
            numbers,
            |number| self.0.spawn(async move { work(number) }),
            |task| task.await.unwrap()
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        self.0
            .block_on(self.0.spawn(async move { task() }))
            .unwrap()
    }
}

pub struct TokioBlocking(tokio::runtime::Runtime);

impl Pool for TokioBlocking {
    const NAME: &'static str = "tokio spawn_blocking";

    fn start(threads: usize) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(1).max_blocking_threads(threads);
        Self(builder.build().unwrap())
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood_futures!(
            (|future| self.0.block_on(future)),
            numbers,
            |number| self.0.spawn_blocking(move || work(number)),
            |task| task.await.unwrap()
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        self.0.block_on(self.0.spawn_blocking(task)).unwrap()
    }
}

/// async-executor, run by threads as in its documentation.
pub struct AsyncExecutor {
    pub executor: Arc<async_executor::Executor<'static>>,
    stop: Option<async_channel::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool for AsyncExecutor {
    const NAME: &'static str = "async-executor";

    fn start(threads: usize) -> Self {
        let executor = Arc::new(async_executor::Executor::new());
        let (sender, receiver) = async_channel::unbounded::<()>();
        let threads = (0..threads)
            .map(|_| {
                let (executor, stop) = (executor.clone(), receiver.clone());
                std::thread::spawn(move || {
                    let _ = block_on(executor.run(stop.recv()));
                })
            })
            .collect();
        Self {
            executor,
            stop: Some(sender),
            threads,
        }
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood_futures!(
            block_on,
            numbers,
            |number| self.executor.spawn(async move { work(number) }),
            |task| task.await
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        block_on(self.executor.spawn(async move { task() }))
    }
}

impl Drop for AsyncExecutor {
    fn drop(&mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

impl Pool for threadpool::ThreadPool {
    const NAME: &'static str = "threadpool + oneshot";

    fn start(threads: usize) -> Self {
        Self::new(threads)
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood!(
            numbers,
            |number| {
                let (sender, receiver) = oneshot::channel();
                self.execute(move || {
                    let _ = sender.send(work(number));
                });
                receiver
            },
            |receiver| receiver.recv().unwrap()
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = oneshot::channel();
        self.execute(move || {
            let _ = sender.send(task());
        });
        receiver.recv().unwrap()
    }
}

/// What executors recommends for tasks that come from outside.
pub struct ExecutorsChannel(Option<executors::crossbeam_channel_pool::ThreadPool>);

/// What executors recommends in general.
pub struct Executors(
    Option<
        executors::crossbeam_workstealing_pool::ThreadPool<
            executors::parker::StaticParker<executors::parker::SmallThreadData>,
        >,
    >,
);

macro_rules! executors_pool {
    ($type:ident, $name:literal, $start:path) => {
        impl Pool for $type {
            const NAME: &'static str = $name;

            fn start(threads: usize) -> Self {
                Self(Some($start(threads)))
            }

            fn flood(&self, numbers: Range<u64>) -> u64 {
                let pool = self.0.as_ref().unwrap();
                flood!(
                    numbers,
                    |number| {
                        let (sender, receiver) = oneshot::channel();
                        pool.execute(move || {
                            let _ = sender.send(work(number));
                        });
                        receiver
                    },
                    |receiver| receiver.recv().unwrap()
                )
            }

            fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
                let pool = self.0.as_ref().unwrap();
                let (sender, receiver) = oneshot::channel();
                pool.execute(move || {
                    let _ = sender.send(task());
                });
                receiver.recv().unwrap()
            }
        }

        impl Drop for $type {
            fn drop(&mut self) {
                self.0.take().unwrap().shutdown().unwrap();
            }
        }
    };
}

executors_pool!(
    ExecutorsChannel,
    "executors channel + oneshot",
    executors::crossbeam_channel_pool::ThreadPool::new
);
executors_pool!(
    Executors,
    "executors stealing + oneshot",
    executors::crossbeam_workstealing_pool::small_pool
);

impl Pool for affinitypool::Threadpool {
    const NAME: &'static str = "affinitypool";

    fn start(threads: usize) -> Self {
        Self::new(threads)
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood_futures!(
            block_on,
            numbers,
            |number| self.spawn(move || work(number)),
            |task| task.await
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        block_on(self.spawn(task))
    }
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Shared {
    /// `None` ends a thread.
    jobs: Mutex<VecDeque<Option<Job>>>,
    is_there: Condvar,
}

/// What one writes oneself: threads, a mutex and a condition variable.
pub struct Handmade {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Handmade {
    fn push(&self, job: Option<Job>) {
        self.shared.jobs.lock().unwrap().push_back(job);
        self.shared.is_there.notify_one();
    }
}

impl Pool for Handmade {
    const NAME: &'static str = "threads, mutex and condvar";

    fn start(threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0..threads)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    loop {
                        let jobs = shared.jobs.lock().unwrap();
                        let mut jobs = shared
                            .is_there
                            .wait_while(jobs, |jobs| jobs.is_empty())
                            .unwrap();
                        let job = jobs.pop_front().unwrap();
                        drop(jobs);
                        match job {
                            Some(job) => job(),
                            None => break,
                        }
                    }
                })
            })
            .collect();
        Self { shared, threads }
    }

    fn flood(&self, numbers: Range<u64>) -> u64 {
        flood!(
            numbers,
            |number| with_oneshot(move || work(number), |job| self.push(Some(job))),
            |receiver| receiver.recv().unwrap()
        )
    }

    fn once<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> R {
        let answer = Arc::new((Mutex::new(None), Condvar::new()));
        let told = Arc::clone(&answer);
        self.push(Some(Box::new(move || {
            *told.0.lock().unwrap() = Some(task());
            told.1.notify_one();
        })));
        let guard = answer.0.lock().unwrap();
        let mut guard = answer
            .1
            .wait_while(guard, |answer| answer.is_none())
            .unwrap();
        guard.take().unwrap()
    }
}

impl Drop for Handmade {
    fn drop(&mut self) {
        for _ in &self.threads {
            self.push(None);
        }
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}
