//! Waits that a review found hanging, ending too early, or running what somebody else ends.

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use common::{pool, until, watch};
use raddle::{
    CancellationToken, Shutdown, ThreadPool, TimedOutWaiting, When, as_completed, block_on,
    block_on_timeout, task, wait,
};

/// The inner wait takes the token of the wake-up, which was for the outer one.
#[test]
fn a_future_that_blocks_in_its_poll_loses_no_wake_up() {
    watch(|| {
        let (inner, told) = (CancellationToken::new(), CancellationToken::new());
        let mut cancelled = pin!(told.cancelled());
        let mut polls = 0;
        let (ends, tells) = (inner.clone(), told.clone());
        let is_polled = Arc::new(AtomicBool::new(false));
        let polled = is_polled.clone();
        let other = std::thread::spawn(move || {
            until(|| polled.load(SeqCst));
            tells.cancel();
            std::thread::sleep(Duration::from_millis(20));
            ends.cancel();
        });
        let seen = block_on(poll_fn(|context| {
            polls += 1;
            if polls > 1 {
                return Poll::Ready(polls);
            }
            assert!(cancelled.as_mut().poll(context).is_pending());
            is_polled.store(true, SeqCst);
            inner.wait();
            Poll::Pending
        }));
        assert_eq!(seen, 2);
        other.join().unwrap();
    });
}

#[test]
fn a_future_that_wakes_itself_does_not_outlive_its_limit() {
    watch(|| {
        let busy = poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        let outcome = block_on_timeout(busy, Duration::from_millis(5));
        assert_eq!(outcome, Err(TimedOutWaiting));
    });
}

/// A goes on without a permit while B blocks: nobody but A is left.
#[test]
fn a_waiter_without_a_permit_finds_the_last_resort() {
    watch(|| {
        let pool = Arc::new(
            ThreadPool::builder()
                .workers(1)
                .workers_max(2)
                .build()
                .unwrap(),
        );
        let (first, second) = (CancellationToken::new(), CancellationToken::new());
        let (inner, waits, ends) = (pool.clone(), first.clone(), second.clone());
        let seen = pool.clone();
        let a = pool.submit(move || {
            waits.wait();
            until(|| seen.stats().blocked == 1);
            let child = inner.submit(task(|| 7).timeout(common::LIMIT * 9));
            let value = child.result().unwrap();
            ends.cancel();
            value
        });
        until(|| pool.stats().blocked == 1);
        let b = pool.submit(move || {
            first.cancel();
            second.wait();
        });
        assert_eq!(a.result().unwrap(), 7);
        b.result().unwrap();
    });
}

#[test]
fn a_delayed_task_is_not_run_early_by_its_waiter() {
    watch(|| {
        let pool = Arc::new(pool(1));
        let (inner, delay) = (pool.clone(), Duration::from_millis(30));
        let early = pool.submit(move || {
            let start = Instant::now();
            inner.submit_after(delay, Instant::now).result().unwrap() < start + delay
        });
        assert!(!early.result().unwrap());
    });
}

/// The newest comes first, but not for ever.
#[test]
fn a_task_that_submits_itself_again_starves_nobody() {
    fn again(pool: &Weak<ThreadPool>, stop: &Arc<AtomicBool>, runs: &Arc<AtomicUsize>) {
        runs.fetch_add(1, SeqCst);
        if let (false, Some(owner)) = (stop.load(SeqCst), pool.upgrade()) {
            let (pool, stop, runs) = (pool.clone(), stop.clone(), runs.clone());
            owner.submit(move || again(&pool, &stop, &runs)).detach();
        }
    }
    watch(|| {
        let pool = Arc::new(pool(1));
        let (stop, runs) = (Arc::<AtomicBool>::default(), Arc::default());
        let (weak, inner, stops) = (Arc::downgrade(&pool), pool.clone(), stop.clone());
        let victim = pool.submit(move || {
            let victim = inner.submit(move || stop.store(true, SeqCst));
            again(&weak, &stops, &runs);
            victim
        });
        victim.result().unwrap().wait();
    });
}

/// At the cap: nobody else can run the child, and it is not yet due.
#[test]
fn a_delayed_task_is_run_by_its_waiter_where_nobody_else_can() {
    watch(|| {
        let pool = Arc::new(
            ThreadPool::builder()
                .workers(1)
                .workers_max(1)
                .build()
                .unwrap(),
        );
        let inner = pool.clone();
        let one = pool.submit(move || {
            let child = inner.submit_after(Duration::from_millis(20), || 7);
            child.result().unwrap()
        });
        assert_eq!(one.result().unwrap(), 7);
        let inner = pool.clone();
        let many = pool.submit(move || {
            let late = |n| inner.submit_after(Duration::from_millis(20), move || n);
            let sum: i32 = as_completed([(0, late(3)), (1, late(4))])
                .map(|(_, n)| n.unwrap())
                .sum();
            let both = [late(1), late(2)];
            assert!(wait(&both, When::AllDone, None));
            sum + both
                .into_iter()
                .map(|task| task.result().unwrap())
                .sum::<i32>()
        });
        assert_eq!(many.result().unwrap(), 10);
    });
}

/// The closer does not count as one of the threads that there may be.
#[test]
fn a_task_that_shuts_its_pool_down_at_the_cap_gets_the_queue_run() {
    watch(|| {
        let pool = Arc::new(
            ThreadPool::builder()
                .workers(1)
                .workers_max(1)
                .build()
                .unwrap(),
        );
        let inner = pool.clone();
        let closer = pool.submit(move || {
            let children: Vec<_> = (0..10).map(|n| inner.submit(move || n)).collect();
            let report = inner.shutdown(Shutdown::Finish);
            (children, report.finished)
        });
        let (children, finished) = closer.result().unwrap();
        let results: Vec<_> = children
            .into_iter()
            .map(|task| task.result().unwrap())
            .collect();
        assert_eq!(results, (0..10).collect::<Vec<_>>());
        assert_eq!(finished, 10, "all but the closer");
    });
}

/// The token knows the task, though its state does not show it.
#[test]
fn a_token_does_not_end_what_its_waiter_runs() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    watch(|| {
        let pool = Arc::new(pool(1));
        let token = CancellationToken::new();
        let drops = Arc::new(AtomicUsize::new(0));
        let flags = Arc::new([false; 2].map(AtomicBool::new));
        let (inner, tied) = (pool.clone(), token.clone());
        let (captured, of_child) = (Counted(drops.clone()), flags.clone());
        let parent = pool.submit(move || {
            let child = task(move || {
                let _captured = captured;
                let [runs, may_end] = &*of_child;
                runs.store(true, SeqCst);
                until(|| may_end.load(SeqCst));
                42
            });
            inner.submit(child.cancelled_by(&tied)).result()
        });
        let [runs, may_end] = &*flags;
        until(|| runs.load(SeqCst));
        token.cancel();
        assert_eq!(drops.load(SeqCst), 0, "the task has not ended");
        may_end.store(true, SeqCst);
        assert_eq!(parent.result().unwrap().unwrap(), 42);
        assert_eq!(drops.load(SeqCst), 1);
    });
}
