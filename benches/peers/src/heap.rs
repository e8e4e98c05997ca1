//! What the contender before has left in the system's allocator.
//!
//! glibc puts off its work on small pieces that were freed until somebody asks for a
//! large one: after millions of them that takes 50 ms, in the turn of whoever comes next.

/// Lets the allocator do now what it has put off, and so begins each turn as a new
/// process would: with a heap that has no free pages.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn settle() {
    // SAFETY: it may be called at any time.
    #[expect(unsafe_code, reason = "there is no safe way to call it")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Nothing that is known to be needed.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn settle() {}
