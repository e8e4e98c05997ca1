//! Tasks that are submitted now and queued later.
//!
//! The pool holds them until the timer fires; a shutdown, or the pool's drop,
//! cancels what is not yet due. A job is taken out of the store by whoever
//! comes first, the timer or the shutdown, so it is queued or cancelled once.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::core::Core;
use crate::primitive::{Mutex, mutant, next_id};
use crate::task::Job;
use crate::wait::deadline::Deadline;
use crate::wait::timer::{self, Fire, TimerKey};

/// What is not yet due.
#[derive(Debug)]
pub(super) struct Delayed(Mutex<Store>);

#[derive(Debug, Default)]
struct Store {
    closed: bool,
    jobs: BTreeMap<u64, (Job, Option<TimerKey>)>,
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
        Self(Mutex::new(Store::default()))
    }

    /// Keeps `job` for `delay`. It is cancelled if the pool has been closed,
    /// or if the system gives no thread for the timer.
    pub(super) fn add(&self, core: &Arc<Core>, delay: Duration, job: Job) {
        let id = next_id();
        {
            let mut store = self.0.lock();
            if !store.closed {
                store.jobs.insert(id, (job, None));
            } else {
                drop(store);
                drop(job);
                return;
            }
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
                }
            }
            Err(_) => drop(self.take(id)),
        }
    }

    fn take(&self, id: u64) -> Option<Job> {
        self.0.lock().jobs.remove(&id).map(|(job, _)| job)
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

    /// How many are not yet due.
    pub(super) fn len(&self) -> usize {
        self.0.lock().jobs.len()
    }
}
