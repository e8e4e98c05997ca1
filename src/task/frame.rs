//! Which task runs in this thread.
//!
//! Each run of a task puts a frame on its thread's stack and points the
//! thread's slot at it; frames nest when a waiting worker runs the task it
//! waits for. The panic hook leaves the place of a panic in the top frame.

use std::cell::Cell as PlainCell;
use std::ptr::NonNull;

use super::cell::{Header, Ref};
use super::state::Phase;
use crate::error::PanicNote;
use crate::primitive::thread_slot;

thread_slot! {
    /// The frame of the task that runs in this thread.
    static CURRENT
}

struct Frame {
    task: Ref,
    note: PlainCell<Option<PanicNote>>,
    below: *const (),
}

impl Drop for Frame {
    fn drop(&mut self) {
        CURRENT.set(self.below);
    }
}

/// Runs a task through `run` with its frame in place.
///
/// # Safety
///
/// 1. The task stays alive during the call.
/// 2. `run` may be called on it.
pub(super) unsafe fn run(
    task: NonNull<Header>,
    run: unsafe fn(NonNull<Header>) -> Phase,
) -> Phase {
    let frame = Frame {
        task: Ref(task),
        note: PlainCell::new(None),
        below: CURRENT.get(),
    };
    CURRENT.set((&raw const frame).cast());
    // SAFETY: by (2).
    unsafe { run(task) }
}

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

/// Leaves a note on the panic that begins now, if a task runs in this thread.
pub(super) fn leave_note(note: impl FnOnce() -> PanicNote) {
    top(|frame| frame.note.set(Some(note())));
}

/// Takes the note of the panic that was caught last in this frame.
pub(super) fn take_note() -> Option<PanicNote> {
    top(|frame| frame.note.take()).flatten()
}
