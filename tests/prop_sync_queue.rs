//! Random programs of push, pop, close, no time at all and dropped futures on a
//! queue, against a list in which everything is searched for.
//!
//! The model keeps who waits, in the order of their coming, and what each was
//! told. So it says exactly what each operation returns, who is woken, and
//! which item comes next.

mod common;

use std::cmp::Ordering;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use common::{CountWaker, Counted, Tally, watch_for};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use raddle::sync::queue::{AllDone, Pop, Push};
use raddle::sync::{PopError, PushError, Queue};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Fifo,
    Lifo,
    Priority,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    TryPush(u8),
    PushNoTime(u8),
    PushPast(u8),
    TryPop,
    PopNoTime,
    PopPast,
    PushAsync(u8),
    PopAsync,
    AllDoneAsync,
    Poll(usize),
    Drop(usize),
    TaskDone,
    AllDoneNoTime,
    Close,
    CloseNow,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let level = || 0..4u8;
    let step = prop_oneof![
        4 => level().prop_map(Step::TryPush),
        1 => level().prop_map(Step::PushNoTime),
        1 => level().prop_map(Step::PushPast),
        4 => Just(Step::TryPop),
        1 => Just(Step::PopNoTime),
        1 => Just(Step::PopPast),
        4 => level().prop_map(Step::PushAsync),
        4 => Just(Step::PopAsync),
        1 => Just(Step::AllDoneAsync),
        6 => any::<usize>().prop_map(Step::Poll),
        4 => any::<usize>().prop_map(Step::Drop),
        3 => Just(Step::TaskDone),
        1 => Just(Step::AllDoneNoTime),
    ];
    let end = prop_oneof![Just(Step::Close), Just(Step::CloseNow)];
    let part = || prop::collection::vec(step.clone(), 0..14);
    (part(), prop::option::of((end, part()))).prop_map(|(mut steps, end)| {
        if let Some((end, rest)) = end {
            steps.push(end);
            steps.extend(rest);
        }
        steps
    })
}

/// Orders by its level alone.
#[derive(Debug)]
struct Item {
    level: u8,
    number: usize,
    _counted: Counted,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.level == other.level
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.level.cmp(&other.level)
    }
}

/// What one who waits knows, or would know if it looked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Nothing,
    Yes,
    Closed,
}

/// A future, or one that has not been polled yet.
struct Waiter<'a> {
    what: What<'a>,
    /// When it was first polled.
    joined: Option<usize>,
    told: Told,
    wakes: Arc<CountWaker>,
    waker: Waker,
}

enum What<'a> {
    Push(Push<'a, Item>, u8, usize),
    Pop(Pop<'a, Item>),
    AllDone(AllDone<'a, Item>),
}

impl What<'_> {
    fn line(&self) -> Line {
        match self {
            What::Push(..) => Line::Room,
            What::Pop(_) => Line::Item,
            What::AllDone(_) => Line::Done,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Room,
    Item,
    Done,
}

/// The list, and what follows from it.
struct Model<'a> {
    order: Order,
    capacity: usize,
    /// `(level, number)`, in the order of their coming.
    items: Vec<(u8, usize)>,
    is_closed: bool,
    unfinished: u64,
    waiters: Vec<Waiter<'a>>,
    clock: usize,
}

impl Model<'_> {
    fn promised(&self, line: Line) -> usize {
        let yes = |w: &&Waiter<'_>| w.what.line() == line && w.told == Told::Yes;
        self.waiters.iter().filter(yes).count()
    }

    fn has_room(&self) -> bool {
        self.items.len() + self.promised(Line::Room) < self.capacity
    }

    fn has_item(&self) -> bool {
        self.items.len() > self.promised(Line::Item)
    }

    fn has_ended(&self) -> bool {
        self.is_closed && self.items.is_empty()
    }

    fn next(&self) -> Option<usize> {
        match self.order {
            Order::Fifo => (!self.items.is_empty()).then_some(0),
            Order::Lifo => self.items.len().checked_sub(1),
            Order::Priority => (0..self.items.len()).min_by_key(|at| self.items[*at].0),
        }
    }

    fn take(&mut self) -> Option<usize> {
        let at = self.next()?;
        let (_, number) = self.items.remove(at);
        Some(number)
    }

    fn put(&mut self, level: u8, number: usize) {
        self.items.push((level, number));
        self.unfinished += 1;
    }

    /// Tells the first of those who wait in `line`, if anybody does.
    fn tell(&mut self, line: Line, told: Told) -> bool {
        let waits = |w: &&mut Waiter<'_>| {
            w.what.line() == line && w.told == Told::Nothing && w.joined.is_some()
        };
        match self
            .waiters
            .iter_mut()
            .filter(waits)
            .min_by_key(|w| w.joined)
        {
            Some(first) => {
                first.told = told;
                true
            }
            None => false,
        }
    }

    fn settle(&mut self) {
        while self.has_item() && self.tell(Line::Item, Told::Yes) {}
        while self.has_ended() && self.tell(Line::Item, Told::Closed) {}
        while self.is_closed && self.tell(Line::Room, Told::Closed) {}
        while self.has_room() && self.tell(Line::Room, Told::Yes) {}
    }

    fn finish(&mut self, count: u64) {
        self.unfinished = self.unfinished.saturating_sub(count);
        while self.unfinished == 0 && self.tell(Line::Done, Told::Yes) {}
    }

    /// What a newcomer's push must say; the item goes in if it is `Ok`.
    fn push(&mut self, level: u8, number: usize) -> Result<(), PushError<()>> {
        if self.is_closed {
            return Err(PushError::Closed(()));
        }
        if !self.has_room() {
            return Err(PushError::Full(()));
        }
        self.put(level, number);
        self.settle();
        Ok(())
    }

    fn pop(&mut self) -> Result<usize, PopError> {
        if !self.has_item() {
            return Err(match self.has_ended() {
                true => PopError::Closed,
                false => PopError::Empty,
            });
        }
        let taken = self.take().ok_or(PopError::Empty);
        self.settle();
        taken
    }
}

fn unitless(result: Result<(), PushError<Item>>) -> Result<(), PushError<usize>> {
    result.map_err(|refused| match refused {
        PushError::Full(item) => PushError::Full(item.number),
        PushError::Closed(item) => PushError::Closed(item.number),
    })
}

fn with_number(result: Result<(), PushError<()>>, number: usize) -> Result<(), PushError<usize>> {
    result.map_err(|refused| match refused {
        PushError::Full(()) => PushError::Full(number),
        PushError::Closed(()) => PushError::Closed(number),
    })
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Polls one waiter and compares; whether it is still to be kept.
fn poll_one(model: &mut Model<'_>, at: usize) {
    let mut waiter = model.waiters.remove(at);
    let waker = waiter.waker.clone();
    let told = waiter.told;
    let fresh = waiter.joined.is_none();
    // A promise that is used is no promise any more: it left with the waiter.
    let pending = match &mut waiter.what {
        What::Push(push, level, number) => {
            let told = match (fresh, told) {
                (true, _) if model.is_closed => Told::Closed,
                (true, _) if model.has_room() => Told::Yes,
                (_, told) => told,
            };
            let expected = match told {
                Told::Nothing => Poll::Pending,
                Told::Yes if !model.is_closed => {
                    model.put(*level, *number);
                    model.settle();
                    Poll::Ready(Ok(()))
                }
                _ => Poll::Ready(Err(PushError::Closed(*number))),
            };
            let polled = poll(push, &waker).map(unitless);
            assert_eq!(polled, expected);
            polled.is_pending()
        }
        What::Pop(pop) => {
            let told = match (fresh, told) {
                (true, _) if model.has_item() => Told::Yes,
                (true, _) if model.has_ended() => Told::Closed,
                (_, told) => told,
            };
            let expected = match told {
                Told::Nothing => Poll::Pending,
                Told::Yes => {
                    let taken = model.take().ok_or(PopError::Closed);
                    model.settle();
                    Poll::Ready(taken)
                }
                Told::Closed => Poll::Ready(Err(PopError::Closed)),
            };
            let polled = poll(pop, &waker).map(|popped| popped.map(|item| item.number));
            assert_eq!(polled, expected);
            polled.is_pending()
        }
        What::AllDone(done) => {
            let ready = told == Told::Yes || (fresh && model.unfinished == 0);
            assert_eq!(poll(done, &waker).is_ready(), ready);
            !ready
        }
    };
    if pending {
        if fresh {
            model.clock += 1;
            waiter.joined = Some(model.clock);
        }
        model.waiters.insert(at, waiter);
    }
}

fn run(order: Order, capacity: Option<usize>, steps: &[Step]) {
    let tally = Tally::default();
    let queue = match (order, capacity) {
        (Order::Fifo, None) => Queue::unbounded(),
        (Order::Fifo, Some(n)) => Queue::bounded(n),
        (Order::Lifo, None) => Queue::unbounded().lifo(),
        (Order::Lifo, Some(n)) => Queue::bounded(n).lifo(),
        (Order::Priority, None) => Queue::priority_unbounded(),
        (Order::Priority, Some(n)) => Queue::priority(n),
    };
    assert_eq!(queue.capacity(), capacity);
    let past = Instant::now();
    let mut model = Model {
        order,
        capacity: capacity.unwrap_or(usize::MAX),
        items: Vec::new(),
        is_closed: false,
        unfinished: 0,
        waiters: Vec::new(),
        clock: 0,
    };
    for (number, step) in steps.iter().copied().enumerate() {
        let item = |level| Item {
            level,
            number,
            _counted: tally.make(),
        };
        match step {
            Step::TryPush(level) | Step::PushNoTime(level) | Step::PushPast(level) => {
                let pushed = match step {
                    Step::TryPush(_) => queue.try_push(item(level)),
                    Step::PushNoTime(_) => queue.push_timeout(item(level), Duration::ZERO),
                    _ => queue.push_deadline(item(level), past),
                };
                let expected = with_number(model.push(level, number), number);
                assert_eq!(unitless(pushed), expected);
            }
            Step::TryPop | Step::PopNoTime | Step::PopPast => {
                let popped = match step {
                    Step::TryPop => queue.try_pop(),
                    Step::PopNoTime => queue.pop_timeout(Duration::ZERO),
                    _ => queue.pop_deadline(past),
                };
                assert_eq!(popped.map(|item| item.number), model.pop());
            }
            Step::PushAsync(_) | Step::PopAsync | Step::AllDoneAsync => {
                let (wakes, waker) = CountWaker::new();
                let what = match step {
                    Step::PushAsync(level) => {
                        What::Push(queue.push_async(item(level)), level, number)
                    }
                    Step::PopAsync => What::Pop(queue.pop_async()),
                    _ => What::AllDone(queue.wait_all_done_async()),
                };
                model.waiters.push(Waiter {
                    what,
                    joined: None,
                    told: Told::Nothing,
                    wakes,
                    waker,
                });
                // Some are polled at once, some later, some never.
                if number % 4 > 0 {
                    let last = model.waiters.len() - 1;
                    poll_one(&mut model, last);
                }
            }
            Step::Poll(_) | Step::Drop(_) if model.waiters.is_empty() => {}
            Step::Poll(which) => {
                let at = which % model.waiters.len();
                poll_one(&mut model, at);
            }
            Step::Drop(which) => {
                let at = which % model.waiters.len();
                drop(model.waiters.remove(at));
                model.settle();
            }
            Step::TaskDone => {
                let expected = model.unfinished > 0;
                assert_eq!(queue.task_done().is_ok(), expected);
                if expected {
                    model.finish(1);
                }
            }
            Step::AllDoneNoTime => {
                let done = queue.wait_all_done_timeout(Duration::ZERO);
                assert_eq!(done, model.unfinished == 0);
                assert_eq!(done, queue.wait_all_done_deadline(past));
            }
            Step::Close => {
                queue.close();
                model.is_closed = true;
                model.settle();
            }
            Step::CloseNow => {
                let left: Vec<_> = queue.close_now().iter().map(|item| item.number).collect();
                let mut expected = Vec::new();
                expected.extend(std::iter::from_fn(|| model.take()));
                assert_eq!(left, expected);
                model.is_closed = true;
                model.settle();
                model.finish(left.len() as u64);
            }
        }
        assert_eq!(queue.len(), model.items.len());
        assert_eq!(queue.is_empty(), model.items.is_empty());
        assert_eq!(queue.is_full(), !model.has_room());
        assert_eq!(queue.is_closed(), model.is_closed);
        assert_eq!(queue.unfinished(), model.unfinished);
        for waiter in &model.waiters {
            let woken = usize::from(waiter.joined.is_some() && waiter.told != Told::Nothing);
            assert_eq!(waiter.wakes.count(), woken, "{:?}", waiter.what.line());
        }
    }
    drop(model);
    drop(queue);
    assert_eq!(tally.made(), tally.dropped());
}

#[track_caller]
fn check(order: Order) {
    watch_for(Duration::from_secs(300), move || {
        let config = ProptestConfig {
            cases: 10_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let capacity = prop::option::weighted(0.8, 1..4usize);
        let done = TestRunner::new(config).run(&(capacity, steps()), |(capacity, steps)| {
            run(order, capacity, &steps);
            Ok(())
        });
        if let Err(error) = done {
            panic!("{error}");
        }
    });
}

#[test]
fn the_oldest_first() {
    check(Order::Fifo);
}

#[test]
fn the_newest_first() {
    check(Order::Lifo);
}

#[test]
fn the_smallest_first() {
    check(Order::Priority);
}
