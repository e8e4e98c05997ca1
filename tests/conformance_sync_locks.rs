//! What locks, conditions and values set once must do: rows C151 to C181, as
//! far as they are about these, and the fault rows K1 to K7, K11 and K13.
//!
//! C161 and C162 are about events. C163 and half of C157 and C160 are about what
//! does not compile: their tests are `compile_fail` examples of the guards.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::{Tally, pool, until, watch, watch_for};
use raddle::ThreadPool;
use raddle::sync::{
    Condition, ConditionGuard, Condvar, Lazy, MappedMutexGuard, MappedRwLockReadGuard,
    MappedRwLockWriteGuard, Mutex, MutexGuard, OnceLock, ReentrantMutex, ReentrantMutexGuard,
    RwLock, RwLockReadGuard, RwLockWriteGuard, WorkerLocal, lazy,
};

const SHORT: Duration = Duration::from_millis(20);

/// Runs `body` on `threads` threads at once.
fn together(threads: usize, body: impl Fn(usize) + Sync) {
    thread::scope(|s| {
        for me in 0..threads {
            let body = &body;
            s.spawn(move || body(me));
        }
    });
}

/// Compiles only if a type is not `Send`.
macro_rules! not_send {
    ($($type:ty),+ $(,)?) => {$({
        trait AmbiguousIfSend<Which> {
            fn assert() {}
        }
        impl<T: ?Sized> AmbiguousIfSend<()> for T {}
        #[allow(dead_code)]
        struct OfSend;
        impl<T: ?Sized + Send> AmbiguousIfSend<OfSend> for T {}
        <$type as AmbiguousIfSend<_>>::assert();
    })+};
}

/// Compiles only if a type is not `Sync`.
macro_rules! not_sync {
    ($($type:ty),+ $(,)?) => {$({
        trait AmbiguousIfSync<Which> {
            fn assert() {}
        }
        impl<T: ?Sized> AmbiguousIfSync<()> for T {}
        #[allow(dead_code)]
        struct OfSync;
        impl<T: ?Sized + Sync> AmbiguousIfSync<OfSync> for T {}
        <$type as AmbiguousIfSync<_>>::assert();
    })+};
}

fn send<T: ?Sized + Send>() {}
fn sync<T: ?Sized + Sync>() {}

#[test]
fn c151_a_lock_goes_with_its_last_owner() {
    watch(|| {
        for _ in 0..2_000 {
            let lock = Arc::new(Mutex::new(Box::new(0)));
            let other = thread::spawn({
                let lock = lock.clone();
                move || **lock.lock() += 1
            });
            **lock.lock() += 1;
            drop(lock);
            other.join().unwrap();
        }
    });
}

#[test]
fn c152_an_attempt_fails_while_another_thread_holds() {
    watch(|| {
        let (mutex, again, rw) = (Mutex::new(1), ReentrantMutex::new(1), RwLock::new(1));
        {
            let _held = (mutex.lock(), again.lock(), rw.write());
            together(1, |_| {
                assert!(mutex.try_lock().is_none());
                assert!(again.try_lock().is_none());
                assert!(rw.try_read().is_none() && rw.try_write().is_none());
            });
            assert!(mutex.try_lock().is_none(), "not for the holder either");
            assert!(again.try_lock().is_some());
        }
        let _reads = rw.read();
        together(1, |_| {
            assert!(mutex.try_lock().is_some() && again.try_lock().is_some());
            assert!(rw.try_read().is_some() && rw.try_write().is_none());
        });
    });
}

#[test]
fn c153_one_at_a_time() {
    watch(|| {
        let (inside, mutex, again, rw) = (
            AtomicUsize::new(0),
            Mutex::new(()),
            ReentrantMutex::new(()),
            RwLock::new(()),
        );
        let alone = || {
            assert_eq!(inside.fetch_add(1, SeqCst), 0);
            thread::yield_now();
            assert_eq!(inside.fetch_sub(1, SeqCst), 1);
        };
        together(8, |_| {
            (0..200).for_each(|_| {
                let _held = mutex.lock();
                alone()
            })
        });
        together(8, |_| {
            (0..200).for_each(|_| {
                let _held = (again.lock(), again.lock());
                alone();
            });
        });
        together(8, |_| {
            (0..200).for_each(|_| {
                let _held = rw.write();
                alone()
            })
        });
    });
}

/// Counts the blocks of memory that are in use, by whomever.
struct Counting;

static BLOCKS: AtomicIsize = AtomicIsize::new(0);

// SAFETY: everything goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BLOCKS.fetch_add(1, SeqCst);
        // SAFETY: by the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BLOCKS.fetch_sub(1, SeqCst);
        // SAFETY: by the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn c154_threads_leave_nothing_behind_in_a_lock() {
    const NAME: &str = "c154_threads_leave_nothing_behind_in_a_lock";
    const BATCHES: isize = 50;
    // In a process of its own, where nobody else allocates.
    if common::role().is_none() {
        let child = common::child(NAME, "alone", &[]);
        assert!(child.status.success(), "{child:?}");
        return;
    }
    watch(|| {
        let (mutex, again, rw) = (Mutex::new(0), ReentrantMutex::new(()), RwLock::new(0));
        let (condition, changed, once) = (Condition::new(0), Condvar::new(), OnceLock::new());
        // Each locks everything once, and most of them sleep for it.
        let batch = || {
            let came = AtomicUsize::new(0);
            together(20, |me| {
                came.fetch_add(1, SeqCst);
                until(|| came.load(SeqCst) == 20);
                drop(again.lock());
                let seen = *rw.read();
                *rw.write() = seen + 1;
                condition.update(|count| *count += 1);
                once.get_or_init(|| thread::sleep(Duration::from_millis(1)));
                let mut count = mutex.lock();
                *count += 1;
                thread::sleep(Duration::from_micros(20));
                if me % 2 == 0 {
                    drop(changed.wait_timeout(count, Duration::from_micros(50)));
                }
            });
        };
        // What the first ones need stays: tables that fit all who wait at once.
        (0..5).for_each(|_| batch());
        let before = BLOCKS.load(SeqCst);
        (0..BATCHES).for_each(|_| batch());
        let left = BLOCKS.load(SeqCst) - before;
        assert!(
            left < BATCHES * 20 / 10,
            "{left} blocks after 1,000 threads"
        );
        assert_eq!((*mutex.lock(), *condition.lock()), (1_100, 1_100));
    });
}

#[test]
fn c155_a_timed_lock_does_not_return_before_its_limit() {
    watch(|| {
        let (mutex, again, rw) = (Mutex::new(()), ReentrantMutex::new(()), RwLock::new(()));
        let condition = Condition::new(());
        let (_a, _b, _c, _d) = (mutex.lock(), again.lock(), rw.write(), condition.lock());
        let takes_its_time = |wait: &dyn Fn() -> bool| {
            let began = Instant::now();
            assert!(!wait(), "it is held");
            assert!(began.elapsed() >= SHORT);
        };
        together(1, |_| {
            let soon = || Instant::now() + SHORT;
            takes_its_time(&|| mutex.lock_timeout(SHORT).is_some());
            takes_its_time(&|| mutex.lock_deadline(soon()).is_some());
            takes_its_time(&|| again.lock_timeout(SHORT).is_some());
            takes_its_time(&|| again.lock_deadline(soon()).is_some());
            takes_its_time(&|| rw.read_timeout(SHORT).is_some());
            takes_its_time(&|| rw.read_deadline(soon()).is_some());
            takes_its_time(&|| rw.write_timeout(SHORT).is_some());
            takes_its_time(&|| rw.write_deadline(soon()).is_some());
            takes_its_time(&|| condition.lock_timeout(SHORT).is_some());
            takes_its_time(&|| condition.lock_deadline(soon()).is_some());
            takes_its_time(&|| condition.wait_for_timeout(SHORT, |()| true).is_some());
            let once = OnceLock::<()>::new();
            takes_its_time(&|| once.wait_timeout(SHORT).is_some());
            takes_its_time(&|| once.wait_deadline(soon()).is_some());
        });
    });
}

#[test]
fn c155_zero_tries_once_and_the_greatest_limit_does_not_overflow() {
    watch(|| {
        let (mutex, again, rw) = (Mutex::new(()), ReentrantMutex::new(()), RwLock::new(()));
        for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            assert!(mutex.lock_timeout(limit).is_some());
            assert!(again.lock_timeout(limit).is_some());
            assert!(rw.read_timeout(limit).is_some());
            assert!(rw.write_timeout(limit).is_some());
            let value = Condition::new(1);
            assert!(value.wait_for_timeout(limit, |value| *value == 1).is_some());
            assert_eq!(OnceLock::from(1).wait_timeout(limit), Some(&1));
        }
        let long_ago = Instant::now() - SHORT;
        let _held = mutex.lock();
        assert!(mutex.lock_timeout(Duration::ZERO).is_none());
        assert!(mutex.lock_deadline(long_ago).is_none());
        assert!(
            Condition::new(1)
                .wait_for_deadline(long_ago, |_| false)
                .is_none()
        );
        assert_eq!(OnceLock::<u8>::new().wait_deadline(long_ago), None);
        // `Duration::MAX` waits: it does not mean a time that has passed.
        let value = Condition::new(0);
        thread::scope(|s| {
            s.spawn(|| {
                drop(
                    value
                        .wait_for_timeout(Duration::MAX, |value| *value == 1)
                        .unwrap(),
                )
            });
            value.update(|value| *value = 1);
        });
    });
}

#[test]
fn c156_a_lock_is_whole_after_an_attempt_that_timed_out() {
    watch(|| {
        let (mutex, again, rw) = (Mutex::new(0), ReentrantMutex::new(()), RwLock::new(0));
        {
            let _held = (mutex.lock(), again.lock(), rw.read());
            together(3, |_| {
                assert!(mutex.lock_timeout(SHORT).is_none());
                assert!(again.lock_timeout(SHORT).is_none());
                assert!(rw.write_timeout(SHORT).is_none());
            });
            assert!(rw.try_read().is_some(), "nobody waits to write any more");
        }
        together(3, |_| {
            *mutex.lock() += 1;
            let _held = again.lock();
            *rw.write() += 1;
        });
        assert_eq!((mutex.into_inner(), rw.into_inner()), (3, 3));
    });
}

#[test]
fn c157_guards_stay_on_their_thread_and_locks_are_shared_as_is_sound() {
    type Local = Cell<u8>; // `Send`, not `Sync`
    type Shared = MutexGuard<'static, u8>; // `Sync`, not `Send`
    not_send!(
        MutexGuard<'static, u8>,
        MappedMutexGuard<'static, u8>,
        RwLockReadGuard<'static, u8>,
        RwLockWriteGuard<'static, u8>,
        MappedRwLockReadGuard<'static, u8>,
        MappedRwLockWriteGuard<'static, u8>,
        ReentrantMutexGuard<'static, u8>,
        ConditionGuard<'static, u8>,
        Mutex<Shared>,
        RwLock<Shared>,
        ReentrantMutex<Shared>,
        Condition<Shared>,
        OnceLock<Shared>,
        WorkerLocal<Shared>,
    );
    not_sync!(
        MutexGuard<'static, Local>,
        MappedMutexGuard<'static, Local>,
        RwLockReadGuard<'static, Local>,
        RwLockWriteGuard<'static, Local>,
        MappedRwLockReadGuard<'static, Local>,
        MappedRwLockWriteGuard<'static, Local>,
        ReentrantMutexGuard<'static, Local>,
        ConditionGuard<'static, Local>,
        Mutex<Shared>,
        ReentrantMutex<Shared>,
        Condition<Shared>,
        RwLock<Local>,
        RwLock<Shared>,
        OnceLock<Local>,
        OnceLock<Shared>,
        WorkerLocal<Shared>,
        Lazy<Local>,
    );
    send::<Mutex<Local>>();
    send::<RwLock<Local>>();
    send::<OnceLock<Local>>();
    sync::<Mutex<Local>>();
    sync::<ReentrantMutex<Local>>();
    sync::<Condition<Local>>();
    sync::<WorkerLocal<Local>>();
    sync::<RwLock<u8>>();
    sync::<OnceLock<u8>>();
    sync::<Condvar>();
    sync::<MutexGuard<'static, u8>>();
    sync::<ReentrantMutexGuard<'static, u8>>();
    sync::<RwLockReadGuard<'static, u8>>();
    sync::<ConditionGuard<'static, u8>>();
    sync::<Mutex<dyn Fn() + Send>>();
}

#[cfg(target_os = "linux")]
#[test]
fn c158_a_fork_leaves_a_lock_as_it_was() {
    watch(|| {
        static HELD: Mutex<()> = Mutex::new(());
        static FREE: Mutex<()> = Mutex::new(());
        let _held = HELD.lock();
        // SAFETY: the child only looks at two words, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let is_as_it_was = HELD.try_lock().is_none() && FREE.try_lock().is_some();
            // SAFETY: ends the process, without destructors.
            unsafe { libc::_exit(i32::from(!is_as_it_was)) };
        }
        let mut status = -1;
        // SAFETY: our child, and a place for its status.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
    });
}

#[test]
fn c159_a_reentrant_lock_counts() {
    watch(|| {
        let lock = ReentrantMutex::new(Cell::new(0));
        let is_free = || thread::scope(|s| s.spawn(|| lock.try_lock().is_some()).join().unwrap());
        let guards: Vec<_> = (0..5).map(|_| lock.lock()).collect();
        guards.iter().for_each(|guard| guard.set(guard.get() + 1));
        assert_eq!(guards[0].get(), 5);
        for guard in guards {
            assert!(!is_free());
            drop(guard);
        }
        assert!(is_free());
        // And again, from the beginning.
        drop((lock.lock(), lock.lock()));
        assert!(is_free());
    });
}

#[test]
fn c160_only_a_guard_can_unlock() {
    watch(|| {
        let lock = ReentrantMutex::new(());
        let (first, second) = (lock.lock(), lock.lock());
        drop(first); // in any order
        together(1, |_| assert!(lock.try_lock().is_none()));
        drop(second);
        together(1, |_| assert!(lock.try_lock().is_some()));
    });
}

#[test]
fn c163_notifications_come_with_the_lock_and_waits_with_the_value() {
    watch(|| {
        let value = Condition::new(0);
        assert!(!value.lock().notify_one());
        assert_eq!(value.lock().notify_all(), 0);
        let mut guard = value.lock();
        assert!(!guard.wait_for_timeout(SHORT, |value| *value == 1));
        assert!(value.try_lock().is_none(), "it holds the lock again");
    });
}

#[test]
fn c164_a_notification_wakes_as_many_as_it_says() {
    watch(|| {
        // How many wait, how many may go on, how many did.
        let state = Mutex::new((0, 0, 0));
        let changed = Condvar::new();
        thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    let mut state = state.lock();
                    state.0 += 1;
                    let mut state = changed.wait_while(state, |state| state.1 == 0);
                    state.1 -= 1;
                    state.2 += 1;
                });
            }
            until(|| state.lock().0 == 8);
            for (more, all) in [(1, 1), (2, 3), (5, 8)] {
                let mut guard = state.lock();
                guard.1 = more;
                (0..more).for_each(|_| assert!(changed.notify_one()));
                drop(guard);
                until(|| state.lock().2 == all);
                assert_eq!(state.lock().1, 0);
            }
            assert!(!changed.notify_one());
        });
    });
}

#[test]
fn c165_a_timed_wait_asks_its_question() {
    watch(|| {
        let value = Condition::new(0);
        let began = Instant::now();
        assert!(value.wait_for_timeout(SHORT, |value| *value == 1).is_none());
        assert!(began.elapsed() >= SHORT);
        assert!(value.wait_for_timeout(SHORT, |value| *value == 0).is_some());
        assert!(value.try_wait_for(|value| *value == 1).is_none());
        let held = value.try_wait_for(|value| *value == 0);
        let asked = value.try_wait_for(|_| unreachable!("the value is locked"));
        assert!(held.is_some() && asked.is_none());
        drop(held);
        assert!(value.try_lock().is_some(), "unlocked after each answer");
        let (mutex, changed) = (Mutex::new(0), Condvar::new());
        let (_, ended) = changed.wait_timeout_while(mutex.lock(), SHORT, |value| *value == 0);
        assert!(ended.timed_out());
        let (_, ended) = changed.wait_timeout_while(mutex.lock(), SHORT, |value| *value == 1);
        assert!(!ended.timed_out());
        // The change comes in time.
        thread::scope(|s| {
            let waiter = s.spawn(|| {
                let limit = Duration::from_secs(3600);
                *value.wait_for_timeout(limit, |value| *value == 3).unwrap()
            });
            (1..=3).for_each(|new| value.update(|value| *value = new));
            assert_eq!(waiter.join().unwrap(), 3);
        });
    });
}

#[test]
fn c166_who_came_first_is_notified_first() {
    watch(|| {
        let state = Mutex::new((0, Vec::new()));
        let changed = Condvar::new();
        thread::scope(|s| {
            for me in 0..4 {
                let (state, changed) = (&state, &changed);
                s.spawn(move || {
                    let mut guard = state.lock();
                    guard.0 += 1;
                    let mut guard = changed.wait(guard);
                    guard.1.push(me);
                });
                until(|| state.lock().0 == me + 1);
            }
            for woken in 1..=4 {
                assert!(changed.notify_one());
                until(|| state.lock().1.len() == woken);
            }
        });
        assert_eq!(state.into_inner().1, [0, 1, 2, 3]);
    });
}

#[test]
fn c168_notifications_return_the_truth() {
    watch(|| {
        let (waiting, changed) = (Mutex::new(0), Condvar::new());
        assert!(!changed.notify_one());
        assert_eq!(changed.notify_all(), 0);
        thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    let mut waiting = waiting.lock();
                    *waiting += 1;
                    drop(changed.wait(waiting));
                });
            }
            until(|| *waiting.lock() == 3);
            let _guard = waiting.lock();
            assert!(changed.notify_one());
            assert_eq!(changed.notify_all(), 2);
            assert_eq!(changed.notify_all(), 0);
        });
    });
}

#[test]
fn c169_a_condvar_serves_two_mutexes_in_turn_and_refuses_both_at_once() {
    watch(|| {
        let (a, b, changed) = (Mutex::new(0), Mutex::new(0), Condvar::new());
        // One after the other.
        drop(changed.wait_timeout(a.lock(), Duration::from_nanos(1)));
        drop(changed.wait_timeout(b.lock(), Duration::from_nanos(1)));
        thread::scope(|s| {
            s.spawn(|| {
                let mut guard = a.lock();
                *guard = 1;
                drop(changed.wait_while(guard, |value| *value == 1));
            });
            until(|| *a.lock() == 1);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                common::quiet();
                drop(changed.wait(b.lock()));
            }));
            assert!(outcome.is_err(), "both at once");
            assert!(b.try_lock().is_some());
            *a.lock() = 0;
            changed.notify_all();
        });
    });
}

#[test]
fn c170_notifying_all_with_the_lock_held_loses_nobody() {
    watch(|| {
        for _ in 0..20 {
            let state = Mutex::new((0, false));
            let changed = Condvar::new();
            thread::scope(|s| {
                for _ in 0..20 {
                    s.spawn(|| {
                        let mut guard = state.lock();
                        guard.0 += 1;
                        drop(changed.wait_while(guard, |state| !state.1));
                    });
                }
                until(|| state.lock().0 == 20);
                let mut guard = state.lock();
                guard.1 = true;
                assert_eq!(changed.notify_all(), 20);
                thread::yield_now(); // they are queued at the lock now
                drop(guard);
            });
        }
    });
}

#[test]
fn c171_waits_after_a_hand_over_to_the_lock_end() {
    watch(|| {
        let (mutex, changed) = (Mutex::new(0), Condvar::new());
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    let mut guard = mutex.lock();
                    *guard += 1;
                    let guard = changed.wait(guard);
                    let (guard, _) = changed.wait_timeout(guard, Duration::from_millis(1));
                    changed.notify_one();
                    drop(guard);
                });
            }
            until(|| *mutex.lock() == 4);
            // One wakes the next, although each has waited a second time.
            assert!(changed.notify_one());
        });
    });
}

#[test]
fn c172_lots_and_lots() {
    watch(|| {
        static COUNT: Mutex<u64> = Mutex::new(0);
        together(8, |_| (0..20_000).for_each(|_| *COUNT.lock() += 1));
        assert_eq!(*COUNT.lock(), 160_000);
    });
}

/// Uses a lock in its destructor.
struct Uses(Arc<Locks>);

type Locks = (Mutex<u32>, RwLock<u32>, ReentrantMutex<Cell<u32>>);

impl Drop for Uses {
    fn drop(&mut self) {
        *self.0.0.lock() += 1;
        *self.0.1.write() += 1;
        self.0.2.lock().set(self.0.2.lock().get() + 1);
    }
}

#[test]
fn c173_a_destructor_may_lock_while_its_thread_unwinds() {
    watch(|| {
        let locks = Arc::new((
            Mutex::new(1),
            RwLock::new(1),
            ReentrantMutex::new(Cell::new(1)),
        ));
        let uses = Uses(locks.clone());
        let outcome = thread::spawn(move || {
            let _uses = uses;
            panic!("on purpose");
        });
        assert!(outcome.join().is_err());
        assert_eq!(*locks.0.lock(), 2);
        assert_eq!(*locks.1.read(), 2);
        assert_eq!(locks.2.lock().get(), 2);
    });
}

#[test]
fn c174_nothing_is_poisoned() {
    watch(|| {
        let (mutex, rw, value) = (Mutex::new(1), RwLock::new(1), Condition::new(1));
        let panics = |body: &(dyn Fn() + Sync)| {
            let body = AssertUnwindSafe(body);
            assert!(catch_unwind(body).is_err());
        };
        common::quiet();
        panics(&|| {
            let mut guard = mutex.lock();
            *guard = 2;
            panic!("on purpose");
        });
        panics(&|| {
            let mut guard = rw.write();
            *guard = 2;
            panic!("on purpose");
        });
        panics(&|| {
            let _guard = rw.read();
            panic!("on purpose");
        });
        panics(&|| {
            value.update(|value| {
                *value = 2;
                panic!("on purpose");
            })
        });
        panics(&|| drop(value.wait_for(|_| panic!("on purpose"))));
        assert_eq!((*mutex.lock(), *rw.write(), *value.lock()), (2, 2, 2));
    });
}

#[test]
fn c175_a_forgotten_guard_leaves_the_lock_held() {
    watch(|| {
        let (mut mutex, mut rw) = (Mutex::new(String::from("text")), RwLock::new(1));
        std::mem::forget(mutex.lock());
        std::mem::forget(rw.read());
        assert!(mutex.try_lock().is_none());
        assert!(rw.try_write().is_none() && rw.try_read().is_some());
        assert_eq!(mutex.get_mut(), "text");
        assert_eq!(*rw.get_mut(), 1);
        assert_eq!(format!("{mutex:?}"), "Mutex { value: <locked> }");
    });
}

#[test]
fn c176_readers_and_writers_at_random() {
    watch(|| {
        let (lock, readers, writers) = (RwLock::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        together(8, |me| {
            let mut random = 0x9e37_79b9_u32.wrapping_mul(me as u32 + 1);
            for _ in 0..1_000 {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                if random.is_multiple_of(10) {
                    let mut guard = lock.write();
                    assert_eq!(writers.fetch_add(1, SeqCst), 0);
                    assert_eq!(readers.load(SeqCst), 0);
                    *guard += 1;
                    writers.fetch_sub(1, SeqCst);
                } else {
                    let _guard = lock.read();
                    readers.fetch_add(1, SeqCst);
                    assert_eq!(writers.load(SeqCst), 0);
                    readers.fetch_sub(1, SeqCst);
                }
            }
        });
    });
}

#[test]
fn c177_no_reader_overtakes_who_waits_to_write() {
    watch(|| {
        let (lock, order) = (RwLock::new(()), Mutex::new(Vec::new()));
        thread::scope(|s| {
            let first = lock.read();
            s.spawn(|| {
                let _guard = lock.write();
                order.lock().push("writer");
            });
            // Once it waits, no reader comes in.
            until(|| lock.try_read().is_none());
            s.spawn(|| {
                let _guard = lock.read();
                order.lock().push("reader");
            });
            assert!(lock.read_timeout(SHORT).is_none());
            drop(first);
        });
        assert_eq!(order.into_inner(), ["writer", "reader"]);
    });
}

#[test]
fn c178_downgrading_lets_no_writer_in_between() {
    watch(|| {
        let lock = RwLock::new(0);
        together(4, |_| {
            for _ in 0..500 {
                let mut writer = lock.write();
                *writer += 1;
                let written = *writer;
                let reader = RwLockWriteGuard::downgrade(writer);
                assert_eq!(*reader, written);
            }
        });
        let reader = RwLockWriteGuard::downgrade(lock.write());
        together(1, |_| {
            assert!(lock.try_read().is_some(), "readers may come in");
            assert!(lock.try_write().is_none());
        });
        assert_eq!(*reader, 2_000);
    });
}

#[test]
fn c180_a_lock_works_in_the_destructor_of_a_thread_local() {
    watch(|| {
        struct Late(RwLock<()>, Mutex<()>);
        impl Drop for Late {
            fn drop(&mut self) {
                drop((self.0.read(), self.0.read()));
                drop(self.0.write());
                drop(self.1.lock_timeout(SHORT).unwrap());
            }
        }
        thread_local! {
            static LATE: Late = const { Late(RwLock::new(()), Mutex::new(())) };
        }
        let thread = thread::spawn(|| {
            LATE.with(|_| ());
            drop(RwLock::new(()).read());
        });
        thread.join().unwrap();
    });
}

#[test]
fn c180_attempts_to_write_keep_their_state() {
    watch(|| {
        let lock = RwLock::new(0);
        together(4, |me| {
            for round in 0..500 {
                let nanos = Duration::from_nanos(round * 100);
                match me {
                    0 => drop(lock.read()),
                    1 => drop(lock.try_write()),
                    2 => drop(lock.write_timeout(nanos)),
                    _ => drop(lock.read_timeout(nanos)),
                }
            }
        });
        assert!(lock.try_write().is_some(), "nobody holds it");
    });
}

#[test]
fn c181_of_many_one_initialises() {
    watch(|| {
        for _ in 0..100 {
            let (once, made) = (OnceLock::new(), AtomicUsize::new(0));
            together(8, |_| {
                let value = once.get_or_init(|| {
                    thread::yield_now();
                    made.fetch_add(1, SeqCst);
                    vec![1, 2, 3]
                });
                assert_eq!(value, &[1, 2, 3]);
            });
            assert_eq!(made.load(SeqCst), 1);
        }
    });
}

#[test]
fn c181_a_panic_leaves_no_half_value() {
    watch(|| {
        let once = OnceLock::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            once.get_or_init(|| panic!("on purpose"));
        }));
        assert!(outcome.is_err());
        assert_eq!(once.get(), None);
        assert_eq!(once.get_or_try_init(|| Err("not yet")), Err("not yet"));
        assert_eq!(once.get_or_init(|| 3), &3);
        assert_eq!(once.set(4), Err(4));
    });
}

#[test]
fn c181_who_comes_while_one_initialises_waits_for_it() {
    watch(|| {
        let (once, begun) = (OnceLock::new(), common::Gate::new());
        thread::scope(|s| {
            let (made, go) = mpsc::channel::<()>();
            let (once, begun) = (&once, &begun);
            s.spawn(move || {
                once.get_or_init(|| {
                    begun.open();
                    go.recv().unwrap();
                    1
                });
            });
            begun.wait();
            assert_eq!(once.get(), None, "a look does not wait");
            assert_eq!(once.wait_timeout(SHORT), None);
            let waits = s.spawn(|| (once.get_or_init(|| 2), once.set(3), once.wait()));
            made.send(()).unwrap();
            assert_eq!(waits.join().unwrap(), (&1, Err(3), &1));
        });
    });
}

#[test]
fn c181_an_initialiser_that_uses_its_own_value_panics() {
    watch(|| {
        let once = OnceLock::<u8>::new();
        let says = |body: &dyn Fn()| {
            let payload = catch_unwind(AssertUnwindSafe(body)).unwrap_err();
            let text = payload.downcast_ref::<&str>().unwrap();
            let said =
                "raddle: the initialiser of a value set once (`OnceLock`, `lazy!`) uses that value";
            assert_eq!(*text, said);
        };
        says(&|| assert_eq!(once.get_or_init(|| *once.get_or_init(|| 1)), &1));
        says(&|| assert_eq!(once.get_or_init(|| *once.wait()), &1));
        says(&|| assert_eq!(once.get_or_init(|| once.set(1).map_or(2, |()| 3)), &3));
        assert_eq!(once.get_or_init(|| 5), &5);
    });
}

#[test]
fn c181_a_lazy_static_is_made_once_and_again_after_a_panic() {
    watch(|| {
        static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);
        lazy! {
            static VALUE: String = {
                assert!(ATTEMPTS.fetch_add(1, SeqCst) > 0, "on purpose");
                "made".to_owned()
            };
        }
        assert_eq!(format!("{VALUE:?}"), "Lazy(<empty>)");
        assert!(catch_unwind(|| VALUE.len()).is_err());
        together(8, |_| assert_eq!(*VALUE, "made"));
        assert_eq!(ATTEMPTS.load(SeqCst), 2);
        assert_eq!(format!("{VALUE:?}"), r#"Lazy("made")"#);
    });
}

#[test]
fn c181_values_are_dropped_once() {
    let tally = Tally::default();
    let mut once = OnceLock::from(tally.make());
    assert!(once.set(tally.make()).is_err());
    assert_eq!((tally.made(), tally.dropped()), (2, 1));
    drop(once.take());
    assert_eq!(tally.dropped(), 2);
    once.get_or_init(|| tally.make());
    drop(once);
    assert_eq!((tally.made(), tally.dropped()), (3, 3));
}

/// Hands tokens from one half of the threads to the other.
fn pass_tokens(threads: usize, tokens: usize) {
    let (stock, changed) = (Mutex::new(0_usize), Condvar::new());
    together(threads, |me| {
        for _ in 0..tokens {
            if me % 2 == 0 {
                *stock.lock() += 1;
                changed.notify_one();
            } else {
                let mut stock = changed.wait_while(stock.lock(), |stock| *stock == 0);
                *stock -= 1;
            }
        }
    });
    assert_eq!(stock.into_inner(), 0);
}

#[test]
fn k01_no_signal_is_lost() {
    watch_for(Duration::from_secs(60), || pass_tokens(8, 50_000));
}

#[test]
fn k02_a_waiter_that_times_out_takes_no_signal_along() {
    watch_for(Duration::from_secs(60), || {
        let (stock, changed) = (Mutex::new(0_usize), Condvar::new());
        together(6, |me| {
            for round in 0..5_000 {
                match me {
                    0 | 1 => {
                        *stock.lock() += 1;
                        changed.notify_one();
                    }
                    2 | 3 => {
                        let mut stock = changed.wait_while(stock.lock(), |stock| *stock == 0);
                        *stock -= 1;
                    }
                    // Those who only come by, and hand on what they were given.
                    _ => {
                        let limit = Duration::from_nanos(round % 1_000);
                        let (guard, ended) = changed.wait_timeout(stock.lock(), limit);
                        drop(guard);
                        if !ended.timed_out() {
                            changed.notify_one();
                        }
                    }
                }
            }
        });
        assert_eq!(stock.into_inner(), 0);
    });
}

#[test]
fn k03_notifying_all_and_one_do_not_overwrite_each_other() {
    watch(|| {
        for _ in 0..200 {
            let (state, changed) = (Mutex::new((0, 0)), Condvar::new());
            thread::scope(|s| {
                for _ in 0..3 {
                    s.spawn(|| {
                        let mut guard = state.lock();
                        guard.0 += 1;
                        changed.wait(guard).1 += 1;
                    });
                }
                until(|| state.lock().0 == 3);
                assert!(changed.notify_one());
                assert_eq!(changed.notify_all(), 2);
            });
            assert_eq!(state.into_inner().1, 3);
        }
        // At the same time: each of the three is told once, whoever is first; and
        // nothing is left over for who comes later.
        for _ in 0..200 {
            let (state, changed) = (Mutex::new((0, 0)), Condvar::new());
            thread::scope(|s| {
                for _ in 0..3 {
                    s.spawn(|| {
                        let mut guard = state.lock();
                        guard.0 += 1;
                        changed.wait(guard).1 += 1;
                    });
                }
                until(|| state.lock().0 == 3);
                let one = s.spawn(|| usize::from(changed.notify_one()));
                let all = changed.notify_all();
                assert_eq!(one.join().unwrap() + all, 3);
            });
            assert_eq!(state.lock().1, 3);
            let (_, late) = changed.wait_timeout(state.lock(), Duration::from_micros(1));
            assert!(late.timed_out());
        }
    });
}

#[test]
fn k04_who_unlocks_does_not_touch_a_lock_that_the_next_one_frees() {
    watch(|| {
        // Whoever finds itself the last one ends the lock at once: nothing but the
        // lock says that the other one is through. What is written to it later is
        // found in what lies in its place by then; a late look, in the rounds in
        // which the memory is freed, is an error under valgrind or a sanitizer.
        const OTHER: u8 = 0xA5;
        #[derive(Clone, Copy)]
        struct Shared(*mut Mutex<i32>, bool);
        // SAFETY: it points to a mutex, which threads may share.
        unsafe impl Send for Shared {}
        impl Shared {
            fn leave(self) {
                // SAFETY: nobody ends it before both have counted down.
                let mut left = unsafe { &*self.0 }.lock();
                *left -= 1;
                let is_last = *left == 0;
                drop(left);
                if is_last {
                    // SAFETY: it came from a box, and the other one is through.
                    unsafe { self.end() }
                }
            }

            unsafe fn end(self) {
                if self.1 {
                    // SAFETY: as the caller says.
                    drop(unsafe { Box::from_raw(self.0) });
                } else {
                    // SAFETY: as the caller says.
                    unsafe { self.0.drop_in_place() }
                    let bytes = self.0.cast::<u8>();
                    // SAFETY: what lies there is plain memory from now on.
                    unsafe { bytes.write_bytes(OTHER, size_of::<Mutex<i32>>()) }
                }
            }
        }
        for round in 0..10_000 {
            let is_freed = round % 2 == 0;
            let shared = Shared(Box::into_raw(Box::new(Mutex::new(2))), is_freed);
            let other = thread::spawn(move || shared.leave());
            shared.leave();
            other.join().unwrap();
            if !is_freed {
                let memory = shared.0.cast::<[u8; size_of::<Mutex<i32>>()]>();
                // SAFETY: both are through; the bytes were written above.
                let bytes = unsafe { *memory };
                assert!(bytes.iter().all(|byte| *byte == OTHER), "touched");
                // SAFETY: the box is its memory only; the mutex was dropped.
                drop(unsafe { Box::from_raw(shared.0.cast::<MaybeUninit<Mutex<i32>>>()) });
            }
        }
    });
}

#[test]
fn k05_readers_are_woken_after_a_writer_that_gave_up() {
    watch(|| {
        let mut kept_out = 0;
        // On a busy machine the writer may have given up before anybody looks.
        while kept_out < 20 {
            let (lock, gave_up) = (RwLock::new(()), AtomicBool::new(false));
            thread::scope(|s| {
                let first = lock.read();
                s.spawn(|| {
                    assert!(lock.write_timeout(SHORT).is_none());
                    gave_up.store(true, SeqCst);
                });
                let mut is_kept_out = false;
                until(|| {
                    is_kept_out = lock.try_read().is_none();
                    is_kept_out || gave_up.load(SeqCst)
                });
                kept_out += usize::from(is_kept_out);
                // Kept out by the writer that waits; it gives up while the
                // first reader still reads.
                s.spawn(|| drop(lock.read())).join().unwrap();
                drop(first);
            });
        }
    });
}

#[test]
fn k06_handing_a_lock_on_does_not_lock_up() {
    watch(|| {
        // Long enough for the half millisecond after which it is handed on.
        let lock = Mutex::new(0);
        together(4, |_| {
            for _ in 0..20 {
                let mut count = lock.lock();
                thread::sleep(Duration::from_micros(600));
                *count += 1;
            }
        });
        assert_eq!(lock.into_inner(), 80);
    });
}

#[test]
fn k07_waiters_are_handed_to_the_lock_that_they_wait_with() {
    watch(|| {
        let (locks, changed) = ([Mutex::new(0), Mutex::new(0)], Condvar::new());
        for round in 0..200 {
            // One lock at a time, in turn: the list of waiters must not keep
            // the lock of the round before.
            let lock = &locks[round % 2];
            *lock.lock() = 0;
            thread::scope(|s| {
                for _ in 0..3 {
                    s.spawn(|| {
                        let mut waiting = lock.lock();
                        *waiting += 1;
                        drop(changed.wait_while(waiting, |waiting| *waiting < 10));
                    });
                }
                until(|| *lock.lock() == 3);
                let mut waiting = lock.lock();
                *waiting = 10;
                changed.notify_all();
                drop(waiting);
            });
        }
    });
}

#[test]
fn k11_a_wake_up_for_no_reason_is_no_signal() {
    watch(|| {
        // The models wake threads for no reason at all; here others do it.
        let (value, asked) = (Condition::new(0), AtomicUsize::new(0));
        thread::scope(|s| {
            let waiter = s.spawn(|| {
                let guard = value.wait_for(|value| {
                    asked.fetch_add(1, SeqCst);
                    *value == 3
                });
                assert_eq!(*guard, 3);
            });
            until(|| asked.load(SeqCst) > 0);
            while asked.load(SeqCst) < 50 {
                value.lock().notify_all();
                assert!(!waiter.is_finished());
                thread::yield_now();
            }
            value.update(|value| *value = 3);
        });
    });
}

#[test]
fn k13_unwinding_neither_poisons_nor_locks_up() {
    watch(|| {
        let (mutex, rw) = (Mutex::new(0), RwLock::new(0));
        common::quiet();
        together(4, |_| {
            for _ in 0..200 {
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    let (mut a, mut b) = (mutex.lock(), rw.write());
                    (*a, *b) = (*a + 1, *b + 1);
                    panic!("on purpose");
                }));
                assert!(outcome.is_err());
            }
        });
        assert_eq!((mutex.into_inner(), rw.into_inner()), (800, 800));
    });
}

#[test]
fn a_worker_that_waits_for_a_lock_lets_a_spare_work() {
    watch(|| {
        let pool = pool(1);
        let (mutex, rw, again) = (
            Arc::new(Mutex::new(())),
            Arc::new(RwLock::new(())),
            Arc::new(ReentrantMutex::new(())),
        );
        let (held, reads, locked) = (mutex.lock(), rw.write(), again.lock());
        let value = Arc::new(Condition::new(0));
        let once = Arc::new(OnceLock::new());
        let waiting = [
            pool.submit({
                let mutex = mutex.clone();
                move || drop(mutex.lock())
            }),
            pool.submit({
                let rw = rw.clone();
                move || drop(rw.read())
            }),
            pool.submit({
                let again = again.clone();
                move || drop(again.lock())
            }),
            pool.submit({
                let value = value.clone();
                move || drop(value.wait_for(|value| *value == 1))
            }),
            pool.submit({
                let once: Arc<OnceLock<u32>> = once.clone();
                move || assert_eq!(once.wait(), &7)
            }),
        ];
        // Five waiters and one worker: those who wait are known, and named.
        until(|| pool.stats().blocked == 5);
        let dump = raddle::dump();
        for thing in [
            "a mutex",
            "a lock, to read",
            "a reentrant mutex",
            "a condition",
            "a value set once",
        ] {
            assert!(dump.contains(thing), "{thing} is not in\n{dump}");
        }
        // And the pool still works: it is a task that ends the waits.
        let value = value.clone();
        pool.submit(move || {
            value.update(|value| *value = 1);
            once.set(7).unwrap();
        })
        .result()
        .unwrap();
        drop((held, reads, locked));
        for task in waiting {
            task.result().unwrap();
        }
        until(|| pool.stats().blocked == 0);
    });
}

#[test]
fn showing_a_lock_does_not_wait() {
    watch(|| {
        let (mutex, rw, again, value) = (
            Mutex::new(1),
            RwLock::new(1),
            ReentrantMutex::new(1),
            Condition::new(1),
        );
        assert_eq!(
            format!("{mutex:?} {rw:?}"),
            "Mutex { value: 1 } RwLock { value: 1 }"
        );
        let _held = (mutex.lock(), rw.write(), again.lock(), value.lock());
        assert_eq!(format!("{mutex:?}"), "Mutex { value: <locked> }");
        assert_eq!(format!("{rw:?}"), "RwLock { value: <locked> }");
        assert_eq!(format!("{again:?}"), "ReentrantMutex { value: 1 }");
        assert_eq!(format!("{value:?}"), "Condition { value: <locked> }");
        assert_eq!(format!("{:?}", OnceLock::<u8>::new()), "OnceLock(<empty>)");
        together(1, |_| {
            assert_eq!(format!("{again:?}"), "ReentrantMutex { value: <locked> }");
        });
    });
}

#[test]
fn each_worker_has_a_value_of_its_own() {
    watch(|| {
        let pool = pool(2);
        let locals = Arc::new(WorkerLocal::new(|| RefCell::new(Vec::new())));
        let tasks = pool.submit_many((0..200_u32).map(|n| {
            let locals = locals.clone();
            move || locals.with(|items| items.borrow_mut().push((n, thread::current().id())))
        }));
        for task in tasks {
            task.result().unwrap();
        }
        locals.with(|items| items.borrow_mut().push((200, thread::current().id())));
        drop(pool);
        let values: Vec<_> = Arc::into_inner(locals).unwrap().into_values().collect();
        assert!((2..=3).contains(&values.len()), "workers, and this thread");
        let mut all = Vec::new();
        for value in values {
            let items = value.into_inner();
            assert!(items.iter().all(|(_, thread)| *thread == items[0].1));
            all.extend(items.into_iter().map(|(n, _)| n));
        }
        all.sort_unstable();
        assert_eq!(all, (0..=200).collect::<Vec<_>>());
    });
}

/// One worker stays to the end, and one goes before.
#[test]
fn a_worker_has_its_value_from_its_first_hook_to_its_last() {
    watch(|| {
        type Seen = RefCell<Vec<(&'static str, usize, thread::ThreadId)>>;
        let locals: Arc<WorkerLocal<Seen>> = Arc::default();
        let note = |what| {
            let locals = locals.clone();
            move |index| {
                let note = (what, index, thread::current().id());
                locals.with(|seen| seen.borrow_mut().push(note));
            }
        };
        let builder = ThreadPool::builder().workers(2).on_demand(true);
        let pool = builder
            .keep_alive(Duration::from_millis(1))
            .on_worker_start(note("start"))
            .on_worker_exit(note("exit"))
            .build()
            .unwrap();
        let (meet, run) = (Arc::new(std::sync::Barrier::new(2)), note("task"));
        let tasks = [0, 1].map(|_| {
            let (meet, run) = (meet.clone(), run.clone());
            pool.submit(move || {
                meet.wait();
                run(raddle::current().unwrap().worker().unwrap());
            })
        });
        tasks.into_iter().for_each(|task| task.result().unwrap());
        until(|| pool.stats().threads == 1);
        drop((pool, run, note));
        let values: Vec<_> = Arc::into_inner(locals).unwrap().into_values().collect();
        assert_eq!(values.len(), 2);
        for seen in values {
            let seen = seen.into_inner();
            let (_, index, thread) = seen[0];
            let whole = ["start", "task", "exit"].map(|what| (what, index, thread));
            assert_eq!(seen, whole);
        }
    });
}

/// What a thread keeps for itself goes after its hook, and by then its place, and
/// with it the worker's value, may be another's.
#[test]
fn the_exit_hook_comes_before_the_destructors_of_the_thread() {
    struct Last(Arc<WorkerLocal<Cell<u32>>>, mpsc::Sender<u32>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.with(|value| value.set(value.get() + 5));
            self.1.send(self.0.with(Cell::get)).unwrap();
        }
    }
    thread_local!(static LAST: RefCell<Option<Last>> = const { RefCell::new(None) });
    watch(|| {
        let locals: Arc<WorkerLocal<Cell<u32>>> = Arc::default();
        let (tell, told) = mpsc::channel();
        let (worker, exits) = (locals.clone(), tell.clone());
        let builder = ThreadPool::builder().workers(1).on_worker_exit(move |_| {
            assert!(LAST.with_borrow(Option::is_some), "its locals are there");
            exits.send(worker.with(Cell::get)).unwrap();
        });
        let pool = builder.build().unwrap();
        let last = Last(locals.clone(), tell);
        let keeps = pool.submit(move || {
            last.0.with(|value| value.set(1));
            LAST.set(Some(last));
        });
        keeps.result().unwrap();
        drop(pool);
        let mut values = Arc::into_inner(locals).unwrap();
        let mut values: Vec<_> = values.take_values().map(Cell::into_inner).collect();
        values.sort_unstable();
        assert_eq!(
            (told.iter().collect::<Vec<_>>(), values),
            (vec![1, 5], vec![1, 5])
        );
    });
}

#[test]
fn a_worker_local_survives_its_initialisers() {
    watch(|| {
        let tally = Tally::default();
        let attempts = Cell::new(0);
        let locals = WorkerLocal::new(|| {
            attempts.set(attempts.get() + 1);
            assert!(attempts.get() > 1, "on purpose");
            tally.make()
        });
        assert!(catch_unwind(AssertUnwindSafe(|| locals.with(|_| ()))).is_err());
        locals.with(|_| locals.with(|_| ()));
        assert_eq!(tally.made(), 1);
        drop(locals);
        assert_eq!(tally.dropped(), 1);

        // One that uses what it makes: the first one made stands.
        static NESTED: OnceLock<WorkerLocal<u8>> = OnceLock::new();
        fn nested() -> u8 {
            static DEPTH: AtomicUsize = AtomicUsize::new(0);
            match DEPTH.fetch_add(1, SeqCst) {
                0 => NESTED.wait().with(|value| *value) + 1,
                _ => 10,
            }
        }
        NESTED.set(WorkerLocal::new(nested)).unwrap();
        assert_eq!(NESTED.wait().with(|value| *value), 10);
    });
}
