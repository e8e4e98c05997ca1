//! A cheap clock for ages in reports: some milliseconds coarse.

use std::time::Duration;

/// Time since some fixed moment, to within a few milliseconds.
///
/// Read at the start of every task, where the exact clock would cost as much
/// as a small task does.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) fn coarse_now() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local; the call cannot fail with this clock,
    // and would leave zeroes if it did.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Time since some fixed moment.
#[cfg(not(target_os = "linux"))]
pub(crate) fn coarse_now() -> Duration {
    use super::unmodelled::OnceLock;
    static FIRST: OnceLock<std::time::Instant> = OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed()
}
