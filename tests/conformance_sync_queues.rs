//! What a queue and a channel must do: rows C208 to C254, on both where they
//! apply, and on `select!`.

mod common;
#[path = "common/pipes.rs"]
mod pipes;

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{Gate, Tally, watch, watch_for};
use pipes::{Channels, Pipe, Queues, Rx as _, Tx as _};
use raddle::sync::channel::{self, RecvTimeoutError, Select, TryRecvError, select};
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

#[test]
fn c208_smoke_and_lengths() {
    fn body<P: Pipe>() {
        for capacity in [Some(1), Some(7), None] {
            let (tx, rx) = P::make(capacity);
            assert_eq!((rx.len(), rx.is_full()), (0, false));
            tx.put(1).unwrap();
            assert_eq!((rx.len(), rx.is_full()), (1, capacity == Some(1)));
            assert_eq!(rx.take(), Ok(1));
            assert_eq!(rx.len(), 0);
        }
        let (tx, rx) = P::bounded(2);
        tx.put('a').unwrap();
        tx.put('b').unwrap();
        assert_eq!((rx.len(), rx.is_full()), (2, true));
        assert_eq!((rx.take(), rx.take()), (Ok('a'), Ok('b')));
    }
    on_both!(body);
}

#[test]
fn c208_a_channel_without_room_hands_over() {
    watch(|| {
        let (sender, receiver) = channel::bounded(0);
        assert!(sender.is_full() && sender.is_empty() && receiver.capacity() == Some(0));
        let other = thread::spawn(move || sender.send(7));
        assert_eq!(receiver.recv(), Ok(7));
        other.join().unwrap().unwrap();
    });
}

#[test]
fn c209_each_operation_on_empty_full_and_closed() {
    fn body<P: Pipe>() {
        let now = Instant::now;
        let (tx, rx) = P::bounded(1);
        assert_eq!(rx.try_take(), Err(PopError::Empty));
        assert_eq!(rx.take_for(MOMENT), Err(PopError::Empty));
        assert_eq!(rx.take_until(now()), Err(PopError::Empty));
        tx.try_put(1).unwrap();
        assert_eq!(tx.try_put(2), Err(PushError::Full(2)));
        assert_eq!(tx.put_for(3, MOMENT), Err(PushError::Full(3)));
        assert_eq!(tx.put_until(4, now()), Err(PushError::Full(4)));
        let other = rx.clone();
        drop(tx);
        assert_eq!(other.take_for(MOMENT), Ok(1));
        assert_eq!(rx.take(), Err(PopError::Closed));
        assert_eq!(rx.try_take(), Err(PopError::Closed));
        assert_eq!(rx.take_for(MOMENT), Err(PopError::Closed));
        assert_eq!(rx.take_until(now()), Err(PopError::Closed));
        let (tx, rx) = P::bounded(1);
        rx.hang_up();
        assert_eq!(tx.put(1), Err(PushError::Closed(1)));
        assert_eq!(tx.try_put(2), Err(PushError::Closed(2)));
        assert_eq!(tx.put_for(3, MOMENT), Err(PushError::Closed(3)));
        assert_eq!(tx.put_until(4, now()), Err(PushError::Closed(4)));
    }
    on_both!(body);
}

#[test]
fn c210_a_past_deadline_still_takes_what_is_there() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded(1);
        let past = Instant::now();
        thread::sleep(MOMENT);
        tx.put_until(1, past).unwrap();
        assert_eq!(rx.take_until(past), Ok(1));
        tx.put_for(2, Duration::ZERO).unwrap();
        assert_eq!(rx.take_for(Duration::ZERO), Ok(2));
    }
    on_both!(body);
}

#[test]
fn c211_what_is_in_it_is_delivered_after_the_close() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded(3);
        (1..=3).for_each(|n| tx.put(n).unwrap());
        drop(tx);
        assert_eq!(rx.all(), [1, 2, 3]);
        assert_eq!(rx.take(), Err(PopError::Closed));
    }
    on_both!(body);
}

#[test]
fn c212_a_close_wakes_both_sides() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded::<u8>(1);
        let waits = thread::spawn(move || rx.take());
        thread::sleep(MOMENT);
        drop(tx);
        assert_eq!(waits.join().unwrap(), Err(PopError::Closed));
        let (tx, rx) = P::bounded(1);
        tx.put(1).unwrap();
        let waits = thread::spawn(move || tx.put(2));
        thread::sleep(MOMENT);
        rx.hang_up();
        assert_eq!(waits.join().unwrap(), Err(PushError::Closed(2)));
    }
    on_both!(body);
}

/// `producers` push `each` items; what every consumer got.
fn crowd<P: Pipe>(
    capacity: Option<usize>,
    producers: usize,
    consumers: usize,
    each: usize,
) -> Vec<Vec<(usize, usize)>> {
    let (tx, rx) = P::make(capacity);
    thread::scope(|scope| {
        for producer in 0..producers {
            let tx = tx.clone();
            scope.spawn(move || (0..each).for_each(|n| tx.put((producer, n)).unwrap()));
        }
        drop(tx);
        let takers = (0..consumers).map(|_| scope.spawn(|| rx.all()));
        let takers: Vec<_> = takers.collect();
        takers
            .into_iter()
            .map(|taker| taker.join().unwrap())
            .collect()
    })
}

#[test]
fn c213_each_item_once_and_each_producers_in_order() {
    fn body<P: Pipe>() {
        for (capacity, producers, consumers) in [
            (Some(1), 1, 1),
            (Some(3), 1, 1),
            (None, 1, 1),
            (Some(1), 4, 4),
            (Some(3), 4, 4),
            (None, 4, 4),
        ] {
            let each = 2_000;
            let got = crowd::<P>(capacity, producers, consumers, each);
            for items in &got {
                for producer in 0..producers {
                    let own: Vec<_> = items.iter().filter(|item| item.0 == producer).collect();
                    assert!(own.is_sorted(), "{}", P::NAME);
                }
            }
            let all: HashSet<_> = got.iter().flatten().collect();
            assert_eq!(got.iter().map(Vec::len).sum::<usize>(), producers * each);
            assert_eq!(all.len(), producers * each);
        }
    }
    on_both!(body);
}

#[test]
fn c214_a_pipe_for_one_item_many_times() {
    fn body<P: Pipe>() {
        let (ends, mine) = P::bounded::<P::Tx<usize>>(1);
        let partner = thread::spawn(move || {
            for (n, tx) in mine.all().into_iter().enumerate() {
                tx.put(n).unwrap();
            }
        });
        let rxs: Vec<_> = (0..2_000)
            .map(|_| {
                let (tx, rx) = P::bounded(1);
                ends.put(tx).unwrap();
                rx
            })
            .collect();
        drop(ends);
        for (n, rx) in rxs.into_iter().enumerate() {
            assert_eq!(rx.all(), [n]);
        }
        partner.join().unwrap();
    }
    on_both!(body);
}

#[test]
fn c214_two_threads_with_short_limits() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded(2);
        let producer = thread::spawn(move || {
            for n in 0..10_000 {
                let mut item = n;
                while let Err(refused) = tx.put_for(item, Duration::from_micros(n % 7)) {
                    assert!(refused.is_full());
                    item = refused.into_item();
                }
            }
        });
        let mut next = 0;
        loop {
            match rx.take_for(Duration::from_micros(next % 5)) {
                Ok(n) => {
                    assert_eq!(n, next);
                    next += 1;
                }
                Err(PopError::Empty) => {}
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(next, 10_000);
        producer.join().unwrap();
    }
    on_both!(body);
}

#[test]
fn c215_every_item_is_dropped_once() {
    fn body<P: Pipe>() {
        for round in 0..50 {
            let tally = Tally::default();
            let (tx, rx) = P::bounded(8);
            thread::scope(|scope| {
                let tally = &tally;
                scope.spawn(move || {
                    for _ in 0..200 {
                        if tx.put(tally.make()).is_err() {
                            return;
                        }
                    }
                });
                (0..round * 4).for_each(|_| drop(rx.take()));
                rx.hang_up();
            });
            assert_eq!(tally.made(), tally.dropped());
        }
    }
    on_both!(body);
}

#[test]
fn c217_those_who_wait_are_served_in_turn() {
    watch(|| {
        let queue = Queue::bounded(1);
        let mut pops: Vec<_> = (0..4).map(|_| (queue.pop_async(), 0)).collect();
        let noop = &mut Context::from_waker(Waker::noop());
        for (pop, _) in &mut pops {
            assert!(Pin::new(pop).poll(noop).is_pending());
        }
        for round in 0..400 {
            queue.push(round).unwrap();
            // Whoever came first has it, and nobody else.
            for (at, (pop, served)) in pops.iter_mut().enumerate() {
                let polled = Pin::new(&mut *pop).poll(noop);
                assert_eq!(polled.is_ready(), at == round % 4);
                if polled.is_ready() {
                    *served += 1;
                    *pop = queue.pop_async();
                    assert!(Pin::new(pop).poll(noop).is_pending());
                }
            }
        }
        assert!(pops.iter().all(|(_, served)| *served == 100));
    });
}

#[test]
fn c218_an_item_whose_making_takes_one() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded(1);
        tx.put(1).unwrap();
        tx.put(rx.take().unwrap() + 1).unwrap();
        assert_eq!(rx.take(), Ok(2));
    }
    on_both!(body);
}

#[test]
fn c219_a_thousand_pipes_through_pipes() {
    fn body<P: Pipe>() {
        type Item = Box<dyn Any + Send>;
        let (mut tx, first) = P::bounded::<Item>(1);
        for _ in 0..1_000 {
            let (next, rx) = P::bounded::<Item>(1);
            tx.put(Box::new(rx)).unwrap();
            tx = next;
        }
        tx.put(Box::new("the end")).unwrap();
        let mut rx = first;
        for _ in 0..1_000 {
            rx = *rx.take().unwrap().downcast::<P::Rx<Item>>().unwrap();
        }
        let end = rx.take().unwrap().downcast::<&str>().unwrap();
        assert_eq!(*end, "the end");
    }
    on_both!(body);
}

#[test]
fn c221_what_nobody_will_take_is_dropped() {
    fn body<P: Pipe>(capacity: Option<usize>) {
        let (tx, rx) = P::make(capacity);
        let item = Arc::new(());
        tx.put(item.clone()).unwrap();
        rx.hang_up();
        assert_eq!(Arc::strong_count(&item), 1);
        drop(tx);
    }
    watch(|| {
        body::<Queues>(Some(1));
        body::<Queues>(None);
        body::<Channels>(None);
        // A bounded channel keeps it until its last end has gone.
        let (sender, receiver) = channel::bounded(1);
        let item = Arc::new(());
        sender.send(item.clone()).unwrap();
        drop(receiver);
        assert_eq!(Arc::strong_count(&item), 2);
        drop(sender);
        assert_eq!(Arc::strong_count(&item), 1);
    });
}

#[test]
fn c222_a_million_items_are_dropped_without_a_deep_stack() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::make(None);
        (0..1_000_000).for_each(|n| tx.put(n).unwrap());
        assert_eq!(rx.len(), 1_000_000);
        drop((tx, rx));
    }
    on_both!(body);
}

#[test]
fn c223_first_in_first_out() {
    fn body<P: Pipe>() {
        for capacity in [1, 10] {
            let (tx, rx) = P::bounded(capacity);
            let producer = thread::spawn(move || (0..1_000).for_each(|n| tx.put(n).unwrap()));
            assert!(rx.all().into_iter().eq(0..1_000));
            producer.join().unwrap();
        }
    }
    on_both!(body);
    watch(|| {
        let (sender, receiver) = channel::bounded(0);
        let producer = thread::spawn(move || (0..1_000).for_each(|n| sender.send(n).unwrap()));
        assert!(receiver.iter().eq(0..1_000));
        producer.join().unwrap();
    });
}

#[test]
fn c224_two_selects_deliver_each_value_once() {
    watch(|| {
        let (a, from_a) = channel::bounded(0);
        let (b, from_b) = channel::bounded(0);
        let producer = thread::spawn(move || {
            for n in 0..2_000 {
                select! {
                    send(a.inner(), n) -> sent => sent.unwrap(),
                    send(b.inner(), n) -> sent => sent.unwrap(),
                }
            }
        });
        let (merged, from_all) = channel::unbounded();
        let takers = [from_a, from_b].map(|from| {
            let merged = merged.clone();
            thread::spawn(move || from.iter().for_each(|n| merged.send(n).unwrap()))
        });
        drop(merged);
        let mut all: Vec<_> = from_all.iter().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..2_000));
        producer.join().unwrap();
        for taker in takers {
            taker.join().unwrap();
        }
    });
}

#[test]
fn c225_the_default_branch_is_taken_only_when_nothing_is_ready() {
    watch(|| {
        let (sender, receiver) = channel::bounded(1);
        let look = || {
            select! {
                recv(receiver.inner()) -> item => item.ok(),
                default => None,
            }
        };
        let try_send = |n| {
            select! {
                send(sender.inner(), n) -> sent => sent.is_ok(),
                default => false,
            }
        };
        assert_eq!(look(), None);
        assert!(try_send(7));
        assert!(!try_send(8));
        assert_eq!(look(), Some(7));
        assert_eq!(look(), None);
    });
}

#[test]
fn c226_select_on_closed_full_and_empty() {
    watch(|| {
        let (full, _keep) = channel::bounded(1);
        full.send(1).unwrap();
        let (_open, empty) = channel::bounded::<u8>(1);
        let (gone, closed) = channel::bounded::<u8>(1);
        drop(gone);
        let (deaf, ears) = channel::bounded(1);
        drop(ears);
        let which = |full: &channel::Sender<u8>, empty: &channel::Receiver<u8>| {
            select! {
                send(full.inner(), 2) -> _ => "sent",
                recv(empty.inner()) -> _ => "received",
                default(MOMENT) => "nothing",
            }
        };
        assert_eq!(which(&full, &empty), "nothing");
        assert_eq!(which(&full, &closed), "received");
        assert_eq!(which(&deaf, &empty), "sent");
        // Go's nil channel: neither an item nor an end, and others are chosen.
        let nil = channel::never();
        assert_eq!(which(&full, &nil), "nothing");
        assert_eq!(which(&deaf, &nil), "sent");
        assert_eq!(nil.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(nil.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
        assert_eq!(nil.try_iter().count(), 0);
    });
}

/// crossbeam's own `after`, `at` and `tick`, through the pool's ends.
#[test]
fn c226_time_as_a_source() {
    watch(|| {
        let start = Instant::now();
        let when = start + MOMENT;
        for once in [channel::after(MOMENT), channel::at(when)] {
            assert!(once.recv().unwrap() >= when);
            assert!(Instant::now() >= when);
            // One message, for all clones, and no end.
            assert_eq!(once.clone().try_recv(), Err(TryRecvError::Empty));
            assert!(once.recv_timeout(MOMENT).unwrap_err().is_timeout());
        }
        assert_eq!(channel::at(start).recv(), Ok(start));
        assert!(channel::after(Duration::ZERO).try_recv().is_ok());

        let start = Instant::now();
        let ticks = channel::tick(MOMENT);
        let times: Vec<_> = ticks.iter().take(5).collect();
        assert!(times[0] >= start + MOMENT);
        for pair in times.windows(2) {
            assert!(pair[1] >= pair[0] + MOMENT);
        }
        // Late by many, it finds one.
        thread::sleep(5 * MOMENT);
        let late = (ticks.len(), ticks.try_recv().is_ok());
        assert_eq!((late, ticks.capacity()), ((1, true), Some(1)));
    });
}

/// No limit is too long, and none ends early.
#[test]
fn c226_time_at_its_limits() {
    watch(|| {
        let far = Instant::now() + Duration::from_secs(1 << 40);
        // The last but one lies in time, and twice that does not.
        let long = [
            Duration::MAX,
            Duration::from_secs(1 << 62),
            Duration::from_secs(1 << 40),
        ];
        let sources = (long.into_iter())
            .flat_map(|long| [channel::after(long), channel::tick(long)])
            .chain([channel::at(far)]);
        for source in sources {
            let others = [source.clone(), source];
            thread::scope(|s| {
                for source in &others {
                    s.spawn(|| {
                        for limit in [Duration::ZERO, MOMENT] {
                            assert!(source.recv_timeout(limit).unwrap_err().is_timeout());
                        }
                    });
                }
            });
        }
        // One that is always due.
        assert_eq!(channel::tick(Duration::ZERO).iter().take(100).count(), 100);
    });
}

#[test]
fn c227_the_sieve() {
    fn body<P: Pipe>() {
        let (tx, mut rx) = P::bounded(1);
        let mut threads = vec![thread::spawn(move || {
            for n in 2_u32.. {
                if tx.put(n).is_err() {
                    return;
                }
            }
        })];
        let mut primes = Vec::new();
        for _ in 0..15 {
            let prime = rx.take().unwrap();
            primes.push(prime);
            let (tx, next) = P::bounded(1);
            let source = std::mem::replace(&mut rx, next);
            threads.push(thread::spawn(move || {
                while let Ok(n) = source.take() {
                    if n % prime != 0 && tx.put(n).is_err() {
                        break;
                    }
                }
                source.hang_up();
            }));
        }
        assert_eq!(
            primes,
            [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]
        );
        rx.hang_up();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    }
    on_both!(body);
}

#[test]
fn c229_a_look_during_the_close_sees_the_item_or_the_end() {
    watch(|| {
        for _ in 0..2_000 {
            let (sender, receiver) = channel::bounded(1);
            sender.send(1).unwrap();
            let closer = thread::spawn(move || drop(sender));
            let first = select! {
                recv(receiver.inner()) -> item => item,
                default => unreachable!("an item is there"),
            };
            assert_eq!(first, Ok(1));
            closer.join().unwrap();
            assert!(receiver.recv().is_err());
        }
        for _ in 0..2_000 {
            let queue = Queue::bounded(1);
            queue.push(1).unwrap();
            let closer = queue.clone();
            let closer = thread::spawn(move || closer.close());
            assert_eq!(queue.try_pop(), Ok(1));
            closer.join().unwrap();
            assert_eq!(queue.try_pop(), Err(PopError::Closed));
        }
    });
}

#[test]
fn c230_select_under_load() {
    watch_for(Duration::from_secs(180), || {
        const EACH: usize = 5_000;
        let pipes: Vec<_> = (0..4).map(channel::bounded::<usize>).collect();
        thread::scope(|scope| {
            for (sender, _) in &pipes {
                scope.spawn(move || (0..EACH).for_each(|n| sender.send(n).unwrap()));
                scope.spawn(move || {
                    for n in 0..EACH {
                        select! { send(sender.inner(), n) -> sent => sent.unwrap() }
                    }
                });
            }
            let [a, b, c, d] = [0, 1, 2, 3].map(|at: usize| &pipes[at].1);
            let sum: usize = (0..8 * EACH)
                .map(|_| {
                    select! {
                        recv(a.inner()) -> n => n.unwrap(),
                        recv(b.inner()) -> n => n.unwrap(),
                        recv(c.inner()) -> n => n.unwrap(),
                        recv(d.inner()) -> n => n.unwrap(),
                    }
                })
                .sum();
            assert_eq!(sum, 8 * (0..EACH).sum::<usize>());
        });
    });
}

#[test]
fn c231_select_chooses_both_that_are_ready() {
    watch(|| {
        let (a, from_a) = channel::unbounded();
        let (b, from_b) = channel::unbounded();
        let mut counts = [0, 0];
        for _ in 0..2_000 {
            a.send(()).unwrap();
            b.send(()).unwrap();
            select! {
                recv(from_a.inner()) -> _ => counts[0] += 1,
                recv(from_b.inner()) -> _ => counts[1] += 1,
            }
        }
        assert!(counts.iter().all(|count| *count > 200), "{counts:?}");
    });
}

#[test]
fn c232_the_sum_of_many_consumers_is_exact() {
    fn body<P: Pipe>() {
        let got = crowd::<P>(Some(5), 3, 8, 3_000);
        let sum: usize = got.iter().flatten().map(|item| item.1).sum();
        assert_eq!(sum, 3 * (0..3_000).sum::<usize>());
    }
    on_both!(body);
}

#[test]
fn c233_one_channel_twice_in_a_select() {
    watch(|| {
        let (sender, receiver) = channel::bounded(1);
        let mut counts = [0, 0];
        for n in 0..1_000 {
            sender.send(n).unwrap();
            select! {
                recv(receiver.inner()) -> item => { assert_eq!(item, Ok(n)); counts[0] += 1 }
                recv(receiver.inner()) -> item => { assert_eq!(item, Ok(n)); counts[1] += 1 }
            }
        }
        assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    });
}

#[test]
fn c234_a_server_of_requests_that_bring_their_answers_pipe() {
    fn body<P: Pipe>() {
        let (requests, served) = P::bounded::<(u32, P::Tx<u32>)>(2);
        let server = thread::spawn(move || {
            while let Ok((n, answer)) = served.take() {
                answer.put(n * n).unwrap();
            }
        });
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let requests = requests.clone();
                thread::spawn(move || {
                    for n in 0..500 {
                        let (answer, rx) = P::bounded(1);
                        requests.put((client * n, answer)).unwrap();
                        assert_eq!(rx.take(), Ok((client * n) * (client * n)));
                    }
                })
            })
            .collect();
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
        drop(requests);
        server.join().unwrap();
    }
    on_both!(body);
}

#[test]
fn c235_races_of_the_ends() {
    fn body<P: Pipe>() {
        for _ in 0..300 {
            // Both ends are dropped at once.
            let (tx, rx) = P::bounded::<u8>(1);
            let other = thread::spawn(move || drop(rx));
            drop(tx);
            other.join().unwrap();
            // A send and a hang-up.
            let (tx, rx) = P::bounded(1);
            let other = thread::spawn(move || rx.hang_up());
            let sent = tx.put(1);
            assert!(matches!(sent, Ok(()) | Err(PushError::Closed(1))));
            other.join().unwrap();
            // A receive and a drop of the sender.
            let (tx, rx) = P::bounded::<u8>(1);
            let other = thread::spawn(move || rx.take());
            drop(tx);
            assert_eq!(other.join().unwrap(), Err(PopError::Closed));
            // A receive and a last send.
            let (tx, rx) = P::bounded(1);
            let other = thread::spawn(move || rx.take());
            tx.put(1).unwrap();
            drop(tx);
            assert_eq!(other.join().unwrap(), Ok(1));
        }
    }
    on_both!(body);
}

#[test]
fn c236_old_bugs_of_std() {
    fn body<P: Pipe>() {
        // Each send after the last receiver has gone is refused.
        let (tx, rx) = P::make(None);
        rx.hang_up();
        assert_eq!(tx.put(1), Err(PushError::Closed(1)));
        assert_eq!(tx.put(2), Err(PushError::Closed(2)));
        // An answer through a pipe that the asker waits for.
        for _ in 0..300 {
            let (tx, rx) = P::bounded(1);
            let (done, wait) = P::bounded(1);
            let other = thread::spawn(move || {
                rx.take().unwrap();
                done.put(()).unwrap();
            });
            tx.put(()).unwrap();
            wait.take().unwrap();
            other.join().unwrap();
        }
    }
    on_both!(body);
}

#[test]
#[ignore = "not applicable: no handle changes its kind while its peer is active"]
fn c237_a_handle_is_upgraded() {}

#[test]
fn c238_select_first_looks_then_waits_and_nests() {
    watch(|| {
        let (a, from_a) = channel::bounded(1);
        let (b, from_b) = channel::bounded(1);
        // Ready before it begins.
        a.send(1).unwrap();
        select! {
            recv(from_a.inner()) -> n => assert_eq!(n, Ok(1)),
            recv(from_b.inner()) -> _ => unreachable!(),
        }
        // Ready while it waits.
        let other = thread::spawn(move || {
            thread::sleep(MOMENT);
            b.send(2).unwrap();
            b
        });
        select! {
            recv(from_a.inner()) -> _ => unreachable!(),
            recv(from_b.inner()) -> n => assert_eq!(n, Ok(2)),
        }
        // One inside the other.
        let b = other.join().unwrap();
        a.send(3).unwrap();
        b.send(4).unwrap();
        select! {
            recv(from_a.inner()) -> n => select! {
                recv(from_b.inner()) -> m => assert_eq!((n, m), (Ok(3), Ok(4))),
            },
        }
        // Both sides select: they find each other.
        let (c, from_c) = channel::bounded(0);
        let other = thread::spawn(move || select! { send(c.inner(), 5) -> sent => sent.is_ok() });
        select! { recv(from_c.inner()) -> n => assert_eq!(n, Ok(5)) }
        assert!(other.join().unwrap());
    });
}

#[test]
fn c240_a_selected_operation_that_is_not_completed_panics() {
    watch(|| {
        let (sender, receiver) = channel::bounded(1);
        sender.send(1).unwrap();
        let forgotten = catch_unwind(AssertUnwindSafe(|| {
            let mut select = Select::new();
            select.recv(receiver.inner());
            drop(select.select());
        }));
        assert!(forgotten.is_err());
        // Its item and its place are lost: a mistake, and not undefined.
        let (sender, receiver) = channel::bounded(1);
        let mut select = Select::new();
        let index = select.recv(receiver.inner());
        sender.send(2).unwrap();
        let operation = select.select();
        assert_eq!(operation.index(), index);
        assert_eq!(operation.recv(receiver.inner()), Ok(2));
    });
}

#[test]
fn c241_who_puts_before_it_takes_finds_something_in_time() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        tx.put_for((), Duration::ZERO).unwrap();
                        rx.take_for(Duration::ZERO).unwrap();
                    }
                });
            }
        });
    }
    on_both!(body);
}

#[test]
fn c242_use_while_a_thread_ends() {
    fn body<P: Pipe>() {
        struct AtExit<F: FnMut()>(F);
        impl<F: FnMut()> Drop for AtExit<F> {
            fn drop(&mut self) {
                (self.0)();
            }
        }
        thread_local! {
            static LOCAL: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
        }
        let (tx, rx) = P::bounded(1);
        let (back, answer) = P::bounded(1);
        let other = thread::spawn(move || {
            let exit = AtExit(move || {
                let n: u32 = rx.take().unwrap();
                back.put(n + 1).unwrap();
            });
            LOCAL.set(Some(Box::new(exit)));
        });
        thread::sleep(MOMENT);
        tx.put(1).unwrap();
        assert_eq!(answer.take(), Ok(2));
        other.join().unwrap();
    }
    on_both!(body);
}

#[test]
#[ignore = "no transfer: `channel::bounded(0)` hands over, but has no items before it"]
fn c243_a_hand_over_waits_for_earlier_items() {}

#[test]
fn c244_a_timed_receive_meets_a_try_send() {
    watch(|| {
        let (sender, receiver) = channel::bounded(0);
        assert!(receiver.recv_timeout(MOMENT).is_err());
        let waits = thread::spawn(move || receiver.recv_timeout(Duration::MAX));
        while sender.try_send(7).is_err() {
            thread::yield_now();
        }
        assert_eq!(waits.join().unwrap(), Ok(7));
    });
}

#[test]
#[ignore = "no exchanger"]
fn c245_an_interrupted_partner_is_replaced() {}

#[test]
fn c246_taking_everything_out_lets_a_blocked_producer_in() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded(2);
        tx.put(1).unwrap();
        tx.put(2).unwrap();
        let producer = thread::spawn(move || tx.put(3).unwrap());
        thread::sleep(MOMENT);
        let mut drained = Vec::new();
        while drained.len() < 3 {
            drained.extend(std::iter::from_fn(|| rx.try_take().ok()));
        }
        assert_eq!(drained, [1, 2, 3]);
        producer.join().unwrap();
    }
    on_both!(body);
}

#[test]
fn c247_task_done_is_counted_exactly() {
    watch(|| {
        let queue = Queue::bounded(4);
        assert!(queue.task_done().is_err());
        queue.wait_all_done();
        assert!(queue.try_wait_all_done());
        let (finished, tasks) = (Arc::new(AtomicUsize::new(0)), 1_000);
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let (queue, finished) = (queue.clone(), finished.clone());
                thread::spawn(move || {
                    for _ in &queue {
                        finished.fetch_add(1, SeqCst);
                        queue.task_done().unwrap();
                    }
                })
            })
            .collect();
        for round in 1..=2 {
            (0..tasks).for_each(|n| queue.push(n).unwrap());
            queue.wait_all_done();
            assert!(queue.try_wait_all_done());
            assert_eq!(finished.load(SeqCst), round * tasks);
        }
        assert!(queue.task_done().is_err());
        queue.close();
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn c247_a_look_whether_all_is_done_does_not_wait() {
    watch(|| {
        let queue = Queue::bounded(2);
        queue.push(1).unwrap();
        assert!(!queue.try_wait_all_done(), "it is in there");
        queue.pop().unwrap();
        assert!(!queue.try_wait_all_done(), "taken, not done");
        queue.task_done().unwrap();
        assert!(queue.try_wait_all_done());
        queue.push(2).unwrap();
        assert_eq!(queue.close_now(), [2]);
        assert!(queue.try_wait_all_done(), "taken out, that is done");
    });
}

#[test]
fn c248_close_delivers_and_close_now_takes_out() {
    watch(|| {
        let queue = Queue::bounded(3);
        queue.close();
        assert_eq!(queue.pop(), Err(PopError::Closed));
        assert_eq!(queue.push(1), Err(PushError::Closed(1)));
        let queue = Queue::bounded(3);
        (1..=2).for_each(|n| queue.push(n).unwrap());
        queue.close();
        assert_eq!(queue.try_push(3), Err(PushError::Closed(3)));
        assert_eq!((queue.pop(), queue.pop()), (Ok(1), Ok(2)));
        assert_eq!(queue.pop(), Err(PopError::Closed));
        assert!(!queue.wait_all_done_timeout(Duration::ZERO));
        let queue = Queue::bounded(3);
        (1..=3).for_each(|n| queue.push(n).unwrap());
        assert_eq!(queue.pop(), Ok(1));
        assert_eq!(queue.close_now(), [2, 3]);
        assert_eq!(queue.try_pop(), Err(PopError::Closed));
        // What was popped is still unfinished, what was taken out is not.
        assert_eq!(queue.unfinished(), 1);
        queue.task_done().unwrap();
        queue.wait_all_done();
        queue.close();
        assert!(queue.close_now().is_empty() && queue.is_closed());
    });
}

#[test]
fn c250_a_close_releases_whoever_waits() {
    watch(|| {
        for now in [false, true] {
            let close = |queue: &Queue<u32>| match now {
                true => queue.close_now().len(),
                false => {
                    queue.close();
                    0
                }
            };
            let queue = Queue::<u32>::bounded(1);
            let getters = [(); 2].map(|()| {
                let queue = queue.clone();
                thread::spawn(move || queue.pop())
            });
            thread::sleep(MOMENT);
            close(&queue);
            for getter in getters {
                assert_eq!(getter.join().unwrap(), Err(PopError::Closed));
            }
            let queue = Queue::bounded(1);
            queue.push(0).unwrap();
            let putters = [1, 2].map(|n| {
                let queue = queue.clone();
                thread::spawn(move || queue.push(n))
            });
            let joiner = queue.clone();
            let joiner = thread::spawn(move || joiner.wait_all_done());
            thread::sleep(MOMENT);
            let taken = close(&queue);
            for (n, putter) in (1..).zip(putters) {
                assert_eq!(putter.join().unwrap(), Err(PushError::Closed(n)));
            }
            if taken == 0 {
                queue.pop().unwrap();
                queue.task_done().unwrap();
            }
            joiner.join().unwrap();
        }
    });
}

#[test]
fn c251_a_push_from_a_destructor_during_a_pop() {
    watch(|| {
        struct PutsAnother(Queue<Option<PutsAnother>>);
        impl Drop for PutsAnother {
            fn drop(&mut self) {
                self.0.push(None).unwrap();
            }
        }
        let queue = Queue::unbounded();
        queue.push(Some(PutsAnother(queue.clone()))).unwrap();
        drop(queue.pop().unwrap());
        assert!(queue.pop().unwrap().is_none());
    });
}

#[test]
fn c252_nothing_keeps_what_was_taken_out() {
    fn body<P: Pipe>() {
        let (tx, rx) = P::bounded(2);
        let item = Arc::new(());
        for _ in 0..3 {
            tx.put(item.clone()).unwrap();
            drop(rx.take().unwrap());
            assert_eq!(Arc::strong_count(&item), 1);
        }
    }
    on_both!(body);
}

#[test]
fn c253_pushes_and_lengths_during_the_close() {
    watch(|| {
        for _ in 0..300 {
            let queue = Queue::bounded(64);
            let gate = Gate::new();
            let pushers = [(); 2].map(|()| {
                let (queue, gate) = (queue.clone(), gate.clone());
                thread::spawn(move || {
                    gate.wait();
                    (0..20).filter(|n| queue.push(*n).is_ok()).count()
                })
            });
            gate.open();
            thread::yield_now();
            queue.close();
            let len = queue.len();
            assert_eq!(len, queue.len(), "closed: it no longer grows");
            let accepted: usize = pushers.into_iter().map(|p| p.join().unwrap()).sum();
            assert_eq!((queue.len(), queue.iter().count()), (accepted, accepted));
        }
    });
}

#[test]
#[ignore = "no broadcast channel"]
fn c254_broadcast() {}

/// Not a row: what the rows above leave to futures.
#[test]
fn futures_and_threads_share_a_queue() {
    watch(|| {
        let queue = Queue::bounded(2);
        let producer = queue.clone();
        let producer = thread::spawn(move || {
            raddle::block_on(async {
                for n in 0..5_000 {
                    producer.push_async(n).await.unwrap();
                }
            });
            producer.close();
        });
        let consumer = queue.clone();
        let consumer = thread::spawn(move || consumer.iter().sum::<u64>());
        let sum = raddle::block_on(async {
            let mut sum = 0;
            while let Ok(n) = queue.pop_async().await {
                sum += n;
            }
            sum
        });
        assert_eq!(sum + consumer.join().unwrap(), (0..5_000).sum());
        producer.join().unwrap();
        let mut late = queue.pop_async();
        let polled = Pin::new(&mut late).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(Err(PopError::Closed)));
    });
}
