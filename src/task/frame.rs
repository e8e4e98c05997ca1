//! Which task runs in this thread.
//!
//! Each run of a task puts a frame on its thread's stack and points the
//! thread's slot at it; frames nest when a waiting worker runs the task it
//! waits for. The panic hook leaves the place of a panic in the top frame.
//! Frames hold what a report says of a running task; a [`Watch`] lets other
//! threads look at them while they stand.

use std::cell::Cell as PlainCell;
use std::ptr::NonNull;

use super::cell::Header;
use super::reference::Ref;
use super::state::Phase;
use super::{CancellationToken, TaskInfo};
use crate::error::PanicNote;
use crate::primitive::{CoarseInstant, thread_slot};

thread_slot! {
    /// The frame of the task that runs in this thread.
    static CURRENT
}

struct Frame {
    task: Ref,
    started: CoarseInstant,
    /// Boxed: a frame is made for every task, and a panic is rare.
    note: PlainCell<Option<Box<PanicNote>>>,
    /// This task is a future, or runs on top of one's poll.
    is_in_poll: bool,
    /// A stolen part of the task: its frame is elsewhere.
    is_part: bool,
    /// What the task forks lies there or higher in the lane of its thread.
    mark: usize,
    below: *const (),
}

impl Drop for Frame {
    fn drop(&mut self) {
        CURRENT.set(self.below);
    }
}

/// Is told which frame is a thread's top one, so that others can look at it.
pub(crate) trait Watch {
    /// `top` is the top frame from now on; returns the one that was, which is
    /// not always the one below: some runs are not watched. And whether its
    /// task is to be asked to stop at once.
    fn begins(&self, top: *const ()) -> (*const (), bool);

    /// Where what the task forks will lie in the lane of its thread, at least.
    fn mark(&self) -> usize {
        // Nobody knows: a frame that is not watched may be found below one that is.
        usize::MAX
    }

    /// The top frame is about to end, and `before` is the top one again. Once
    /// this returns, nobody looks at the one that ends.
    fn ends(&self, before: *const ());
}

/// Nobody watches.
impl Watch for () {
    fn begins(&self, _top: *const ()) -> (*const (), bool) {
        (std::ptr::null(), false)
    }

    fn ends(&self, _before: *const ()) {}
}

/// Runs a task through `run` with its frame in place.
///
/// # Safety
///
/// 1. The task stays alive during the call.
/// 2. `run` may be called on it.
#[inline(always)]
pub(super) unsafe fn run(
    task: NonNull<Header>,
    run: unsafe fn(NonNull<Header>) -> Phase,
    watch: &impl Watch,
) -> Phase {
    let mut frame = Frame {
        task: Ref(task),
        started: CoarseInstant::UNREAD,
        note: PlainCell::new(None),
        is_in_poll: Ref(task).header().asks.is_driven() || is_in_poll(),
        is_part: false,
        mark: watch.mark(),
        below: CURRENT.get(),
    };
    frame.started.read();
    let top: *const () = (&raw const frame).cast();
    CURRENT.set(top);
    let (before, is_cancelled) = watch.begins(top);
    if is_cancelled {
        Ref(task).header().ask_cancel();
    }
    // SAFETY: by (2).
    let phase = unsafe { run(task) };
    watch.ends(before);
    phase
}

/// The frame of the task that runs in this thread, for [`run_within`].
#[inline]
pub(crate) fn current_frame() -> *const () {
    CURRENT.get()
}

/// Runs a part of the task whose frame is `frame` in this thread; null is no task.
///
/// # Safety
///
/// The frame stands until this returns.
pub(crate) unsafe fn run_within<R>(
    frame: *const (),
    watch: &impl Watch,
    part: impl FnOnce() -> R,
) -> R {
    struct Restore(*const ());
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.get());
    let of: *const Frame = frame.cast();
    // SAFETY: by the contract above; what is read does not change.
    let Some(of) = (unsafe { of.as_ref() }) else {
        CURRENT.set(std::ptr::null());
        return part();
    };
    let own = Frame {
        task: of.task,
        started: of.started,
        is_in_poll: of.is_in_poll,
        is_part: true,
        mark: usize::MAX,
        note: PlainCell::new(None),
        below: CURRENT.get(),
    };
    let top: *const () = (&raw const own).cast();
    CURRENT.set(top);
    let (before, _) = watch.begins(top);
    let done = part();
    watch.ends(before);
    done
}

/// Looks at the tasks of another thread, from its top frame downwards.
///
/// # Safety
///
/// The thread's [`Watch`] does not return from `ends` before this does.
pub(crate) unsafe fn inspect(top: *const (), mut f: impl FnMut(Inspected<'_>)) {
    let mut frame: *const Frame = top.cast();
    // SAFETY: the thread cannot leave its top frame, so it cannot leave those
    // below either.
    while let Some(here) = unsafe { frame.as_ref() } {
        f(Inspected(here));
        frame = here.below.cast();
    }
}

/// A running task, as [`inspect`] shows it.
pub(crate) struct Inspected<'a>(&'a Frame);

impl Inspected<'_> {
    /// Where what `task` forks lies in the lane of this thread, if it runs here, and
    /// not only a stolen part of it.
    pub(crate) fn mark_of(&self, task: NonNull<()>) -> Option<usize> {
        let is_it = self.0.task.0.cast() == task && !self.0.is_part;
        is_it.then_some(self.0.mark)
    }

    /// Whether only a part of the task runs here, such as the stolen half of a join or
    /// a share of a broadcast: the task itself is shown where it runs.
    pub(crate) fn is_part(&self) -> bool {
        self.0.is_part
    }

    pub(crate) fn info(&self) -> TaskInfo {
        let mut info = self.0.task.header().info();
        info.running_for = Some(self.0.started.elapsed());
        info
    }

    /// Asks the task to stop; the token, if there is one, is for the caller to
    /// cancel once it looks no longer.
    pub(crate) fn ask_cancel(&self) -> Option<CancellationToken> {
        let header = self.0.task.header();
        let token_exists = header.asks.ask_cancel();
        let extras = header.extras.get().filter(|_| token_exists)?;
        extras.existing_token()
    }
}

#[inline]
fn top<R>(f: impl FnOnce(&Frame) -> R) -> Option<R> {
    let frame: *const Frame = CURRENT.get().cast();
    // SAFETY: a pointer in the slot comes from `run`, whose frame takes it out
    // before it ends.
    let frame = unsafe { frame.as_ref() }?;
    Some(f(frame))
}

/// Gives `f` the task that runs in this thread.
pub(super) fn with_current<R>(f: impl FnOnce(Ref) -> R) -> Option<R> {
    top(|frame| f(frame.task))
}

/// Whether a future is polled in this thread, however far below.
#[inline]
pub(super) fn is_in_poll() -> bool {
    top(|frame| frame.is_in_poll).unwrap_or(false)
}

/// Gives `f` each task that runs in this thread, the top one first.
pub(super) fn each_here(mut f: impl FnMut(Ref)) {
    let mut frame: *const Frame = CURRENT.get().cast();
    // SAFETY: as in `top`; the frames below stand as long as this thread is here.
    while let Some(here) = unsafe { frame.as_ref() } {
        f(here.task);
        frame = here.below.cast();
    }
}

/// Leaves a note on the panic that begins now, if a task runs in this thread.
pub(crate) fn leave_note(note: impl FnOnce() -> PanicNote) {
    top(|frame| frame.note.set(Some(Box::new(note()))));
}

/// Takes the note of the panic that was caught last in this frame.
pub(crate) fn take_note() -> Option<PanicNote> {
    top(|frame| frame.note.take()).flatten().map(|note| *note)
}
