//! Fork-join: two halves, of which another thread may take the second.
//!
//! The second half of a join lies on its caller's stack and is pushed on the
//! thread's [`lane`]. In the normal case it is popped there again, and neither a
//! fence nor an allocation was needed. Its *latch* is used only if it was stolen:
//!
//! ```text
//!            the thief starts               the thief ends
//!   FRESH ───────────────────► STARTED ──────────────────► ENDED
//!     │                          │                           ▲
//!     │ the owner parks          │ the owner parks           │ and unparks
//!     ▼                          ▼                           │
//!   WAITING ─────────────► STARTED | WAITING ────────────────┘
//! ```
//!
//! `STARTED` comes with the thief's index and its mark: the place in the thief's
//! lane from which on lie what it pushes while it runs this half. `RETURNED` comes
//! with `ENDED` and says that the half was not run: its owner runs it.
//!
//! # Waiting
//!
//! Whoever waits for a stolen half *helps*: it steals back from the thief
//! (leapfrogging), at or above the mark, and nothing else. What lies there was
//! pushed by what it waits for, so the wait is bound to need it, and it never
//! wants a lock that the waiter holds any more than the half itself would. The
//! look at the latch *after* the steal makes this exact: if the half has not
//! ended then, it had not ended when the stolen one was pushed. If it has, the
//! stolen one may be a stranger's, and is returned to its owner. With nothing to
//! steal the waiter parks, and a spare thread may have its place.
//!
//! Each job that runs on top of a wait is a descendant of what is waited for, so
//! the stack of a thread holds at most one job for each level of the recursion,
//! as that of the serial program does, and for each a wait in between.
//!
//! # Orderings
//!
//! The thief's end releases the result, and the owner's look acquires it. The
//! owner's WAITING releases its parker, and the thief that finds WAITING acquires
//! it. The thief takes a reference to the parker before its end, because the
//! latch is gone with the owner's frame as soon as the owner sees the end.
//!
//! Sources: Wagner and Calder, "Leapfrogging: a portable technique for
//! implementing efficient futures" (1993); Blumofe and Leiserson, "Scheduling
//! Multithreaded Computations by Work Stealing" (1999).

mod help;
mod join;
pub(super) mod lane;
#[cfg(all(test, raddle_loom))]
mod models;

use std::any::Any;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::Arc;

use crate::error::PanicNote;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{Parker, UnsafeCell, catch_unwind, mutant, weaken};
use crate::task::frame;

use Ordering::{AcqRel, Acquire, Relaxed, Release};

pub(super) use help::{Below, Stolen};
pub(super) use join::{join, join_from_outside};

const ENDED: usize = 1;
const RETURNED: usize = 1 << 1;
const WAITING: usize = 1 << 2;
const STARTED: usize = 1 << 3;
const THIEF: u32 = 4;
const MARK: u32 = 20;

const _: () = assert!(lane::CAPACITY < 1 << (usize::BITS - MARK));
const _: () = assert!(super::worker::SLOTS_MAX <= 1 << (MARK - THIEF));

/// What a latch says.
#[derive(Clone, Copy, Debug)]
struct Latch(usize);

impl Latch {
    fn has_ended(self) -> bool {
        self.0 & ENDED != 0
    }

    fn is_returned(self) -> bool {
        self.0 & RETURNED != 0
    }

    /// Who runs it, and from where on its pushes lie.
    fn thief(self) -> Option<(usize, usize)> {
        let slot = (self.0 >> THIEF) & ((1 << (MARK - THIEF)) - 1);
        (self.0 & STARTED != 0).then_some((slot, self.0 >> MARK))
    }
}

/// The part of a second half that does not depend on its types.
pub(super) struct Fork {
    /// Runs the half that this is the beginning of, and keeps its result.
    run: unsafe fn(*const Fork),
    /// Made when the half is exposed: most never are.
    shared: UnsafeCell<MaybeUninit<Shared>>,
}

/// What owner and thief share of a half.
struct Shared {
    latch: AtomicUsize,
    /// The frame of the task that has forked.
    frame: *const (),
    /// Written before WAITING is set, and empty again when the wait is over.
    waiter: UnsafeCell<Option<Arc<Parker>>>,
}

/// A panic on its way to the thread that has forked.
struct Thrown {
    payload: Box<dyn Any + Send>,
    note: Option<PanicNote>,
}

/// A second half, on the stack of the thread that has forked.
#[repr(C)]
struct Half<B, R> {
    fork: Fork,
    body: UnsafeCell<ManuallyDrop<B>>,
    result: UnsafeCell<MaybeUninit<Result<R, Box<Thrown>>>>,
}

impl Fork {
    /// Makes ready for thieves a half that was forked within `frame`.
    ///
    /// # Safety
    ///
    /// `this` is private, and the owner calls.
    unsafe fn prepare(this: *const Self, frame: *const ()) {
        // SAFETY: by the contract above.
        unsafe { &*this }.shared.with_mut(|shared| {
            let made = Shared {
                latch: AtomicUsize::new(0),
                frame,
                waiter: UnsafeCell::new(None),
            };
            // SAFETY: a private half is the owner's.
            unsafe { (*shared).write(made) };
        });
    }

    /// # Safety
    ///
    /// 1. The half was exposed.
    /// 2. It has not ended, or its owner calls.
    unsafe fn shared<'a>(this: *const Self) -> &'a Shared {
        // SAFETY: by (2) its frame stands.
        let shared = &unsafe { &*this }.shared;
        // SAFETY: by (1) it was made; from then on it is only read.
        let shared = shared.with(|shared| unsafe { &*shared });
        // SAFETY: as above.
        unsafe { shared.assume_init_ref() }
    }

    /// The thief ends; from now on the fork is not its to touch.
    ///
    /// # Safety
    ///
    /// The caller has stolen the fork, and its result was written, or `how` says
    /// RETURNED.
    unsafe fn end(this: *const Self, how: usize) {
        // SAFETY: by the contract above; the owner waits for the end.
        let Shared { latch, waiter, .. } = unsafe { Self::shared(this) };
        // ORDERING: Acquire pairs with the Release of WAITING: with it comes the
        // parker.
        let mut word = latch.load(Acquire);
        while word & WAITING == 0 {
            // ORDERING: Release pairs with the Acquire of the owner's looks;
            // Acquire on failure, as above.
            let order = weaken("fork-end-relaxed", Release);
            match latch.compare_exchange(word, word | how | ENDED, order, Acquire) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        // SAFETY: it was written before WAITING was set, and stays until ENDED is.
        let parker = waiter.with(|waiter| unsafe { &*waiter }.clone());
        // ORDERING: Release, as above.
        latch.fetch_or(how | ENDED, Release);
        if let Some(parker) = parker
            && !mutant("fork-end-without-unpark")
        {
            parker.unpark();
        }
    }
}

impl Shared {
    fn latch(&self) -> Latch {
        // ORDERING: Acquire pairs with the Release of the thief's end.
        Latch(self.latch.load(weaken("fork-look-relaxed", Acquire)))
    }

    /// The thief begins: it has the slot `thief`, and its lane ends at `mark`.
    fn start(&self, thief: usize, mark: usize) {
        // ORDERING: Relaxed, what the owner does with it is checked by its look
        // at the end (help.rs).
        (self.latch).fetch_or(STARTED | thief << THIEF | mark << MARK, Relaxed);
    }

    /// Parks until a thief has ended.
    fn park(&self, parker: &Arc<Parker>) {
        // SAFETY: nobody reads it before WAITING is set.
        (self.waiter).with_mut(|waiter| unsafe { *waiter = Some(Arc::clone(parker)) });
        // ORDERING: Release shows the parker; Acquire shows the result, if the
        // thief has ended in the meantime.
        let was = Latch(self.latch.fetch_or(WAITING, AcqRel));
        if !was.has_ended() || mutant("fork-parks-without-look") {
            loop {
                parker.park();
                if self.latch().has_ended() {
                    break;
                }
            }
        }
        // The frame forgets it: what is shared of a half is not dropped.
        // SAFETY: the thief has ended.
        (self.waiter).with_mut(|waiter| unsafe { *waiter = None });
    }
}

impl<B: FnOnce() -> R, R> Half<B, R> {
    #[inline]
    fn new(body: B) -> Self {
        Self {
            fork: Fork {
                run: Self::run,
                shared: UnsafeCell::new(MaybeUninit::uninit()),
            },
            body: UnsafeCell::new(ManuallyDrop::new(body)),
            result: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Moves the body out.
    ///
    /// # Safety
    ///
    /// The caller has popped, taken back, stolen or got returned the half.
    #[inline]
    unsafe fn take_body(&self) -> B {
        // SAFETY: by the contract above it is there, and the caller's.
        self.body.with(|body| unsafe { body.cast::<B>().read() })
    }

    unsafe fn run(fork: *const Fork) {
        // SAFETY: a fork is the first field of its half, which the owner keeps.
        let half = unsafe { &*fork.cast::<Self>() };
        // SAFETY: the caller has stolen it.
        let body = unsafe { half.take_body() };
        let result = catch_unwind(body).map_err(|payload| {
            let note = frame::take_note();
            Box::new(Thrown { payload, note })
        });
        half.result.with_mut(|place| {
            // SAFETY: the thief's, until it ends.
            unsafe { (*place).write(result) };
        });
    }

    /// Moves the result out.
    ///
    /// # Safety
    ///
    /// The thief has ended, and has not returned the half.
    unsafe fn take_result(&self) -> Result<R, Box<Thrown>> {
        // SAFETY: by the contract above it is there, and the owner's.
        let place = self.result.with(|place| unsafe { &*place });
        // SAFETY: as above.
        unsafe { place.assume_init_read() }
    }
}

/// Runs a stolen half within the frame of the task that has forked it.
///
/// # Safety
///
/// The caller has stolen `fork`.
unsafe fn run(fork: *const Fork, watch: &impl crate::task::Watch) {
    // SAFETY: what was stolen was exposed, and its owner waits for the end.
    let frame = unsafe { Fork::shared(fork) }.frame;
    // SAFETY: as above.
    let run = unsafe { &*fork }.run;
    let part = || {
        // SAFETY: the caller has stolen it.
        unsafe { run(fork) };
    };
    // SAFETY: the frame stands as long as the owner waits in it.
    unsafe { frame::run_within(frame, watch, part) };
}
