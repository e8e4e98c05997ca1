//! What we fear of a queue, and loom's answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::{PopError, Queue};
use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::{Parker, UnsafeCell};

const SOON: Duration = Duration::from_secs(1);

fn start<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(String::from("other"), None, body).unwrap()
}

/// An item that its producer writes before the push, and its consumer reads.
struct Letter(UnsafeCell<u32>);

// SAFETY: one thread writes, before the push, and others read after the pop;
// that this is enough is what the models show.
unsafe impl Sync for Letter {}

impl Letter {
    fn write(text: u32) -> Arc<Self> {
        let letter = Arc::new(Self(UnsafeCell::new(0)));
        // SAFETY: nobody else has it yet.
        letter.0.with_mut(|place| unsafe { *place = text });
        letter
    }

    fn read(&self) -> u32 {
        // SAFETY: it was written before it was sent.
        self.0.with(|place| unsafe { *place })
    }
}

/// Wakes a parker, as an executor would.
struct Alarm(Arc<Parker>);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn poll<F: Future + Unpin>(future: &mut F, alarm: &Arc<Parker>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::new(Alarm(alarm.clone())));
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

fn await_it<F: Future + Unpin>(mut future: F) -> F::Output {
    let alarm = Arc::new(Parker::new());
    loop {
        match poll(&mut future, &alarm) {
            Poll::Ready(output) => return output,
            Poll::Pending => alarm.park(),
        }
    }
}

/// Nobody waits any more, and nothing is promised.
fn is_quiet<T>(queue: &Queue<T>) -> bool {
    queue.lock.lock().counts() == (0, 0, 0, 0)
}

/// Fear: the consumer looks before the push and sleeps after it; or it gets the
/// item without what its producer wrote.
/// Must fail when: a push tells nobody.
/// Bound: none, two threads.
#[test]
fn an_item_reaches_the_consumer_with_what_was_written() {
    Model::new("sync::an_item_reaches_the_consumer_with_what_was_written")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            let producer = start({
                let queue = queue.clone();
                move || queue.push(Letter::write(42)).unwrap()
            });
            assert_eq!(queue.pop().unwrap().read(), 42);
            producer.join().unwrap();
            assert!(is_quiet(&queue));
        });
}

/// Fear: the producer sleeps on although there is room again.
/// Must fail when: a pop tells nobody.
/// Bound: none, two threads.
#[test]
fn a_pop_lets_the_next_push_in() {
    Model::new("sync::a_pop_lets_the_next_push_in")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            queue.push(Letter::write(1)).unwrap();
            let producer = start({
                let queue = queue.clone();
                move || queue.push(Letter::write(2)).unwrap()
            });
            assert_eq!(queue.pop().unwrap().read(), 1);
            assert_eq!(queue.pop().unwrap().read(), 2);
            producer.join().unwrap();
            assert!(is_quiet(&queue));
        });
}

/// Fear: two producers use one free place; or one of them sleeps for ever.
/// Must fail when: room that is promised is given to a newcomer as well.
/// Bound: 3 preemptions, three threads.
#[test]
fn two_producers_take_turns_in_one_place() {
    Model::new("sync::two_producers_take_turns_in_one_place")
        .preemptions(3)
        .check(|| {
            let queue = Queue::bounded(1);
            queue.push(Letter::write(0)).unwrap();
            let producers = [1, 2].map(|n| {
                let queue = queue.clone();
                start(move || queue.push(Letter::write(n)).unwrap())
            });
            let sum: u32 = (0..3).map(|_| queue.pop().unwrap().read()).sum();
            assert_eq!(sum, 3);
            for producer in producers {
                producer.join().unwrap();
            }
            assert!(is_quiet(&queue));
        });
}

/// Fear: a newcomer takes what is promised to a sleeper; or an item is given
/// out twice.
/// Must fail when: an item that is promised is given to a newcomer as well.
/// Bound: 3 preemptions, three threads.
#[test]
fn two_consumers_get_one_item_each() {
    Model::new("sync::two_consumers_get_one_item_each")
        .preemptions(3)
        .check(|| {
            let queue = Queue::<Arc<Letter>>::bounded(2);
            let consumers = [(), ()].map(|()| {
                let queue = queue.clone();
                start(move || queue.pop().unwrap().read())
            });
            queue.push(Letter::write(1)).unwrap();
            queue.push(Letter::write(2)).unwrap();
            let got = consumers.map(|consumer| consumer.join().unwrap());
            assert_eq!(got[0] + got[1], 3);
            assert!(is_quiet(&queue));
        });
}

/// Fear: an item is lost, or comes after the end, when the queue closes during
/// its push.
/// Must fail when: a push that was promised room does not look again; `close`
/// forgets those who wait for room.
/// Bound: none, two threads.
#[test]
fn a_push_during_close_is_delivered_or_refused() {
    Model::new("sync::a_push_during_close_is_delivered_or_refused")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            queue.push(1).unwrap();
            let producer = start({
                let queue = queue.clone();
                move || match queue.push(2) {
                    Ok(()) => None,
                    Err(refused) => {
                        assert!(refused.is_closed());
                        Some(refused.into_item())
                    }
                }
            });
            assert_eq!(queue.pop(), Ok(1));
            queue.close();
            let delivered = queue.pop();
            assert_eq!(queue.try_pop(), Err(PopError::Closed));
            match producer.join().unwrap() {
                None => assert_eq!(delivered, Ok(2)),
                Some(item) => {
                    assert_eq!(item, 2);
                    assert_eq!(delivered, Err(PopError::Closed));
                }
            }
            assert!(queue.is_empty() && is_quiet(&queue));
        });
}

/// Fear: `close` leaves a producer asleep that waits for room.
/// Must fail when: `close` forgets those who wait for room.
/// Bound: none, two threads.
#[test]
fn close_releases_a_producer() {
    Model::new("sync::close_releases_a_producer")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            queue.push(1).unwrap();
            let producer = start({
                let queue = queue.clone();
                move || queue.push(2).unwrap_err().is_closed()
            });
            queue.close();
            assert!(producer.join().unwrap());
            assert_eq!((queue.pop(), queue.len()), (Ok(1), 0));
            assert!(is_quiet(&queue));
        });
}

/// Fear: `close` leaves a consumer asleep, or sends it away before the last
/// item.
/// Must fail when: `close` forgets those who wait for an item.
/// Bound: none, two threads.
#[test]
fn a_consumer_gets_the_last_item_and_then_the_end() {
    Model::new("sync::a_consumer_gets_the_last_item_and_then_the_end")
        .unbounded()
        .check(|| {
            let queue = Queue::unbounded();
            let consumer = start({
                let queue = queue.clone();
                move || {
                    queue
                        .iter()
                        .map(|letter: Arc<Letter>| letter.read())
                        .sum::<u32>()
                }
            });
            queue.push(Letter::write(42)).unwrap();
            queue.close();
            assert_eq!(consumer.join().unwrap(), 42);
            assert!(is_quiet(&queue));
        });
}

/// Fear: the last item is promised to a future that is dropped, and the one who
/// came after it was told that the queue has ended.
/// Must fail when: a closed queue counts as ended while its last item is
/// promised.
/// Bound: none, two threads.
#[test]
fn the_last_item_is_delivered_though_its_first_owner_leaves() {
    Model::new("sync::the_last_item_is_delivered_though_its_first_owner_leaves")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            let mut first = queue.pop_async();
            assert!(poll(&mut first, &Arc::new(Parker::new())).is_pending());
            queue.push(Letter::write(42)).unwrap();
            queue.close();
            let second = start({
                let queue = queue.clone();
                move || queue.pop().unwrap().read()
            });
            drop(first);
            assert_eq!(second.join().unwrap(), 42);
            assert!(is_quiet(&queue));
        });
}

/// Fear: `close_now` and a consumer both get an item, or neither does.
/// Must fail when: a promise of an item outlives the item.
/// Bound: none, two threads.
#[test]
fn close_now_and_a_consumer_share_no_item() {
    Model::new("sync::close_now_and_a_consumer_share_no_item")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            let consumer = start({
                let queue = queue.clone();
                move || queue.pop().map_or(0, |letter: Arc<Letter>| letter.read())
            });
            queue.push(Letter::write(42)).unwrap();
            let left: u32 = queue.close_now().iter().map(|letter| letter.read()).sum();
            assert_eq!(left + consumer.join().unwrap(), 42);
            assert!(is_quiet(&queue));
        });
}

/// Fear: a consumer whose time is up takes the wake-up of another with it.
/// Must fail when: a wait whose time is up drops what it was given.
/// Bound: 3 preemptions, three threads.
#[test]
fn a_consumer_that_gives_up_takes_nobodys_item() {
    Model::new("sync::a_consumer_that_gives_up_takes_nobodys_item")
        .preemptions(3)
        .check(|| {
            let queue = Queue::bounded(2);
            let hasty = start({
                let queue = queue.clone();
                move || queue.pop_timeout(SOON)
            });
            let patient = start({
                let queue = queue.clone();
                move || queue.pop()
            });
            queue.push(1).unwrap();
            if hasty.join().unwrap().is_ok() {
                queue.push(2).unwrap();
            }
            assert!(patient.join().unwrap().is_ok());
            assert!(queue.is_empty() && is_quiet(&queue));
        });
}

/// Fear: a push whose time is up is in the queue and in the error, or in
/// neither.
/// Must fail when: a wait whose time is up drops what it was given.
/// Bound: none, two threads.
#[test]
fn a_push_that_gives_up_has_its_item_back() {
    Model::new("sync::a_push_that_gives_up_has_its_item_back")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            queue.push(1).unwrap();
            let hasty = start({
                let queue = queue.clone();
                move || queue.push_timeout(2, SOON)
            });
            assert_eq!(queue.pop(), Ok(1));
            match hasty.join().unwrap() {
                Ok(()) => assert_eq!(queue.try_pop(), Ok(2)),
                Err(refused) => assert_eq!((refused.into_item(), queue.len()), (2, 0)),
            }
            assert!(is_quiet(&queue));
        });
}

/// Fear: a dropped future takes the item that it was promised with it.
/// Must fail when: a consumer that leaves does not hand its promise on.
/// Bound: none, two threads.
#[test]
fn a_dropped_pop_hands_its_item_on() {
    Model::new("sync::a_dropped_pop_hands_its_item_on")
        .unbounded()
        .check(|| {
            let queue = Queue::<Arc<Letter>>::bounded(1);
            let mut first = queue.pop_async();
            assert!(poll(&mut first, &Arc::new(Parker::new())).is_pending());
            let second = start({
                let queue = queue.clone();
                move || queue.pop().unwrap().read()
            });
            queue.push(Letter::write(42)).unwrap();
            drop(first);
            assert_eq!(second.join().unwrap(), 42);
            assert!(is_quiet(&queue));
        });
}

/// Fear: a dropped future takes the room that it was promised with it, or its
/// item is in the queue.
/// Must fail when: a producer that leaves does not hand its promise on.
/// Bound: none, two threads.
#[test]
fn a_dropped_push_hands_its_room_on() {
    Model::new("sync::a_dropped_push_hands_its_room_on")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            queue.push(1).unwrap();
            let mut first = queue.push_async(2);
            assert!(poll(&mut first, &Arc::new(Parker::new())).is_pending());
            let second = start({
                let queue = queue.clone();
                move || queue.push(3).unwrap()
            });
            assert_eq!(queue.pop(), Ok(1));
            drop(first);
            second.join().unwrap();
            assert_eq!((queue.pop(), queue.len()), (Ok(3), 0));
            assert!(is_quiet(&queue));
        });
}

/// Fear: a thread does not wake a future that waits for an item.
/// Must fail when: a push tells nobody.
/// Bound: none, two threads.
#[test]
fn a_future_gets_what_a_thread_pushes() {
    Model::new("sync::a_future_gets_what_a_thread_pushes")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            let producer = start({
                let queue = queue.clone();
                move || queue.push(Letter::write(42)).unwrap()
            });
            assert_eq!(await_it(queue.pop_async()).unwrap().read(), 42);
            producer.join().unwrap();
            assert!(is_quiet(&queue));
        });
}

/// Fear: a thread does not wake a future that waits for room, or the future
/// not the thread that waits for its item.
/// Must fail when: a push or a pop tells nobody.
/// Bound: none, two threads.
#[test]
fn a_thread_gets_what_a_future_pushes() {
    Model::new("sync::a_thread_gets_what_a_future_pushes")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            queue.push(Letter::write(1)).unwrap();
            let producer = start({
                let queue = queue.clone();
                move || await_it(queue.push_async(Letter::write(2))).unwrap()
            });
            assert_eq!(queue.pop().unwrap().read(), 1);
            assert_eq!(queue.pop().unwrap().read(), 2);
            producer.join().unwrap();
            assert!(is_quiet(&queue));
        });
}

/// Fear: who waits until all is done sleeps on, or returns without seeing what
/// was done.
/// Must fail when: only one of them is told.
/// Bound: none, two threads.
#[test]
fn all_done_tells_a_thread_and_a_future() {
    Model::new("sync::all_done_tells_a_thread_and_a_future")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            let work = Arc::new(Letter(UnsafeCell::new(0)));
            queue.push(work.clone()).unwrap();
            let (mut future, alarm) = (queue.wait_all_done_async(), Arc::new(Parker::new()));
            assert!(poll(&mut future, &alarm).is_pending());
            let worker = start({
                let queue = queue.clone();
                move || {
                    let work = queue.pop().unwrap();
                    // SAFETY: others read it when all is done.
                    work.0.with_mut(|place| unsafe { *place = 42 });
                    queue.task_done().unwrap();
                }
            });
            queue.wait_all_done();
            assert_eq!(work.read(), 42);
            while poll(&mut future, &alarm).is_pending() {
                alarm.park();
            }
            worker.join().unwrap();
            assert!(queue.task_done().is_err() && is_quiet(&queue));
        });
}

/// Fear: `close_now` takes the work away, and who waits for it waits for ever.
/// Must fail when: what it takes out does not count as done.
/// Bound: none, two threads.
#[test]
fn close_now_ends_the_wait_for_all() {
    Model::new("sync::close_now_ends_the_wait_for_all")
        .unbounded()
        .check(|| {
            let queue = Queue::bounded(1);
            queue.push(1).unwrap();
            let waiter = start({
                let queue = queue.clone();
                move || queue.wait_all_done()
            });
            assert_eq!(queue.close_now(), [1]);
            waiter.join().unwrap();
            assert!(is_quiet(&queue));
        });
}
