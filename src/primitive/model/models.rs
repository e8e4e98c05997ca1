//! The model backend under its own models.
//!
//! Of each primitive two things are shown: what it promises holds in every
//! execution, and a use that relies on more is found. The second half is the
//! more important one, for a backend that synchronises too much finds nothing.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use super::atomics::{AtomicBool, AtomicUsize, Ordering, fence};
use super::run::{Explored, Model};
use super::thread::{self, JoinHandle};
use super::{
    Condvar, Deque, Injector, Mutex, MutexGuard, Parker, Steal, UnsafeCell, catch_unwind, now,
    thread_slot, unwind,
};

/// Data that the protocol under test has to guard.
#[derive(Default)]
struct Payload(UnsafeCell<u32>);

// SAFETY: not even sound; loom is there to say where.
unsafe impl Sync for Payload {}

impl Payload {
    fn write(&self, value: u32) {
        // SAFETY: loom has checked that this access is alone.
        self.0.with_mut(|payload| unsafe { *payload = value });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom has checked that there is no writer.
        self.0.with(|payload| unsafe { *payload })
    }
}

fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn("other".to_owned(), None, body).expect("a model always has a thread to give")
}

fn join<T>(handle: JoinHandle<T>) -> T {
    handle.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
}

fn model(name: &'static str) -> Model {
    Model::new(name).unbounded()
}

/// Checks a model that must fail and say `why`.
fn must_fail(why: &str, name: &'static str, body: impl Fn() + Send + Sync + 'static) {
    fails(why, || model(name).check(body));
}

fn fails(why: &str, check: impl FnOnce() -> Explored) {
    let payload = panic::catch_unwind(AssertUnwindSafe(check)).expect_err("found nothing wrong");
    let said = unwind::message(payload.as_ref());
    assert!(said.contains(why), "it failed, but with: {said}");
}

/// Runs two closures on the same shared state, and joins the second.
fn beside<S: Send + Sync + 'static>(
    shared: Arc<S>,
    other: impl FnOnce(&S) + Send + 'static,
    this: impl FnOnce(&S),
) {
    let handle = spawn({
        let shared = Arc::clone(&shared);
        move || other(&shared)
    });
    this(&shared);
    join(handle);
}

const RACE: &str = "Causality violation";
const DEADLOCK: &str = "deadlock";

mod atomics {
    use super::*;

    fn publish(store: Ordering, load: Ordering) {
        beside(
            Arc::new((Payload::default(), AtomicBool::new(false))),
            move |(payload, flag)| {
                payload.write(1);
                flag.store(true, store);
            },
            move |(payload, flag)| {
                if flag.load(load) {
                    assert_eq!(payload.read(), 1);
                }
            },
        );
    }

    #[test]
    fn a_released_payload_is_seen() {
        model("model::atomics::a_released_payload_is_seen")
            .check(|| publish(Ordering::Release, Ordering::Acquire));
    }

    #[test]
    fn a_relaxed_publication_is_found() {
        must_fail(RACE, "model::atomics::a_relaxed_publication_is_found", || {
            publish(Ordering::Relaxed, Ordering::Acquire);
        });
    }

    #[test]
    fn a_relaxed_reception_is_found() {
        must_fail(RACE, "model::atomics::a_relaxed_reception_is_found", || {
            publish(Ordering::Release, Ordering::Relaxed);
        });
    }

    fn dekker(fenced: bool) {
        type Flags = (AtomicBool, AtomicBool);
        let go = move |mine: &AtomicBool, theirs: &AtomicBool| {
            mine.store(true, Ordering::Relaxed);
            if fenced {
                fence(Ordering::SeqCst);
            }
            theirs.load(Ordering::Relaxed)
        };
        let flags: Arc<Flags> = Arc::default();
        let handle = spawn({
            let flags = Arc::clone(&flags);
            move || go(&flags.0, &flags.1)
        });
        let seen = go(&flags.1, &flags.0);
        assert!(join(handle) || seen, "neither saw the other");
    }

    #[test]
    fn two_flags_with_fences_see_each_other() {
        model("model::atomics::two_flags_with_fences_see_each_other").check(|| dekker(true));
    }

    #[test]
    fn two_flags_without_fences_are_found() {
        must_fail("neither saw", "model::atomics::two_flags_without_fences_are_found", || {
            dekker(false);
        });
    }

    /// loom remembers only the last access to an atomic: the writer's own load
    /// hides the reader's, and loom alone would never try the write first.
    #[test]
    fn a_load_of_the_writer_does_not_hide_the_reader() {
        must_fail("written", "model::atomics::a_load_of_the_writer", || {
            beside(
                Arc::new(AtomicUsize::new(0)),
                |word| {
                    word.load(Ordering::Relaxed);
                    word.swap(1, Ordering::Relaxed);
                },
                |word| assert_eq!(word.load(Ordering::Relaxed), 0, "written"),
            );
        });
    }

    /// The same, where the hiding load belongs to a third thread.
    #[test]
    fn a_load_that_precedes_the_write_does_not_hide_the_reader() {
        must_fail("written", "model::atomics::a_load_that_precedes_the_write", || {
            let shared: Arc<(AtomicUsize, AtomicBool)> = Arc::default();
            let others = [true, false].map(|looks| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    let (word, flag) = &*shared;
                    if looks {
                        word.load(Ordering::Relaxed);
                        flag.store(true, Ordering::Release);
                    } else if flag.load(Ordering::Acquire) {
                        word.store(1, Ordering::Relaxed);
                    }
                })
            });
            let seen = shared.0.load(Ordering::Relaxed);
            others.map(join);
            assert_eq!(seen, 0, "written");
        });
    }

    #[test]
    fn a_cell_taken_apart_too_early_is_found() {
        must_fail(RACE, "model::cell::a_cell_taken_apart_too_early_is_found", || {
            let shared = Arc::new((Payload::default(), AtomicBool::new(false)));
            let handle = spawn({
                let shared = Arc::clone(&shared);
                move || {
                    shared.0.write(1);
                    shared.1.store(true, Ordering::Relaxed);
                    std::mem::forget(shared);
                }
            });
            if shared.1.load(Ordering::Acquire) {
                // SAFETY: the other owner has forgotten its share; that it
                // could still be writing is what loom must see.
                let payload = unsafe { std::ptr::read(&shared.0) };
                payload.0.into_inner();
            }
            std::mem::forget(shared);
            join(handle);
        });
    }
}

mod lock {
    use super::*;

    #[test]
    fn the_data_of_a_mutex_are_handed_over() {
        model("model::lock::the_data_of_a_mutex_are_handed_over").check(|| {
            let shared = Arc::new((Mutex::new(0), Payload::default()));
            let add = |(count, payload): &(Mutex<u32>, Payload)| {
                let mut count = count.lock();
                payload.write(payload.read() + 1);
                *count += 1;
            };
            beside(Arc::clone(&shared), add, add);
            assert_eq!(*shared.0.lock(), 2);
            assert_eq!(shared.1.read(), 2);
        });
    }

    #[test]
    fn a_failed_try_lock_is_explored() {
        must_fail("it was taken", "model::lock::a_failed_try_lock_is_explored", || {
            beside(
                Arc::new(Mutex::new(())),
                |mutex| drop(mutex.lock()),
                |mutex| assert!(mutex.try_lock().is_some(), "it was taken"),
            );
        });
    }

    #[test]
    fn a_failed_try_lock_synchronises_nothing() {
        must_fail(RACE, "model::lock::a_failed_try_lock_synchronises_nothing", || {
            beside(
                Arc::new((Mutex::new(()), Payload::default())),
                |(mutex, payload)| {
                    payload.write(1);
                    drop(mutex.lock());
                },
                |(mutex, payload)| {
                    if mutex.try_lock().is_none() {
                        payload.read();
                    }
                },
            );
        });
    }

    /// The step between the flag and the unlock: whoever sees the flag finds
    /// the lock still taken.
    #[test]
    fn the_step_of_an_unlock_is_visible() {
        must_fail("still taken", "model::lock::the_step_of_an_unlock_is_visible", || {
            beside(
                Arc::new((Mutex::new(()), AtomicBool::new(false))),
                |(mutex, done)| {
                    let guard = mutex.lock();
                    done.store(true, Ordering::Release);
                    drop(guard);
                },
                |(mutex, done)| {
                    if done.load(Ordering::Acquire) {
                        assert!(mutex.try_lock().is_some(), "still taken");
                    }
                },
            );
        });
    }

    /// And it may be free again: the other outcome exists too.
    #[test]
    fn the_lock_may_be_free_after_the_flag() {
        must_fail("free again", "model::lock::the_lock_may_be_free_after_the_flag", || {
            beside(
                Arc::new((Mutex::new(()), AtomicBool::new(false))),
                |(mutex, done)| {
                    let guard = mutex.lock();
                    done.store(true, Ordering::Release);
                    drop(guard);
                },
                |(mutex, done)| {
                    if done.load(Ordering::Acquire) {
                        assert!(mutex.try_lock().is_none(), "free again");
                    }
                },
            );
        });
    }

    #[test]
    fn unwinding_unlocks_and_does_not_poison() {
        model("model::lock::unwinding_unlocks_and_does_not_poison").check(|| {
            let shared = Arc::new(Mutex::new(0));
            let handle = spawn({
                let shared = Arc::clone(&shared);
                move || {
                    let mut guard = shared.lock();
                    *guard += 1;
                    panic!("on purpose");
                }
            });
            *shared.lock() += 1;
            assert!(!thread::panicking(), "that is the other thread");
            assert!(handle.join().is_err());
            assert_eq!(*shared.lock(), 2);
        });
    }

    #[test]
    fn two_locks_in_two_orders_are_found() {
        must_fail(DEADLOCK, "model::lock::two_locks_in_two_orders_are_found", || {
            beside(
                Arc::new((Mutex::new(()), Mutex::new(()))),
                |(a, b)| {
                    let _a = a.lock();
                    let _b = b.lock();
                },
                |(a, b)| {
                    let _b = b.lock();
                    let _a = a.lock();
                },
            );
        });
    }
}

mod condvar {
    use super::*;

    type Gate = (Mutex<bool>, Condvar);

    fn gate() -> Arc<Gate> {
        Arc::new((Mutex::new(false), Condvar::new()))
    }

    fn open((open, changed): &Gate) {
        *open.lock() = true;
        changed.notify_one();
    }

    #[test]
    fn a_notified_waiter_goes_on() {
        model("model::condvar::a_notified_waiter_goes_on").spurious().check(|| {
            beside(gate(), open, |(open, changed)| {
                let mut guard = open.lock();
                while !*guard {
                    changed.wait(&mut guard);
                }
            });
        });
    }

    #[test]
    fn notify_all_wakes_all_and_notify_one_only_one() {
        let all = |notify: fn(&Condvar)| {
            move || {
                let gate = gate();
                let waiters = [(); 2].map(|()| {
                    let gate = Arc::clone(&gate);
                    spawn(move || {
                        let mut guard = gate.0.lock();
                        while !*guard {
                            gate.1.wait(&mut guard);
                        }
                    })
                });
                *gate.0.lock() = true;
                notify(&gate.1);
                waiters.map(join);
            }
        };
        Model::new("model::condvar::notify_all_wakes_all")
            .preemptions(3)
            .quick(2)
            .check(all(Condvar::notify_all));
        must_fail(DEADLOCK, "model::condvar::notify_one_wakes_one", all(Condvar::notify_one));
    }

    #[test]
    fn a_wake_up_that_comes_before_the_wait_is_lost_and_found() {
        must_fail(DEADLOCK, "model::condvar::a_lost_wake_up_is_found", || {
            beside(gate(), open, |(open, changed)| {
                if !*open.lock() {
                    // Here the lock is free, and the notification comes.
                    changed.wait(&mut open.lock());
                }
            });
        });
    }

    #[test]
    fn waiting_without_a_loop_fails_only_with_spurious_wake_ups() {
        let body = || {
            beside(gate(), open, |(open, changed)| {
                let mut guard = open.lock();
                if !*guard {
                    changed.wait(&mut guard);
                }
                assert!(*guard, "woken too early");
            });
        };
        let bare = model("model::condvar::waiting_without_a_loop");
        bare.check(body);
        fails("woken too early", || bare.spurious().check(body));
    }

    fn wait_once(expect: impl Fn(&mut MutexGuard<'_, bool>, bool) + Send + Sync + 'static) {
        let expect = Arc::new(expect);
        beside(gate(), open, move |(open, changed)| {
            let mut guard = open.lock();
            if !*guard {
                let at = now() + Duration::from_secs(1);
                let notified = changed.wait_until(&mut guard, at);
                expect(&mut guard, notified);
            }
        });
    }

    #[test]
    fn a_timed_wait_may_time_out() {
        must_fail("timed out", "model::condvar::a_timed_wait_may_time_out", || {
            wait_once(|_, notified| assert!(notified, "timed out"));
        });
    }

    #[test]
    fn a_timed_wait_may_be_notified() {
        must_fail("notified", "model::condvar::a_timed_wait_may_be_notified", || {
            wait_once(|_, notified| assert!(!notified, "notified"));
        });
    }

    #[test]
    fn a_timed_wait_may_be_notified_without_a_preemption() {
        fails("notified", || {
            Model::new("model::condvar::a_patient_wait").preemptions(0).check(|| {
                wait_once(|_, notified| assert!(!notified, "notified"));
            })
        });
    }

    #[test]
    fn a_timed_wait_may_time_out_although_the_gate_is_open() {
        must_fail("open", "model::condvar::timed_out_although_open", || {
            wait_once(|guard, notified| assert!(notified || !**guard, "open"));
        });
    }

    #[test]
    fn a_notification_is_never_reported_as_a_time_out_forever() {
        model("model::condvar::a_notified_timed_waiter_sees_the_gate").check(|| {
            wait_once(|guard, notified| assert!(!notified || **guard));
        });
    }
}

mod parker {
    use super::*;

    #[test]
    fn what_precedes_unpark_is_seen_after_park() {
        model("model::parker::what_precedes_unpark_is_seen_after_park").check(|| {
            beside(
                Arc::new((Parker::new(), Payload::default())),
                |(parker, payload)| {
                    payload.write(1);
                    parker.unpark();
                },
                |(parker, payload)| {
                    parker.park();
                    assert_eq!(payload.read(), 1);
                },
            );
        });
    }

    #[test]
    fn what_precedes_park_is_not_seen_by_the_waker() {
        must_fail(RACE, "model::parker::what_precedes_park_is_not_seen_by_the_waker", || {
            let shared = Arc::new((Parker::new(), Payload::default(), AtomicBool::new(false)));
            beside(
                shared,
                |(parker, payload, asleep)| {
                    let slept = asleep.load(Ordering::Relaxed);
                    parker.unpark();
                    if slept {
                        payload.read();
                    }
                },
                |(parker, payload, asleep)| {
                    payload.write(1);
                    asleep.store(true, Ordering::Relaxed);
                    parker.park();
                },
            );
        });
    }

    #[test]
    fn two_tokens_are_one() {
        must_fail(DEADLOCK, "model::parker::two_tokens_are_one", || {
            beside(
                Arc::new(Parker::new()),
                |parker| {
                    parker.unpark();
                    parker.unpark();
                },
                |parker| {
                    parker.park();
                    parker.park();
                },
            );
        });
    }

    #[test]
    fn two_wakers_may_leave_a_token_for_the_next_wait() {
        model("model::parker::two_wakers_never_lose_the_sleeper").check(|| {
            let shared = Arc::new((Parker::new(), AtomicUsize::new(0)));
            let wakers = [(); 2].map(|()| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    shared.1.fetch_add(1, Ordering::Release);
                    shared.0.unpark();
                })
            });
            while shared.1.load(Ordering::Acquire) < 2 {
                shared.0.park();
            }
            wakers.map(join);
        });
    }

    #[test]
    fn a_wake_up_before_the_look_is_lost_and_found() {
        must_fail(DEADLOCK, "model::parker::a_lost_wake_up_is_found", || {
            beside(
                Arc::new((Parker::new(), AtomicBool::new(false))),
                |(parker, asleep)| {
                    if asleep.load(Ordering::Acquire) {
                        parker.unpark();
                    }
                },
                |(parker, asleep)| {
                    asleep.store(true, Ordering::Release);
                    parker.park();
                },
            );
        });
    }

    fn timed(expect: bool) {
        beside(Arc::new(Parker::new()), Parker::unpark, move |parker| {
            let taken = parker.park_until(Some(now() + Duration::from_secs(1)));
            assert!(taken == expect, "the other outcome");
        });
    }

    #[test]
    fn a_timed_park_has_both_outcomes() {
        for expect in [false, true] {
            must_fail("the other outcome", "model::parker::timed", move || timed(expect));
        }
    }

    #[test]
    fn each_thread_has_a_parker_and_a_slot_of_its_own() {
        thread_slot!(static SLOT);
        model("model::thread::each_thread_has_its_own").check(|| {
            let mine = Parker::current();
            assert!(Arc::ptr_eq(&mine, &Parker::current()));
            SLOT.set((&raw const *mine).cast());
            let waker = spawn({
                let mine = Arc::clone(&mine);
                move || {
                    assert!(SLOT.get().is_null());
                    assert!(!Arc::ptr_eq(&mine, &Parker::current()));
                    mine.unpark();
                }
            });
            mine.park();
            assert_eq!(SLOT.get(), (&raw const *mine).cast());
            join(waker);
        });
        assert!(SLOT.get().is_null());
    }
}

mod threads {
    use super::*;

    #[test]
    fn a_panic_reaches_the_joiner() {
        model("model::thread::a_panic_reaches_the_joiner").check(|| {
            let done = Arc::new(AtomicBool::new(false));
            let handle = spawn({
                let done = Arc::clone(&done);
                move || {
                    done.store(true, Ordering::Release);
                    panic!("on purpose");
                }
            });
            done.load(Ordering::Relaxed);
            let payload = handle.join().map(|()| ()).expect_err("it panicked");
            assert!(done.load(Ordering::Relaxed));
            assert_eq!(unwind::message(payload.as_ref()), "on purpose");
        });
    }

    #[test]
    fn catch_unwind_keeps_a_users_panic() {
        model("model::unwind::catch_unwind_keeps_a_users_panic").check(|| {
            beside(
                Arc::new(AtomicUsize::new(0)),
                |count| {
                    count.fetch_add(1, Ordering::Relaxed);
                    assert!(catch_unwind(|| panic!("on purpose")).is_err());
                    assert!(!thread::panicking());
                },
                |count| {
                    count.fetch_add(1, Ordering::Relaxed);
                },
            );
        });
    }

    #[test]
    fn catch_unwind_lets_looms_panics_pass() {
        must_fail(DEADLOCK, "model::unwind::catch_unwind_lets_a_deadlock_pass", || {
            let parker = Arc::new(Parker::new());
            let handle = spawn({
                let parker = Arc::clone(&parker);
                move || catch_unwind(|| parker.park()).is_ok()
            });
            let _ = catch_unwind(|| handle.join());
        });
        must_fail(RACE, "model::unwind::catch_unwind_lets_a_race_pass", || {
            beside(
                Arc::new(Payload::default()),
                |payload| payload.write(1),
                |payload| {
                    let _ = catch_unwind(|| payload.write(2));
                },
            );
        });
        must_fail("maximum number of branches", "model::unwind::endless_loop", || {
            beside(
                Arc::new(AtomicBool::new(false)),
                |flag| drop(flag.load(Ordering::Relaxed)),
                |flag| {
                    let _ = catch_unwind(|| {
                        while !flag.load(Ordering::Relaxed) {
                            thread::spin_hint();
                        }
                    });
                },
            );
        });
    }

    /// A user may say what loom says; the place decides.
    #[test]
    fn destructors_work_after_loom_has_failed() {
        struct Counts(Arc<(Mutex<u32>, AtomicUsize, Parker)>);
        impl Drop for Counts {
            fn drop(&mut self) {
                *self.0.0.lock() += 1;
                self.0.1.fetch_add(1, Ordering::AcqRel);
                self.0.2.unpark();
            }
        }
        must_fail(DEADLOCK, "model::unwind::destructors_work_after_loom_has_failed", || {
            let shared = Arc::new((Mutex::new(0), AtomicUsize::new(0), Parker::new()));
            let _counts = Counts(Arc::clone(&shared));
            let handle = spawn(move || shared.1.load(Ordering::Acquire));
            Parker::new().park();
            join(handle);
        });
    }
}

mod queues {
    use super::*;

    fn steal_until_decided<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
        loop {
            match steal() {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    /// Fear: the owner and a thief both take the last task, or neither does.
    #[test]
    fn the_last_task_is_taken_once() {
        model("model::deque::the_last_task_is_taken_once").check(|| {
            let deque = Deque::new_lifo();
            let stealer = deque.stealer();
            deque.push(Box::new(7));
            let thief = spawn(move || steal_until_decided(|| stealer.steal()));
            let mine = deque.pop();
            let stolen = join(thief);
            assert!(mine.is_some() != stolen.is_some());
            assert!(deque.is_empty());
        });
    }

    /// Fear: of several tasks one is lost or taken twice.
    #[test]
    fn each_task_is_taken_once() {
        Model::new("model::deque::each_task_is_taken_once").preemptions(4).quick(3).check(|| {
            let deque = Deque::new_lifo();
            let thieves = [(); 2].map(|()| {
                let stealer = deque.stealer();
                spawn(move || steal_until_decided(|| stealer.steal()))
            });
            deque.push(Box::new(1));
            deque.push(Box::new(2));
            let mut taken = vec![];
            taken.extend(deque.pop());
            taken.extend(thieves.map(join).into_iter().flatten());
            while let Some(task) = deque.pop() {
                taken.push(task);
            }
            taken.sort();
            assert_eq!(taken, [Box::new(1), Box::new(2)]);
        });
    }

    /// Fear: a batch loses the task that it moves, or hides it from its owner.
    #[test]
    fn a_batch_moves_each_task_once() {
        Model::new("model::deque::a_batch_moves_each_task_once").preemptions(4).check(|| {
            let deque = Deque::new_lifo();
            deque.push(Box::new(1));
            deque.push(Box::new(2));
            let thief = spawn({
                let stealer = deque.stealer();
                move || {
                    let own = Deque::new_lifo();
                    let mut taken = vec![];
                    taken.extend(steal_until_decided(|| stealer.steal_batch_and_pop(&own)));
                    taken.extend(own.pop());
                    taken
                }
            });
            let mut taken = vec![];
            taken.extend(deque.pop());
            taken.extend(join(thief));
            taken.extend(deque.pop());
            taken.sort();
            assert_eq!(taken, [Box::new(1), Box::new(2)]);
        });
    }

    /// Fear: the thief has the task and not what it points to.
    #[test]
    fn a_stolen_task_brings_its_payload() {
        model("model::deque::a_stolen_task_brings_its_payload").check(|| {
            let payload = Arc::new(Payload::default());
            let deque = Deque::new_lifo();
            let stealer = deque.stealer();
            let thief = spawn(move || {
                if let Steal::Success(task) = stealer.steal() {
                    let task: Arc<Payload> = task;
                    assert_eq!(task.read(), 5);
                }
            });
            payload.write(5);
            deque.push(payload);
            join(thief);
        });
    }

    /// Pushing and then looking at a flag, with the searcher doing the reverse,
    /// needs a fence on both sides: neither the deque nor the injector has one.
    fn announce(fenced: bool, injected: bool) {
        let deque = Deque::new_lifo();
        let stealer = deque.stealer();
        let shared = Arc::new((Injector::new(), AtomicBool::new(false)));
        let searcher = spawn({
            let shared = Arc::clone(&shared);
            move || {
                let (injector, asleep) = &*shared;
                asleep.store(true, Ordering::Relaxed);
                if fenced {
                    fence(Ordering::SeqCst);
                }
                if injected { injector.is_empty() } else { stealer.is_empty() }
            }
        });
        let (injector, asleep) = &*shared;
        if injected {
            injector.push(1);
        } else {
            deque.push(1);
        }
        if fenced {
            fence(Ordering::SeqCst);
        }
        let wakes = asleep.load(Ordering::Relaxed);
        let found_nothing = join(searcher);
        assert!(wakes || !found_nothing, "a task and a sleeper");
    }

    #[test]
    fn a_push_and_a_sleeper_with_fences_do_not_miss_each_other() {
        model("model::deque::push_then_flag").check(|| announce(true, false));
        model("model::injector::push_then_flag").check(|| announce(true, true));
    }

    #[test]
    fn a_push_and_a_sleeper_without_fences_are_found() {
        for injected in [false, true] {
            must_fail("a task and a sleeper", "model::deque::no_fence", move || {
                announce(false, injected);
            });
        }
    }

    /// Fear: two pushers use one slot, or a thief takes a slot before it is
    /// written.
    #[test]
    fn each_injected_task_is_taken_once_with_its_payload() {
        Model::new("model::injector::each_task_is_taken_once").preemptions(3).quick(2).check(|| {
            let injector = Arc::new(Injector::new());
            let pusher = spawn({
                let injector = Arc::clone(&injector);
                move || {
                    let payload = Payload::default();
                    payload.write(1);
                    injector.push(payload);
                }
            });
            let thief = spawn({
                let injector = Arc::clone(&injector);
                move || steal_until_decided(|| injector.steal()).map(|payload| payload.read())
            });
            let payload = Payload::default();
            payload.write(2);
            injector.push(payload);
            join(pusher);
            let mut taken: Vec<u32> = join(thief).into_iter().collect();
            let own = Deque::new_lifo();
            while let Some(payload) = steal_until_decided(|| injector.steal_batch_and_pop(&own)) {
                taken.push(payload.read());
                taken.extend(own.pop().map(|payload| payload.read()));
            }
            taken.sort_unstable();
            assert_eq!(taken, [1, 2]);
            assert!(injector.is_empty());
            assert_eq!(injector.len(), 0);
        });
    }

    #[test]
    fn tasks_left_behind_are_dropped() {
        model("model::deque::tasks_left_behind_are_dropped").check(|| {
            let task = Arc::new(());
            let deque = Deque::new_lifo();
            let injector = Arc::new(Injector::new());
            deque.push(Arc::clone(&task));
            beside(
                Arc::clone(&injector),
                { let task = Arc::clone(&task); move |injector| injector.push(task) },
                |injector| drop(injector.is_empty()),
            );
            drop((deque, injector));
            assert_eq!(Arc::strong_count(&task), 1);
        });
    }
}
