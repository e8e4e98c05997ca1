//! Tests of what cannot be seen from outside: the heap, and what runs under
//! the lock.

use std::cell::Cell;
use std::cmp::Ordering;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use super::store::{Heap, Store};
use super::{PopError, Queue};

thread_local! {
    /// How many comparisons are left until one panics.
    static FUSE: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// An item whose comparison may panic.
#[derive(Debug, PartialEq, Eq)]
struct Fused(u8, usize);

impl Ord for Fused {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = FUSE.get();
        FUSE.set(left.wrapping_sub(1));
        if left == 0 {
            std::panic::resume_unwind(Box::new("on purpose"));
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Fused {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Pushes; the comparison after so many panics.
    Push(u8, Option<u8>),
    Pop(Option<u8>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fuse = || prop::option::weighted(0.2, 0..6u8);
    let step = prop_oneof![
        3 => (0..8u8, fuse()).prop_map(|(priority, fuse)| Step::Push(priority, fuse)),
        2 => fuse().prop_map(Step::Pop),
    ];
    prop::collection::vec(step, 0..80)
}

fn light(fuse: Option<u8>) {
    FUSE.set(fuse.map_or(usize::MAX, usize::from));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a list that is searched for the smallest, of equals the first.
    #[test]
    fn the_heap_is_stable_and_a_panic_loses_nothing_in_it(steps in steps()) {
        let mut store = Store::Priority(Heap::new());
        let mut expected: Vec<(u8, usize)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push(priority, fuse) => {
                    light(fuse);
                    match store.push(Fused(priority, number)) {
                        Ok(()) => expected.push((priority, number)),
                        Err((item, _)) => prop_assert_eq!((item.0, item.1), (priority, number)),
                    }
                }
                Step::Pop(fuse) => {
                    light(fuse);
                    if let Ok(popped) = store.pop() {
                        let smallest = expected.iter().copied().min();
                        expected.retain(|item| Some(*item) != smallest);
                        prop_assert_eq!(popped.map(|item| (item.0, item.1)), smallest);
                    }
                }
            }
            light(None);
            prop_assert_eq!(store.len(), expected.len());
        }
        expected.sort_unstable();
        let rest: Vec<_> = store.take().into_vec().iter().map(|item| (item.0, item.1)).collect();
        prop_assert_eq!(rest, expected);
        prop_assert_eq!(store.len(), 0);
    }
}

#[test]
fn a_panicking_comparison_leaves_the_queue_whole() {
    let queue = Queue::priority(3);
    queue.push(Fused(1, 0)).unwrap();
    queue.push(Fused(2, 1)).unwrap();
    light(Some(0));
    let panicked = catch_unwind(|| queue.push(Fused(0, 2)));
    assert!(panicked.is_err() && queue.len() == 2);
    // The room that it had is free.
    queue.push(Fused(0, 3)).unwrap();
    light(Some(0));
    assert!(catch_unwind(|| queue.pop()).is_err());
    light(None);
    let rest: Vec<_> = queue.close_now().iter().map(|item| item.1).collect();
    assert_eq!(rest, [3, 0, 1]);
    assert_eq!(queue.unfinished(), 0);
}

#[test]
fn a_comparison_that_panics_for_a_waiter_hands_its_promise_on() {
    let queue = Queue::priority(3);
    let mut pops = [(); 4].map(|()| queue.pop_async());
    let noop = &mut Context::from_waker(Waker::noop());
    for pop in &mut pops {
        assert!(Pin::new(pop).poll(noop).is_pending());
    }
    for number in 0..3 {
        queue.push(Fused(1, number)).unwrap();
    }
    assert_eq!(queue.try_pop(), Err(PopError::Empty), "all are promised");
    let [first, rest @ ..] = &mut pops;
    light(Some(0));
    let panicked = catch_unwind(AssertUnwindSafe(|| Pin::new(first).poll(noop)));
    light(None);
    assert!(panicked.is_err());
    // The three items are for the three that came after it.
    for (pop, number) in rest.iter_mut().zip(0..) {
        let poll = Pin::new(pop).poll(noop);
        assert_eq!(poll, Poll::Ready(Ok(Fused(1, number))));
    }
    drop(pops);
    assert_eq!(queue.lock.lock().counts(), (0, 0, 0, 0));
}

/// User code that takes the queue's lock wherever it runs: under the lock that
/// would hang.
struct Nosy(Queue<Nosy>, Arc<AtomicUsize>);

impl Nosy {
    fn look(&self) {
        let _ = (self.0.len(), format!("{:?}", self.0));
        self.1.fetch_add(1, SeqCst);
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.look();
    }
}

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}

#[test]
fn no_drop_and_no_waker_runs_under_the_lock() {
    let (queue, runs) = (Queue::bounded(1), Arc::new(AtomicUsize::new(0)));
    let nosy = || Nosy(queue.clone(), runs.clone());
    let waker = || Waker::from(Arc::new(nosy()));
    // A waker that is replaced, one that is woken, one that is dropped.
    let mut pop = queue.pop_async();
    for _ in 0..2 {
        let poll = Pin::new(&mut pop).poll(&mut Context::from_waker(&waker()));
        assert!(poll.is_pending());
    }
    queue.push(nosy()).unwrap();
    drop(pop);
    // An item that is refused, one whose future is dropped, one at the end.
    drop(queue.try_push(nosy()));
    let mut push = queue.push_async(nosy());
    let poll = Pin::new(&mut push).poll(&mut Context::from_waker(&waker()));
    assert!(poll.is_pending());
    drop(push);
    let mut push = queue.push_async(nosy());
    let poll = Pin::new(&mut push).poll(&mut Context::from_waker(&waker()));
    assert!(poll.is_pending());
    drop(queue.close_now());
    drop(push);
    // 4 items, 4 wakers, of which 2 were woken as well.
    assert_eq!(runs.load(SeqCst), 10);
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_from_being_woken() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("on purpose"));
        }
    }
    let queue = Queue::<u8>::bounded(1);
    let (mut first, mut second) = (queue.pop_async(), queue.pop_async());
    let bomb = Waker::from(Arc::new(Bomb));
    assert!(
        Pin::new(&mut first)
            .poll(&mut Context::from_waker(&bomb))
            .is_pending()
    );
    assert!(
        Pin::new(&mut second)
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    queue.close();
    for pop in [&mut first, &mut second] {
        let poll = Pin::new(pop).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(poll, Poll::Ready(Err(PopError::Closed)));
    }
}

#[test]
fn a_queue_without_room_says_what_to_write() {
    for make in [|| Queue::<u8>::bounded(0), || Queue::<u8>::priority(0)] {
        let payload = catch_unwind(make).unwrap_err();
        let text = payload.downcast::<String>().unwrap();
        assert!(text.contains("unbounded()") && text.contains("channel::bounded(0)"));
    }
    let payload = catch_unwind(|| Queue::<u8>::priority(1).lifo()).unwrap_err();
    assert!(
        payload
            .downcast::<&str>()
            .unwrap()
            .contains("bounded(n).lifo()")
    );
}
