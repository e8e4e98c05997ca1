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
//!    under the one lock. The thread gives the lock up only by falling asleep
//!    on `changed`, so an entry that comes first is either seen before that or
//!    notifies after it: no wake-up is lost. The same holds for the end: the
//!    thread says ABSENT in the lock in which it found nothing to do.
//! 3. An entry is fired or cancelled, never both: each begins by taking it out.
//! 4. Nothing of the user's runs under the lock: an entry is fired, and one
//!    that is cancelled is dropped, after the lock was given back.
//!
//! What fires runs in this thread, one after the other: it must not block, and
//! if it panics the others fire all the same.
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
    Condvar, Mutex, atomic::Ordering, drop_contained, fork, mutant, now, run_contained,
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
    /// The first entry is another one, or there is one at last.
    changed: Condvar,
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
            changed: Condvar::new(),
            idle_max,
            born: fork::forks(),
            next: OnceLock::new(),
        })
    }

    fn schedule(self: &Arc<Self>, at: Instant, what: Entry) -> io::Result<TimerKey> {
        // One count for all timers: a key from before a fork names nothing after it.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
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
            self.changed.notify_one();
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
        let mut state = self.state.lock();
        loop {
            let present = now();
            match state.entries.first_entry() {
                Some(first) if first.key().at <= present => {
                    let what = first.remove();
                    drop(state);
                    run_contained(move || what.fire());
                    state = self.state.lock();
                }
                Some(first) => {
                    let at = first.key().at;
                    self.changed.wait_until(&mut state, at);
                }
                None => {
                    let until = present + self.idle_max;
                    let notified = self.changed.wait_until(&mut state, until);
                    // By (2): an entry may have come while this thread woke up.
                    let nothing = state.entries.is_empty() || mutant("timer-end-without-look");
                    if !notified && nothing {
                        state.running = false;
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(test)]
mod tests;
