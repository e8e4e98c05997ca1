//! How a wait on a low floor tells the pool on a high one.
//!
//! A worker installs a [`BlockHook`] on its thread for as long as it lives.
//! Whatever is about to sleep, whichever floor it stands on, asks for the
//! [`current`] hook and brackets its sleep with [`Blocking`]; the pool then
//! lets a spare worker take the sleeper's place. A thread that is no worker
//! has no hook and pays one thread-local load, after its fast path has failed.

use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

use super::atomic::{AtomicBool, Ordering};
use super::{Parker, thread_slot};

/// What a pool offers to the waits on its workers' threads.
pub(crate) trait BlockHook {
    /// The pool that this thread works for.
    fn pool(&self) -> u32;

    /// The index of this thread among its pool's.
    fn worker(&self) -> usize;

    /// The hook of this thread that may run tasks of `pool`, this one or one
    /// below: none in the exit hook of a thread that the pool has let go.
    fn serving(&self, pool: u32) -> Option<&dyn BlockHook>;

    /// Whether this thread only visits the pool: it runs no tasks that any other
    /// thread from outside would not.
    fn is_guest(&self) -> bool {
        false
    }

    /// This worker is about to sleep: somebody else may have its place.
    fn block_starts(&self, on: BlockedOn);

    /// This worker is awake again.
    fn block_ends(&self);

    /// Runs what `task`, a running task of this pool, has forked and nobody has
    /// started: its waiter, which calls this, needs it. `is_over` says whether the
    /// task has ended.
    fn help(&self, task: NonNull<()>, is_over: &dyn Fn() -> bool);

    /// This worker is about to sleep for a task that is queued, and would run
    /// it itself if no other thread can.
    fn offer(&self, offer: &Arc<LastResort>);

    /// The offer does not stand any longer, if it still did.
    fn withdraw(&self, offer: &Arc<LastResort>);

    /// Runs `task` on top of the one that waits for it, if it is the newest of this
    /// thread's own queue, and nobody but queue and handle know it.
    ///
    /// # Safety
    ///
    /// `task` is the header of a live task of some pool, whose handle the caller has
    /// to itself.
    unsafe fn run_newest(&self, task: NonNull<()>) -> bool {
        let _ = task;
        false
    }

    /// Runs a task of this pool which the waiter has claimed, on top of the
    /// task that waits for it.
    ///
    /// # Safety
    ///
    /// 1. `task` is the header of a live task of this pool.
    /// 2. The caller has moved it from queued to running, and keeps it alive.
    unsafe fn run_claimed(&self, task: NonNull<()>);
}

/// What a thread sleeps for: shown by `dump()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BlockedOn {
    /// A task.
    Task {
        id: u64,
        name: Option<String>,
        submitted_at: &'static Location<'static>,
    },
    /// Something else, by its name.
    Thing(&'static str),
    /// Code of the user's, which may do as it likes.
    Code,
}

/// A hook as a thread slot can hold it: a thin pointer to a fat one.
pub(crate) struct Installed<'a>(&'a dyn BlockHook);

thread_slot! {
    /// The hook of this thread's worker.
    static HOOK
}

/// Installs `hook` on this thread while `body` runs.
pub(crate) fn with_hook<R>(hook: &dyn BlockHook, body: impl FnOnce() -> R) -> R {
    struct Restore(*const ());
    impl Drop for Restore {
        fn drop(&mut self) {
            HOOK.set(self.0);
        }
    }
    let installed = Installed(hook);
    let _restore = Restore(HOOK.get());
    HOOK.set((&raw const installed).cast());
    body()
}

/// Gives `f` the hook of this thread, if it is a worker.
#[inline]
pub(crate) fn current<R>(f: impl FnOnce(Option<&dyn BlockHook>) -> R) -> R {
    let installed: *const Installed<'_> = HOOK.get().cast();
    // SAFETY: a pointer in the slot comes from `with_hook`, which keeps what
    // it points to alive until it has put the former pointer back.
    f(unsafe { installed.as_ref() }.map(|installed| installed.0))
}

/// What a pool holds of a waiter's [`Offer`].
#[derive(Debug)]
pub(crate) struct LastResort {
    parker: Arc<Parker>,
    is_called: AtomicBool,
    is_early: bool,
}

impl LastResort {
    /// Whether the waiter began to wait before its task was in a queue: it may
    /// be there by now, which only the waiter knows.
    pub(crate) fn is_early(&self) -> bool {
        self.is_early
    }

    /// No thread is left: the waiter is to do it.
    pub(crate) fn call(&self) {
        // ORDERING: Relaxed, the unpark orders it before the waiter's look.
        self.is_called.store(true, Ordering::Relaxed);
        self.parker.unpark();
    }
}

/// A waiter's offer to run itself what it waits for: the last resort when every
/// thread that the pool may have is blocked. It stands while this value lives,
/// and is called at most once; an early one may be called again.
#[derive(Debug)]
pub(crate) struct Offer(Arc<LastResort>);

impl Offer {
    /// Makes the offer to the pool of this thread, if it is a worker.
    pub(crate) fn make(parker: &Arc<Parker>, is_early: bool) -> Option<Self> {
        current(|hook| {
            let hook = hook?;
            let last_resort = Arc::new(LastResort {
                parker: Arc::clone(parker),
                is_called: AtomicBool::new(false),
                is_early,
            });
            hook.offer(&last_resort);
            Some(Self(last_resort))
        })
    }

    /// Whether the pool has called; `true` only once for each call.
    pub(crate) fn take_call(&self) -> bool {
        // ORDERING: Relaxed, the parker's token came before.
        self.0.is_called.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        current(|hook| {
            if let Some(hook) = hook {
                hook.withdraw(&self.0);
            }
        });
    }
}

/// A sleep that the pool knows of; it ends with this value.
#[derive(Debug)]
pub(crate) struct Blocking(());

impl Blocking {
    /// Tells this thread's pool, if any, that the thread is about to sleep.
    pub(crate) fn start(on: BlockedOn) -> Self {
        Self::start_on(|| on)
    }

    /// As `start`; `on` is only asked for if there is somebody to tell.
    pub(crate) fn start_on(on: impl FnOnce() -> BlockedOn) -> Self {
        current(|hook| {
            if let Some(hook) = hook {
                hook.block_starts(on());
            }
        });
        Self(())
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        current(|hook| {
            if let Some(hook) = hook {
                hook.block_ends();
            }
        });
    }
}
