//! The cell of a task: one piece of memory for everything it needs.
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

use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;

use super::asks::Asks;
use super::children::Children;
use super::extras::{Extras, ExtrasSlot, Options};
use super::frame;
use super::job::Job;
use super::reference::Ref;
use super::state::{Phase, Resolved, State};
use super::unread::{self, Payload};
use super::{Task, TaskId, TaskInfo, TaskOptions};
use crate::error::{Panic, TaskError};
use crate::primitive::{UnsafeCell, catch_drop, catch_unwind, fork, next_id, room};

/// What every cell begins with, whatever the task's types.
#[repr(C)]
pub(crate) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static Vtable,
    pub(super) extras: ExtrasSlot,
    pub(super) id: TaskId,
    pub(super) site: &'static Location<'static>,
    pub(super) pool: u32,
    pub(super) asks: Asks,
}

/// What a cell holds until it is run: a task, or the child of a scope.
pub(super) trait Body: Sized {
    type Output;
    /// What the cell keeps of the scope; nothing, for a task.
    type Scope: Copy;
    const IS_CHILD: bool;

    fn run(self) -> Self::Output;
    fn take_options(&mut self) -> Option<TaskOptions>;
    fn submitted_at(&self) -> Option<&'static Location<'static>>;
    fn scope(&self) -> Self::Scope;
}

impl<T: Task> Body for T {
    type Output = T::Output;
    type Scope = ();
    const IS_CHILD: bool = false;

    #[inline]
    fn run(self) -> T::Output {
        Task::run(self)
    }

    fn take_options(&mut self) -> Option<TaskOptions> {
        Task::take_options(self)
    }

    fn submitted_at(&self) -> Option<&'static Location<'static>> {
        Task::submitted_at(self)
    }

    fn scope(&self) {}
}

/// What can be done with a cell whose types are forgotten.
pub(super) struct Vtable {
    /// Whose child it is; `None` for a task.
    pub(super) children: Option<unsafe fn(NonNull<Header>) -> NonNull<Children>>,
    /// Moves the closure out, runs it, and puts its result into the slot.
    pub(super) run: unsafe fn(NonNull<Header>) -> Phase,
    pub(super) drop_task: unsafe fn(NonNull<Header>) -> Option<Payload>,
    pub(super) take_value: unsafe fn(NonNull<Header>, *mut ()),
    /// `None`, if results need no drop.
    pub(super) drop_value: Option<unsafe fn(NonNull<Header>) -> Option<Payload>>,
    pub(super) take_error: unsafe fn(NonNull<Header>) -> TaskError,
    pub(super) free: unsafe fn(NonNull<Header>),
}

#[repr(C)]
struct Cell<T: Body> {
    header: Header,
    scope: T::Scope,
    slot: UnsafeCell<Slot<T>>,
}

/// Room for one of these; the state says for which. Only its size and alignment
/// are used: what is in it is moved by pointer.
#[repr(C)]
union Slot<T: Body> {
    task: ManuallyDrop<T>,
    _value: ManuallyDrop<T::Output>,
    _error: ManuallyDrop<TaskError>,
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
    /// A worker, where no other thread is left.
    AtLast,
    Workers,
    Anybody,
}

#[cfg(all(test, raddle_loom))]
std::thread_local! {
    /// Cells that were made and not yet freed, in the models of one thread.
    pub(super) static LIVE: std::cell::Cell<isize> = const { std::cell::Cell::new(0) };
}

/// Makes a queued task: the queue's reference, and the handle's.
#[inline]
pub(super) fn new<T: Body>(mut task: T, origin: Origin) -> (Job, Ref) {
    let options = task.take_options();
    let header = allocate(task, origin, State::queued(), options.map(|o| o.0));
    (Job::new(header), Ref(header))
}

/// Makes a task that was refused: nothing runs, the handle says why.
#[cold]
pub(super) fn refused<T: Body>(mut task: T, origin: Origin, why: TaskError) -> Ref {
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
    // SAFETY: as above, and the slot is empty now.
    unsafe { Cell::<T>::put(header, why) };
    unread::report_payload(crate::primitive::fork::NO_POOL, bomb, site);
    Ref(header)
}

#[inline(always)]
fn allocate<T: Body>(
    task: T,
    origin: Origin,
    state: State,
    options: Option<Box<Options>>,
) -> NonNull<Header> {
    // Before the room, which a panic of this would leave behind: it is the task's code.
    let site = task.submitted_at().unwrap_or(origin.site);
    // Room first, then the fields, one by one: a cell that is made elsewhere and
    // copied costs as much as the rest of a submit.
    let room = room::take::<Cell<T>>();
    let asks = Asks::of(origin, options.as_deref());
    let extras = ExtrasSlot::new(options);
    let id = TaskId::new(next_id());
    let scope = task.scope();
    let cell = Cell {
        header: Header {
            state,
            vtable: &Cell::<T>::VTABLE,
            extras,
            id,
            site,
            pool: origin.pool,
            asks,
        },
        scope,
        slot: UnsafeCell::new(Slot {
            task: ManuallyDrop::new(task),
        }),
    };
    // SAFETY: it is room for a cell.
    unsafe { room.write(cell) };
    #[cfg(all(test, raddle_loom))]
    LIVE.set(LIVE.get() + 1);
    room.cast()
}

impl<T: Body> Cell<T> {
    const VTABLE: Vtable = Vtable {
        children: if T::IS_CHILD {
            Some(Self::children)
        } else {
            None
        },
        run: Self::run,
        drop_task: Self::drop_task,
        take_value: Self::take_value,
        drop_value: if std::mem::needs_drop::<T::Output>() {
            Some(Self::drop_value)
        } else {
            None
        },
        take_error: Self::take_error,
        free: Self::free,
    };

    /// # Safety
    ///
    /// `header` belongs to a live `Cell` of a child.
    unsafe fn children(header: NonNull<Header>) -> NonNull<Children> {
        // SAFETY: by the contract above.
        let scope = &raw const unsafe { header.cast::<Self>().as_ref() }.scope;
        // SAFETY: a child keeps this of its scope.
        unsafe { scope.cast::<NonNull<Children>>().read() }
    }

    /// Moves what is in the slot out.
    ///
    /// # Safety
    ///
    /// 1. `header` belongs to a live `Cell<T>`.
    /// 2. The caller owns its slot, which holds an `X` (top of this file).
    unsafe fn take<X>(header: NonNull<Header>) -> X {
        // SAFETY: by (1).
        let cell = unsafe { header.cast::<Self>().as_ref() };
        (cell.slot).with_mut(|slot| {
            // SAFETY: by (2); all fields of the union begin where it begins.
            unsafe { slot.cast::<X>().read() }
        })
    }

    /// Moves `value` into the slot.
    ///
    /// # Safety
    ///
    /// 1. `header` belongs to a live `Cell<T>`.
    /// 2. The caller owns its slot, which is empty; `X` is a field of it.
    unsafe fn put<X>(header: NonNull<Header>, value: X) {
        // SAFETY: by (1).
        let cell = unsafe { header.cast::<Self>().as_ref() };
        (cell.slot).with_mut(|slot| {
            // SAFETY: by (2); all fields of the union begin where it begins.
            unsafe { slot.cast::<X>().write(value) }
        });
    }

    unsafe fn run(header: NonNull<Header>) -> Phase {
        // SAFETY: the caller moved QUEUED to RUNNING, so the closure is ours.
        let task: T = unsafe { Self::take(header) };
        match catch_unwind(|| task.run()) {
            Ok(value) => {
                // SAFETY: we run the task, so the slot is ours until a final phase.
                unsafe { Self::put::<T::Output>(header, value) };
                Phase::Finished
            }
            Err(payload) => {
                // SAFETY: the runner's reference keeps the header alive.
                let error = TaskError::Panicked(unsafe { header.as_ref() }.panic(payload));
                // SAFETY: as above.
                unsafe { Self::put(header, error) };
                Phase::Panicked
            }
        }
    }

    unsafe fn drop_task(header: NonNull<Header>) -> Option<Payload> {
        // SAFETY: the caller owns the closure in the slot.
        let task: T = unsafe { Self::take(header) };
        catch_drop(task).err()
    }

    unsafe fn take_value(header: NonNull<Header>, to: *mut ()) {
        // SAFETY: the caller owns the value in the slot.
        let value: T::Output = unsafe { Self::take(header) };
        // SAFETY: the caller gives room for a value of the task's type.
        unsafe { to.cast::<T::Output>().write(value) };
    }

    unsafe fn drop_value(header: NonNull<Header>) -> Option<Payload> {
        // SAFETY: the caller owns the value in the slot.
        let value: T::Output = unsafe { Self::take(header) };
        catch_drop(value).err()
    }

    unsafe fn take_error(header: NonNull<Header>) -> TaskError {
        // SAFETY: the caller owns the error in the slot.
        unsafe { Self::take(header) }
    }

    unsafe fn free(header: NonNull<Header>) {
        #[cfg(all(test, raddle_loom))]
        {
            LIVE.set(LIVE.get() - 1);
            // SAFETY: the cell is freed below.
            let shared = unsafe { header.cast::<Self>().as_ref() };
            // loom does not watch the allocator: for it, the free is a write
            // that every use of the slot must precede.
            shared.slot.with_mut(|_| ());
        }
        let cell: NonNull<Self> = header.cast();
        // SAFETY: the caller holds the last reference.
        let shared = unsafe { header.as_ref() };
        // SAFETY: as above. Nothing else in a cell needs a drop: its slot is empty. (By
        // hand, as the drop of all is not inlined.)
        unsafe { shared.extras.free() };
        // SAFETY: it was taken in `allocate`, and is nobody's any more.
        unsafe { room::give_back(cell) };
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
    /// Whose child this is, if it is one. Whoever ends it asks before the end, and
    /// tells them last of all.
    #[inline]
    pub(super) fn children(&self) -> Option<NonNull<Children>> {
        let children = self.vtable.children?;
        // SAFETY: the vtable is that of this cell.
        Some(unsafe { children(NonNull::from(self)) })
    }

    /// Tells a scope that its child has ended.
    ///
    /// # Safety
    ///
    /// `children` are those of a child that the caller has ended, and of which
    /// nothing that borrows is left in its hands.
    #[inline]
    pub(super) unsafe fn end_child(children: Option<NonNull<Children>>) {
        if let Some(children) = children {
            // SAFETY: by the contract above.
            unsafe { Children::end(children) };
        }
    }

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

    pub(super) fn panic(&self, payload: Payload) -> Box<Panic> {
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
    #[inline]
    pub(super) unsafe fn drop_result(&self, phase: Phase) {
        if phase != Phase::Finished || self.vtable.drop_value.is_some() {
            // SAFETY: the same contract.
            unsafe { self.drop_what_needs_it(phase) };
        }
    }

    /// # Safety
    ///
    /// As [`drop_result`](Self::drop_result).
    #[inline(never)]
    unsafe fn drop_what_needs_it(&self, phase: Phase) {
        let header = NonNull::from(self);
        match phase {
            Phase::Finished => {
                // SAFETY: by the contract above.
                let bomb = (self.vtable.drop_value).and_then(|drop| unsafe { drop(header) });
                unread::report_payload(self.pool, bomb, self.site);
            }
            Phase::Panicked | Phase::Failed => {
                // SAFETY: by the contract above.
                let error = unsafe { (self.vtable.take_error)(header) };
                if let Some(children) = self.children() {
                    if let TaskError::Panicked(panic) = error {
                        // SAFETY: the child has not been told as ended, or its
                        // handle is dropped, which ends before the scope.
                        unsafe { children.as_ref() }.keep(panic);
                    }
                } else if phase == Phase::Panicked {
                    unread::report(self.pool, error);
                }
            }
            _ => {}
        }
    }

    /// Wakes those who waited; panics in their callbacks are reported.
    #[inline]
    pub(super) fn notify(
        pool: u32,
        site: &'static Location<'static>,
        done: Resolved,
        phase: Phase,
    ) {
        if !done.waiters.is_empty() {
            Self::notify_them(pool, site, done, phase);
        }
    }

    fn notify_them(pool: u32, site: &'static Location<'static>, done: Resolved, phase: Phase) {
        if fork::is_forked(pool) {
            // Those who wait are threads of another process, and their
            // callbacks run there.
            return;
        }
        for payload in done.waiters.notify(phase as usize) {
            unread::report_payload(pool, Some(payload), site);
        }
    }

    /// QUEUED to CANCELLED or TIMED_OUT: drops the closure, wakes the waiters.
    ///
    /// The caller holds a reference to the cell.
    pub(super) fn resolve_unstarted(&self, phase: Phase) -> Result<(), Phase> {
        let children = self.children();
        let done = (self.state.resolve_unstarted(phase)).map_err(|word| word.phase())?;
        // SAFETY: the transition above gave us the closure.
        let bomb = unsafe { drop_task(NonNull::from(self)) };
        unread::report_payload(self.pool, bomb, self.site);
        self.unlink();
        Self::notify(self.pool, self.site, done, phase);
        // SAFETY: we have ended it, and its closure is gone.
        unsafe { Self::end_child(children) };
        Ok(())
    }

    /// Takes the links of a task that has ended out of tokens and timers.
    #[inline]
    pub(super) fn unlink(&self) {
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
#[inline]
pub(super) unsafe fn free(header: NonNull<Header>) {
    // SAFETY: nobody else has freed it, by the contract above.
    let shared = unsafe { header.as_ref() };
    if shared.extras.get().is_none_or(Extras::release_link) {
        let free = shared.vtable.free;
        // SAFETY: this was the last reference.
        unsafe { free(header) };
    }
}
