//! The lock of readers and writers, and that of one who may lock again: what
//! they promise no user may rely on more than.

use super::super::{ReentrantMutex, RwLock, RwLockWriteGuard};
use super::*;

type Shared = (RwLock<u32>, Payload);

fn shared() -> Arc<Shared> {
    Arc::new((RwLock::undecided(0), Payload::default()))
}

fn write((lock, payload): &Shared) {
    let mut value = lock.write();
    payload.write(payload.read() + 1);
    *value += 1;
}

#[test]
fn a_failed_attempt_to_read_is_explored() {
    must_fail(
        "it was taken",
        "model::rwlock::a_failed_attempt_to_read_is_explored",
        || {
            beside(shared(), write, |(lock, _)| {
                assert!(lock.try_read().is_some(), "it was taken");
            });
        },
    );
}

#[test]
fn a_failed_attempt_to_write_is_explored() {
    must_fail(
        "it was taken",
        "model::rwlock::a_failed_attempt_to_write_is_explored",
        || {
            beside(
                shared(),
                |(lock, _)| drop(lock.read()),
                |(lock, _)| assert!(lock.try_write().is_some(), "it was taken"),
            );
        },
    );
}

#[test]
fn a_failed_attempt_synchronises_nothing() {
    must_fail(
        RACE,
        "model::rwlock::a_failed_attempt_synchronises_nothing",
        || {
            beside(
                shared(),
                |(lock, payload)| {
                    payload.write(1);
                    drop(lock.write());
                },
                |(lock, payload)| {
                    if lock.try_read().is_none() {
                        payload.read();
                    }
                },
            );
        },
    );
}

/// What a reader did before it unlocked is not ordered for the next reader.
#[test]
fn readers_do_not_synchronise_with_each_other() {
    must_fail(
        RACE,
        "model::rwlock::readers_do_not_synchronise_with_each_other",
        || {
            beside(
                Arc::new((
                    RwLock::undecided(0),
                    Payload::default(),
                    AtomicBool::new(false),
                )),
                |(lock, payload, done)| {
                    payload.write(1);
                    drop(lock.read());
                    done.store(true, Ordering::Relaxed);
                },
                |(lock, payload, done)| {
                    if done.load(Ordering::Relaxed) {
                        let _reader = lock.read();
                        payload.read();
                    }
                },
            );
        },
    );
}

/// The step between the flag and the unlock: whoever sees the flag finds the
/// lock still taken.
#[test]
fn the_step_of_an_unlock_is_visible() {
    for write in [false, true] {
        must_fail(
            "still taken",
            "model::rwlock::the_step_of_an_unlock_is_visible",
            move || {
                beside(
                    Arc::new((RwLock::undecided(0), AtomicBool::new(false))),
                    move |(lock, done)| {
                        let (writer, reader) = if write {
                            (Some(lock.write()), None)
                        } else {
                            (None, Some(lock.read()))
                        };
                        done.store(true, Ordering::Release);
                        drop((writer, reader));
                    },
                    |(lock, done)| {
                        if done.load(Ordering::Acquire) {
                            assert!(lock.try_write().is_some(), "still taken");
                        }
                    },
                );
            },
        );
    }
}

#[test]
fn a_timed_writer_may_time_out_and_may_not() {
    let body = |wanted: bool| {
        move || {
            beside(
                shared(),
                |(lock, _)| drop(lock.read()),
                move |(lock, _)| {
                    let at = now() + Duration::from_secs(1);
                    assert_eq!(lock.write_until(at).is_some(), wanted, "the other end");
                },
            );
        }
    };
    must_fail(
        "the other end",
        "model::rwlock::a_timed_writer_may_time_out",
        body(true),
    );
    must_fail(
        "the other end",
        "model::rwlock::a_timed_writer_may_come_in_time",
        body(false),
    );
}

#[test]
fn a_timed_reader_may_time_out() {
    must_fail(
        "timed out",
        "model::rwlock::a_timed_reader_may_time_out",
        || {
            beside(shared(), write, |(lock, _)| {
                let at = now() + Duration::from_secs(1);
                assert!(lock.read_until(at).is_some(), "timed out");
            });
        },
    );
}

#[test]
fn unlocking_to_read_again_lets_a_writer_in() {
    let body = |downgrade: bool| {
        move || {
            beside(shared(), write, move |(lock, _)| {
                let mut writer = lock.write();
                *writer += 10;
                let written = *writer;
                let reader = if downgrade {
                    RwLockWriteGuard::downgrade(writer)
                } else {
                    drop(writer);
                    lock.read()
                };
                assert_eq!(*reader, written, "a writer came in");
            });
        }
    };
    must_fail(
        "a writer came in",
        "model::rwlock::unlocking_lets_a_writer_in",
        body(false),
    );
    Model::new("model::rwlock::downgrading_does_not")
        .unbounded()
        .check(body(true));
}

/// The known deadlock of locks that prefer writers.
#[test]
fn reading_twice_while_a_writer_comes_is_found() {
    must_fail(
        DEADLOCK,
        "model::rwlock::reading_twice_while_a_writer_comes_is_found",
        || {
            beside(shared(), write, |(lock, _)| {
                let _first = lock.read();
                let _second = lock.read();
            });
        },
    );
}

#[test]
fn writing_what_one_reads_is_found() {
    must_fail(
        DEADLOCK,
        "model::rwlock::writing_what_one_reads_is_found",
        || {
            beside(
                shared(),
                |_| (),
                |(lock, _)| {
                    let _reader = lock.read();
                    let _writer = lock.write();
                },
            );
        },
    );
}

#[test]
fn a_reentrant_lock_excludes_others_only() {
    must_fail(
        "it was taken",
        "model::rwlock::a_reentrant_lock_excludes_others",
        || {
            beside(
                Arc::new(ReentrantMutex::undecided(())),
                |mutex| drop((mutex.lock(), mutex.lock())),
                |mutex| assert!(mutex.try_lock().is_some(), "it was taken"),
            );
        },
    );
    must_fail(
        "timed out",
        "model::rwlock::a_timed_reentrant_lock_may_time_out",
        || {
            beside(
                Arc::new(ReentrantMutex::undecided(())),
                |mutex| drop(mutex.lock()),
                |mutex| {
                    let at = now() + Duration::from_secs(1);
                    assert!(mutex.lock_until(at).is_some(), "timed out");
                },
            );
        },
    );
}

#[test]
fn two_reentrant_locks_in_two_orders_are_found() {
    must_fail(
        DEADLOCK,
        "model::rwlock::two_reentrant_locks_in_two_orders_are_found",
        || {
            beside(
                Arc::new((ReentrantMutex::undecided(()), ReentrantMutex::undecided(()))),
                |(a, b)| drop((a.lock(), a.lock(), b.lock())),
                |(a, b)| drop((b.lock(), a.lock())),
            );
        },
    );
}
