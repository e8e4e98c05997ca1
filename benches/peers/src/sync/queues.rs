//! Queues and channels: numbers through them, by threads and by futures.
//!
//! raddle's `Queue` promises more than a channel: nobody is overtaken, at either
//! end; it closes, and can be emptied, as one step; it counts what is not done.
//! It is one lock; most peers are lock-free rings. `raddle::sync::channel` is
//! crossbeam-channel with waits that a pool knows of.

use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};

use futures_lite::future::block_on;
use raddle_peers::{Entrant, Row, Slice, Worker};

const CAPACITY: usize = 1024;
/// Pushed when all producers are done, once for each consumer: the same end for
/// all, as not all peers can be closed.
const END: u64 = u64::MAX;

/// The way in and the way out, for as many threads.
fn threads<Push, Pop>(slice: Slice, count: usize, ends: (Push, Pop)) -> f64
where
    Push: FnMut(u64) + Clone + Send,
    Pop: FnMut() -> u64 + Clone + Send,
{
    pairs(slice, vec![ends; count])
}

/// Each of so many pairs is a producer and a consumer; all share one queue.
fn pairs<Push, Pop>(slice: Slice, ends: Vec<(Push, Pop)>) -> f64
where
    Push: FnMut(u64) + Send,
    Pop: FnMut() -> u64 + Send,
{
    let (count, left) = (ends.len(), AtomicUsize::new(ends.len()));
    let left = &left;
    let mut workers: Vec<Worker<'_>> = Vec::new();
    for (mut push, mut pop) in ends {
        workers.push(Box::new(move |laps| {
            while laps.more() {
                push(1);
            }
            if left.fetch_sub(1, AcqRel) == 1 {
                (0..count).for_each(|_| push(END));
            }
        }));
        workers.push(Box::new(move |_| while pop() != END {}));
    }
    slice.run(workers)
}

/// As `pairs`, one pair, of futures on two threads.
fn futures(
    slice: Slice,
    mut push: impl AsyncFnMut(u64) + Send,
    mut pop: impl AsyncFnMut() -> u64 + Send,
) -> f64 {
    slice.run(vec![
        Box::new(move |laps| {
            block_on(async move {
                while laps.more() {
                    push(1).await;
                }
                push(END).await;
            });
        }),
        Box::new(move |_| block_on(async move { while pop().await != END {} })),
    ])
}

/// In and out again, by one thread.
fn alone(slice: Slice, push: impl Fn(u64) + Sync, pop: impl Fn() -> u64 + Sync) -> f64 {
    slice.by(1, |laps| {
        while laps.more() {
            push(1);
            pop();
        }
    })
}

// Each peer has ends of types of its own, and no trait that they share: macros
// give them one form, so that each stands here once.

macro_rules! raddle_queue {
    ($bound:expr, $run:expr) => {{
        let queue: raddle::sync::Queue<u64> = match $bound {
            Some(capacity) => raddle::sync::Queue::bounded(capacity),
            None => raddle::sync::Queue::unbounded(),
        };
        let push = queue.clone();
        $run(
            move |item| push.push(item).unwrap(),
            move || queue.pop().unwrap(),
        )
    }};
}

macro_rules! raddle_channel {
    ($bound:expr, $run:expr) => {{
        let (sender, receiver) = match $bound {
            Some(capacity) => raddle::sync::channel::bounded(capacity),
            None => raddle::sync::channel::unbounded(),
        };
        $run(
            move |item| sender.send(item).unwrap(),
            move || receiver.recv().unwrap(),
        )
    }};
}

macro_rules! crossbeam {
    ($bound:expr, $run:expr) => {{
        let (sender, receiver) = match $bound {
            Some(capacity) => crossbeam_channel::bounded(capacity),
            None => crossbeam_channel::unbounded(),
        };
        $run(
            move |item| sender.send(item).unwrap(),
            move || receiver.recv().unwrap(),
        )
    }};
}

macro_rules! async_channel {
    ($bound:expr, $run:expr) => {{
        let (sender, receiver) = match $bound {
            Some(capacity) => async_channel::bounded(capacity),
            None => async_channel::unbounded(),
        };
        $run(
            move |item| sender.send_blocking(item).unwrap(),
            move || receiver.recv_blocking().unwrap(),
        )
    }};
}

fn std_pair(slice: Slice, bound: Option<usize>) -> f64 {
    use std::sync::mpsc;
    match bound {
        Some(capacity) => {
            let (sender, receiver) = mpsc::sync_channel(capacity);
            let ends = (
                move |item| sender.send(item).unwrap(),
                move || receiver.recv().unwrap(),
            );
            pairs(slice, vec![ends])
        }
        None => {
            let (sender, receiver) = mpsc::channel();
            let ends = (
                move |item| sender.send(item).unwrap(),
                move || receiver.recv().unwrap(),
            );
            pairs(slice, vec![ends])
        }
    }
}

fn tokio_pair(slice: Slice, bound: Option<usize>) -> f64 {
    use tokio::sync::mpsc;
    match bound {
        Some(capacity) => {
            let (sender, mut receiver) = mpsc::channel(capacity);
            let ends = (
                move |item| sender.blocking_send(item).unwrap(),
                move || receiver.blocking_recv().unwrap(),
            );
            pairs(slice, vec![ends])
        }
        None => {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            let ends = (
                move |item| sender.send(item).unwrap(),
                move || receiver.blocking_recv().unwrap(),
            );
            pairs(slice, vec![ends])
        }
    }
}

fn raddle_futures(slice: Slice) -> f64 {
    let queue = raddle::sync::Queue::bounded(CAPACITY);
    let push = queue.clone();
    futures(
        slice,
        async move |item| push.push_async(item).await.unwrap(),
        async move || queue.pop_async().await.unwrap(),
    )
}

fn async_channel_futures(slice: Slice) -> f64 {
    let (sender, receiver) = async_channel::bounded(CAPACITY);
    futures(
        slice,
        async move |item| sender.send(item).await.unwrap(),
        async move || receiver.recv().await.unwrap(),
    )
}

fn tokio_futures(slice: Slice) -> f64 {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(CAPACITY);
    futures(
        slice,
        async move |item| sender.send(item).await.unwrap(),
        async move || receiver.recv().await.unwrap(),
    )
}

fn by_one(name: &'static str) -> Row {
    let bound = Some(CAPACITY);
    let entrants = vec![
        Entrant::own("raddle Queue", move |slice| {
            raddle_queue!(bound, |push, pop| alone(slice, push, pop))
        }),
        Entrant::own("raddle channel", move |slice| {
            raddle_channel!(bound, |push, pop| alone(slice, push, pop))
        }),
        Entrant::peer("crossbeam-channel", move |slice| {
            crossbeam!(bound, |push, pop| alone(slice, push, pop))
        }),
        Entrant::peer("async-channel", move |slice| {
            async_channel!(bound, |push, pop| alone(slice, push, pop))
        }),
    ];
    Row::new(name, "an operation is a push and a pop", entrants)
}

/// `count` producers and as many consumers.
fn by_pairs(name: &'static str, count: usize, bound: Option<usize>) -> Row {
    let mut entrants = vec![
        Entrant::own("raddle Queue", move |slice| {
            raddle_queue!(bound, |push, pop| threads(slice, count, (push, pop)))
        }),
        Entrant::own("raddle channel", move |slice| {
            raddle_channel!(bound, |push, pop| threads(slice, count, (push, pop)))
        }),
        Entrant::peer("crossbeam-channel", move |slice| {
            crossbeam!(bound, |push, pop| threads(slice, count, (push, pop)))
        }),
        Entrant::peer("async-channel", move |slice| {
            async_channel!(bound, |push, pop| threads(slice, count, (push, pop)))
        }),
    ];
    if count > 1 {
        return Row::new(name, "std's and tokio's have one consumer only", entrants);
    }
    entrants.extend([
        Entrant::peer("std mpsc", move |slice| std_pair(slice, bound)),
        Entrant::peer("tokio mpsc", move |slice| tokio_pair(slice, bound)),
    ]);
    Row::new(name, "", entrants)
}

fn by_futures(name: &'static str) -> Row {
    let entrants = vec![
        Entrant::own("raddle Queue", raddle_futures),
        Entrant::peer("async-channel", async_channel_futures),
        Entrant::peer("tokio mpsc", tokio_futures),
    ];
    Row::new(name, "", entrants)
}

pub fn rows() -> Vec<Row> {
    vec![
        by_one("queue, by one thread, bounded"),
        by_pairs("queue, 1 producer 1 consumer, bounded", 1, Some(CAPACITY)),
        by_pairs("queue, 1 producer 1 consumer, unbounded", 1, None),
        by_pairs("queue, 2 producers 2 consumers, bounded", 2, Some(CAPACITY)),
        by_pairs("queue, 2 producers 2 consumers, unbounded", 2, None),
        by_futures("queue, async, 1 producer 1 consumer, bounded"),
    ]
}
