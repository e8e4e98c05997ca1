//! Until when: a point in time, or never.
//!
//! Every time limit of the crate goes through this type, so that no limit can
//! overflow: one too far to be told as an [`Instant`] is never.
//!
//! `Duration::ZERO` is now: a wait looks once. `Duration::MAX` is never.

use std::time::{Duration, Instant};

use crate::primitive::now;

/// A point in time, or never. Orders nothing between threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) const NEVER: Self = Self(None);

    /// `limit` from now; never, if the clock cannot count so far.
    pub(crate) fn after(limit: Duration) -> Self {
        Self::after_from(now(), limit)
    }

    fn after_from(start: Instant, limit: Duration) -> Self {
        Self(start.checked_add(limit))
    }

    pub(crate) const fn at(at: Instant) -> Self {
        Self(Some(at))
    }

    /// `None` is never.
    pub(crate) const fn instant(self) -> Option<Instant> {
        self.0
    }

    pub(crate) const fn is_never(self) -> bool {
        self.0.is_none()
    }

    /// Asks the clock, unless this is never.
    #[inline]
    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|at| now() >= at)
    }

    pub(crate) fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zero_is_now_and_the_greatest_is_never() {
        assert!(Deadline::after(Duration::ZERO).has_passed());
        assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
        assert!(!Deadline::NEVER.has_passed());
        assert!(!Deadline::after(Duration::from_secs(3600)).has_passed());
        let soon = Deadline::after(Duration::from_nanos(1));
        while !soon.has_passed() {}
    }

    #[test]
    fn the_earlier_of_never_and_a_time_is_the_time() {
        let at = Deadline::at(now());
        assert_eq!(at.earlier(Deadline::NEVER), at);
        assert_eq!(Deadline::NEVER.earlier(at), at);
        assert_eq!(Deadline::NEVER.earlier(Deadline::NEVER), Deadline::NEVER);
    }

    fn limits() -> impl Strategy<Value = Duration> {
        prop_oneof![
            Just(Duration::ZERO),
            Just(Duration::from_nanos(1)),
            Just(Duration::MAX),
            (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n)),
            any::<u32>().prop_map(|n| Duration::from_nanos(n.into())),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn no_limit_overflows_and_the_earlier_is_the_shorter(a in limits(), b in limits()) {
            let start = now();
            let (from_a, from_b) = (Deadline::after_from(start, a), Deadline::after_from(start, b));
            prop_assert_eq!(from_a.earlier(from_b), Deadline::after_from(start, a.min(b)));
            prop_assert_eq!(from_a.earlier(from_b), from_b.earlier(from_a));
            if a.is_zero() {
                prop_assert!(from_a.has_passed());
            }
        }
    }
}
