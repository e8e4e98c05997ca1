//! User code that `raddle::sync` runs, wakers and destructors and the like, may
//! use all of `raddle::sync`, the very object included: t17.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::Context;

use raddle::sync::{
    Barrier, Condition, Event, Latch, Mutex, OnceLock, Queue, RwLock, Semaphore, WorkerLocal,
    channel, lazy,
};
use raddle::{Shutdown, ThreadPool};

use crate::common::watch;
use crate::reenter_sync::sync_objects;
use crate::waker_that;

// Known to the user code below: what is called while it is locked hangs.
lazy! {
    static EVENT: Event = Event::new();
    static LATCH: Latch = Latch::new(1);
    static SEATS: Semaphore = Semaphore::fair(1);
    static PARTIES: Barrier = Barrier::new(3);
    static QUEUE: Queue<Reenters> = Queue::bounded(1);
    static WITH_ACTION: Barrier = Barrier::with_action(1, || {
        let _ = (WITH_ACTION.waiting(), WITH_ACTION.is_broken());
        reenters("action");
    });
    static LOCAL: WorkerLocal<u32> = WorkerLocal::new(|| {
        reenters("initialiser");
        1
    });
    static POOL: ThreadPool = ThreadPool::new(2).unwrap();
}

/// Uses the object whose user code this is, and all others; unless this runs
/// often, also in every way that waits.
fn reenters(what: &'static str) {
    let _ = (EVENT.waiting(), LATCH.waiting(), SEATS.waiting());
    let _ = (
        PARTIES.waiting(),
        PARTIES.is_broken(),
        SEATS.forget_permits(0),
    );
    let _ = (QUEUE.len(), QUEUE.unfinished(), QUEUE.try_wait_all_done());
    if !["clone", "drop"].contains(&what) {
        sync_objects(&POOL);
    }
}

/// Uses everything when it is dropped.
struct Reenters;

impl Drop for Reenters {
    fn drop(&mut self) {
        reenters("destructor");
    }
}

/// Two futures wait, the wakers of both are replaced, one is dropped and the
/// other woken.
fn wakers<F: Future + Unpin>(make: impl Fn() -> F, wake: impl FnOnce()) {
    let waker = ManuallyDrop::new(waker_that(reenters));
    let mut context = Context::from_waker(&waker);
    let (mut woken, mut dropped) = (make(), make());
    for _ in 0..2 {
        assert!(Pin::new(&mut woken).poll(&mut context).is_pending());
        assert!(Pin::new(&mut dropped).poll(&mut context).is_pending());
    }
    drop(dropped);
    wake();
    assert!(Pin::new(&mut woken).poll(&mut context).is_ready());
}

fn user_code() {
    EVENT.clear();
    wakers(|| EVENT.wait_async(), || EVENT.set());
    wakers(|| LATCH.wait_async(), || _ = LATCH.count_down());
    let seat = SEATS.acquire().unwrap();
    wakers(|| SEATS.acquire_async(), || drop(seat));
    wakers(|| PARTIES.wait_async(), || PARTIES.abort());
    PARTIES.reset();
    let waker = ManuallyDrop::new(waker_that(reenters));
    let mut context = Context::from_waker(&waker);
    let mut others = [PARTIES.wait_async(), PARTIES.wait_async()];
    for other in &mut others {
        assert!(Pin::new(other).poll(&mut context).is_pending());
    }
    assert!(PARTIES.wait().unwrap().is_leader());
    for other in &mut others {
        assert!(Pin::new(other).poll(&mut context).is_ready());
    }
    wakers(|| QUEUE.pop_async(), || QUEUE.push(Reenters).unwrap());
    QUEUE.push(Reenters).unwrap();
    wakers(|| QUEUE.push_async(Reenters), || drop(QUEUE.pop()));
    wakers(
        || QUEUE.wait_all_done_async(),
        || while QUEUE.task_done().is_ok() {},
    );
    // Items that are refused, taken out, left in a channel.
    drop(QUEUE.try_push(Reenters));
    drop(QUEUE.close_now());
    drop(QUEUE.push(Reenters));
    for (sender, receiver) in [channel::bounded(1), channel::unbounded()] {
        sender.send(Reenters).unwrap();
        drop(receiver);
        drop(sender.send(Reenters));
    }
    // Values.
    drop(Queue::unbounded().push(Reenters));
    drop((
        Mutex::new(Reenters),
        RwLock::new(Reenters),
        OnceLock::from(Reenters),
    ));
    *Condition::new(Some(Reenters)).lock() = None;
    WITH_ACTION.wait().unwrap();
    assert_eq!(
        LOCAL.with(|one| {
            reenters("visitor");
            *one
        }),
        1
    );
    let once = OnceLock::new();
    once.get_or_init(|| {
        assert!(once.get().is_none());
        reenters("initialiser");
    });
    // With the value locked, which is the user's own; with nothing else.
    let value = Condition::new(0);
    value.update(|value| {
        reenters("change");
        *value = 1;
    });
    drop(value.wait_for(|value| {
        reenters("question");
        *value == 1
    }));
}

#[test]
fn t17_user_code_that_sync_runs_may_reenter() {
    watch(|| {
        user_code();
        POOL.shutdown(Shutdown::Finish);
    });
}
