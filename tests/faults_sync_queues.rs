//! Known ways for queues and channels to fail (`ch` rows), each provoked on
//! real threads, and times at their limits (F19).

mod common;
#[path = "common/pipes.rs"]
mod pipes;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{CountWaker, Tally, watch, watch_for};
use pipes::{Channels, Pipe, Queues, Rx as _, Tx as _};
use raddle::sync::channel;
use raddle::sync::{PopError, PushError, Queue};

const MOMENT: Duration = Duration::from_millis(2);

/// Runs a generic test on both kinds of pipe.
macro_rules! on_both {
    ($body:ident) => {
        watch_for(Duration::from_secs(180), || {
            $body::<Queues>();
            $body::<Channels>();
        })
    };
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn ch01_the_first_send_races_with_the_end_of_both_sides() {
    fn body<P: Pipe>() {
        for round in 0..1_500 {
            let tally = Tally::default();
            let (tx, rx) = P::make((round % 2 == 0).then_some(1));
            let sender = thread::spawn({
                let item = tally.make();
                move || drop(tx.put(item))
            });
            rx.hang_up();
            sender.join().unwrap();
            assert_eq!((tally.made(), tally.dropped()), (1, 1));
        }
    }
    on_both!(body);
}

#[test]
#[ignore = "a figure in time, not promised: try_pop waits for a thread that the system stopped inside a push"]
fn ch02_a_try_never_waits_for_a_stopped_thread() {}

#[test]
fn ch03_the_last_item_comes_before_the_end() {
    fn body<P: Pipe>() {
        for _ in 0..1_500 {
            let (tx, rx) = P::bounded(1);
            let sender = thread::spawn(move || {
                tx.put(7).unwrap();
                drop(tx);
            });
            assert_eq!(rx.take(), Ok(7));
            assert_eq!(rx.take(), Err(PopError::Closed));
            sender.join().unwrap();
        }
    }
    on_both!(body);
    watch(|| {
        for _ in 0..1_500 {
            let queue = Queue::bounded(1);
            let producer = queue.clone();
            let producer = thread::spawn(move || {
                producer.push(7).unwrap();
                producer.close();
            });
            assert_eq!(raddle::block_on(queue.pop_async()), Ok(7));
            producer.join().unwrap();
        }
    });
}

/// Model: `a_dropped_pop_hands_its_item_on`.
#[test]
fn ch04_a_future_dropped_after_its_wake_up_hands_it_on() {
    watch(|| {
        let queue = Queue::bounded(1);
        for n in 0..1_000 {
            let (wakes, waker) = CountWaker::new();
            let mut first = queue.pop_async();
            assert!(poll(&mut first, &waker).is_pending());
            let second = queue.clone();
            let second = thread::spawn(move || second.pop());
            queue.push(n).unwrap();
            assert_eq!(wakes.count(), 1);
            drop(first);
            assert_eq!(second.join().unwrap(), Ok(n));
        }
    });
}

#[test]
fn ch05_polling_without_progress_keeps_one_entry() {
    watch(|| {
        let queue = Queue::<u8>::bounded(1);
        let mut pop = queue.pop_async();
        let (wakes, waker) = CountWaker::new();
        for _ in 0..100_000 {
            assert!(poll(&mut pop, &waker).is_pending());
        }
        // The test's, the waker's, and the one entry's.
        assert_eq!(Arc::strong_count(&wakes), 3);
        for _ in 0..1_000 {
            let mut other = queue.pop_async();
            assert!(poll(&mut other, &waker).is_pending());
        }
        assert_eq!(Arc::strong_count(&wakes), 3);
        queue.push(1).unwrap();
        assert_eq!(wakes.count(), 1);
        assert_eq!(poll(&mut pop, &waker), Poll::Ready(Ok(1)));
        assert_eq!(Arc::strong_count(&wakes), 2);
    });
}

#[test]
fn ch06_without_room_a_send_ends_when_its_item_is_taken() {
    watch(|| {
        for _ in 0..300 {
            let (sender, receiver) = channel::bounded(0);
            let taking = Arc::new(AtomicBool::new(false));
            let seen = taking.clone();
            let other = thread::spawn(move || {
                sender.send(1).unwrap();
                assert!(seen.load(SeqCst), "sent before anybody took it");
            });
            thread::yield_now();
            taking.store(true, SeqCst);
            assert_eq!(receiver.recv(), Ok(1));
            other.join().unwrap();
        }
    });
}

#[test]
fn ch07_items_do_not_outlive_those_who_could_take_them() {
    watch(|| {
        let tally = Tally::default();
        let queue = Queue::bounded(8);
        (0..8).for_each(|_| queue.push(tally.make()).unwrap());
        drop(queue.close_now());
        assert_eq!(tally.dropped(), 8);
        let (sender, receiver) = channel::unbounded();
        (0..8).for_each(|_| sender.send(tally.make()).unwrap());
        drop(receiver);
        assert_eq!(tally.dropped(), 16);
    });
}

#[test]
fn ch08_an_item_that_panics_when_it_is_dropped() {
    struct Bomb(Arc<AtomicUsize>, bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
            if self.1 {
                resume_unwind(Box::new("on purpose"));
            }
        }
    }
    watch(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let bomb = |armed| Bomb(drops.clone(), armed);
        let queue = Queue::bounded(3);
        for armed in [false, true, false] {
            queue.push(bomb(armed)).unwrap();
        }
        // Refused, and dropped by whoever pushed.
        let refused = catch_unwind(AssertUnwindSafe(|| drop(queue.try_push(bomb(true)))));
        assert!(refused.is_err() && queue.len() == 3);
        // Inside a future that is dropped.
        let mut push = queue.push_async(bomb(true));
        assert!(poll(&mut push, Waker::noop()).is_pending());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(push))).is_err());
        // With everything else.
        assert!(catch_unwind(|| drop(queue.close_now())).is_err());
        assert_eq!(drops.load(SeqCst), 5);
        assert_eq!(queue.pop().err(), Some(PopError::Closed));
    });
}

/// A push into a queue by priority runs two pieces of user code that can fail one
/// after the other: the comparison, and the destructor of the item refused by it.
#[test]
fn ch08_a_comparison_and_then_a_destructor_panic() {
    struct Grumpy(u32);
    impl PartialEq for Grumpy {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Grumpy {}
    impl PartialOrd for Grumpy {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Grumpy {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            assert!(self.0 != 7 && other.0 != 7, "compares no sevens");
            self.0.cmp(&other.0)
        }
    }
    impl Drop for Grumpy {
        fn drop(&mut self) {
            assert!(self.0 != 7, "drops no sevens");
        }
    }
    watch(|| {
        let queue = Queue::priority(2);
        queue.push(Grumpy(1)).unwrap();
        // A second panic while the first unwinds would end the process.
        let blocking = catch_unwind(AssertUnwindSafe(|| queue.push(Grumpy(7))));
        let future = catch_unwind(AssertUnwindSafe(|| {
            raddle::block_on(queue.push_async(Grumpy(7)))
        }));
        for caught in [blocking, future] {
            let payload = caught.map(drop).unwrap_err();
            // The first panic passes on.
            assert_eq!(payload.downcast_ref(), Some(&"compares no sevens"));
        }
        assert_eq!(queue.len(), 1);
        queue.push(Grumpy(2)).unwrap();
        assert_eq!(queue.close_now().len(), 2);
    });
}

#[test]
fn ch09_a_limit_that_strikes_as_an_item_comes_loses_nothing() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded(1);
        let producer = thread::spawn(move || {
            for n in 0..3_000 {
                let mut item = n;
                while let Err(refused) = tx.put_for(item, Duration::from_nanos(1)) {
                    item = refused.into_item();
                }
            }
        });
        let mut next = 0;
        loop {
            match rx.take_for(Duration::from_nanos(1)) {
                Ok(n) => {
                    assert_eq!(n, next);
                    next += 1;
                }
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(next, 3_000);
        producer.join().unwrap();
    }
    on_both!(body);
}

#[test]
fn ch10_a_select_does_one_of_its_operations() {
    watch(|| {
        let (a, from_a) = channel::bounded(1);
        let (b, from_b) = channel::bounded(1);
        for n in 0..1_000 {
            channel::select! {
                send(a.inner(), n) -> sent => sent.unwrap(),
                send(b.inner(), n) -> sent => sent.unwrap(),
            }
            assert_eq!(from_a.len() + from_b.len(), 1);
            let got = from_a.try_recv().or_else(|_| from_b.try_recv());
            assert_eq!(got, Ok(n));
        }
    });
}

#[test]
fn ch11_who_puts_before_it_takes_never_fails() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25_000 {
                        tx.try_put(()).unwrap();
                        rx.try_take().unwrap();
                    }
                });
            }
        });
    }
    on_both!(body);
}

#[test]
fn ch12_a_close_ends_every_wait_of_consumers_in_any_state() {
    watch(|| {
        for round in 0..300 {
            let queue = Queue::bounded(2);
            let consumers = [(); 3].map(|()| {
                let queue = queue.clone();
                thread::spawn(move || queue.iter().count())
            });
            (0..round % 4).for_each(|n| queue.push(n).unwrap());
            queue.close();
            let counted: usize = consumers.into_iter().map(|c| c.join().unwrap()).sum();
            assert_eq!(counted, round % 4);
        }
    });
}

#[test]
fn ch13_dropped_futures_of_push_never_exceed_the_bound() {
    watch(|| {
        let (queue, tally) = (Queue::bounded(2), Tally::default());
        for round in 0..2_000 {
            let mut pushes: Vec<_> = (0..5).map(|_| queue.push_async(tally.make())).collect();
            for push in &mut pushes {
                let _ = poll(push, Waker::noop());
            }
            assert_eq!(queue.len(), 2);
            if round % 2 == 0 {
                drop(queue.pop());
                assert!(queue.is_full(), "the room is promised");
            }
            drop(pushes);
            assert!(queue.len() <= 2);
            while let Ok(item) = queue.try_pop() {
                drop(item);
            }
            assert_eq!(tally.made(), tally.dropped());
        }
    });
}

/// A waker that uses the queue, as an executor that runs the task at once does.
#[test]
fn a_waker_that_pops_takes_what_it_was_woken_for() {
    struct PopsAtOnce(Queue<u32>, AtomicUsize);
    impl Wake for PopsAtOnce {
        fn wake(self: Arc<Self>) {
            // Promised to the future, so not for others.
            assert_eq!(self.0.try_pop(), Err(PopError::Empty));
            self.1.fetch_add(1, SeqCst);
        }
    }
    watch(|| {
        let queue = Queue::bounded(1);
        let wakes = Arc::new(PopsAtOnce(queue.clone(), AtomicUsize::new(0)));
        let waker = Waker::from(wakes.clone());
        let mut pop = queue.pop_async();
        assert!(poll(&mut pop, &waker).is_pending());
        queue.push(7).unwrap();
        assert_eq!(wakes.1.load(SeqCst), 1);
        assert_eq!(poll(&mut pop, &waker), Poll::Ready(Ok(7)));
    });
}

/// Without a spare the only worker would wait for what it is to run itself.
#[test]
fn a_worker_that_waits_gives_its_place_to_a_spare() {
    fn body<P: Pipe>() {
        let pool = common::pool(1);
        let (tx, rx) = P::bounded(1);
        let taker = pool.submit(move || rx.all().len());
        let putter = pool.submit(move || (0..100).try_for_each(|n| tx.put(n)));
        assert_eq!(putter.result().unwrap(), Ok(()));
        assert_eq!(taker.result().unwrap(), 100);
    }
    on_both!(body);
    watch(|| {
        let (pool, queue) = (common::pool(1), Queue::bounded(1));
        let jobs = queue.clone();
        let worker = pool.submit(move || {
            let job: u32 = jobs.pop().unwrap();
            jobs.task_done().unwrap();
            job
        });
        let (end, waited) = (queue.clone(), queue.clone());
        common::until(|| raddle::dump().contains("an item of a queue"));
        let producer = pool.submit(move || {
            end.push(7).unwrap();
            end.wait_all_done();
            end.close();
        });
        assert_eq!(worker.result().unwrap(), 7);
        producer.result().unwrap();
        assert!(waited.is_closed());
    });
    watch(|| {
        let pool = common::pool(1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let waits = pool.submit(move || {
            let ticks = channel::tick(MOMENT);
            let nothing = channel::never::<u8>();
            while !stopped.load(SeqCst) {
                ticks.recv().unwrap();
                channel::after(MOMENT).recv().unwrap();
                assert!(nothing.recv_timeout(MOMENT).is_err());
            }
        });
        pool.submit(move || stop.store(true, SeqCst))
            .result()
            .unwrap();
        waits.result().unwrap();
    });
}

#[test]
fn every_public_type_can_be_shared_and_shown() {
    fn shared<T: Send + Sync + std::fmt::Debug + std::panic::UnwindSafe>() {}
    shared::<Queue<u8>>();
    shared::<PushError<u8>>();
    shared::<PopError>();
    shared::<channel::Sender<u8>>();
    shared::<channel::Receiver<u8>>();
    fn moved<T: Send + Sync + Unpin + std::fmt::Debug>() {}
    moved::<raddle::sync::queue::Push<'_, u8>>();
    moved::<raddle::sync::queue::Pop<'_, u8>>();
    moved::<raddle::sync::queue::AllDone<'_, u8>>();
    moved::<raddle::sync::queue::Iter<'_, u8>>();
    moved::<raddle::sync::queue::IntoIter<u8>>();
    // An item that may not be shared goes from hand to hand.
    shared::<Queue<std::cell::Cell<u8>>>();
    // What yields items can be shown though they cannot.
    struct Dark;
    moved::<raddle::sync::queue::Iter<'_, Dark>>();
    moved::<raddle::sync::queue::IntoIter<Dark>>();
    moved::<channel::Iter<'_, Dark>>();
    moved::<channel::TryIter<'_, Dark>>();
    moved::<channel::IntoIter<Dark>>();
}

#[test]
fn f19_times_at_their_limits() {
    fn body<P: Pipe>() {
        let past = Instant::now();
        thread::sleep(MOMENT);
        let short = [Duration::ZERO, Duration::from_nanos(1)];
        // Nothing is there, or no room: each ends, and says why.
        let (tx, rx) = P::bounded(1);
        for limit in short {
            assert_eq!(rx.take_for(limit), Err(PopError::Empty));
        }
        assert_eq!(rx.take_until(past), Err(PopError::Empty));
        tx.put(1).unwrap();
        for limit in short {
            assert_eq!(tx.put_for(2, limit), Err(PushError::Full(2)));
        }
        assert_eq!(tx.put_until(2, past), Err(PushError::Full(2)));
        assert_eq!(rx.take(), Ok(1));
        // Something is there, or room: the limit does not matter.
        for limit in short.into_iter().chain([Duration::MAX]) {
            tx.put_for(3, limit).unwrap();
            assert_eq!(rx.take_for(limit), Ok(3));
        }
        tx.put_until(4, past).unwrap();
        assert_eq!(rx.take_until(past), Ok(4));
        // Without an end it waits until something happens.
        let far = Instant::now() + Duration::from_secs(1 << 30);
        for waits in 0..2 {
            let (tx, rx) = P::bounded(1);
            let taker = thread::spawn(move || match waits {
                0 => rx.take_for(Duration::MAX),
                _ => rx.take_until(far),
            });
            thread::sleep(MOMENT);
            tx.put(5).unwrap();
            assert_eq!(taker.join().unwrap(), Ok(5));
            let (tx, rx) = P::bounded(1);
            tx.put(6).unwrap();
            let putter = thread::spawn(move || match waits {
                0 => tx.put_for(7, Duration::MAX),
                _ => tx.put_until(7, far),
            });
            thread::sleep(MOMENT);
            assert_eq!((rx.take(), rx.take()), (Ok(6), Ok(7)));
            putter.join().unwrap().unwrap();
        }
    }
    on_both!(body);
    watch(|| {
        let past = Instant::now();
        let queue = Queue::bounded(1);
        assert!(queue.wait_all_done_timeout(Duration::ZERO));
        assert!(queue.wait_all_done_timeout(Duration::MAX));
        queue.push(1).unwrap();
        assert!(!queue.wait_all_done_timeout(Duration::ZERO));
        assert!(!queue.wait_all_done_timeout(Duration::from_nanos(1)));
        assert!(!queue.wait_all_done_deadline(past));
        let waiter = queue.clone();
        let waiter = thread::spawn(move || waiter.wait_all_done_timeout(Duration::MAX));
        thread::sleep(MOMENT);
        queue.task_done().unwrap();
        assert!(waiter.join().unwrap());
    });
}
