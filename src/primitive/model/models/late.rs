//! What is decided at its first use: no weaker, no stronger, and of one
//! execution only.

use std::cell::{Cell, RefCell};

use super::super::{Word, of_this_execution};
use super::*;

#[test]
fn a_late_mutex_hands_over_whoever_uses_it_first() {
    Model::new("model::late::a_late_mutex_hands_over")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Mutex::undecided(0), Payload::default()));
            let add = |(count, payload): &(Mutex<u32>, Payload)| {
                let mut count = count.lock();
                payload.write(payload.read() + 1);
                *count += 1;
            };
            beside(Arc::clone(&shared), add, add);
            assert_eq!(*shared.0.lock(), 2);
        });
}

/// The first use must not order what is only ordered by the lock.
#[test]
fn the_first_use_synchronises_nothing() {
    must_fail(
        RACE,
        "model::late::the_first_use_synchronises_nothing",
        || {
            beside(
                Arc::new((Mutex::undecided(()), Payload::default())),
                |(mutex, payload)| {
                    payload.write(1);
                    drop(mutex.try_lock());
                },
                |(mutex, payload)| {
                    if mutex.try_lock().is_none() {
                        payload.read();
                    }
                },
            );
        },
    );
}

#[test]
fn a_timed_lock_may_time_out_and_may_not() {
    let body = |wanted: bool| {
        move || {
            beside(
                Arc::new(Mutex::undecided(())),
                |mutex| drop(mutex.lock()),
                move |mutex| {
                    let at = now() + Duration::from_secs(1);
                    assert_eq!(mutex.lock_until(at).is_some(), wanted, "the other end");
                },
            );
        }
    };
    must_fail(
        "the other end",
        "model::late::a_timed_lock_may_time_out",
        body(true),
    );
    must_fail(
        "the other end",
        "model::late::a_timed_lock_may_come_in_time",
        body(false),
    );
}

fn publish(order: Ordering) -> impl Fn() {
    move || {
        beside(
            Arc::new((Word::zero(), Payload::default())),
            move |(word, payload)| {
                payload.write(1);
                word.store(1, order);
            },
            |(word, payload)| {
                if word.load(Ordering::Acquire) == 1 {
                    payload.read();
                }
            },
        );
    }
}

#[test]
fn a_late_word_orders_as_it_is_told() {
    Model::new("model::late::a_late_word_releases")
        .unbounded()
        .check(publish(Ordering::Release));
    must_fail(
        RACE,
        "model::late::a_relaxed_late_word_is_found",
        publish(Ordering::Relaxed),
    );
}

#[test]
fn a_late_cell_is_watched() {
    must_fail(RACE, "model::late::a_late_cell_is_watched", || {
        struct Shared(UnsafeCell<u32>);
        // SAFETY: not even sound; loom is there to say where.
        unsafe impl Sync for Shared {}
        let write = |cell: &Shared| {
            // SAFETY: loom has checked that this access is alone.
            cell.0.with_mut(|value| unsafe { *value += 1 });
        };
        beside(Arc::new(Shared(UnsafeCell::undecided(0))), write, write);
    });
}

#[test]
fn a_static_first_used_in_a_model_asks_for_lazy() {
    static LOCK: Mutex<()> = Mutex::undecided(());
    must_fail(
        "use `lazy!`",
        "model::late::a_static_first_used_in_a_model",
        || {
            beside(Arc::new(()), |_| drop(LOCK.lock()), |_| drop(LOCK.lock()));
        },
    );
}

#[test]
fn a_static_used_before_asks_for_lazy() {
    static LOCK: Mutex<()> = Mutex::undecided(());
    static WORD: Word = Word::zero();
    drop(LOCK.lock());
    WORD.load(Ordering::Relaxed);
    must_fail(
        "use `lazy!`",
        "model::late::a_static_lock_used_before",
        || drop(LOCK.lock()),
    );
    must_fail(
        "use `lazy!`",
        "model::late::a_static_word_used_before",
        || assert_eq!(WORD.load(Ordering::Relaxed), 0),
    );
}

/// More of them than any reserve begins with: the exploration starts again
/// until it is large enough, and counts only what it explored then.
#[test]
fn many_late_objects_make_the_reserve_grow() {
    let body = |locks: usize| {
        move || {
            let shared: Vec<_> = (0..locks).map(|_| Mutex::undecided(0)).collect();
            let all = |locks: &Vec<Mutex<u32>>| {
                locks.iter().for_each(|lock| *lock.lock() += 1);
            };
            let shared = Arc::new(shared);
            beside(Arc::clone(&shared), all, all);
            assert!(shared.iter().all(|lock| *lock.lock() == 2));
        }
    };
    let explored = |locks| {
        Model::new("model::late::many_late_objects")
            .preemptions(1)
            .check(body(locks))
            .executions
    };
    assert_eq!(explored(1), explored(1));
    assert!(explored(13) > 1);
}

/// A bug in a program with late objects is told once the reserve is right.
#[test]
fn a_failure_is_that_of_an_execution_that_counts() {
    must_fail(
        "Causality violation",
        "model::late::a_failure_that_counts",
        || {
            let locks: [Mutex<()>; 6] = [(); 6].map(|()| Mutex::undecided(()));
            beside(
                Arc::new((locks, Payload::default())),
                |(locks, payload)| {
                    locks.iter().for_each(|lock| drop(lock.lock()));
                    payload.write(1);
                },
                |(_, payload)| payload.write(2),
            );
        },
    );
}

#[test]
fn a_value_of_an_execution_is_fresh_in_each_and_one_in_all_threads() {
    static NATIVE: Mutex<u32> = Mutex::undecided(7);
    Model::new("model::late::a_value_of_an_execution_is_fresh")
        .unbounded()
        .check(|| {
            let here = || of_this_execution(&NATIVE, || Mutex::undecided(0));
            beside(
                Arc::new(()),
                move |_| *here().lock() += 1,
                move |_| *here().lock() += 1,
            );
            assert_eq!(*here().lock(), 2);
        });
    assert_eq!(
        *of_this_execution(&NATIVE, || Mutex::undecided(0)).lock(),
        7
    );
}

/// In no order of chance: what the destructors of one execution leave behind, the
/// next may see.
#[test]
fn the_values_of_an_execution_are_dropped_the_last_first() {
    thread_local! {
        static MADE: Cell<u32> = const { Cell::new(0) };
        static DROPPED: RefCell<Vec<(u32, u32)>> = const { RefCell::new(Vec::new()) };
    }
    /// By its number; 0 is native.
    struct Value(u32);
    static NATIVE: [Value; 8] = [const { Value(0) }; 8];
    fn value(at: usize) -> &'static Value {
        of_this_execution(&NATIVE[at], || {
            MADE.set(MADE.get() + 1);
            Value(MADE.get())
        })
    }
    impl Drop for Value {
        fn drop(&mut self) {
            // What was there before it still is.
            let first = value(5).0;
            DROPPED.with_borrow_mut(|dropped| dropped.push((self.0, first)));
        }
    }
    let in_order = |dropped: Vec<_>| {
        let first = [(1, 0)];
        assert!(
            dropped
                .into_iter()
                .eq((2..=8).rev().map(|n| (n, 1)).chain(first))
        );
    };
    let explored = Model::new("model::late::values_are_dropped_the_last_first")
        .unbounded()
        .check(move || {
            if MADE.replace(0) > 0 {
                in_order(DROPPED.take());
            }
            for at in [5, 2, 7, 0, 4, 1, 6, 3] {
                value(at);
            }
            let flags = Arc::new(AtomicUsize::new(0));
            let add = |flags: &AtomicUsize| _ = flags.fetch_add(1, Ordering::Relaxed);
            beside(flags, add, add);
        });
    in_order(DROPPED.take());
    assert!(explored.executions > 1);
}
