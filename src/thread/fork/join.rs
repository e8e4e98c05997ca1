//! `join` itself: the part that runs a billion times.

use std::mem;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::lane::Pushed;
use super::{Fork, Half, Thrown};
use crate::primitive::drop_contained;
use crate::primitive::fork as process;
use crate::task::frame;
use crate::thread::core::Core;
use crate::thread::guest;
use crate::thread::worker::Worker;

/// Runs both, perhaps at the same time; the second on this thread, unless a thief
/// takes it.
#[inline(always)]
pub(in crate::thread) fn join<A, B, RA, RB>(worker: &Worker, a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    if worker.lane.has_enough() && !worker.lane.shares_nothing() {
        return (a(), b());
    }
    fork(worker, a, b)
}

/// As `join`, and thieves may take the second half.
// Not inlined: a join that runs in turn would pay for its frame, and cold: most run in
// turn, and should not jump over the call.
#[cold]
#[inline(never)]
fn fork<A, B, RA, RB>(worker: &Worker, a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    let half = Half::new(b);
    // SAFETY: `half` stays in this frame, and is popped there, or waits for its
    // thief, also when `a` panics.
    let Some(pushed) = (unsafe { worker.lane.push(&raw const half.fork) }) else {
        // SAFETY: it was not pushed.
        let b = unsafe { half.take_body() };
        return (a(), b());
    };
    if worker.lane.shares_nothing() {
        worker.expose();
    }
    let unfork = Unfork {
        worker,
        pushed,
        half: &half,
    };
    let first = a();
    mem::forget(unfork);
    if worker.lane.pop(pushed) {
        // SAFETY: it was popped.
        let b = unsafe { half.take_body() };
        return (first, b());
    }
    let second = take_shared(worker, &half);
    (first, second)
}

/// As `join`, in a thread that is no worker of the pool.
#[cold]
pub(in crate::thread) fn join_from_outside<A, B, RA, RB>(core: &Arc<Core>, a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    guest::visit(core, |visitor| match visitor.worker() {
        Some(worker) => join(worker, a, b),
        None => (a(), b()),
    })
}

/// As the end of a join whose second half was shared.
#[cold]
fn take_shared<B: FnOnce() -> R, R>(worker: &Worker, half: &Half<B, R>) -> R {
    if worker.lane.take_back() || !half.wait(worker) {
        // SAFETY: it was taken back, or returned.
        return unsafe { half.take_body() }();
    }
    // SAFETY: the thief has ended.
    match unsafe { half.take_result() } {
        Ok(result) => result,
        Err(thrown) => {
            let Thrown { payload, note } = *thrown;
            if let Some(note) = note {
                frame::leave_note(|| note);
            }
            resume_unwind(payload)
        }
    }
}

/// Takes the second half back when the first one panics.
struct Unfork<'a, B: FnOnce() -> R, R> {
    worker: &'a Worker,
    pushed: Pushed,
    half: &'a Half<B, R>,
}

impl<B: FnOnce() -> R, R> Drop for Unfork<'_, B, R> {
    // Inlined, so that what it refers to need not lie in memory.
    #[inline(always)]
    fn drop(&mut self) {
        unfork(self.worker, self.pushed, self.half);
    }
}

#[cold]
fn unfork<B: FnOnce() -> R, R>(worker: &Worker, pushed: Pushed, half: &Half<B, R>) {
    if process::is_forked(worker.core().id) {
        // Who has stolen it is not in this process.
        return;
    }
    if worker.lane.pop(pushed) || worker.lane.take_back() || !half.wait(worker) {
        // SAFETY: it was popped, taken back or returned.
        drop_contained(unsafe { half.take_body() });
    } else {
        // The first panic is the one that goes on.
        // SAFETY: the thief has ended.
        drop_contained(unsafe { half.take_result() }.map_err(|thrown| *thrown));
    }
}

impl<B: FnOnce() -> R, R> Half<B, R> {
    /// Waits for the thief of a half that was stolen; `false` says that it was
    /// returned.
    fn wait(&self, worker: &Worker) -> bool {
        // SAFETY: it was stolen, so exposed, and this thread is its owner.
        worker.wait_for_thief(unsafe { Fork::shared(&raw const self.fork) })
    }
}
