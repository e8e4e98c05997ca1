//! Futures that the pool drives: how they get in, and what becomes of them at its
//! end.
//!
//! ```text
//!   spawn ──► list ──► queue ──► polled ──► over: out of the list
//!               │        ▲          │ pending
//!               │        │          ▼
//!               │        └─ woken ─ waits: in no queue, only in the list
//!               ▼
//!   Discarding: cancelled, unless it is polled: then after that poll
//! ```
//!
//! `src/task/future` says what happens to one; here is what the pool knows of
//! all. They are listed in shards, by their numbers, each under its own lock. A shard
//! that holds a future *holds* the crew: while there is one, the pool does
//! not end, though all its threads are parked and no job is in sight.
//!
//! Shard and crew change together, under the shard's lock and then the crew's; nobody
//! takes them the other way round.
//!
//! A future whose own poll waits for the end of the pool is *excused*: it holds
//! nothing any more, and is dropped after that poll. No lock is held while a future
//! is dropped or queued.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use super::ThreadPool;
use super::core::{Core, Intake};
use super::limit::{Admission, Patience};
use super::sleep::Sleep;
use super::worker::with_worker;
use crate::primitive::atomic::Ordering::Relaxed;
use crate::primitive::unmodelled::AtomicU64;
use crate::primitive::{Mutex, fork, mutant};
use crate::task::{self, Handle, Held, Home, Job, Listed, Origin, TaskInfo};

/// So many shards at most; as many as workers, else.
const SHARDS_MAX: usize = 16;
/// A shard that is empty again gives the memory of more places back.
const PLACES_KEPT: usize = 256;

/// The futures of a pool that are not over.
#[derive(Debug)]
pub(super) struct Futures {
    shards: Box<[Shard]>,
    cancelled: AtomicU64,
}

// Aligned as the slots of threads are.
#[repr(align(128))]
#[derive(Debug)]
struct Shard(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    all: Vec<Option<Place>>,
    vacant: Vec<u32>,
    /// Places that are taken by futures which the pool's end waits for.
    awaited: usize,
    taken: usize,
    closed: bool,
}

#[derive(Debug)]
struct Place {
    future: Listed,
    is_excused: bool,
}

impl Places {
    fn insert(&mut self, future: Listed) {
        let key = match self.vacant.pop() {
            Some(key) => key,
            None => {
                self.all.push(None);
                (self.all.len() - 1) as u32
            }
        };
        future.set_key(key);
        self.all[key as usize] = Some(Place {
            future,
            is_excused: false,
        });
        self.taken += 1;
        self.awaited += 1;
    }

    fn remove(&mut self, key: u32) -> Option<Place> {
        let place = self.all.get_mut(key as usize)?.take()?;
        self.vacant.push(key);
        self.taken -= 1;
        self.awaited -= usize::from(!place.is_excused);
        if self.taken == 0 && self.all.len() > PLACES_KEPT {
            self.all = Vec::new();
            self.vacant = Vec::new();
        }
        Some(place)
    }

    fn futures(&self) -> impl Iterator<Item = &Listed> {
        self.all.iter().flatten().map(|place| &place.future)
    }
}

impl Futures {
    pub(super) fn new(workers: usize) -> Self {
        let shards = workers.next_power_of_two().min(SHARDS_MAX);
        let shard = |_| Shard(Mutex::new(Places::default()));
        Self {
            shards: (0..shards).map(shard).collect(),
            cancelled: AtomicU64::new(0),
        }
    }

    fn shard(&self, id: u64) -> &Mutex<Places> {
        &self.shards[id as usize & (self.shards.len() - 1)].0
    }

    /// Lists a future; `Err` gives it back, because the list is closed.
    fn add(&self, future: Listed, sleep: &Sleep) -> Result<(), Listed> {
        let mut places = self.shard(future.id()).lock();
        if places.closed {
            return Err(future);
        }
        places.insert(future);
        if places.awaited == 1 {
            sleep.held_comes();
        }
        Ok(())
    }

    /// Futures that are not over.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.lock().taken).sum()
    }

    /// Those that wait to be woken, for `dump()`.
    pub(super) fn idle(&self) -> Vec<TaskInfo> {
        let mut idle = Vec::new();
        for shard in &self.shards {
            let places = shard.0.lock();
            let futures = places.futures().filter(|future| future.is_idle());
            idle.extend(futures.map(Listed::info));
        }
        idle
    }

    /// Futures that were cancelled, but for those of a shutdown.
    pub(super) fn cancelled(&self) -> u64 {
        // ORDERING: Relaxed, statistics.
        self.cancelled.load(Relaxed)
    }
}

impl Core {
    fn spawn_async<F>(self: &Arc<Self>, future: F, origin: Origin) -> Handle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        if let Some(why) = self.refusal() {
            return task::refuse_future(future, origin, why);
        }
        let mut is_queued = true;
        if let Some(limit) = &self.limit {
            let is_worker = with_worker(self.id, |worker| worker.is_some());
            match limit.admit(is_worker, Patience::AsConfigured, || self.refusal()) {
                Admission::Accepted => {}
                Admission::Refused(why) => return task::refuse_future(future, origin, why),
                Admission::RunHere => is_queued = false,
            }
        }
        let (job, listed, handle) = task::drive(future, origin, Arc::clone(self));
        if let Err(listed) = self.futures.add(listed, &self.sleep) {
            // The pool has begun to cancel everything.
            if is_queued {
                self.job_taken(&job);
            }
            self.discard(job);
            drop(listed);
        } else if is_queued {
            self.push(job);
        } else {
            let _ = job.run(&());
        }
        handle
    }

    /// Cancels all futures, those that are polled after their poll. None comes after.
    pub(super) fn cancel_futures(&self) {
        if mutant("futures-survive-the-pool") {
            return;
        }
        for shard in &self.futures.shards {
            let held: Vec<Held> = {
                let mut places = shard.0.lock();
                places.closed = true;
                places.futures().map(Listed::hold).collect()
            };
            held.iter().for_each(Held::cancel);
        }
    }

    /// The end of the pool does not wait for the futures whose polls wait for it.
    pub(super) fn excuse_futures_here(&self) {
        task::each_polled_here(self.id, |id, key| {
            let mut places = self.futures.shard(id).lock();
            let Some(Some(place)) = places.all.get_mut(key as usize) else {
                return;
            };
            let is_news = !std::mem::replace(&mut place.is_excused, true);
            let held = place.future.hold();
            places.awaited -= usize::from(is_news);
            if is_news && places.awaited == 0 {
                self.sleep.held_goes(self);
            }
            drop(places);
            // Its poll goes on; what it would wait for afterwards may never come.
            held.is_last_poll();
        });
    }
}

impl Home for Core {
    fn queue(self: &Arc<Self>, job: Job, while_polled: bool) {
        if fork::is_forked(self.id) {
            // The queues are copies, and their locks may be another's.
            std::mem::forget(job);
            return;
        }
        if let Some(limit) = &self.limit {
            limit.count();
        }
        if !(while_polled && with_worker(self.id, |worker| worker.is_some())) {
            self.push(job);
            return;
        }
        // This worker has just ended a poll, and looks for work next: it calls
        // nobody for what it may find itself. What else is in sight was published
        // with a call of its own.
        self.trace(&job);
        self.injector.push(job);
    }

    fn is_over(&self, id: u64, key: u32, cancelled: bool) -> Option<Listed> {
        if fork::is_forked(self.id) {
            return None;
        }
        if cancelled {
            let count = match self.intake() {
                Intake::Discarding => &self.discarded,
                _ => &self.futures.cancelled,
            };
            // ORDERING: Relaxed, statistics.
            count.fetch_add(1, Relaxed);
        }
        let mut places = self.futures.shard(id).lock();
        let place = places.remove(key)?;
        if !place.is_excused && places.awaited == 0 {
            self.sleep.held_goes(self);
        }
        Some(place.future)
    }
}

impl ThreadPool {
    /// Drives a future on the pool's workers: it is polled whenever it was woken.
    ///
    /// For futures that compute, or that await handles, queues, semaphores and the
    /// like. Sockets and timers need their own runtime; its wakers work here.
    ///
    /// * **Wake-ups.** Any thread may wake it, also while it is polled: it is polled
    ///   again then, behind all others, so one that wakes itself for ever starves
    ///   nobody. [`current`](crate::current) works in a poll. A poll that blocks
    ///   keeps its worker, and on raddle's own waits a spare takes its place.
    /// * **Cancel.** [`Handle::cancel`] drops a future that is not being polled at
    ///   once, in the calling thread, also between two polls (`Prevented`). One that
    ///   is being polled is dropped when that poll returns `Pending` (`Asked`).
    ///   Dropping the handle detaches it.
    /// * **No waker left.** A future that waits and whose last waker is dropped can
    ///   never go on: it is dropped, and its handle says
    ///   [`Cancelled`](crate::TaskError::Cancelled). So does
    ///   `std::future::pending()`, at once.
    /// * **The pool's end.** Dropping the pool and [`Shutdown::Finish`] wait for it,
    ///   as for a task that blocks: for ever, if it waits for what never comes;
    ///   [`dump`](crate::dump) shows such futures. The other kinds of shutdown, and
    ///   a drop while unwinding, cancel it where it waits. So do they all if its own
    ///   poll ends the pool.
    ///
    /// A panic in a poll is the handle's error; one in the future's destructor goes
    /// to [`on_panic`](crate::ThreadPoolBuilder::on_panic).
    ///
    /// Blocks at a [`queue_limit`](crate::ThreadPoolBuilder::queue_limit) as
    /// [`submit`](Self::submit) does; later wake-ups are not limited. With
    /// [`RunHere`](crate::WhenFull::RunHere) the first poll may be here.
    ///
    /// [`Shutdown::Finish`]: crate::Shutdown::Finish
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(raddle::ThreadPool::new(2)?);
    /// let inner = Arc::clone(&pool);
    /// let sum = pool.spawn_async(async move {
    ///     let (one, two) = (inner.submit(|| 1), inner.submit(|| 2));
    ///     Ok::<_, raddle::TaskError>(one.await? + two.await?)
    /// });
    /// assert_eq!(sum.result()??, 3);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "create_task")]
    #[doc(alias = "ensure_future")]
    #[doc(alias = "spawn")]
    #[track_caller]
    pub fn spawn_async<F>(&self, future: F) -> Handle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let origin = self.core.origin(Location::caller());
        self.core.spawn_async(future, origin)
    }
}
