//! The cell of a future: a task's header, the future's word, its pool, its slot.
//!
//! ```text
//! ┌──────────────────┬──────┬─────┬─────┬──────┬─────────────────┐
//! │ header of a task │ word │ ops │ key │ pool │ future | output │
//! └──────────────────┴──────┴─────┴─────┴──────┴─────────────────┘
//! ```
//!
//! The future is pinned in its slot: it is polled there and dropped there, and the
//! cell stays where it is until it is freed. Who owns the slot is said at the top of
//! the folder; once the phase is final, what is said in [`cell`](super::super::cell).

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use super::word::Word;
use super::{Home, Listed, release, wake};
use crate::error::TaskError;
use crate::primitive::unmodelled::AtomicU32;
use crate::primitive::{Payload, UnsafeCell, catch_drop, catch_unwind, next_id};
use crate::task::asks::Asks;
#[cfg(all(test, raddle_loom))]
use crate::task::cell::LIVE;
use crate::task::cell::{Header, Origin, Vtable};
use crate::task::extras::ExtrasSlot;
use crate::task::job::Job;
use crate::task::state::{Phase, State};
use crate::task::{TaskId, unread};

use crate::primitive::atomic::Ordering::Relaxed;

/// What every future's cell begins with, whatever its types.
#[repr(C)]
pub(super) struct Driven {
    pub(super) header: Header,
    pub(super) word: Word,
    pub(super) ops: &'static Ops,
    /// The place in the pool's list.
    key: AtomicU32,
}

/// What a future asks of its pool, whose type is forgotten.
pub(super) struct Ops {
    /// The caller holds a reference beside the job's.
    pub(super) queue: unsafe fn(NonNull<Driven>, Job, bool),
    pub(super) is_over: unsafe fn(NonNull<Driven>, bool) -> Option<Listed>,
}

#[repr(C)]
struct FutureCell<F: Future, H> {
    driven: Driven,
    home: Arc<H>,
    slot: UnsafeCell<Slot<F>>,
}

/// Room for one of these. The future is used in place, the rest is moved by pointer.
#[repr(C)]
union Slot<F: Future> {
    future: ManuallyDrop<F>,
    _value: ManuallyDrop<F::Output>,
    _error: ManuallyDrop<TaskError>,
}

impl Driven {
    pub(super) fn key(&self) -> u32 {
        // ORDERING: Relaxed, it was set before the future was listed or scheduled.
        self.key.load(Relaxed)
    }

    pub(super) fn set_key(&self, key: u32) {
        // ORDERING: as in `key`.
        self.key.store(key, Relaxed);
    }
}

/// Makes the cell, with a job, the list's reference and a handle.
pub(super) fn allocate<F, H>(future: F, origin: Origin, home: Arc<H>) -> NonNull<Driven>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    H: Home,
{
    let cell = Box::new(FutureCell {
        driven: Driven {
            header: Header {
                state: State::queued(),
                vtable: &FutureCell::<F, H>::VTABLE,
                extras: ExtrasSlot::new(None),
                id: TaskId::new(next_id()),
                site: origin.site,
                pool: origin.pool,
                asks: Asks::driven(),
            },
            word: Word::new(),
            ops: &FutureCell::<F, H>::OPS,
            key: AtomicU32::new(u32::MAX),
        },
        home,
        slot: UnsafeCell::new(Slot {
            future: ManuallyDrop::new(future),
        }),
    });
    #[cfg(all(test, raddle_loom))]
    LIVE.set(LIVE.get() + 1);
    NonNull::from(Box::leak(cell)).cast()
}

impl<F, H> FutureCell<F, H>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    H: Home,
{
    const VTABLE: Vtable = Vtable {
        children: None,
        run: Self::poll,
        drop_task: Self::drop_future,
        take_value: Self::take_value,
        drop_value: Some(Self::drop_value),
        take_error: Self::take::<TaskError>,
        free: Self::free,
    };

    const OPS: Ops = Ops {
        queue: Self::queue,
        is_over: Self::is_over,
    };

    /// One poll. A phase that is not final says that it was pending.
    unsafe fn poll(header: NonNull<Header>) -> Phase {
        // SAFETY: the caller has the future in hand, which keeps the cell alive.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        // Whoever polls lends its own reference.
        let waker = ManuallyDrop::new(waker(header.cast()));
        let mut context = Context::from_waker(&waker);
        let polled = (cell.slot).with_mut(|slot| {
            // SAFETY: as above: the future is there, and ours alone.
            let future = unsafe { &mut *slot.cast::<F>() };
            // SAFETY: it stays in its slot until it is dropped there.
            let future = unsafe { Pin::new_unchecked(future) };
            catch_unwind(|| future.poll(&mut context))
        });
        let header_ref = &cell.driven.header;
        let (bomb, phase) = match polled {
            Ok(Poll::Pending) => return Phase::Running,
            Ok(Poll::Ready(value)) => {
                // SAFETY: the future is in hand, and never used again.
                let bomb = unsafe { Self::drop_future(header) };
                // SAFETY: the slot is empty and ours.
                unsafe { Self::put(header, value) };
                (bomb, Phase::Finished)
            }
            Err(payload) => {
                // Before another panic could be noted in its place.
                let error = TaskError::Panicked(header_ref.panic(payload));
                // SAFETY: as above.
                let bomb = unsafe { Self::drop_future(header) };
                // SAFETY: as above.
                unsafe { Self::put(header, error) };
                (bomb, Phase::Panicked)
            }
        };
        unread::report_payload(header_ref.pool, bomb, header_ref.site);
        phase
    }

    /// Drops the future in its place.
    unsafe fn drop_future(header: NonNull<Header>) -> Option<Payload> {
        // SAFETY: the caller owns the future, and holds a reference.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        (cell.slot).with_mut(|slot| {
            // SAFETY: the future is there, and never used again.
            catch_unwind(|| unsafe { ptr::drop_in_place(slot.cast::<F>()) }).err()
        })
    }

    /// Moves what is in the slot out.
    ///
    /// # Safety
    ///
    /// The caller owns the slot of a live cell, and it holds an `X`, not the future.
    unsafe fn take<X>(header: NonNull<Header>) -> X {
        // SAFETY: by the contract above.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        (cell.slot).with_mut(|slot| {
            // SAFETY: as above; all fields of the union begin where it begins.
            unsafe { slot.cast::<X>().read() }
        })
    }

    /// Moves `value` into the slot.
    ///
    /// # Safety
    ///
    /// The caller owns the slot of a live cell, and it is empty; `X` is a field of it.
    unsafe fn put<X>(header: NonNull<Header>, value: X) {
        // SAFETY: by the contract above.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        (cell.slot).with_mut(|slot| {
            // SAFETY: as above; all fields of the union begin where it begins.
            unsafe { slot.cast::<X>().write(value) }
        });
    }

    unsafe fn take_value(header: NonNull<Header>, to: *mut ()) {
        // SAFETY: the caller owns the value in the slot.
        let value: F::Output = unsafe { Self::take(header) };
        // SAFETY: the caller gives room for a value of the future's output.
        unsafe { to.cast::<F::Output>().write(value) };
    }

    unsafe fn drop_value(header: NonNull<Header>) -> Option<Payload> {
        // SAFETY: the caller owns the value in the slot.
        let value: F::Output = unsafe { Self::take(header) };
        catch_drop(value).err()
    }

    unsafe fn free(header: NonNull<Header>) {
        #[cfg(all(test, raddle_loom))]
        {
            LIVE.set(LIVE.get() - 1);
            // SAFETY: the cell is freed below.
            let shared = unsafe { header.cast::<Self>().as_ref() };
            // As for a task's cell: for loom, the free is a write.
            shared.slot.with_mut(|_| ());
        }
        let cell = header.cast::<Self>().as_ptr();
        // SAFETY: the caller holds the last reference, and the slot is empty
        // (`ManuallyDrop` drops nothing).
        drop(unsafe { Box::from_raw(cell) });
    }

    unsafe fn queue(driven: NonNull<Driven>, job: Job, while_polled: bool) {
        // SAFETY: the caller holds a reference until this returns.
        let cell = unsafe { driven.cast::<Self>().as_ref() };
        cell.home.queue(job, while_polled);
    }

    unsafe fn is_over(driven: NonNull<Driven>, cancelled: bool) -> Option<Listed> {
        // SAFETY: the caller holds a reference until this returns.
        let cell = unsafe { driven.cast::<Self>().as_ref() };
        let driven = &cell.driven;
        (cell.home).is_over(driven.header.id.get(), driven.key(), cancelled)
    }
}

/// One table for all futures, so that a waker knows its like.
static WAKER: RawWakerVTable =
    RawWakerVTable::new(clone_waker, wake_waker, wake_by_ref, drop_waker);

/// A waker; it takes a reference over.
fn waker(driven: NonNull<Driven>) -> Waker {
    let raw = RawWaker::new(driven.as_ptr().cast_const().cast(), &WAKER);
    // SAFETY: the functions below keep the contract: a waker is a reference, and
    // the word is changed by atomic steps only.
    unsafe { Waker::from_raw(raw) }
}

fn driven_of(data: *const ()) -> NonNull<Driven> {
    // SAFETY: the data of a waker is a cell's address.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

unsafe fn clone_waker(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is cloned is a reference.
    unsafe { driven_of(data).as_ref() }.word.hold();
    RawWaker::new(data, &WAKER)
}

unsafe fn wake_waker(data: *const ()) {
    // SAFETY: the waker is a reference.
    unsafe { wake(driven_of(data)) };
    // SAFETY: it is used up.
    unsafe { release(driven_of(data)) };
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker is a reference.
    unsafe { wake(driven_of(data)) };
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker is a reference, and used up.
    unsafe { release(driven_of(data)) };
}
