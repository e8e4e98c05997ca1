//! Messages through every kind of channel and queue: none may be lost, doubled
//! or, where an order is promised, out of order; each is dropped exactly once.
//!
//! ```text
//!   4 producers ──┐                          ┌── 4 consumers, each with a
//!   messages      ├──► channel or queue ────►┤   ledger of a bit per message
//!   0, 1, 2, ..   ┘                          └──► `checks::settle`
//! ```
//!
//! It goes in rounds, for the ledgers to stay in a processor's cache. Everybody
//! changes its way every [`BATCH`] messages: blocking, trying, with a limit, as
//! a future, as a future that is dropped.
//!
//! Between the rounds each queue is filled and emptied at rest: then the order
//! of all items is known, also of a stack. `storms.rs` does the ends.

use std::cell::Cell;
use std::cmp::Ordering;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use raddle::sync::channel::{self, Receiver, RecvTimeoutError, Sender};
use raddle::sync::channel::{SendTimeoutError, TryRecvError, TrySendError};
use raddle::sync::{PopError, PushError, Queue};

use crate::checks::{Ledger, Lives, Uneven, first_difference, is_over_full, settle};
use crate::report::{Dice, Report};
use crate::{Order, progress, storms};

const MESSAGES: u64 = 1_000_000_000;
/// For all of it at scale 1 or below; more at a greater scale.
const BUDGET: Duration = Duration::from_secs(600);

const PRODUCERS: u64 = 4;
const CONSUMERS: u64 = 4;
const BATCH: u64 = 64;
const ROUND: u64 = 1 << 20;
/// Producers of a queue without a limit wait for consumers that are so far behind.
const BEHIND_MAX: usize = 1 << 14;
const AT_REST: u64 = 500;

/// A message counts its own life. It is ordered by its class alone, so that a
/// priority queue owes each producer the order of its messages.
pub(crate) struct Item(u64);

const PRODUCER_SHIFT: u32 = 40;

thread_local! {
    static LIVES: Cell<Lives> = const { Cell::new(Lives { made: 0, dropped: 0 }) };
}

impl Item {
    #[inline]
    pub(crate) fn new(producer: u64, number: u64) -> Self {
        let mut lives = LIVES.get();
        lives.made += 1;
        LIVES.set(lives);
        Self(producer << PRODUCER_SHIFT | number)
    }

    pub(crate) fn value(&self) -> u64 {
        self.0
    }

    fn producer(&self) -> u64 {
        self.0 >> PRODUCER_SHIFT
    }

    fn number(&self) -> u64 {
        self.0 & ((1 << PRODUCER_SHIFT) - 1)
    }

    fn class(&self) -> u64 {
        self.producer() & 1
    }
}

impl Drop for Item {
    #[inline]
    fn drop(&mut self) {
        let mut lives = LIVES.get();
        lives.dropped += 1;
        LIVES.set(lives);
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.class().cmp(&other.class())
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

/// What this thread has made and dropped since it was asked last.
pub(crate) fn lives() -> Lives {
    LIVES.take()
}

/// The way in.
#[derive(Clone)]
pub(crate) enum Tx {
    Channel(Sender<Item>),
    Queue(Queue<Item>),
}

/// The way out.
#[derive(Clone)]
pub(crate) enum Rx {
    Channel(Receiver<Item>),
    Queue(Queue<Item>),
}

/// How an end is used.
#[derive(Clone, Copy)]
pub(crate) enum How {
    Blocking,
    Trying,
    Limited(Duration),
    Future,
    /// Polled once and dropped, then again until it is done.
    Dropped,
}

impl How {
    #[inline]
    pub(crate) fn any(dice: &mut Dice) -> Self {
        match dice.roll(16) {
            0 => Self::Trying,
            1 => Self::Limited(Duration::from_nanos(1 << dice.roll(21))),
            2 | 3 => Self::Future,
            4 => Self::Dropped,
            _ => Self::Blocking,
        }
    }
}

impl Tx {
    /// `Err`: nobody will take it any more.
    #[inline]
    pub(crate) fn put(&self, item: Item, how: How) -> Result<(), Item> {
        match self {
            Self::Channel(sender) => match how {
                How::Blocking | How::Future | How::Dropped => {
                    sender.send(item).map_err(|error| error.into_inner())
                }
                How::Trying => match sender.try_send(item) {
                    Ok(()) => Ok(()),
                    Err(TrySendError::Full(item)) => self.put(item, How::Blocking),
                    Err(TrySendError::Disconnected(item)) => Err(item),
                },
                How::Limited(limit) => match sender.send_timeout(item, limit) {
                    Ok(()) => Ok(()),
                    Err(SendTimeoutError::Timeout(item)) => self.put(item, How::Blocking),
                    Err(SendTimeoutError::Disconnected(item)) => Err(item),
                },
            },
            Self::Queue(queue) => {
                let refused = match how {
                    How::Blocking => queue.push(item),
                    How::Trying => queue.try_push(item),
                    How::Limited(limit) => queue.push_timeout(item, limit),
                    How::Future => raddle::block_on(queue.push_async(item)),
                    How::Dropped => {
                        let twin = (item.producer(), item.number());
                        // Else it was dropped, and was not put in.
                        poll_and_drop(queue.push_async(item))
                            .unwrap_or_else(|| Err(PushError::Full(Item::new(twin.0, twin.1))))
                    }
                };
                match refused {
                    Ok(()) => Ok(()),
                    Err(PushError::Full(item)) => queue.push(item).map_err(PushError::into_item),
                    Err(PushError::Closed(item)) => Err(item),
                }
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Channel(sender) => sender.len(),
            Self::Queue(queue) => queue.len(),
        }
    }

    fn capacity(&self) -> Option<usize> {
        match self {
            Self::Channel(sender) => sender.capacity(),
            Self::Queue(queue) => queue.capacity(),
        }
    }
}

impl Rx {
    /// `None`: nothing will come any more.
    #[inline]
    pub(crate) fn get(&self, how: How) -> Option<Item> {
        match self {
            Self::Channel(receiver) => match how {
                How::Blocking | How::Future | How::Dropped => receiver.recv().ok(),
                How::Trying => match receiver.try_recv() {
                    Ok(item) => Some(item),
                    Err(TryRecvError::Empty) => receiver.recv().ok(),
                    Err(TryRecvError::Disconnected) => None,
                },
                How::Limited(limit) => match receiver.recv_timeout(limit) {
                    Ok(item) => Some(item),
                    Err(RecvTimeoutError::Timeout) => receiver.recv().ok(),
                    Err(RecvTimeoutError::Disconnected) => None,
                },
            },
            Self::Queue(queue) => {
                let answer = match how {
                    How::Blocking => queue.pop(),
                    How::Trying => queue.try_pop(),
                    How::Limited(limit) => queue.pop_timeout(limit),
                    How::Future => raddle::block_on(queue.pop_async()),
                    How::Dropped => {
                        poll_and_drop(queue.pop_async()).unwrap_or(Err(PopError::Empty))
                    }
                };
                match answer {
                    Ok(item) => Some(item),
                    Err(PopError::Empty) => queue.pop().ok(),
                    Err(PopError::Closed) => None,
                }
            }
        }
    }
}

/// Polls a future, and drops it after a while in which others may have given it
/// something.
fn poll_and_drop<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    match Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => {
            thread::yield_now();
            None
        }
    }
}

/// A kind of channel or queue.
struct Kind {
    name: &'static str,
    make: fn() -> (Tx, Rx),
    /// Whether each consumer gets the messages of a producer in their order.
    is_ordered: bool,
    /// Of a thousand messages. Where each message costs a change of threads it
    /// is small.
    share: u64,
}

pub(crate) fn queue(queue: Queue<Item>) -> (Tx, Rx) {
    (Tx::Queue(queue.clone()), Rx::Queue(queue))
}

pub(crate) fn channel((sender, receiver): (Sender<Item>, Receiver<Item>)) -> (Tx, Rx) {
    (Tx::Channel(sender), Rx::Channel(receiver))
}

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    Kind { name: "channel unbounded", make: || channel(channel::unbounded()), is_ordered: true, share: 300 },
    Kind { name: "channel of 1024", make: || channel(channel::bounded(1024)), is_ordered: true, share: 300 },
    Kind { name: "channel of 1", make: || channel(channel::bounded(1)), is_ordered: true, share: 3 },
    Kind { name: "channel of 0", make: || channel(channel::bounded(0)), is_ordered: true, share: 3 },
    Kind { name: "queue unbounded", make: || queue(Queue::unbounded()), is_ordered: true, share: 100 },
    Kind { name: "queue of 1024", make: || queue(Queue::bounded(1024)), is_ordered: true, share: 100 },
    Kind { name: "queue of 1", make: || queue(Queue::bounded(1)), is_ordered: true, share: 2 },
    Kind { name: "stack unbounded", make: || queue(Queue::unbounded().lifo()), is_ordered: false, share: 48 },
    Kind { name: "stack of 1024", make: || queue(Queue::bounded(1024).lifo()), is_ordered: false, share: 48 },
    Kind { name: "priority unbounded", make: || queue(Queue::priority_unbounded()), is_ordered: true, share: 48 },
    Kind { name: "priority of 1024", make: || queue(Queue::priority(1024)), is_ordered: true, share: 48 },
];

pub(crate) fn run(order: &Order, report: &mut Report) {
    let start = Instant::now();
    let budget = BUDGET.mul_f64(order.scale.max(1.0));
    let (mut total, mut wanted) = (0, 0);
    let (mut counts, mut nanos) = (Vec::new(), Vec::new());
    for (which, kind) in KINDS.iter().enumerate() {
        let share = order.scaled(MESSAGES).div_ceil(1000) * kind.share;
        wanted += share;
        let (mut sent, mut round) = (0, 0);
        let began = Instant::now();
        while sent < share && start.elapsed() < budget {
            let each = (share - sent).min(ROUND).div_ceil(PRODUCERS);
            let seed = order.seed.wrapping_add(round << 8 | which as u64);
            if let Err(why) = one_round(kind, each, seed).and_then(|()| at_rest(kind)) {
                report.missed(format!("{}, round {round}: {why}", kind.name));
            }
            sent += each * PRODUCERS;
            round += 1;
        }
        total += sent;
        counts.push((kind.name, sent));
        nanos.push((kind.name, began.elapsed().as_nanos() as u64 / sent.max(1)));
    }
    report.count("messages", total);
    report.counts("messages_by_kind", &counts);
    report.counts("nanoseconds_each", &nanos);
    report.number("messages_seconds", start.elapsed().as_secs_f64().round());
    if total < wanted {
        report.missed(format!("{total} of {wanted} messages within {budget:?}"));
    }
    report.number(
        "figure_messages_per_second",
        (total as f64 / start.elapsed().as_secs_f64()).round(),
    );
    storms::run(order, start + budget, report);
}

fn one_round(kind: &Kind, each: u64, seed: u64) -> Result<(), String> {
    let (tx, rx) = (kind.make)();
    let mut lives_of_all = Lives::default();
    let mut ledgers = Vec::new();
    let (mut refused, mut over_full) = (0, 0);
    thread::scope(|s| {
        let consumers: Vec<_> = (0..CONSUMERS)
            .map(|who| (rx.clone(), Dice::new(seed, 16 + who)))
            .map(|(rx, dice)| s.spawn(move || (consume(&rx, each, dice), lives())))
            .collect();
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|who| (who, tx.clone(), Dice::new(seed, who)))
            .map(|(who, tx, dice)| s.spawn(move || (produce(&tx, who, each, dice), lives())))
            .collect();
        for producer in producers {
            let (bad, lives) = producer.join().unwrap();
            refused += bad.0;
            over_full += bad.1;
            lives_of_all.add(lives);
        }
        // The end: the last sender goes, or the queue is closed.
        match tx {
            Tx::Channel(sender) => drop(sender),
            Tx::Queue(queue) => queue.close(),
        }
        for consumer in consumers {
            let (ledger, lives) = consumer.join().unwrap();
            ledgers.push(ledger);
            lives_of_all.add(lives);
        }
    });
    drop(rx);
    lives_of_all.add(lives());
    let uneven: Uneven = settle(&ledgers, each * PRODUCERS, kind.is_ordered);
    if !uneven.is_none() {
        return Err(uneven.to_string());
    }
    if refused + over_full > 0 {
        return Err(format!(
            "{refused} refused while open, {over_full} times too full"
        ));
    }
    if !lives_of_all.is_even() {
        return Err(format!("{lives_of_all:?}"));
    }
    Ok(())
}

/// Says how many were refused, and how often there was more in it than fits.
fn produce(tx: &Tx, who: u64, each: u64, mut dice: Dice) -> (u64, u64) {
    let (mut refused, mut over) = (0, 0);
    let mut number = 0;
    while number < each {
        let how = How::any(&mut dice);
        for _ in 0..BATCH.min(each - number) {
            refused += u64::from(tx.put(Item::new(who, number), how).is_err());
            number += 1;
        }
        let mut len = tx.len();
        over += u64::from(is_over_full(len, tx.capacity()));
        while len > BEHIND_MAX {
            thread::sleep(Duration::from_micros(50));
            len = tx.len();
        }
        progress();
    }
    (refused, over)
}

fn consume(rx: &Rx, each: u64, mut dice: Dice) -> Ledger {
    let mut ledger = Ledger::new(PRODUCERS, each);
    loop {
        let how = How::any(&mut dice);
        for _ in 0..BATCH {
            let Some(item) = rx.get(how) else {
                return ledger;
            };
            ledger.note(item.producer(), item.number());
        }
    }
}

/// Filled, and emptied afterwards, by one thread: all of the order is known.
fn at_rest(kind: &Kind) -> Result<(), String> {
    let (tx, rx) = (kind.make)();
    let items = (tx.capacity()).map_or(AT_REST, |room| AT_REST.min(room as u64));
    let mut expected = Vec::new();
    for number in 0..items {
        let item = Item::new(number % 3, number);
        expected.push(item.value());
        let _ = tx.put(item, How::Trying);
    }
    if kind.name.starts_with("stack") {
        expected.reverse();
    } else if kind.name.starts_with("priority") {
        // The sort keeps the order of equals, as the queue has to.
        expected.sort_by_key(|value| (value >> PRODUCER_SHIFT) & 1);
    }
    drop(tx);
    if let Rx::Queue(queue) = &rx {
        queue.close();
    }
    let got: Vec<u64> = std::iter::from_fn(|| rx.get(How::Trying))
        .map(|item| item.value())
        .collect();
    match first_difference(&expected, &got) {
        None => Ok(()),
        Some(at) => Err(format!("at rest the {at}th item comes out of order")),
    }
}
