//! The queue's reference to a task, and how a task is run.
//!
//! There are five ways through the same steps:
//!
//! | who runs | when | ends by |
//! |---|---|---|
//! | whoever popped the job | nobody else has a reference | nothing: the word is not touched |
//! | the handle's holder, who popped the job | nobody else has a reference | one store |
//! | whoever popped the job | no time limit | one swap, which gives up the queue's reference too |
//! | whoever popped the job, or a waiter as the last resort | a time limit | an exchange that loses to the limit; references stay |
//! | a waiter that claimed the task | no time limit | an exchange that leaves the stale entry its reference |
//!
//! A future goes its own way (future/mod.rs): its job is a turn to be polled.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::TaskInfo;
use super::cell::{Header, free};
use super::children::Children;
use super::frame::{self, Watch};
use super::future;
use super::options::Priority;
use super::reference::Ref;
use super::state::{Phase, Word};
use crate::primitive::{Pointed, mutant};

/// A queue's reference to a task: whoever holds it runs the task or drops it.
///
/// Dropping it cancels the task, so nothing that loses a job loses a handle.
#[derive(Debug)]
pub(crate) struct Job(NonNull<Header>);

// SAFETY: the header's address is all that there is of a job.
unsafe impl Pointed for Job {
    #[inline]
    fn into_pointer(self) -> *mut () {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    #[inline]
    fn pointer(&self) -> *const () {
        self.0.as_ptr().cast()
    }

    #[inline]
    unsafe fn from_pointer(pointer: *mut ()) -> Self {
        // SAFETY: it was a header's address, by the contract.
        Self(unsafe { NonNull::new_unchecked(pointer.cast()) })
    }
}

// SAFETY: a job is the right to run a closure that is `Send`, and the cell's
// state word orders what its holders do (state.rs).
unsafe impl Send for Job {}

/// What running a job came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Somebody else had run it, or does.
    Claimed,
    /// It was cancelled before it started.
    Cancelled,
    /// Its limit had passed before it started.
    Expired,
    Finished,
    Panicked,
    /// The limit struck while it ran; its result was dropped.
    Late,
    /// A future that was polled and is not over, or was cancelled then.
    Suspended,
}

impl Job {
    /// The caller gives the queue's reference away.
    pub(super) fn new(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// The address of the task's header: what tells this job from another.
    pub(crate) fn header(&self) -> NonNull<()> {
        self.0.cast()
    }

    pub(crate) fn info(&self) -> TaskInfo {
        // SAFETY: the queue's reference keeps the cell alive.
        unsafe { self.0.as_ref() }.info()
    }

    /// Whether this is one of `children`.
    pub(crate) fn is_child_of(&self, children: &Children) -> bool {
        // SAFETY: the queue's reference keeps the cell alive.
        let of = unsafe { self.0.as_ref() }.children();
        of.is_some_and(|of| std::ptr::eq(of.as_ptr(), children))
    }

    #[inline]
    pub(crate) fn priority(&self) -> Priority {
        // SAFETY: the queue's reference keeps the cell alive.
        unsafe { self.0.as_ref() }.asks.priority()
    }

    /// A task that was submitted with [`Claim::Nobody`] may be claimed from now
    /// on: it is about to be queued.
    ///
    /// [`Claim::Nobody`]: super::cell::Claim::Nobody
    pub(crate) fn set_due(&self) {
        // SAFETY: the queue's reference keeps the cell alive.
        unsafe { self.0.as_ref() }.asks.set_due();
    }

    /// Cancels the task; `false` says that it had started or ended before, or is
    /// a future, whose pool counts it.
    pub(crate) fn cancel(self) -> bool {
        let header = ManuallyDrop::new(self).0;
        // SAFETY: the queue's reference keeps the cell alive.
        let shared = unsafe { header.as_ref() };
        if shared.asks.is_driven() {
            // SAFETY: the queue's reference is ours to give up.
            unsafe { future::cancel_job(header) };
            return false;
        }
        let cancelled = shared.resolve_unstarted(Phase::Cancelled);
        // SAFETY: the queue's reference is ours to give up.
        unsafe { release_queue(header) };
        cancelled.is_ok()
    }

    /// Runs the task in the calling thread, unless somebody was faster.
    #[inline(always)]
    pub(crate) fn run(self, watch: &impl Watch) -> Ran {
        let header = ManuallyDrop::new(self).0;
        // SAFETY: the queue's reference keeps the cell alive.
        let shared = unsafe { header.as_ref() };
        if !shared.asks.is_plain() {
            // SAFETY: the queue's reference is ours to give up.
            return unsafe { run_special(header, watch) };
        }
        match shared.state.start_queued() {
            // SAFETY: both are ours, and we give them up.
            Ok(true) => unsafe { run_sole(header, watch) },
            // SAFETY: the queue's reference is ours to give up.
            started => unsafe { run_unlimited(header, started.map(drop), watch) },
        }
    }
}

/// Runs a task to which nobody else refers.
///
/// # Safety
///
/// The caller owns the cell, whose task has not started, and does not use it again.
#[inline(always)]
unsafe fn run_sole(header: NonNull<Header>, watch: &impl Watch) -> Ran {
    // SAFETY: by the contract above.
    let shared = unsafe { header.as_ref() };
    let children = shared.children();
    // SAFETY: by the contract above.
    let phase = unsafe { frame::run(header, shared.vtable.run, watch) };
    // SAFETY: the result is ours.
    unsafe { shared.drop_result(phase) };
    // SAFETY: the cell is ours.
    unsafe { free(header) };
    // SAFETY: we have ended it, and its result is gone.
    unsafe { Header::end_child(children) };
    Ran::of(phase)
}

/// Runs a task without a limit, if it has `started`.
///
/// # Safety
///
/// The caller owns the queue's reference, and does not use it again.
#[inline(never)]
unsafe fn run_unlimited(
    header: NonNull<Header>,
    started: Result<(), Word>,
    watch: &impl Watch,
) -> Ran {
    // SAFETY: the queue's reference keeps the cell alive.
    let shared = unsafe { header.as_ref() };
    if let Err(word) = started {
        // SAFETY: the queue's reference is ours to give up.
        unsafe { release_queue(header) };
        return Ran::stale(word.outcome());
    }
    let children = shared.children();
    // SAFETY: we have moved QUEUED to RUNNING.
    let phase = unsafe { frame::run(header, shared.vtable.run, watch) };
    shared.unlink();
    let (pool, site) = (shared.pool, shared.site);
    let done = shared.state.finish(phase);
    if !done.has_handle {
        // SAFETY: the handle is gone, so result and cell are ours.
        unsafe { shared.drop_result(phase) };
        // SAFETY: both bits are clear.
        unsafe { free(header) };
    }
    // The cell is no longer ours to touch.
    Header::notify(pool, site, done, phase);
    // SAFETY: we have ended it, and its result is the handle's or gone.
    unsafe { Header::end_child(children) };
    Ran::of(phase)
}

/// Runs a task that has a token or a limit, or gives a future its turn.
///
/// # Safety
///
/// The caller owns the queue's reference, and does not use it again.
#[cold]
unsafe fn run_special(header: NonNull<Header>, watch: &impl Watch) -> Ran {
    // SAFETY: the queue's reference keeps the cell alive.
    let shared = unsafe { header.as_ref() };
    if shared.asks.is_driven() {
        // SAFETY: by the contract above.
        return unsafe { future::run(header, watch) };
    }
    if let Some(extras) = shared.extras.get() {
        if shared.asks.has_token() && extras.is_token_cancelled() {
            // Whoever cancels the token has not come to this task yet.
            let _ = shared.resolve_unstarted(Phase::Cancelled);
        }
        if shared.asks.is_limited() && extras.is_overdue() && !mutant("job-starts-overdue") {
            extras.expire(shared);
        }
    }
    if !shared.asks.is_limited() {
        // Its token may refer to it, too, though it is in no word.
        if mutant("job-sole-forgets-its-token") && shared.state.start_queued() == Ok(true) {
            // SAFETY: none, a seeded bug.
            return unsafe { run_sole(header, watch) };
        }
        // SAFETY: by the contract above.
        return unsafe { run_unlimited(header, shared.state.start(), watch) };
    }
    // The handle may be resolved while the closure still runs.
    if let Err(word) = shared.state.start() {
        // SAFETY: by the contract above.
        unsafe { release_queue(header) };
        return Ran::stale(word.outcome());
    }
    // SAFETY: we have moved QUEUED to RUNNING, and hold a reference.
    let ran = unsafe { run_started(header, watch) };
    // SAFETY: by the contract above.
    unsafe { release_queue(header) };
    ran
}

impl Drop for Job {
    fn drop(&mut self) {
        // The copy is consumed, and this one is not dropped again.
        Job(self.0).cancel();
    }
}

impl Ran {
    /// Of a task that could not be started, being in this phase.
    fn stale(phase: Phase) -> Self {
        match phase {
            Phase::Cancelled => Ran::Cancelled,
            Phase::TimedOut => Ran::Expired,
            _ => Ran::Claimed,
        }
    }

    pub(super) fn of(phase: Phase) -> Self {
        match phase {
            Phase::Panicked => Ran::Panicked,
            _ => Ran::Finished,
        }
    }
}

/// Runs a task with a time limit that has started.
///
/// # Safety
///
/// 1. The caller has moved QUEUED to RUNNING.
/// 2. It holds a reference, the queue's or the handle's, which it keeps.
unsafe fn run_started(header: NonNull<Header>, watch: &impl Watch) -> Ran {
    // SAFETY: by (2).
    let shared = unsafe { header.as_ref() };
    if let Some(extras) = shared.extras.get() {
        extras.started(Ref(header));
    }
    // SAFETY: by (1).
    let phase = unsafe { frame::run(header, shared.vtable.run, watch) };
    if let Some(extras) = shared.extras.get()
        && extras.is_overdue()
    {
        // The timer may be late, or could not be started.
        extras.expire(shared);
    }
    shared.unlink();
    match shared.state.finish_in_time(phase) {
        Ok(done) => {
            if !done.has_handle {
                // SAFETY: the handle is gone, so the result is ours.
                unsafe { shared.drop_result(phase) };
            }
            Header::notify(shared.pool, shared.site, done, phase);
            Ran::of(phase)
        }
        Err(()) => {
            // SAFETY: the handle has its answer, so the late result is ours.
            unsafe { shared.drop_result(phase) };
            Ran::Late
        }
    }
}

/// # Safety
///
/// The caller owns the queue's reference, and does not use it again.
pub(super) unsafe fn release_queue(header: NonNull<Header>) {
    // SAFETY: the reference that is given up keeps the cell alive until now.
    let was = unsafe { header.as_ref() }.state.release_queue();
    if !was.has_handle() {
        // SAFETY: both bits are clear.
        unsafe { free(header) };
    }
}

impl Job {
    /// Runs a task that its handle's holder waits for, and gives up the queue's
    /// reference to it.
    ///
    /// # Safety
    ///
    /// 1. The caller has the handle, which outlives the call; nobody else refers to
    ///    the task, nor waits for it.
    /// 2. It has not started; it has no limit, and is no future.
    pub(crate) unsafe fn run_for_handle(self, watch: &impl Watch) -> Ran {
        let header = ManuallyDrop::new(self).0;
        // SAFETY: by (1).
        let shared = unsafe { header.as_ref() };
        let children = shared.children();
        // SAFETY: by (1) and (2) the closure is ours.
        let phase = unsafe { frame::run(header, shared.vtable.run, watch) };
        shared.unlink();
        // SAFETY: by (1).
        unsafe { shared.state.settle(phase) };
        // SAFETY: we have ended it, and its result is the handle's.
        unsafe { Header::end_child(children) };
        Ran::of(phase)
    }
}

/// Runs a task that its waiter has claimed, on top of the waiter.
///
/// # Safety
///
/// 1. The caller has moved QUEUED to RUNNING.
/// 2. Its handle outlives the call.
pub(crate) unsafe fn run_claimed(task: NonNull<()>, watch: &impl Watch) -> Ran {
    let header: NonNull<Header> = task.cast();
    // SAFETY: by (2).
    let shared = unsafe { header.as_ref() };
    if shared.asks.is_limited() {
        // SAFETY: by (1) and (2).
        return unsafe { run_started(header, watch) };
    }
    let children = shared.children();
    // SAFETY: by (1).
    let phase = unsafe { frame::run(header, shared.vtable.run, watch) };
    shared.unlink();
    let done = shared.state.finish_in_place(phase);
    Header::notify(shared.pool, shared.site, done, phase);
    // SAFETY: we have ended it, and its result is the handle's.
    unsafe { Header::end_child(children) };
    Ran::of(phase)
}

impl Job {
    /// What running the job would come to, if its task has ended already.
    pub(crate) fn ended(&self) -> Option<Ran> {
        // SAFETY: the queue's reference keeps the cell alive.
        let word = unsafe { self.0.as_ref() }.state.load();
        word.is_final().then(|| Ran::stale(word.outcome()))
    }
}
