//! One thread for the whole process that fires what is due.
//!
//! ```text
//!            schedule: starts the thread
//!   ABSENT ──────────────────────────────► RUNNING ──┐ fires what is due,
//!      ▲                                      │  ▲───┘ sleeps till the next
//!      └──────────────────────────────────────┘
//!            nothing scheduled for a while
//! ```
//!
//! 1. RUNNING if and only if a thread is in `run`, or was started and is about
//!    to be: so whoever schedules in RUNNING needs no new thread.
//! 2. Every change of `State`, and every decision to sleep or to end, is made
//!    under the one lock. The thread parks after it has given the lock up; an
//!    entry that has come first since then has left a token in `sleeper`: no
//!    wake-up is lost. The end is decided after the sleep, by a second look:
//!    the thread says ABSENT in the lock in which it found nothing to do.
//! 3. An entry is fired or cancelled, never both: each begins by taking it out.
//! 4. Nothing of the user's runs under the lock: an entry is fired, and one
//!    that is cancelled is dropped, after the lock was given back.
//!
//! What fires runs in this thread, one after the other: it must not block, and
//! if it panics the others fire all the same.
//!
//! A parker and no condition: a thread that waits for a condition of parking_lot
//! stands in a table of the process, where a forked child would find it, dead.
//!
//! The thread is started under the lock: a second caller must not count on a
//! thread that the system then refuses.
//!
//! Orderings: the lock's. What precedes `schedule` happens-before `fire`.
//! Models: `timer/models.rs`.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::primitive::thread;
use crate::primitive::unmodelled::{AtomicU64, OnceLock};
use crate::primitive::{
    Mutex, Parker, atomic::Ordering, drop_contained, fork, mutant, now, run_contained,
};

/// How long the thread stays when nothing is scheduled.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// What a timer can fire.
pub(crate) trait Fire {
    /// Called at most once, in the timer's thread, when the time has come.
    fn fire(self: Arc<Self>);
}

type Entry = Arc<dyn Fire + Send + Sync>;

/// Names an entry. Keys sort by time, and by age at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey {
    at: Instant,
    number: u64,
}

/// Fires `what` at `at`; at once if that has passed, but never in the caller.
///
/// # Errors
///
/// The timer's thread did not run and the system did not give one. Nothing was
/// scheduled.
pub(crate) fn schedule(at: Instant, what: Entry) -> io::Result<TimerKey> {
    // The thread of the whole process has no place in a model of a few: a task
    // with a limit then goes on as where the system has no thread to give.
    #[cfg(raddle_loom)]
    if crate::primitive::model::context::inside() {
        return Err(io::Error::other("no timer in a model"));
    }
    current().schedule(at, what)
}

/// Takes an entry out; `false` says that it fires, has fired or was cancelled.
pub(crate) fn cancel(key: TimerKey) -> bool {
    current().cancel(key)
}

/// The process's timers. A forked child starts anew: it has not got the thread,
/// and the lock may be held for ever. What its parent had scheduled does not
/// fire there.
static FIRST: OnceLock<Arc<Timer>> = OnceLock::new();

fn current() -> &'static Arc<Timer> {
    let mut timer = FIRST.get_or_init(Timer::new);
    while timer.born != fork::forks() {
        timer = timer.next.get_or_init(Timer::new);
    }
    timer
}

struct Timer {
    state: Mutex<State>,
    /// Woken when the first entry is another one, or there is one at last.
    sleeper: Parker,
    idle_max: Duration,
    /// How often the process had been forked when this was made.
    born: u32,
    next: OnceLock<Arc<Timer>>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<TimerKey, Entry>,
    running: bool,
}

impl Timer {
    fn new() -> Arc<Self> {
        Self::with_idle(IDLE_MAX)
    }

    fn with_idle(idle_max: Duration) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::default()),
            sleeper: Parker::new(),
            idle_max,
            born: fork::forks(),
            next: OnceLock::new(),
        })
    }

    fn schedule(self: &Arc<Self>, at: Instant, what: Entry) -> io::Result<TimerKey> {
        // One count for all timers: a key from before a fork names nothing after it.
        const FIRST: u64 = if cfg!(raddle_preage) {
            u64::MAX - 1000
        } else {
            0
        };
        static NUMBER: AtomicU64 = AtomicU64::new(FIRST);
        // ORDERING: Relaxed, a number.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let key = TimerKey { at, number };
        let mut state = self.state.lock();
        if !state.running {
            let timer = self.clone();
            // On failure `what` is dropped after `state`: it was declared before.
            thread::spawn("raddle-timer".into(), None, move || timer.run())?;
            state.running = true;
        }
        state.entries.insert(key, what);
        let is_first = state
            .entries
            .first_key_value()
            .is_some_and(|(k, _)| *k == key);
        drop(state);
        if is_first {
            self.sleeper.unpark();
        }
        Ok(key)
    }

    fn cancel(&self, key: TimerKey) -> bool {
        let entry = self.state.lock().entries.remove(&key);
        let was_there = entry.is_some();
        drop_contained(entry);
        was_there
    }

    /// The thread.
    fn run(&self) {
        loop {
            let mut state = self.state.lock();
            let present = now();
            let wake_at = match state.entries.first_entry() {
                Some(first) if first.key().at <= present => {
                    let what = first.remove();
                    drop(state);
                    run_contained(move || what.fire());
                    continue;
                }
                Some(first) => Some(first.key().at),
                None => None,
            };
            drop(state);
            let notified =
                (self.sleeper).park_until(wake_at.or_else(|| present.checked_add(self.idle_max)));
            if notified || wake_at.is_some() {
                continue;
            }
            let mut state = self.state.lock();
            // By (2): an entry may have come while this thread woke up.
            if state.entries.is_empty() || mutant("timer-end-without-look") {
                state.running = false;
                return;
            }
        }
    }
}

#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(test)]
mod tests;
