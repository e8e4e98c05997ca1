//! The promise of `ThreadPool::spawn_async`: a future is polled whenever it was
//! woken, by one worker at a time; it ends once, and its handle says how; it is
//! dropped once, whoever cancels, wakes, or leaves.
//!
//! Its protocol is modelled in `src/task/future/models.rs`.

mod common;

use std::future::{Future, pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{Counted, Gate, Tally, hold, pool, until, watch, watch_for};
use raddle::sync::{Event, Queue, Semaphore};
use raddle::{
    Cancel, Handle, Refusal, Shutdown, Task as _, TaskError, TaskId, TaskState, ThreadPool,
    WhenFull, as_completed, block_on, current, dump,
};

/// Longer than any test, and yet a limit.
const LONG: Duration = Duration::from_secs(3600);

/// Pending `times` times, and woken each time.
async fn yields(times: usize) {
    let mut left = times;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A future that a test sees into: it shows its waker and waits to be let go.
#[derive(Clone, Default)]
struct Stage(Arc<StageState>);

#[derive(Default)]
struct StageState {
    polls: AtomicUsize,
    wakers: Mutex<Vec<Waker>>,
    is_due: AtomicBool,
}

impl Stage {
    fn future<T>(&self, value: T) -> impl Future<Output = T> + use<T> {
        let (stage, mut value) = (self.clone(), Some(value));
        poll_fn(move |context| {
            // First, so that the last look comes after a wake-up.
            stage.0.wakers.lock().unwrap().push(context.waker().clone());
            stage.0.polls.fetch_add(1, SeqCst);
            match stage.0.is_due.load(SeqCst) {
                true => Poll::Ready(value.take().unwrap()),
                false => Poll::Pending,
            }
        })
    }

    fn polls(&self) -> usize {
        self.0.polls.load(SeqCst)
    }

    /// Returns when the future was polled and waits.
    fn waits<T>(&self, handle: &Handle<T>) {
        self.waits_as(handle.id());
    }

    fn waits_as(&self, id: TaskId) {
        until(|| self.polls() > 0);
        until(|| dump().contains(&format!("waits to be woken: task {id},")));
    }

    fn take_wakers(&self) -> Vec<Waker> {
        std::mem::take(&mut *self.0.wakers.lock().unwrap())
    }

    fn finish(&self) {
        self.0.is_due.store(true, SeqCst);
        self.take_wakers().into_iter().for_each(Waker::wake);
    }
}

fn each_pool(body: impl Fn(&ThreadPool) + Send + 'static) {
    watch(move || {
        body(&pool(1));
        body(&pool(2));
        body(&ThreadPool::for_blocking(2).unwrap());
    });
}

#[test]
fn a_future_gives_its_output_to_its_handle() {
    each_pool(|pool| {
        assert_eq!(pool.spawn_async(async { 6 * 7 }).result().unwrap(), 42);
        assert_eq!(block_on(pool.spawn_async(ready("here"))).unwrap(), "here");
        let nested = pool.spawn_async(async {
            yields(3).await;
            Err::<(), _>(TaskError::Cancelled)
        });
        assert!(nested.flat_result().unwrap_err().is_cancelled());
        assert_eq!(pool.stats().futures, 0);
    });
}

#[test]
fn a_hundred_thousand_futures_that_yield_end_each_with_its_own_result() {
    const FUTURES: u64 = 100_000;
    watch_for(Duration::from_secs(120), || {
        let pool = pool(2);
        let handles: Vec<_> = (0..FUTURES)
            .map(|n| {
                pool.spawn_async(async move {
                    for _ in 0..n % 4 {
                        yields(1).await;
                    }
                    n
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.result().unwrap(), n as u64);
        }
        let report = pool.shutdown(Shutdown::Finish);
        assert_eq!((report.finished, report.cancelled), (FUTURES, 0));
    });
}

#[test]
fn a_future_awaits_handles_permits_items_and_events() {
    each_pool(|pool| {
        let (gate, permits) = (Arc::new(Event::new()), Arc::new(Semaphore::new(1)));
        let items = Queue::bounded(1);
        let futures: Vec<_> = (0..20_u64)
            .map(|n| {
                let (gate, permits, items) = (gate.clone(), permits.clone(), items.clone());
                let task = pool.submit(move || n);
                pool.spawn_async(async move {
                    gate.wait_async().await;
                    let permit = permits.acquire_async().await.unwrap();
                    let n = task.await.unwrap();
                    drop(permit);
                    items.push_async(n).await.unwrap();
                })
            })
            .collect();
        let sum = pool.spawn_async(async move {
            let mut sum = 0;
            for _ in 0..20 {
                sum += items.pop_async().await.unwrap();
            }
            sum
        });
        gate.set();
        assert_eq!(sum.result().unwrap(), 190);
        for (n, future) in as_completed(futures.into_iter().enumerate()) {
            future.unwrap_or_else(|error| panic!("{n}: {error}"));
        }
    });
}

#[test]
fn futures_that_await_each_other_need_one_worker() {
    watch(|| {
        let pool = Arc::new(pool(1));
        fn depth(pool: Arc<ThreadPool>, n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
            Box::pin(async move {
                match n {
                    0 => 0,
                    n => 1 + pool.spawn_async(depth(pool.clone(), n - 1)).await.unwrap(),
                }
            })
        }
        let all = pool.spawn_async(depth(pool.clone(), 1000));
        assert_eq!(all.result().unwrap(), 1000);
    });
}

#[test]
fn a_future_is_woken_from_anywhere_at_any_time() {
    each_pool(|pool| {
        // Woken by many threads at once, while it is polled or not.
        let counter = Arc::new(AtomicUsize::new(0));
        let (send, wakers) = channel::<Waker>();
        let polled = counter.clone();
        let handle = pool.spawn_async(poll_fn(move |context| {
            let _ = send.send(context.waker().clone());
            match polled.fetch_add(1, SeqCst) {
                0..200 => Poll::Pending,
                _ => Poll::Ready(()),
            }
        }));
        let wakers = Arc::new(Mutex::new(wakers));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let wakers = wakers.clone();
                thread::spawn(move || {
                    loop {
                        let next = wakers.lock().unwrap().recv();
                        let Ok(waker) = next else { return };
                        let other = waker.clone();
                        waker.wake_by_ref();
                        drop(waker);
                        other.wake();
                    }
                })
            })
            .collect();
        handle.result().unwrap();
        threads.into_iter().for_each(|t| t.join().unwrap());
        // And long after its end.
        let stage = Stage::default();
        let handle = pool.spawn_async(stage.future(()));
        stage.waits(&handle);
        let kept = stage.0.wakers.lock().unwrap()[0].clone();
        stage.finish();
        handle.result().unwrap();
        assert!(kept.will_wake(&kept.clone()));
        kept.wake_by_ref();
        kept.wake();
    });
}

#[test]
fn wakers_outlive_handle_and_pool() {
    watch(|| {
        let tally = Tally::default();
        let stage = Stage::default();
        let pool = pool(2);
        let handle = pool.spawn_async(stage.future(tally.make()));
        stage.waits(&handle);
        let wakers: Vec<_> = {
            let wakers = stage.0.wakers.lock().unwrap();
            (0..10).map(|_| wakers[0].clone()).collect()
        };
        stage.finish();
        drop(handle.result().unwrap());
        drop(pool);
        let other = wakers[0].clone();
        thread::spawn(move || wakers.into_iter().for_each(Waker::wake))
            .join()
            .unwrap();
        other.wake();
        assert_eq!((tally.made(), tally.dropped()), (1, 1));
    });
}

#[test]
fn a_future_that_wakes_itself_for_ever_starves_nobody() {
    each_pool(|pool| {
        let stop = Arc::new(AtomicBool::new(false));
        let spin = |stop: &Arc<AtomicBool>| {
            let stop = stop.clone();
            poll_fn(move |context: &mut Context<'_>| {
                context.waker().wake_by_ref();
                match stop.load(SeqCst) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
        };
        let endless: Vec<_> = (0..5).map(|_| pool.spawn_async(spin(&stop))).collect();
        for n in 0..100 {
            assert_eq!(pool.submit(move || n).result().unwrap(), n);
            assert_eq!(pool.spawn_async(async move { n }).result().unwrap(), n);
        }
        stop.store(true, SeqCst);
        endless.into_iter().for_each(|h| h.result().unwrap());
    });
}

#[test]
fn a_panic_is_the_handles_and_never_ends_a_worker() {
    each_pool(|pool| {
        let at_once = pool.spawn_async(async { panic!("on purpose, at once") });
        let later = pool.spawn_async(async {
            yields(2).await;
            if true {
                panic!("on purpose, later");
            }
            7
        });
        let error: TaskError = at_once.result().unwrap_err();
        assert!(error.to_string().contains("at once"), "{error}");
        let error = later.result().unwrap_err();
        let TaskError::Panicked(panic) = &error else {
            panic!("{error}");
        };
        assert!(panic.message().contains("later"));
        let place = panic.location().expect("the hook was there").to_string();
        assert!(place.contains("spawn_async.rs"), "{place}");
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
        until(|| pool.stats().panicked == 2);
    });
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb(#[allow(dead_code)] Counted);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("on purpose, in a drop");
        }
    }
}

#[test]
fn a_panic_in_a_futures_drop_is_contained_and_told() {
    watch(|| {
        let (tally, told) = (Tally::default(), Arc::new(AtomicUsize::new(0)));
        let tells = told.clone();
        let pool = ThreadPool::builder()
            .workers(1)
            .on_panic(move |_| {
                tells.fetch_add(1, SeqCst);
            })
            .build()
            .unwrap();
        // Ready, and then its drop panics: the output stands.
        let mut bomb = Some(Bomb(tally.make()));
        let mut first = true;
        let ready = pool.spawn_async(poll_fn(move |context| {
            let _ = &mut bomb;
            if std::mem::take(&mut first) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(1)
        }));
        assert_eq!(ready.result().unwrap(), 1);
        until(|| told.load(SeqCst) == 1);
        // Cancelled, and then its drop panics in the canceller.
        let (stage, bomb) = (Stage::default(), Bomb(tally.make()));
        let waits = pool.spawn_async(stage.future(bomb));
        stage.waits(&waits);
        assert_eq!(waits.cancel(), Cancel::Prevented);
        assert_eq!(told.load(SeqCst), 2);
        assert!(waits.result().unwrap_err().is_cancelled());
        // Its output has no handle, and panics.
        let bomb = Bomb(tally.make());
        pool.spawn_async(ready_later(bomb)).detach();
        until(|| told.load(SeqCst) == 3);
        drop(stage);
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
        until(|| tally.dropped() == 3);
    });
}

async fn ready_later<T>(value: T) -> T {
    yields(1).await;
    value
}

#[test]
fn cancel_before_the_first_poll_prevents_it() {
    each_pool(|pool| {
        let (tally, stage) = (Tally::default(), Stage::default());
        let held = hold(pool);
        let handle = pool.spawn_async(stage.future(tally.make()));
        assert_eq!(handle.state(), TaskState::Queued);
        assert_eq!(handle.cancel(), Cancel::Prevented);
        assert_eq!(tally.dropped(), 1, "here and now");
        assert_eq!(handle.cancel(), Cancel::TooLate);
        assert_eq!(handle.state(), TaskState::Cancelled);
        held.release();
        assert!(handle.result().unwrap_err().is_cancelled());
        until(|| pool.stats().queued == 0);
        until(|| pool.stats().cancelled == 1);
        assert_eq!(stage.polls(), 0);
    });
}

#[test]
fn cancel_between_two_polls_drops_it_there() {
    each_pool(|pool| {
        let (tally, stage) = (Tally::default(), Stage::default());
        let handle = pool.spawn_async(stage.future(tally.make()));
        stage.waits(&handle);
        assert_eq!(handle.state(), TaskState::Running);
        assert_eq!(handle.cancel(), Cancel::Prevented);
        assert_eq!(tally.dropped(), 1, "here and now");
        let polls = stage.polls();
        stage.finish();
        assert!(handle.result().unwrap_err().is_cancelled());
        pool.submit(|| ()).result().unwrap();
        assert_eq!(stage.polls(), polls, "never again");
        until(|| pool.stats().cancelled == 1);
    });
}

#[test]
fn cancel_while_it_is_polled_drops_it_after_that_poll() {
    each_pool(|pool| {
        for ends_ready in [false, true] {
            let (tally, begun, goes_on) = (Tally::default(), Gate::new(), Gate::new());
            let (told, waits) = (begun.clone(), goes_on.clone());
            let mut value = Some(tally.make());
            let mut polls = 0;
            let handle = pool.spawn_async(poll_fn(move |context| {
                polls += 1;
                assert_eq!(polls, 1, "never again");
                told.open();
                waits.wait();
                assert!(current().unwrap().token().is_cancelled());
                context.waker().wake_by_ref();
                match ends_ready {
                    true => Poll::Ready(value.take()),
                    false => Poll::Pending,
                }
            }));
            begun.wait();
            assert_eq!(handle.cancel(), Cancel::Asked);
            assert_eq!(handle.cancel(), Cancel::Asked);
            assert_eq!(tally.dropped(), 0);
            goes_on.open();
            match handle.result() {
                Ok(value) => assert!(ends_ready && value.is_some()),
                Err(error) => assert!(error.is_cancelled() && !ends_ready),
            }
            until(|| tally.dropped() == 1);
        }
    });
}

#[test]
fn cancel_of_a_future_that_is_over_is_too_late() {
    each_pool(|pool| {
        let handle = pool.spawn_async(async { 1 });
        handle.wait();
        assert_eq!(handle.cancel(), Cancel::TooLate);
        assert_eq!(handle.kill(), Cancel::TooLate);
        assert_eq!(handle.result().unwrap(), 1);
        let failed = pool.spawn_async(async { panic!("on purpose") });
        failed.wait();
        assert_eq!(failed.cancel(), Cancel::TooLate);
        assert!(failed.result().is_err());
        drop(pool.spawn_async(pending::<()>()).cancel_on_drop());
    });
}

#[test]
fn a_dropped_handle_detaches_its_future() {
    each_pool(|pool| {
        let (stage, done) = (Stage::default(), Gate::new());
        let (future, told) = (stage.future(()), done.clone());
        let handle = pool.spawn_async(async move {
            future.await;
            told.open();
        });
        let id = handle.id();
        drop(handle);
        stage.waits_as(id);
        stage.finish();
        done.wait();
    });
}

#[test]
fn a_future_that_nobody_can_wake_is_cancelled() {
    each_pool(|pool| {
        let tally = Tally::default();
        let counted = tally.make();
        let never = pool.spawn_async(async move {
            let _counted = counted;
            pending::<()>().await;
        });
        assert!(never.result().unwrap_err().is_cancelled());
        until(|| tally.dropped() == 1);
        // The last waker goes later, in another thread, which drops no future.
        let stage = Stage::default();
        struct Says(Option<thread::ThreadId>, std::sync::mpsc::Sender<bool>);
        impl Drop for Says {
            fn drop(&mut self) {
                let here = thread::current().id();
                let _ = self.1.send(self.0 == Some(here));
            }
        }
        let (send, receive) = channel();
        let says = Says(Some(thread::current().id()), send);
        let waits = pool.spawn_async(stage.future(says));
        stage.waits(&waits);
        let wakers = stage.take_wakers();
        let (last, rest) = wakers.split_first().unwrap();
        assert_eq!(waits.state(), TaskState::Running);
        let _ = (last, rest);
        drop(wakers);
        assert!(waits.result().map(drop).unwrap_err().is_cancelled());
        assert!(!receive.recv().unwrap(), "a worker drops it");
    });
}

#[test]
fn every_future_is_dropped_once_in_every_order() {
    watch_for(Duration::from_secs(60), || {
        let tally = Tally::default();
        for round in 0..512_usize {
            let pool = pool(1 + round % 2);
            let stages: Vec<Stage> = (0..4).map(|_| Stage::default()).collect();
            let handles: Vec<Handle<Counted>> = (stages.iter())
                .map(|stage| pool.spawn_async(stage.future(tally.make())))
                .collect();
            let wakes = stages.clone();
            let other = thread::spawn(move || {
                for (n, stage) in wakes.iter().enumerate() {
                    match (n + round) % 4 {
                        0 => stage.finish(),
                        1 => drop(stage.take_wakers()),
                        2 => stage.take_wakers().iter().for_each(Waker::wake_by_ref),
                        _ => {}
                    }
                }
            });
            for (n, handle) in handles.into_iter().enumerate() {
                match (n / 2 + round / 4) % 4 {
                    0 => drop(handle.cancel()),
                    1 => drop(handle),
                    2 => drop(handle.cancel_on_drop()),
                    _ => drop(handle.result_timeout(Duration::ZERO)),
                }
            }
            match round / 16 % 4 {
                0 => drop(pool.shutdown(Shutdown::CancelQueued)),
                1 => drop(pool.shutdown(Shutdown::Kill)),
                2 => drop(pool.shutdown(Shutdown::FinishWithin(Duration::ZERO))),
                _ => {
                    stages.iter().for_each(Stage::finish);
                    other.join().unwrap();
                    stages.iter().for_each(Stage::finish);
                    // Who was polled after that look is woken by this one.
                    let done = Arc::new(AtomicBool::new(false));
                    let (told, all) = (done.clone(), stages.clone());
                    let wakes = thread::spawn(move || {
                        while !told.load(SeqCst) {
                            all.iter().for_each(Stage::finish);
                            thread::yield_now();
                        }
                    });
                    drop(pool);
                    done.store(true, SeqCst);
                    wakes.join().unwrap();
                    continue;
                }
            }
            other.join().unwrap();
            // A killed pool's last poll may be under way.
            drop(pool);
        }
        until(|| tally.dropped() == tally.made());
        assert_eq!(tally.made(), 4 * 512);
    });
}

#[test]
fn finish_waits_for_a_future_that_waits() {
    each_pool(|pool| {
        let stage = Stage::default();
        let handle = pool.spawn_async(stage.future(7));
        stage.waits(&handle);
        let later = stage.clone();
        let other = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            later.finish();
        });
        let report = pool.shutdown(Shutdown::Finish);
        assert_eq!((report.finished, report.cancelled), (1, 0));
        assert_eq!(handle.result().unwrap(), 7);
        other.join().unwrap();
        let refused = pool.spawn_async(async { 1 }).result().unwrap_err();
        assert!(matches!(refused, TaskError::Refused(Refusal::Shutdown)));
    });
    watch(|| {
        let (stage, pool) = (Stage::default(), pool(2));
        let handle = pool.spawn_async(stage.future(7));
        stage.waits(&handle);
        let later = stage.clone();
        let other = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            later.finish();
        });
        drop(pool);
        assert_eq!(handle.result().unwrap(), 7);
        other.join().unwrap();
    });
}

#[test]
fn the_other_ends_cancel_a_future_that_waits() {
    for how in [
        Shutdown::CancelQueued,
        Shutdown::Kill,
        Shutdown::FinishWithin(Duration::from_millis(5)),
    ] {
        each_pool(move |pool| {
            let (tally, stage) = (Tally::default(), Stage::default());
            let handle = pool.spawn_async(stage.future(tally.make()));
            stage.waits(&handle);
            assert_eq!(pool.stats().futures, 1);
            let report = pool.shutdown(how);
            assert_eq!((report.finished, report.cancelled), (0, 1), "{how:?}");
            assert!(report.still_running.is_empty());
            assert_eq!(tally.dropped(), 1, "here and now");
            assert!(handle.result().unwrap_err().is_cancelled());
            assert_eq!(pool.stats().futures, 0);
            stage.finish();
        });
    }
    watch(|| {
        let stage = Stage::default();
        let (told, handle) = (stage.clone(), Arc::new(Mutex::new(None)));
        let slot = handle.clone();
        let unwinds = thread::spawn(move || {
            let pool = pool(1);
            let handle = pool.spawn_async(told.future(1));
            told.waits(&handle);
            *slot.lock().unwrap() = Some(handle);
            panic!("on purpose: the pool is dropped while unwinding");
        });
        assert!(unwinds.join().is_err());
        let handle = handle.lock().unwrap().take().unwrap();
        assert!(handle.result().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_shutdown_cancels_a_future_that_is_polled_after_that_poll() {
    for how in [
        Shutdown::CancelQueued,
        Shutdown::Kill,
        Shutdown::FinishWithin(Duration::ZERO),
    ] {
        each_pool(move |pool| {
            let (begun, goes_on, tally) = (Gate::new(), Gate::new(), Tally::default());
            let (told, waits, counted) = (begun.clone(), goes_on.clone(), tally.make());
            let kept = Arc::new(Mutex::new(None));
            let keeps = kept.clone();
            let handle = pool.spawn_async(poll_fn(move |context| {
                let _ = &counted;
                *keeps.lock().unwrap() = Some(context.waker().clone());
                told.open();
                waits.wait();
                Poll::<()>::Pending
            }));
            begun.wait();
            let opens = goes_on.clone();
            let opener = thread::spawn(move || {
                thread::sleep(Duration::from_millis(5));
                opens.open();
            });
            let report = pool.shutdown(how);
            assert_eq!(report.finished, 0);
            assert!(handle.result().unwrap_err().is_cancelled());
            opener.join().unwrap();
            until(|| tally.dropped() == 1);
        });
    }
}

#[test]
fn a_future_that_ends_its_own_pool_is_not_waited_for() {
    for how in [Shutdown::Finish, Shutdown::CancelQueued] {
        watch(move || {
            let pool = Arc::new(pool(1));
            let own = pool.clone();
            // Ready in the poll that ends the pool.
            let report = pool.spawn_async(async move { own.shutdown(how) });
            assert_eq!(report.result().unwrap().finished, 0);
            // Or not: then it is dropped.
            let pool = Arc::new(common::pool(2));
            let (own, stage) = (pool.clone(), Stage::default());
            let future = stage.future(());
            let handle = pool.spawn_async(async move {
                own.shutdown(how);
                future.await;
            });
            assert!(handle.result().unwrap_err().is_cancelled());
        });
    }
    watch(|| {
        // Its last owner is a future: the pool ends when that is over.
        let pool = Arc::new(pool(1));
        let (own, stage) = (pool.clone(), Stage::default());
        let future = stage.future(3);
        let handle = pool.spawn_async(async move {
            let n = future.await;
            drop(own);
            yields(2).await;
            n
        });
        stage.waits(&handle);
        drop(pool);
        stage.finish();
        assert_eq!(handle.result().unwrap(), 3);
        // Or is cancelled from outside.
        let pool = Arc::new(common::pool(1));
        let (own, stage) = (pool.clone(), Stage::default());
        let future = stage.future(());
        let handle = pool.spawn_async(async move {
            future.await;
            drop(own);
        });
        stage.waits(&handle);
        drop(pool);
        assert_eq!(handle.cancel(), Cancel::Prevented);
    });
}

#[test]
fn a_callback_of_a_future_may_end_the_pool() {
    each_pool(|pool| {
        let own = Arc::new(ThreadPool::new(pool.width()).unwrap());
        let (ends, stage, done) = (own.clone(), Stage::default(), Gate::new());
        let told = done.clone();
        let handle = own.spawn_async(stage.future(()));
        handle.on_done(move |_| {
            ends.shutdown(Shutdown::Finish);
            told.open();
        });
        stage.waits(&handle);
        stage.finish();
        done.wait();
        handle.result().unwrap();
    });
}

#[test]
fn a_poll_that_blocks_lets_a_spare_work() {
    watch(|| {
        let pool = Arc::new(pool(1));
        let own = pool.clone();
        // Rule 1: inside a poll nothing is claimed; a spare runs it.
        let blocks = pool.spawn_async(async move {
            let here = thread::current().id();
            let there = own.submit(|| thread::current().id()).result().unwrap();
            let deeper = own.spawn_async(ready_later(thread::current().id()));
            assert!(deeper.result().is_ok());
            here != there
        });
        assert!(blocks.result().unwrap(), "a task ran on top of a poll");
        // A task may wait for a future of its own pool.
        let own = pool.clone();
        let waits = pool.submit(move || own.spawn_async(ready_later(5)).result());
        assert_eq!(waits.result().unwrap().unwrap(), 5);
        // At the cap the queued task runs on top of the poll rather than never.
        let capped = Arc::new(ThreadPool::for_blocking(1).unwrap());
        let own = capped.clone();
        let blocks = capped.spawn_async(async move { own.submit(|| 6).result().unwrap() });
        assert_eq!(blocks.result().unwrap(), 6);
    });
}

#[test]
fn the_context_of_a_poll_is_the_futures() {
    each_pool(|pool| {
        let at = line!() + 1;
        let future = pool.spawn_async(async {
            let before = current().unwrap();
            yields(1).await;
            let after = current().unwrap();
            assert_eq!(before.id(), after.id());
            assert!(after.worker().is_some());
            after.id()
        });
        let id = future.id();
        assert_eq!(future.result().unwrap(), id);
        assert!(current().is_none());
        let stage = Stage::default();
        let waits = pool.spawn_async(stage.future(()));
        stage.waits(&waits);
        let text = dump();
        let line = format!("waits to be woken: task {}", waits.id());
        assert!(text.contains(&line), "{text}");
        assert!(text.contains("spawn_async.rs"), "{text} {at}");
        stage.finish();
        waits.result().unwrap();
    });
}

#[test]
fn a_limited_queue_takes_futures_as_it_takes_tasks() {
    watch(|| {
        let refuses = ThreadPool::builder()
            .workers(1)
            .queue_limit(1, WhenFull::Refuse);
        let pool = refuses.build().unwrap();
        let held = hold(&pool);
        let first = pool.spawn_async(ready_later(1));
        let tally = Tally::default();
        let second = pool.spawn_async(ready_later(tally.make()));
        assert_eq!(second.state(), TaskState::Failed);
        assert_eq!(tally.dropped(), 1);
        let error = second.result().unwrap_err();
        assert!(matches!(error, TaskError::Refused(Refusal::Full)));
        held.release();
        assert_eq!(first.result().unwrap(), 1);
        // Its wake-ups have left no trace in the count.
        for n in 0..10 {
            until(|| pool.stats().queued == 0);
            assert_eq!(pool.spawn_async(ready_later(n)).result().unwrap(), n);
        }
        let here = ThreadPool::builder()
            .workers(1)
            .queue_limit(0, WhenFull::RunHere);
        let pool = here.trace_tasks(true).build().unwrap();
        let me = thread::current().id();
        let polled = pool.spawn_async(async move {
            let first = thread::current().id();
            yields(1).await;
            (first == me, thread::current().id() == me)
        });
        assert_eq!(polled.result().unwrap(), (true, false));
    });
}

#[test]
fn waits_with_limits_and_callbacks_know_futures() {
    each_pool(|pool| {
        let stage = Stage::default();
        let handle = pool.spawn_async(stage.future(1));
        assert!(!handle.wait_timeout(Duration::from_millis(1)));
        let handle = handle.result_timeout(Duration::from_millis(1)).unwrap_err();
        let (send, receive) = channel();
        handle.on_done(move |state| send.send(state).unwrap());
        stage.waits(&handle);
        stage.finish();
        assert_eq!(receive.recv().unwrap(), TaskState::Finished);
        assert_eq!(handle.result_timeout(LONG).unwrap().unwrap(), 1);
        // A token cancels by its own means.
        let token = raddle::CancellationToken::new();
        let watch = token.clone();
        let stops = pool.spawn_async(async move { watch.cancelled().await });
        let cancels = (move || token.cancel()).named("cancels");
        pool.submit(cancels).result().unwrap();
        stops.result().unwrap();
    });
}
