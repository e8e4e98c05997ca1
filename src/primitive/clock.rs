//! A cheap clock for ages in reports: some milliseconds coarse.

use std::time::Duration;

#[cfg(not(target_os = "linux"))]
use std::time::Instant;

/// A moment of the coarse clock, as the system gives it.
///
/// It is read in place, where it stays: to copy it at once would stall the processor,
/// which has its two halves still in two pieces.
#[derive(Clone, Copy, Debug)]
#[cfg(target_os = "linux")]
pub(crate) struct CoarseInstant(libc::timespec);

#[cfg(target_os = "linux")]
impl CoarseInstant {
    pub(crate) const UNREAD: Self = Self(libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    });

    /// Reads the clock.
    #[inline]
    pub(crate) fn read(&mut self) {
        // SAFETY: the pointer is to a value of ours; the call cannot fail with this
        // clock, and would leave it as it is if it did.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut self.0) };
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let since_start = |time: &libc::timespec| {
            let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
            Duration::new(time.tv_sec.unsigned_abs(), nanoseconds)
        };
        let mut now = Self::UNREAD;
        now.read();
        since_start(&now.0).saturating_sub(since_start(&self.0))
    }
}

/// A moment, as exact as std's.
#[derive(Clone, Copy, Debug)]
#[cfg(not(target_os = "linux"))]
pub(crate) struct CoarseInstant(Option<Instant>);

#[cfg(not(target_os = "linux"))]
impl CoarseInstant {
    pub(crate) const UNREAD: Self = Self(None);

    /// Reads the clock.
    pub(crate) fn read(&mut self) {
        self.0 = Some(Instant::now());
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |at| at.elapsed())
    }
}
