//! Tasks that are submitted now and queued later.
//!
//! The pool holds them until the timer fires; a shutdown, or the pool's drop,
//! cancels what is not yet due. A job is taken out of the store by whoever
//! comes first, the timer or the shutdown, so it is queued or cancelled once.
//!
//! A task may end before it is due: it is cancelled, its limit passes, a waiter
//! claims it. Such jobs are swept out when the store is twice as large as it was
//! at its smallest since the last sweep: a sweep looks at no more than twice as
//! many jobs as were added in the meantime.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::core::Core;
use crate::primitive::{Mutex, mutant, next_id};
use crate::task::{Job, Ran};
use crate::wait::deadline::Deadline;
use crate::wait::timer::{self, Fire, TimerKey};

/// A store with fewer jobs is not swept.
const SWEEP_MIN: usize = 256;

/// What is not yet due.
#[derive(Debug)]
pub(super) struct Delayed(Mutex<Store>);

/// A job, and its entry in the timer once that is known.
type Entry = (Job, Option<TimerKey>);

#[derive(Debug, Default)]
struct Store {
    closed: bool,
    jobs: BTreeMap<u64, Entry>,
    /// With so many jobs it is swept.
    sweep_at: usize,
    /// Of what was swept out: cancelled.
    cancelled: u64,
    /// Of what was swept out: its limit had passed.
    expired: u64,
}

impl Store {
    fn plan_sweep(&mut self) {
        self.sweep_at = SWEEP_MIN.max(2 * self.jobs.len());
    }

    /// Takes the jobs out whose tasks have ended, if it is time to. The caller
    /// drops them when it has given the lock up: what is left of a task may be
    /// the user's.
    fn sweep(&mut self) -> Vec<Entry> {
        if self.jobs.len() < self.sweep_at {
            return Vec::new();
        }
        let (mut cancelled, mut expired) = (0, 0);
        let has_ended = |_: &u64, entry: &mut Entry| {
            let ended = entry.0.ended();
            cancelled += u64::from(ended == Some(Ran::Cancelled));
            expired += u64::from(ended == Some(Ran::Expired));
            ended.is_some()
        };
        let ended = self.jobs.extract_if(.., has_ended);
        let ended = ended.map(|(_, entry)| entry).collect();
        self.cancelled += cancelled;
        self.expired += expired;
        self.plan_sweep();
        ended
    }
}

/// What [`stats`](Core::stats) says of the tasks that were not yet due.
pub(super) struct Figures {
    pub(super) delayed: usize,
    pub(super) cancelled: u64,
    pub(super) expired: u64,
}

/// Brings one job to its pool's queue.
struct Due {
    core: Weak<Core>,
    id: u64,
}

impl Fire for Due {
    fn fire(self: Arc<Self>) {
        if let Some(core) = self.core.upgrade()
            && let Some(job) = core.delayed.take(self.id)
        {
            core.push_due(job);
        }
    }
}

impl Delayed {
    pub(super) fn new() -> Self {
        let mut store = Store::default();
        store.plan_sweep();
        Self(Mutex::new(store))
    }

    /// Keeps `job` for `delay`. It is cancelled if the pool has been closed,
    /// or if the system gives no thread for the timer.
    pub(super) fn add(&self, core: &Arc<Core>, delay: Duration, job: Job) {
        let id = next_id();
        let ended = {
            let mut store = self.0.lock();
            if store.closed {
                drop(store);
                drop(job);
                return;
            }
            store.jobs.insert(id, (job, None));
            store.sweep()
        };
        for (job, key) in ended {
            if let Some(key) = key {
                timer::cancel(key);
            }
            drop(job);
        }
        // A delay beyond the end of time never fires.
        let Some(at) = Deadline::after(delay).instant() else {
            return;
        };
        let core = Arc::downgrade(core);
        match timer::schedule(at, Arc::new(Due { core, id })) {
            Ok(key) => {
                let mut store = self.0.lock();
                if let Some(entry) = store.jobs.get_mut(&id) {
                    entry.1 = Some(key);
                } else {
                    // Fired, or taken by somebody who did not know the key.
                    drop(store);
                    timer::cancel(key);
                }
            }
            Err(_) => drop(self.take(id)),
        }
    }

    fn take(&self, id: u64) -> Option<Job> {
        let mut store = self.0.lock();
        let (job, _) = store.jobs.remove(&id)?;
        if 2 * store.jobs.len() < store.sweep_at {
            store.plan_sweep();
        }
        Some(job)
    }

    /// Cancels everything, now and from now on; says how many tasks that ended.
    pub(super) fn close(&self) -> usize {
        let jobs = {
            let mut store = self.0.lock();
            store.closed = true;
            if mutant("delayed-survives-the-pool") {
                return 0;
            }
            std::mem::take(&mut store.jobs)
        };
        let mut cancelled = 0;
        for (job, key) in jobs.into_values() {
            if let Some(key) = key {
                timer::cancel(key);
            }
            cancelled += usize::from(job.cancel());
        }
        cancelled
    }

    pub(super) fn figures(&self) -> Figures {
        let store = self.0.lock();
        Figures {
            delayed: store.jobs.len(),
            cancelled: store.cancelled,
            expired: store.expired,
        }
    }
}
