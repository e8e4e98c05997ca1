//! The errors that the checks of the pools' programmes are for, fed to them.

use std::time::Duration;

use crate::checks::{
    Fate, Outcome, Outcomes, Overload, Stalls, Tally, is_back, is_busy, is_too_long, leaked, median,
};
use crate::process::Belongings;

/// The longest stall seen by one who looks every 10 ms, of looks of
/// `(at, ended, delayed)`, in ms.
fn stall(looks: &[(u64, u64, u64)]) -> u64 {
    let mut stalls = Stalls::new(Duration::from_millis(10));
    for &(at, ended, delayed) in looks {
        stalls.look(
            Duration::from_millis(at),
            ended,
            Duration::from_millis(delayed),
        );
    }
    stalls.longest.as_millis() as u64
}

pub(crate) fn pools() -> Vec<(&'static str, bool)> {
    let tally = |numbers: &[u64]| {
        let mut tally = Tally::default();
        numbers.iter().for_each(|&number| tally.note(number));
        tally
    };
    let even = Outcomes {
        submitted: tally(&[1, 2, 3]),
        ok: tally(&[1]),
        panicked: tally(&[2]),
        cancelled: tally(&[3]),
        ran: tally(&[2, 1]),
        to_call: tally(&[1]),
        called: tally(&[1]),
        strange: 0,
    };
    let is_seen = |outcomes: Outcomes| outcomes.uneven().is_some();
    // Nothing ends from 20 ms until `end`.
    let still = |end: u64, delayed: fn(u64) -> u64| {
        let looks: Vec<_> = (0..=end / 10)
            .map(|look| look * 10)
            .map(|at| (at, if at < end { at.min(20) } else { at }, delayed(at)))
            .collect();
        stall(&looks)
    };
    let has = |resident, threads, files| Belongings {
        resident,
        threads,
        files,
    };
    let leaks = |after| leaked(has(100, 4, 5), after, 10).is_some();
    let ms = Duration::from_millis;
    let ok = Fate {
        outcome: Outcome::Ok,
        ran: 1,
        dropped: 1,
        prevented: 0,
    };
    let cancelled = Fate {
        outcome: Outcome::Cancelled,
        ran: 0,
        prevented: 1,
        ..ok
    };
    let loaded = Overload {
        offered: 10,
        accepted: 4,
        full: 6,
        ran: 4,
        queued_max: 3,
        limit: 3,
        grown: 9,
        grown_max: 9,
    };
    vec![
        ("fates", ok.wrong().or(cancelled.wrong()).is_none()),
        (
            "both run and cancelled",
            Fate {
                ran: 1,
                ..cancelled
            }
            .wrong()
            .is_some(),
        ),
        (
            "a result without run",
            Fate { ran: 0, ..ok }.wrong().is_some(),
        ),
        ("run twice", Fate { ran: 2, ..ok }.wrong().is_some()),
        (
            "run, and said to be prevented",
            Fate { prevented: 1, ..ok }.wrong().is_some(),
        ),
        (
            "prevented twice",
            Fate {
                prevented: 2,
                ..cancelled
            }
            .wrong()
            .is_some(),
        ),
        (
            "neither run nor cancelled",
            Fate {
                outcome: Outcome::Other,
                ..ok
            }
            .wrong()
            .is_some(),
        ),
        (
            "a closure that stays",
            Fate { dropped: 0, ..ok }.wrong().is_some(),
        ),
        (
            "a closure dropped twice",
            Fate {
                dropped: 2,
                ..cancelled
            }
            .wrong()
            .is_some(),
        ),
        ("overload", loaded.wrong().is_none()),
        (
            "refused otherwise",
            Overload { full: 5, ..loaded }.wrong().is_some(),
        ),
        (
            "accepted and not run",
            Overload { ran: 3, ..loaded }.wrong().is_some(),
        ),
        (
            "a queue beyond its limit",
            Overload {
                queued_max: 4,
                ..loaded
            }
            .wrong()
            .is_some(),
        ),
        (
            "memory beyond its limit",
            Overload {
                grown: 10,
                ..loaded
            }
            .wrong()
            .is_some(),
        ),
        ("the middle", median(&mut [ms(9), ms(1), ms(2)]) == ms(2)),
        ("answers as before", is_back(ms(1), ms(2))),
        ("answers that take longer", !is_back(ms(1), ms(5))),
        ("an end in time", !is_too_long(ms(1100), ms(100), ms(1000))),
        ("an end too late", is_too_long(ms(1101), ms(100), ms(1000))),
        ("an idle pool", !is_busy(ms(10), ms(1000), 0.01)),
        ("a pool that spins", is_busy(ms(11), ms(1000), 0.01)),
        ("even outcomes", !is_seen(even)),
        (
            "a task without outcome",
            is_seen(Outcomes {
                ok: Tally::default(),
                ..even
            }),
        ),
        (
            "a task that was lost, and another doubled",
            is_seen(Outcomes {
                ok: tally(&[2]),
                ..even
            }),
        ),
        (
            "a cancelled task that ran",
            is_seen(Outcomes {
                ran: tally(&[1, 2, 3]),
                ..even
            }),
        ),
        (
            "a task that ran twice",
            is_seen(Outcomes {
                ran: tally(&[1, 1, 2]),
                ..even
            }),
        ),
        (
            "a callback that never came",
            is_seen(Outcomes {
                called: Tally::default(),
                ..even
            }),
        ),
        (
            "the result of another task",
            is_seen(Outcomes { strange: 1, ..even }),
        ),
        ("no stall", still(30, |_| 0) == 10),
        ("a stall", still(130, |_| 0) == 110),
        ("threads without CPU are no stall", still(130, |at| at) == 0),
        (
            "nor if that is told at its end",
            still(130, |at| if at < 130 { 0 } else { 100 }) == 10,
        ),
        (
            "of a stall the half without CPU is none",
            still(120, |at| at / 2) == 50,
        ),
        (
            "a late look is no stall",
            stall(&[(0, 7, 0), (500, 7, 0), (510, 8, 0)]) == 20,
        ),
        ("nothing leaks", !leaks(has(110, 4, 5))),
        ("memory leaks", leaks(has(111, 4, 5))),
        ("a thread leaks", leaks(has(100, 5, 5))),
        ("a thread is lost", leaks(has(100, 3, 5))),
        ("a file leaks", leaks(has(100, 4, 6))),
    ]
}
