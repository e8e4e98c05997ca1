//! Futures that a pool drives: who may poll, who may drop, who frees.
//!
//! ```text
//!   spawn                    poll begins                      ready, panic
//!     └──► SCHEDULED ───────────────────► IN_HAND ─────────────────► OVER
//!            ▲   │                        │ │  ▲ │                     ▲
//!            │   │ cancel     woken since │ │  └─┘ woken: SCHEDULED    │
//!            │   └──────────┐  it began,  │ │      as well             │
//!            │              │    pending  │ │ pending                  │
//!            ├──────────────┼─────────────┘ ▼                          │
//!            │              │             IDLE ─── cancel ─────────────┤
//!            └─── wake ─────┼──────────────┘                           │
//!                           └──────────────────────────────────────────┘
//! ```
//!
//! A future is one allocation: the cell of a task ([`cell`](super::cell)), with a
//! word of its own ([`word`]) and the pool behind the header, and a slot that holds
//! the future, in place, until it is over, and then its output. What a handle sees
//! is the task's state word: `Queued` until the first poll, `Running` until the end,
//! whether it is polled or waits. Everything else is decided by the future's word:
//!
//! | event | in | leads to | who calls owns afterwards |
//! |---|---|---|---|
//! | a job is popped | SCHEDULED | IN_HAND | the future, to poll it |
//! | | OVER | less SCHEDULED | nothing |
//! | pending | IN_HAND | IDLE | nothing: the cell may be gone |
//! | | IN_HAND, SCHEDULED | SCHEDULED | a job to queue, behind all others |
//! | | IN_HAND, CANCEL; or nobody is left to wake it | OVER | the future, to drop it |
//! | ready, panic | IN_HAND | OVER | the output, the waiters |
//! | wake | IDLE | SCHEDULED | a job to queue |
//! | | IN_HAND | IN_HAND, SCHEDULED | nothing |
//! | | SCHEDULED, OVER | the same | nothing |
//! | cancel | IDLE, SCHEDULED | OVER | the future, to drop it: `Prevented` |
//! | | IN_HAND | IN_HAND, CANCEL | nothing: `Asked` |
//! | the last waker goes | IDLE | SCHEDULED, CANCEL | a job to queue, whose turn drops the future |
//!
//! 1. The future belongs to whoever has set IN_HAND, or has set OVER where nobody had
//!    it in hand. So it is polled by one at a time, dropped once, in its place, and
//!    never polled afterwards.
//! 2. SCHEDULED without IN_HAND is a job in a queue, and there is one job at most. A
//!    wake-up during a poll queues nothing: whoever polls does, when it is done.
//! 3. Wakers, the job (SCHEDULED), whoever has it in hand (IN_HAND) and the pool's
//!    list (LISTED) refer to the cell; together they are its reference `QUEUE`. Who
//!    comes last clears that bit, and frees the cell if the handle is gone too.
//! 4. A future that waits, and that no waker refers to, can never be woken: it is
//!    cancelled. A waker that is dropped does that by a job, so that no destructor of
//!    the future's runs inside of whoever drops a waker.
//! 5. The pool's list makes a shutdown find the futures that wait. While a future is
//!    listed, the pool does not end.
//!
//! # Orderings
//!
//! All changes of the word are read-modify-writes that acquire and release: the end
//! of a poll releases the future to the next one, a wake-up what its caller did, also
//! one that finds the future scheduled already; the beginning of a poll acquires
//! both. The end of a reference releases its last deeds to the free.

mod cell;
#[cfg(all(test, raddle_loom))]
mod models;
mod word;

use std::future::Future;
use std::ptr::NonNull;
use std::sync::Arc;

use super::cell::{Header, Origin};
use super::frame::{self, Watch};
use super::handle::Handle;
use super::job::{self, Job, Ran};
use super::options::Task;
use super::reference::Ref;
use super::state::Phase;
use super::{Cancel, TaskInfo, unread};
use crate::error::Refusal;

use cell::Driven;
use word::{Begins, Cancels, Ends, Releases};

/// What a future asks of the pool that drives it.
pub(crate) trait Home: Send + Sync + 'static {
    /// Queues the job of a future that was woken; behind all others, if it was
    /// woken while it was polled: one that wakes itself for ever starves nobody.
    fn queue(self: &Arc<Self>, job: Job, while_polled: bool);

    /// The future is over: takes it out of the list, and gives the list's
    /// reference back, if there was one.
    fn is_over(&self, id: u64, key: u32, cancelled: bool) -> Option<Listed>;
}

/// The reference of the pool's list.
#[derive(Debug)]
pub(crate) struct Listed(NonNull<Driven>);

// SAFETY: it reaches the header and the word only, which are `Sync`.
unsafe impl Send for Listed {}

/// A reference like a waker's, by which a pool cancels.
#[derive(Debug)]
pub(crate) struct Held(NonNull<Driven>);

/// Makes a future's cell: its first job, the list's reference, and the handle.
pub(crate) fn drive<F, H>(
    future: F,
    origin: Origin,
    home: Arc<H>,
) -> (Job, Listed, Handle<F::Output>)
where
    F: Future<Output: Send + 'static> + Send + 'static,
    H: Home,
{
    let driven = cell::allocate(future, origin, home);
    let header: NonNull<Header> = driven.cast();
    // SAFETY: the cell was made for a future with this output.
    let handle = unsafe { Handle::new(Ref(header)) };
    (Job::new(header), Listed(driven), handle)
}

/// A handle that says why its future was not accepted.
pub(crate) fn refuse_future<F>(future: F, origin: Origin, why: Refusal) -> Handle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    super::refuse(Refused(future), origin, why)
}

/// A future on its way into the cell of a refused task, which drops it.
struct Refused<F>(#[allow(dead_code)] F);

impl<F: Future<Output: Send + 'static> + Send + 'static> Task for Refused<F> {
    type Output = F::Output;

    fn run(self) -> F::Output {
        unreachable!("a task that was refused does not run")
    }
}

impl Listed {
    fn driven(&self) -> &Driven {
        // SAFETY: the list's reference keeps the cell alive.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn id(&self) -> u64 {
        self.driven().header.id.get()
    }

    /// The place in the list. To be set before anybody else can find it there.
    pub(crate) fn set_key(&self, key: u32) {
        self.driven().set_key(key);
    }

    pub(crate) fn info(&self) -> TaskInfo {
        self.driven().header.info()
    }

    /// Whether it is neither polled nor scheduled.
    pub(crate) fn is_idle(&self) -> bool {
        self.driven().word.is_idle()
    }

    /// Keeps the future's cell, for when the list is let go.
    pub(crate) fn hold(&self) -> Held {
        self.driven().word.hold();
        Held(self.0)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        if self.driven().word.unlist() {
            // SAFETY: the word says that this was the last reference but the handle's.
            unsafe { job::release_queue(self.0.cast()) };
        }
    }
}

impl Held {
    /// Cancels the future: here and now, or when its poll returns.
    pub(crate) fn cancel(&self) {
        // SAFETY: our reference keeps the cell alive.
        let _ = unsafe { cancel_held(self.0) };
    }

    /// Sees to it that the future, which this thread polls, is dropped after that
    /// poll. Its token is not told.
    pub(crate) fn is_last_poll(&self) {
        // SAFETY: our reference keeps the cell alive.
        let cancels = unsafe { self.0.as_ref() }.word.cancel();
        debug_assert_ne!(cancels, Cancels::Drop, "it is polled");
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: the reference is ours to give up.
        unsafe { release(self.0) };
    }
}

/// Gives `f` the id and the key of each future of `pool` that this thread polls.
pub(crate) fn each_polled_here(pool: u32, mut f: impl FnMut(u64, u32)) {
    frame::each_here(|task| {
        let header = task.header();
        if header.asks.is_driven() && header.pool == pool {
            let driven: NonNull<Driven> = task.0.cast();
            // SAFETY: a driven task is a `Driven`, and its poll keeps it alive.
            f(header.id.get(), unsafe { driven.as_ref() }.key());
        }
    });
}

/// What [`Handle::cancel`] does for a future; its handle is the caller's.
pub(super) fn cancel(task: Ref) -> Cancel {
    if task.header().state.load().is_final() {
        return Cancel::TooLate;
    }
    // SAFETY: a driven task is a `Driven`, and the handle keeps it alive.
    unsafe { cancel_held(task.0.cast()) }
}

/// # Safety
///
/// The caller holds a reference, which it keeps.
unsafe fn cancel_held(driven: NonNull<Driven>) -> Cancel {
    // SAFETY: by the contract above.
    let shared = unsafe { driven.as_ref() };
    match shared.word.cancel() {
        Cancels::Drop => {
            // SAFETY: the word gave us the future; nobody has it in hand.
            unsafe { cancel_owned(driven) };
            Cancel::Prevented
        }
        Cancels::Asked => {
            shared.header.ask_cancel();
            Cancel::Asked
        }
        Cancels::TooLate => Cancel::TooLate,
    }
}

/// The end of a job in a queue that is not run: its future is cancelled.
///
/// # Safety
///
/// The caller owns the job's reference, and does not use it again.
pub(super) unsafe fn cancel_job(header: NonNull<Header>) {
    let driven: NonNull<Driven> = header.cast();
    // SAFETY: by the contract above.
    match unsafe { driven.as_ref() }.word.begin(true) {
        // SAFETY: the word gave us the future, and keeps the cell by IN_HAND.
        Begins::Drop | Begins::Poll => unsafe { cancel_owned(driven) },
        // SAFETY: the word says that this was the last reference but the handle's.
        Begins::Gone { last: true } => unsafe { job::release_queue(header) },
        Begins::Gone { last: false } => {}
    }
}

/// The turn of a future: polls it once, in this thread.
///
/// # Safety
///
/// The caller owns the job's reference, and does not use it again.
pub(super) unsafe fn run(header: NonNull<Header>, watch: &impl Watch) -> Ran {
    let driven: NonNull<Driven> = header.cast();
    // SAFETY: by the contract above.
    let shared = unsafe { driven.as_ref() };
    match shared.word.begin(false) {
        Begins::Poll => {}
        Begins::Drop => {
            // SAFETY: the word gave us the future, and keeps the cell by IN_HAND.
            unsafe { cancel_owned(driven) };
            return Ran::Claimed;
        }
        Begins::Gone { last } => {
            if last {
                // SAFETY: the word says that only the handle's reference is left.
                unsafe { job::release_queue(header) };
            }
            return Ran::Claimed;
        }
    }
    if shared.header.state.load().phase() == Phase::Queued {
        // Nobody else changes the phase of a future that is in hand.
        let _ = shared.header.state.start();
    }
    // SAFETY: the future is in hand.
    let phase = unsafe { frame::run(header, shared.header.vtable.run, watch) };
    if phase.is_final() {
        // SAFETY: the future is in hand, and the output in the slot.
        unsafe { finish(driven, phase) };
        return Ran::of(phase);
    }
    match shared.word.end_poll() {
        Ends::Suspended => {}
        Ends::Drop => {
            // SAFETY: the future is in hand.
            unsafe { cancel_owned(driven) };
        }
        Ends::Again => {
            // SAFETY: SCHEDULED is the job's, and the word has counted one more.
            unsafe { (shared.ops.queue)(driven, Job::new(header), true) };
            // SAFETY: that one, which kept the pool while it was called.
            unsafe { release(driven) };
        }
    }
    Ran::Suspended
}

/// Drops a future that will not be polled again, and says so to its handle.
///
/// # Safety
///
/// The word gave the future to the caller, who holds a reference until this returns.
unsafe fn cancel_owned(driven: NonNull<Driven>) {
    // SAFETY: by the contract above.
    let shared = unsafe { driven.as_ref() };
    let header = &shared.header;
    // SAFETY: the cell is a live `Driven`.
    let listed = unsafe { (shared.ops.is_over)(driven, true) };
    // SAFETY: by the contract above.
    let bomb = unsafe { (header.vtable.drop_task)(driven.cast()) };
    unread::report_payload(header.pool, bomb, header.site);
    // SAFETY: the slot is empty, as a cancelled task's.
    unsafe { resolve(driven, Phase::Cancelled, listed) };
}

/// The end of a future that was ready, or has panicked.
///
/// # Safety
///
/// The future is in hand, and the slot holds what `phase` says.
unsafe fn finish(driven: NonNull<Driven>, phase: Phase) {
    // SAFETY: by the contract above.
    let is_over = unsafe { driven.as_ref() }.ops.is_over;
    // SAFETY: the cell is a live `Driven`.
    let listed = unsafe { is_over(driven, false) };
    // SAFETY: by the contract above.
    unsafe { resolve(driven, phase, listed) };
}

/// Resolves the handle, and lets go of the future: IN_HAND and LISTED.
///
/// It is no longer listed: what the user does from here on (destructors, callbacks)
/// may wait for the end of the pool.
///
/// # Safety
///
/// As for [`cancel_owned`]; the slot holds what `phase` says.
unsafe fn resolve(driven: NonNull<Driven>, phase: Phase, listed: Option<Listed>) {
    // SAFETY: IN_HAND, or the caller's reference, keeps the cell alive.
    let shared = unsafe { driven.as_ref() };
    let header = &shared.header;
    let done = header.state.finish_in_place(phase);
    if !done.has_handle {
        // SAFETY: the handle is gone, so the result is ours.
        unsafe { header.drop_result(phase) };
    }
    header.unlink();
    Header::notify(header.pool, header.site, done, phase);
    let is_listed = listed.is_some();
    // Its bit goes with ours.
    std::mem::forget(listed);
    if shared.word.leave(is_listed) {
        // SAFETY: the word says that only the handle's reference is left.
        unsafe { job::release_queue(driven.cast()) };
    }
}

/// Schedules a future, if it is not polled or scheduled.
///
/// # Safety
///
/// The caller holds a reference until this returns.
unsafe fn wake(driven: NonNull<Driven>) {
    // SAFETY: by the contract above.
    let shared = unsafe { driven.as_ref() };
    if shared.word.wake() {
        // SAFETY: SCHEDULED is the job's.
        unsafe { (shared.ops.queue)(driven, Job::new(driven.cast()), false) };
    }
}

/// Gives up a reference like a waker's.
///
/// # Safety
///
/// The caller holds it, and does not use it again.
unsafe fn release(driven: NonNull<Driven>) {
    // SAFETY: by the contract above.
    let shared = unsafe { driven.as_ref() };
    match shared.word.release() {
        Releases::Nothing => return,
        Releases::Abandoned => {
            // Nobody can wake it any more: its next turn drops it.
            // SAFETY: SCHEDULED is the job's; our reference is still counted.
            unsafe { (shared.ops.queue)(driven, Job::new(driven.cast()), false) };
        }
        Releases::Last => {
            // SAFETY: the word says that only the handle's reference is left.
            unsafe { job::release_queue(driven.cast()) };
            return;
        }
    }
    if shared.word.release() == Releases::Last {
        // SAFETY: as above.
        unsafe { job::release_queue(driven.cast()) };
    }
}
