//! The cell of a task: one allocation for everything it needs.
//!
//! ```text
//!   0        8        16       24       32       40   44    48 ..
//! ┌────────┬────────┬────────┬────────┬────────┬────┬────┬──────────────────┐
//! │ state  │ vtable │ extras │   id   │  site  │pool│asks│ closure | result │
//! └────────┴────────┴────────┴────────┴────────┴────┴────┴──────────────────┘
//! ```
//!
//! The slot at the end holds the closure while the task is queued, nothing
//! while it runs, and its result afterwards; the state word says which.
//! [`Job`] is the queue's reference and [`Handle`](super::Handle) the user's;
//! links from tokens and timers are counted in the extras, which exist only
//! for tasks that use them.
//!
//! Who touches the slot:
//!
//! 1. Whoever moves QUEUED to another phase owns the closure in it.
//! 2. Whoever runs the task writes the result, before a final phase says so.
//! 3. Once the phase is FINISHED, PANICKED or FAILED the result belongs to the
//!    handle; to the runner, if there is no handle.
//! 4. In CANCELLED and TIMED_OUT the slot is nobody's but the runner's, which
//!    may still write a late result and drops it itself.

use std::alloc::Layout;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;

use super::extras::{Extras, ExtrasSlot, Options};
use super::frame::{self, Watch};
use super::state::{Phase, Resolved, State, Word};
use super::unread::{self, Payload};
use super::{Task, TaskId, TaskInfo};
use crate::error::{Panic, TaskError};
use crate::primitive::atomic::{AtomicU32, Ordering};
use crate::primitive::{UnsafeCell, catch_drop, catch_unwind, next_id};

/// What every cell begins with, whatever the task's types.
#[repr(C)]
pub(crate) struct Header {
    pub(super) state: State,
    vtable: &'static Vtable,
    pub(super) extras: ExtrasSlot,
    pub(super) id: TaskId,
    pub(super) site: &'static Location<'static>,
    pub(super) pool: u32,
    pub(super) asks: Asks,
}

/// What can be done with a cell whose types are forgotten.
struct Vtable {
    /// Moves the closure out, runs it, and puts its result into the slot.
    run: unsafe fn(NonNull<Header>) -> Phase,
    drop_task: unsafe fn(NonNull<Header>) -> Option<Payload>,
    take_value: unsafe fn(NonNull<Header>, *mut ()),
    drop_value: unsafe fn(NonNull<Header>) -> Option<Payload>,
    take_error: unsafe fn(NonNull<Header>) -> TaskError,
    free: unsafe fn(NonNull<Header>),
}

#[repr(C)]
struct Cell<T: Task> {
    header: Header,
    slot: UnsafeCell<Slot<T>>,
}

union Slot<T: Task> {
    empty: (),
    task: ManuallyDrop<T>,
    value: ManuallyDrop<T::Output>,
    error: ManuallyDrop<TaskError>,
}

/// What was asked of a running task: flags that outlive its phases.
///
/// Asking for a cancellation and making the task's token race. Both are a
/// read-modify-write of this one word, so one of the two sees the other, and
/// whoever comes second cancels the token.
#[derive(Debug)]
pub(super) struct Asks(AtomicU32);

const CANCEL: u32 = 1;
const TOKEN: u32 = 1 << 1;
const AWAITED: u32 = 1 << 2;
const LIMITED: u32 = 1 << 3;
const UNCLAIMABLE: u32 = 1 << 4;
const OUTSIDERS: u32 = 1 << 5;

impl Asks {
    fn set(&self, flag: u32) -> u32 {
        // ORDERING: Release shows the token to whoever asks later; Acquire
        // shows it to whoever asks now.
        self.0.fetch_or(flag, Ordering::AcqRel)
    }

    fn has(&self, flag: u32) -> bool {
        // ORDERING: Relaxed, the flags read here are set before the cell is
        // shared, or by the handle's own holder.
        self.0.load(Ordering::Relaxed) & flag != 0
    }

    /// Asks for a cancellation; `true` says that the token exists: cancel it.
    pub(super) fn ask_cancel(&self) -> bool {
        self.set(CANCEL) & TOKEN != 0
    }

    /// The token exists now; `true` says that a cancellation was asked for.
    pub(super) fn token_made(&self) -> bool {
        self.set(TOKEN) & CANCEL != 0
    }

    pub(super) fn set_awaited(&self) {
        self.set(AWAITED);
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.has(AWAITED)
    }

    pub(super) fn is_limited(&self) -> bool {
        self.has(LIMITED)
    }

    /// Whether a waiter that is no worker may run the task.
    pub(super) fn outsiders_run(&self) -> bool {
        self.has(OUTSIDERS)
    }

    pub(super) fn is_claimable(&self) -> bool {
        !self.has(LIMITED | UNCLAIMABLE)
    }
}

/// How a task enters the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) site: &'static Location<'static>,
    pub(crate) pool: u32,
    pub(crate) claim: Claim,
}

/// Who may run a task because he waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Nobody,
    Workers,
    Anybody,
}

/// A queue's reference to a task: whoever holds it runs the task or drops it.
///
/// Dropping it cancels the task, so nothing that loses a job loses a handle.
#[derive(Debug)]
pub(crate) struct Job(NonNull<Header>);

// SAFETY: a job is the right to run a closure that is `Send`, and the cell's
// state word orders what its holders do (state.rs).
unsafe impl Send for Job {}

/// The untyped handle: the reference that `Handle<T>` wraps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ref(pub(super) NonNull<Header>);

/// What running a job came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// The task had been claimed, cancelled or timed out before.
    Stale,
    Finished,
    Panicked,
    /// The limit struck while it ran; its result was dropped.
    Late,
}

/// Makes a queued task: the queue's reference, and the handle's.
pub(super) fn new<T: Task>(mut task: T, origin: Origin) -> (Job, Ref) {
    let options = task.take_options();
    let header = allocate(task, origin, State::queued(), options.map(|o| o.0));
    (Job(header), Ref(header))
}

/// Makes a task that was refused: nothing runs, the handle says why.
pub(super) fn refused<T: Task>(mut task: T, origin: Origin, why: TaskError) -> Ref {
    let options = task.take_options();
    let site = origin.site;
    let header = allocate(
        task,
        origin,
        State::resolved(Phase::Failed),
        options.map(|o| o.0),
    );
    // SAFETY: the closure is in the slot and nobody else knows the cell.
    let bomb = unsafe { drop_task(header) };
    let cell: NonNull<Cell<T>> = header.cast();
    // SAFETY: the cell was allocated with this type just now.
    let slot = unsafe { &cell.as_ref().slot };
    slot.with_mut(|slot| {
        let error = ManuallyDrop::new(why);
        // SAFETY: nobody else knows the cell, and its slot is empty.
        unsafe { slot.write(Slot { error }) };
    });
    unread::report_payload(crate::primitive::fork::NO_POOL, bomb, site);
    Ref(header)
}

fn allocate<T: Task>(
    task: T,
    origin: Origin,
    state: State,
    options: Option<Box<Options>>,
) -> NonNull<Header> {
    let mut asks = match origin.claim {
        Claim::Nobody => UNCLAIMABLE,
        Claim::Workers => 0,
        Claim::Anybody => OUTSIDERS,
    };
    if let Some(options) = &options {
        asks |= if options.is_limited() { LIMITED } else { 0 };
        asks |= if options.token.is_some() { TOKEN } else { 0 };
    }
    let cell = Box::new(Cell {
        header: Header {
            state,
            vtable: &Cell::<T>::VTABLE,
            extras: ExtrasSlot::new(options.map(|options| Extras::new(*options))),
            id: TaskId::new(next_id()),
            site: origin.site,
            pool: origin.pool,
            asks: Asks(AtomicU32::new(asks)),
        },
        slot: UnsafeCell::new(Slot {
            task: ManuallyDrop::new(task),
        }),
    });
    NonNull::from(Box::leak(cell)).cast()
}

impl<T: Task> Cell<T> {
    const VTABLE: Vtable = Vtable {
        run: Self::run,
        drop_task: Self::drop_task,
        take_value: Self::take_value,
        drop_value: Self::drop_value,
        take_error: Self::take_error,
        free: Self::free,
    };

    /// # Safety
    ///
    /// 1. `header` belongs to a live `Cell<T>`.
    /// 2. The caller owns its slot (top of this file).
    unsafe fn slot<R>(header: NonNull<Header>, f: impl FnOnce(&mut Slot<T>) -> R) -> R {
        // SAFETY: by (1).
        let cell = unsafe { header.cast::<Self>().as_ref() };
        cell.slot.with_mut(|slot| {
            // SAFETY: by (2).
            f(unsafe { &mut *slot })
        })
    }

    unsafe fn run(header: NonNull<Header>) -> Phase {
        // SAFETY: the caller moved QUEUED to RUNNING, so the closure is ours.
        let task = unsafe {
            Self::slot(header, |slot| {
                let task = ManuallyDrop::take(&mut slot.task);
                slot.empty = ();
                task
            })
        };
        let (phase, result) = match catch_unwind(|| task.run()) {
            Ok(value) => {
                let value = ManuallyDrop::new(value);
                (Phase::Finished, Slot { value })
            }
            Err(payload) => {
                // SAFETY: the runner's reference keeps the header alive.
                let error = TaskError::Panicked(unsafe { header.as_ref() }.panic(payload));
                let error = ManuallyDrop::new(error);
                (Phase::Panicked, Slot { error })
            }
        };
        // SAFETY: we run the task, so the slot is ours until a final phase.
        unsafe { Self::slot(header, |slot| *slot = result) };
        phase
    }

    unsafe fn drop_task(header: NonNull<Header>) -> Option<Payload> {
        // SAFETY: the caller owns the closure in the slot.
        let task = unsafe { Self::slot(header, |slot| ManuallyDrop::take(&mut slot.task)) };
        catch_drop(task).err()
    }

    unsafe fn take_value(header: NonNull<Header>, to: *mut ()) {
        // SAFETY: the caller owns the value in the slot.
        let value = unsafe { Self::slot(header, |slot| ManuallyDrop::take(&mut slot.value)) };
        // SAFETY: the caller gives room for a value of the task's type.
        unsafe { to.cast::<T::Output>().write(value) };
    }

    unsafe fn drop_value(header: NonNull<Header>) -> Option<Payload> {
        // SAFETY: the caller owns the value in the slot.
        let value = unsafe { Self::slot(header, |slot| ManuallyDrop::take(&mut slot.value)) };
        catch_drop(value).err()
    }

    unsafe fn take_error(header: NonNull<Header>) -> TaskError {
        // SAFETY: the caller owns the error in the slot.
        unsafe { Self::slot(header, |slot| ManuallyDrop::take(&mut slot.error)) }
    }

    unsafe fn free(header: NonNull<Header>) {
        let cell = header.cast::<Self>().as_ptr();
        // SAFETY: the caller holds the last reference, and the slot is empty
        // (`ManuallyDrop` drops nothing).
        drop(unsafe { Box::from_raw(cell) });
    }
}

/// # Safety
///
/// The caller owns the closure in the slot: it moved QUEUED to another phase.
unsafe fn drop_task(header: NonNull<Header>) -> Option<Payload> {
    // SAFETY: whoever owns the closure holds a reference to the cell.
    let vtable = unsafe { header.as_ref() }.vtable;
    // SAFETY: by the contract above.
    unsafe { (vtable.drop_task)(header) }
}

impl Header {
    pub(super) fn info(&self) -> TaskInfo {
        TaskInfo {
            id: self.id,
            name: self.name().map(str::to_owned),
            submitted_at: self.site,
            running_for: None,
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.extras.get().and_then(|extras| extras.name())
    }

    fn panic(&self, payload: Payload) -> Box<Panic> {
        let name = self.name().map(str::to_owned);
        Box::new(Panic::new(
            payload,
            frame::take_note().unwrap_or_default(),
            self.site,
            name,
            1,
        ))
    }

    /// Drops the result of a task that has no handle. A panic nobody will
    /// read goes to whoever watches the pool.
    ///
    /// # Safety
    ///
    /// The result in the slot is the caller's, and the phase is final.
    unsafe fn drop_result(&self, phase: Phase) {
        let header = NonNull::from(self);
        match phase {
            Phase::Finished => {
                // SAFETY: by the contract above.
                let bomb = unsafe { (self.vtable.drop_value)(header) };
                unread::report_payload(self.pool, bomb, self.site);
            }
            Phase::Panicked | Phase::Failed => {
                // SAFETY: by the contract above.
                let error = unsafe { (self.vtable.take_error)(header) };
                if phase == Phase::Panicked {
                    unread::report(self.pool, error);
                }
            }
            _ => {}
        }
    }

    /// Wakes those who waited; panics in their callbacks are reported.
    pub(super) fn notify(
        pool: u32,
        site: &'static Location<'static>,
        done: Resolved,
        phase: Phase,
    ) {
        for payload in done.waiters.notify(phase as usize) {
            unread::report_payload(pool, Some(payload), site);
        }
    }

    /// QUEUED to CANCELLED or TIMED_OUT: drops the closure, wakes the waiters.
    ///
    /// The caller holds a reference to the cell.
    pub(super) fn resolve_unstarted(&self, phase: Phase) -> Result<(), Phase> {
        let done = (self.state.resolve_unstarted(phase)).map_err(|word| word.phase())?;
        // SAFETY: the transition above gave us the closure.
        let bomb = unsafe { drop_task(NonNull::from(self)) };
        unread::report_payload(self.pool, bomb, self.site);
        self.unlink();
        Self::notify(self.pool, self.site, done, phase);
        Ok(())
    }

    /// Takes the links of a task that has ended out of tokens and timers.
    fn unlink(&self) {
        if let Some(extras) = self.extras.get() {
            extras.unlink();
        }
    }
}

/// Frees a cell whose handle and queue are both gone, unless a link remains.
///
/// # Safety
///
/// The caller has cleared the second of the two bits, and does not use the
/// cell again.
pub(super) unsafe fn free(header: NonNull<Header>) {
    // SAFETY: nobody else has freed it, by the contract above.
    let shared = unsafe { header.as_ref() };
    if shared.extras.get().is_none_or(Extras::release_link) {
        let free = shared.vtable.free;
        // SAFETY: this was the last reference.
        unsafe { free(header) };
    }
}

impl Job {
    /// The address of the task's header: what tells this job from another.
    pub(crate) fn header(&self) -> NonNull<()> {
        self.0.cast()
    }

    pub(crate) fn info(&self) -> TaskInfo {
        // SAFETY: the queue's reference keeps the cell alive.
        unsafe { self.0.as_ref() }.info()
    }

    /// Runs the task in the calling thread, unless somebody was faster.
    pub(crate) fn run(self, watch: &impl Watch) -> Ran {
        let header = ManuallyDrop::new(self).0;
        // SAFETY: the queue's reference keeps the cell alive.
        let shared = unsafe { header.as_ref() };
        if shared.asks.is_limited() {
            return Self::run_limited(header, watch);
        }
        if shared.state.start().is_err() {
            // SAFETY: the queue's reference is ours to give up.
            unsafe { release_queue(header) };
            return Ran::Stale;
        }
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
        Ran::of(phase)
    }

    /// As `run`, for a task with a time limit: its handle may be resolved
    /// while the closure still runs.
    fn run_limited(header: NonNull<Header>, watch: &impl Watch) -> Ran {
        // SAFETY: the queue's reference keeps the cell alive.
        let shared = unsafe { header.as_ref() };
        if let Some(extras) = shared.extras.get()
            && extras.is_overdue()
        {
            extras.expire(shared);
        }
        if shared.state.start().is_err() {
            // SAFETY: the queue's reference is ours to give up.
            unsafe { release_queue(header) };
            return Ran::Stale;
        }
        if let Some(extras) = shared.extras.get() {
            extras.started(Ref(header));
        }
        // SAFETY: we have moved QUEUED to RUNNING.
        let phase = unsafe { frame::run(header, shared.vtable.run, watch) };
        if let Some(extras) = shared.extras.get()
            && extras.is_overdue()
        {
            // The timer may be late, or could not be started.
            extras.expire(shared);
        }
        shared.unlink();
        let (pool, site) = (shared.pool, shared.site);
        match shared.state.finish_in_time(phase) {
            Ok(done) => {
                if !done.has_handle {
                    // SAFETY: the handle is gone, so the result is ours.
                    unsafe { shared.drop_result(phase) };
                    // SAFETY: both bits are clear.
                    unsafe { free(header) };
                }
                Header::notify(pool, site, done, phase);
                Ran::of(phase)
            }
            Err(()) => {
                // SAFETY: the handle has its answer, so the late result is ours.
                unsafe { shared.drop_result(phase) };
                // SAFETY: the queue's reference is ours to give up.
                unsafe { release_queue(header) };
                Ran::Late
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: the queue's reference keeps the cell alive.
        let shared = unsafe { self.0.as_ref() };
        let _ = shared.resolve_unstarted(Phase::Cancelled);
        // SAFETY: the queue's reference is ours to give up.
        unsafe { release_queue(self.0) };
    }
}

impl Ran {
    fn of(phase: Phase) -> Self {
        match phase {
            Phase::Panicked => Ran::Panicked,
            _ => Ran::Finished,
        }
    }
}

/// # Safety
///
/// The caller owns the queue's reference, and does not use it again.
unsafe fn release_queue(header: NonNull<Header>) {
    // SAFETY: the reference that is given up keeps the cell alive until now.
    let was = unsafe { header.as_ref() }.state.release_queue();
    if !was.has_handle() {
        // SAFETY: both bits are clear.
        unsafe { free(header) };
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
    // SAFETY: by (1).
    let phase = unsafe { frame::run(header, shared.vtable.run, watch) };
    shared.unlink();
    let done = shared.state.finish_in_place(phase);
    Header::notify(shared.pool, shared.site, done, phase);
    Ran::of(phase)
}

impl Ref {
    pub(super) fn header(&self) -> &Header {
        // SAFETY: a `Ref` is held by a handle or a link, which keep the cell.
        unsafe { self.0.as_ref() }
    }

    /// Moves the outcome out, once; the handle still has to be released.
    ///
    /// # Safety
    ///
    /// 1. `T` is the output of the task.
    /// 2. The phase is final, was seen by `load`, and this is the handle.
    pub(super) unsafe fn take<T>(self, phase: Phase) -> Result<T, TaskError> {
        let header = self.header();
        match phase {
            Phase::Finished => {
                let mut value = std::mem::MaybeUninit::<T>::uninit();
                // SAFETY: by (1) there is room for it, by (2) it is ours.
                unsafe { (header.vtable.take_value)(self.0, value.as_mut_ptr().cast()) };
                // SAFETY: it was written by the line above.
                Ok(unsafe { value.assume_init() })
            }
            // SAFETY: by (2) the error is ours.
            Phase::Panicked | Phase::Failed => Err(unsafe { (header.vtable.take_error)(self.0) }),
            Phase::TimedOut => Err(match header.extras.get() {
                Some(extras) => extras.timed_out(),
                None => TaskError::Cancelled,
            }),
            _ => Err(TaskError::Cancelled),
        }
    }

    /// Gives up the handle's reference to a task whose outcome was taken.
    ///
    /// # Safety
    ///
    /// 1. The caller is the handle, and does not use this again.
    /// 2. The outcome was taken out, or there is none in the slot; `word` is
    ///    a final one seen by `load`.
    pub(super) unsafe fn release_empty(self, word: Word) {
        if word.has_queue() && self.header().state.release_handle().has_queue() {
            return;
        }
        // SAFETY: neither a queue nor a runner refers to the cell.
        unsafe { free(self.0) };
    }

    /// Gives up the handle's reference.
    ///
    /// # Safety
    ///
    /// The caller is the handle, and does not use this again.
    pub(super) unsafe fn release_handle(self) {
        let header = self.header();
        let word = header.state.load();
        if word.is_final() {
            // SAFETY: the result of a task that has ended is the handle's.
            unsafe { header.drop_result(word.phase()) };
            // SAFETY: the result is gone, and the word was seen by `load`.
            unsafe { self.release_empty(word) };
            return;
        }
        let was = header.state.release_handle();
        if was.has_queue() {
            return;
        }
        // The task has ended between the two looks.
        // SAFETY: as above.
        unsafe { header.drop_result(was.phase()) };
        // SAFETY: both bits are clear.
        unsafe { free(self.0) };
    }
}

/// How many bytes one task takes.
pub(crate) const fn layout_of<T: Task>(_: PhantomData<T>) -> Layout {
    Layout::new::<Cell<T>>()
}
