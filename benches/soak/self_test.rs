//! Each check is fed the error that it is for, and must see it: a check that
//! sees nothing would let every programme pass.

use std::process::ExitCode;

use crate::checks::{
    Doing, Flow, Ledger, Lives, Uneven, at_rest, first_difference, is_early, is_over_full,
    is_passed_too_often, settle,
};
use crate::pools_self_test::pools;

/// Two consumers get these `(producer, number)`, of 2 producers with 3 each.
fn settled(first: &[(u64, u64)], second: &[(u64, u64)], is_ordered: bool) -> Uneven {
    let ledgers = [first, second].map(|got| {
        let mut ledger = Ledger::new(2, 3);
        got.iter()
            .for_each(|&(producer, number)| ledger.note(producer, number));
        ledger
    });
    settle(&ledgers, 6, is_ordered)
}

pub(crate) fn run() -> ExitCode {
    use Doing::{Holds, Moves, Nothing, Waits};

    let whole = [(0, 0), (1, 0), (0, 2)];
    let rest = [(0, 1), (1, 1), (1, 2)];
    let uneven = Uneven::default();
    let flow = |put, got, put_sum, got_sum| Flow {
        put,
        got,
        put_sum,
        got_sum,
    };
    let mut results = vec![
        (
            "what is even passes",
            settled(&whole, &rest, true).is_none(),
        ),
        (
            "a lost message",
            settled(&whole, &rest[..2], true) == Uneven { lost: 1, ..uneven },
        ),
        (
            "a message that two consumers got",
            settled(&whole, &[&whole[1..2], &rest[..]].concat(), true)
                == Uneven {
                    repeated: 1,
                    ..uneven
                },
        ),
        (
            "a message that one consumer got twice",
            settled(&[&whole[..], &whole[2..]].concat(), &rest, false)
                == Uneven {
                    repeated: 1,
                    ..uneven
                },
        ),
        (
            "a lost and a doubled one do not make up for each other",
            settled(&[(0, 0), (0, 0), (1, 0)], &rest, false)
                == Uneven {
                    lost: 1,
                    repeated: 1,
                    ..uneven
                },
        ),
        (
            "two messages out of order",
            settled(&[(0, 2), (1, 0), (0, 0)], &rest, true)
                == Uneven {
                    reordered: 1,
                    ..uneven
                },
        ),
        (
            "no order is asked of a stack",
            settled(&[(0, 2), (1, 0), (0, 0)], &rest, false).is_none(),
        ),
        (
            "a message that nobody sent",
            settled(&[&whole[..], &[(0, 3), (2, 0)]].concat(), &rest, true)
                == Uneven {
                    strange: 2,
                    ..uneven
                },
        ),
        (
            "a resting queue in order",
            first_difference(&[1, 2], &[1, 2]).is_none(),
        ),
        (
            "a resting queue out of order",
            first_difference(&[1, 2], &[2, 1]) == Some(0),
        ),
        (
            "a resting queue that is short",
            first_difference(&[1, 2], &[1]) == Some(1),
        ),
        (
            "a resting queue with one more",
            first_difference(&[1], &[1, 1]) == Some(1),
        ),
        ("an even end", flow(2, 2, 7, 7).is_even(true)),
        ("an item lost at the end", !flow(2, 1, 7, 3).is_even(true)),
        ("another item at the end", !flow(2, 2, 7, 8).is_even(true)),
        (
            "a full queue",
            !is_over_full(2, Some(2)) && !is_over_full(9, None),
        ),
        ("a queue that is too full", is_over_full(3, Some(2))),
        ("all is done", flow(2, 1, 7, 3).is_finished(1)),
        ("work that is never done", !flow(2, 2, 7, 7).is_finished(1)),
        (
            "work done that nobody did",
            !flow(2, 1, 7, 3).is_finished(0),
        ),
        ("items left behind", flow(2, 1, 7, 3).is_even(false)),
        ("more items than were put", !flow(1, 2, 3, 7).is_even(false)),
        (
            "an item that leaks",
            !Lives {
                made: 2,
                dropped: 1,
            }
            .is_even(),
        ),
        (
            "an item dropped twice",
            !Lives {
                made: 2,
                dropped: 3,
            }
            .is_even(),
        ),
        (
            "rest",
            at_rest(4, 1, &[Holds(3), Waits(2), Nothing]).is_ok(),
        ),
        (
            "a lost permit",
            at_rest(4, 0, &[Holds(3), Nothing]).is_err(),
        ),
        (
            "a permit too many",
            at_rest(4, 2, &[Holds(3), Nothing]).is_err(),
        ),
        (
            "a sleeper beside its permits",
            at_rest(4, 2, &[Holds(2), Waits(2)]).is_err(),
        ),
        ("no rest", at_rest(4, 4, &[Moves]).is_err()),
        (
            "passed as often as promised",
            !is_passed_too_often(4095, 4095),
        ),
        ("passed once too often", is_passed_too_often(4096, 4095)),
        ("passed in a fair line", is_passed_too_often(1, 0)),
        ("a wait in time", !is_early(0)),
        ("a wait that ends early", is_early(-1)),
    ];
    results.extend(pools());
    let mut is_good = true;
    for &(what, is_seen) in &results {
        if !is_seen {
            eprintln!("soak: self-test: not seen: {what}");
            is_good = false;
        }
    }
    println!(
        "soak: self-test: {} checks, all seen: {is_good}",
        results.len()
    );
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
