//! Panics that nobody will read.
//!
//! A task without a handle, a callback, a waker, a destructor: when one of
//! them panics there is nobody to tell but whoever watches the pool. A pool
//! with an `on_panic` of its own registers it here under the pool's number;
//! for all others one line goes to stderr. A watcher that panics is contained.

use std::panic::Location;
use std::sync::Arc;

pub(crate) use crate::primitive::Payload;

use crate::error::{Panic, TaskError};
use crate::primitive::unmodelled::Mutex;
use crate::primitive::{drop_contained, run_contained};

/// Who is told of panics that nobody will read.
pub(crate) type OnPanic = Arc<dyn Fn(&Panic) + Send + Sync>;

static WATCHERS: Mutex<Vec<(u32, OnPanic)>> = Mutex::new(Vec::new());

/// Tells `watcher` of the unread panics of `pool`.
pub(crate) fn watch(pool: u32, watcher: OnPanic) {
    WATCHERS.lock().push((pool, watcher));
}

/// Ends what [`watch`] began.
pub(crate) fn unwatch(pool: u32) {
    let mut watchers = WATCHERS.lock();
    let at = watchers.iter().position(|(watched, _)| *watched == pool);
    let gone = at.map(|at| watchers.swap_remove(at));
    // The watcher is user code: it is dropped outside of the lock.
    drop(watchers);
    drop_contained(gone);
}

/// Reports an error that nobody will read; only panics matter.
pub(super) fn report(pool: u32, error: TaskError) {
    if let TaskError::Panicked(panic) = error {
        tell(pool, &panic);
    }
}

/// Reports a panic caught outside of a task's own body.
pub(crate) fn report_payload(
    pool: u32,
    payload: Option<Payload>,
    site: &'static Location<'static>,
) {
    if let Some(payload) = payload {
        let note = super::frame::take_note();
        tell(
            pool,
            &Panic::new(payload, note.unwrap_or_default(), site, None, 1),
        );
    }
}

fn tell(pool: u32, panic: &Panic) {
    let watchers = WATCHERS.lock();
    let watcher = watchers.iter().find(|(watched, _)| *watched == pool);
    let watcher = watcher.map(|(_, watcher)| Arc::clone(watcher));
    drop(watchers);
    run_contained(|| match &watcher {
        Some(watcher) => watcher(panic),
        None => eprintln!("raddle: nobody waits for this: {panic:#}"),
    });
    // Ours is the last one, if the pool has gone meanwhile.
    drop_contained(watcher);
}
