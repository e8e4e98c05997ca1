//! The stacks of a model's threads, kept for its next execution.
//!
//! loom makes each thread of each execution anew, as a coroutine whose stack it
//! asks of the system: map, protect the last page, fault the pages in, unmap.
//! That was two thirds of the time that our models took, and loom has no place
//! to hand in a stack of one's own. So the test program defines `mmap`,
//! `mprotect` and `munmap` itself (what a program defines goes before what libc
//! does; libc's own calls do not come this way). They ask the system, except for
//! stacks on a thread that explores a model:
//!
//! ```text
//!            mmap              munmap
//!   system ────────► IN USE ──────────► FREE ── Keep drops ──► system
//!                       ▲                │
//!                       └── mmap again ──┘   (its guard page still stands)
//! ```
//!
//! loom drops its coroutines on the thread that explores, so that no other
//! thread needs to know of these stacks.

use std::cell::RefCell;
use std::marker::PhantomData;

thread_local! {
    /// The stacks of this thread's exploration; `None` outside of one.
    static STACKS: RefCell<Option<Vec<Stack>>> = const { RefCell::new(None) };
}

#[derive(Clone, Copy, Debug)]
struct Stack {
    /// Where its pages begin, as the system gave them; the guard is the first.
    start: usize,
    /// All of them, in bytes.
    length: usize,
    /// What of it is protected, in bytes; 0 until somebody asked for a guard.
    guard: usize,
    in_use: bool,
}

/// Keeps this thread's stacks while it lives.
#[must_use = "stacks are kept only while this lives"]
#[derive(Debug)]
pub(super) struct Keep(PhantomData<*const ()>);

/// Keeps the stacks of this thread's models from now on.
pub(super) fn keep() -> Keep {
    STACKS.with_borrow_mut(|stacks| *stacks = Some(Vec::new()));
    Keep(PhantomData)
}

/// How many stacks this thread's exploration has asked of the system so far.
pub(super) fn asked_of_the_system() -> usize {
    STACKS.with_borrow(|stacks| stacks.as_ref().map_or(0, Vec::len))
}

impl Drop for Keep {
    fn drop(&mut self) {
        // Whoever still uses one gives it back to the system himself.
        for stack in STACKS.take().into_iter().flatten() {
            if !stack.in_use {
                interposed::unmap(stack);
            }
        }
    }
}

/// What `act` finds among the stacks of this thread's exploration. Nothing
/// where there is none, or where `act` itself comes back here.
fn among_stacks<R>(act: impl FnOnce(&mut Vec<Stack>) -> Option<R>) -> Option<R> {
    STACKS
        .try_with(|stacks| act(stacks.try_borrow_mut().ok()?.as_mut()?))
        .ok()
        .flatten()
}

/// Where a free stack of this length begins; it is in use from now on.
fn reuse(length: usize) -> Option<usize> {
    among_stacks(|stacks| {
        let mut stacks = stacks.iter_mut();
        let stack = stacks.find(|stack| !stack.in_use && stack.length == length)?;
        stack.in_use = true;
        Some(stack.start)
    })
}

/// Remembers a stack that the system gave.
fn remember(start: usize, length: usize) {
    among_stacks(|stacks| {
        // Somebody else has unmapped what we knew there.
        stacks.retain(|stack| stack.start != start);
        stacks.push(Stack {
            start,
            length,
            guard: 0,
            in_use: true,
        });
        Some(())
    });
}

/// Whether what begins here is a stack that has this guard already.
fn is_guarded(start: usize, length: usize) -> bool {
    let guard = among_stacks(|stacks| {
        let stack = stacks.iter().find(|stack| stack.start == start)?;
        Some(stack.guard)
    });
    guard == Some(length)
}

/// Notes the guard that a stack now has.
fn guarded(start: usize, length: usize) {
    among_stacks(|stacks| {
        let stack = stacks.iter_mut().find(|stack| stack.start == start)?;
        stack.guard = length;
        Some(())
    });
}

/// Whether this is a stack that the next execution will use.
fn release(start: usize, length: usize) -> bool {
    let released = among_stacks(|stacks| {
        let mut stacks = stacks.iter_mut();
        let stack = stacks.find(|stack| stack.start == start && stack.length == length)?;
        Some(std::mem::replace(&mut stack.in_use, false))
    });
    released == Some(true)
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
mod interposed {
    //! The three functions, under the names that loom's coroutines call.

    use std::ffi::{c_int, c_void};

    use libc::{SYS_mmap, SYS_mprotect, SYS_munmap, off_t, syscall};

    /// libc's, but a stack may be one that was unmapped before.
    ///
    /// # Safety
    ///
    /// As libc's.
    // SAFETY: whoever calls it in this program gets what libc's would do.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn mmap(
        at: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: off_t,
    ) -> *mut c_void {
        let is_stack = at.is_null() && file == -1 && flags & libc::MAP_STACK != 0;
        if is_stack && let Some(start) = super::reuse(length) {
            return start as *mut c_void;
        }
        // SAFETY: the caller's arguments, and so the caller's promise.
        let start = unsafe { syscall(SYS_mmap, at, length, protection, flags, file, offset) };
        let start = start as *mut c_void;
        if is_stack && start != libc::MAP_FAILED {
            super::remember(start as usize, length);
        }
        start
    }

    /// libc's, but the guard of a stack that was used before stands.
    ///
    /// # Safety
    ///
    /// As libc's.
    // SAFETY: as for `mmap`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn mprotect(at: *mut c_void, length: usize, protection: c_int) -> c_int {
        if protection == libc::PROT_NONE && super::is_guarded(at as usize, length) {
            return 0;
        }
        // SAFETY: the caller's arguments, and so the caller's promise.
        let result = unsafe { syscall(SYS_mprotect, at, length, protection) };
        if result == 0 {
            let guard = if protection == libc::PROT_NONE {
                length
            } else {
                0
            };
            super::guarded(at as usize, guard);
        }
        result as c_int
    }

    /// libc's, put off for a stack of a model.
    ///
    /// # Safety
    ///
    /// As libc's.
    // SAFETY: as for `mmap`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn munmap(at: *mut c_void, length: usize) -> c_int {
        if super::release(at as usize, length) {
            return 0;
        }
        // SAFETY: the caller's arguments, and so the caller's promise.
        let result = unsafe { syscall(SYS_munmap, at, length) };
        result as c_int
    }

    pub(super) fn unmap(stack: super::Stack) {
        // SAFETY: `munmap` was called for these pages, and was only put off.
        unsafe { syscall(SYS_munmap, stack.start, stack.length) };
    }
}

/// Elsewhere models take longer.
#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
mod interposed {
    pub(super) fn unmap(_: super::Stack) {}
}
