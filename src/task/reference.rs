//! The handle's reference to a task, its type forgotten.

use std::ptr::NonNull;

use super::cell::{Header, free};
use super::state::{Phase, Word};
use crate::error::TaskError;

/// The untyped handle: the reference that `Handle<T>` wraps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ref(pub(super) NonNull<Header>);

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
    #[inline]
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
    #[inline]
    pub(super) unsafe fn release_handle(self) {
        let header = self.header();
        if let Err(word) = header.state.abandon() {
            // SAFETY: the result of a task that has ended is the handle's.
            unsafe { header.drop_result(word.phase()) };
            // SAFETY: the result is gone, and `abandon` has acquired the word.
            unsafe { self.release_empty(word) };
        }
    }
}
