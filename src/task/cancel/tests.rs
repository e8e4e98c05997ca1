//! Tokens against a simple model, trees of a size that would break recursion,
//! and each way of being told, at `cancel` and at a deadline.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const LONG: Duration = Duration::from_secs(20);
const NOTHING: (usize, usize) = (0, 0);

#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
    fn add(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.add();
    }
}

fn poll(future: &mut Cancelled, count: &Arc<Count>) -> Poll<()> {
    let waker = Waker::from(count.clone());
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

fn counted(token: &CancellationToken, count: &Arc<Count>) -> Registration {
    let count = count.clone();
    token.on_cancel(move || count.add())
}

fn in_ms(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

#[test]
fn cancelling_goes_down_and_not_up() {
    let root = CancellationToken::new();
    let (left, right) = (root.child(), root.child());
    let leaf = left.child();
    left.cancel();
    assert!(left.is_cancelled() && leaf.is_cancelled());
    assert!(!root.is_cancelled() && !right.is_cancelled());
    root.cancel();
    assert!(right.is_cancelled() && root.child().child().is_cancelled());
    assert!(root.check().is_err_and(|e| e.is_cancelled()));
}

#[test]
fn a_dropped_token_between_two_others_still_passes_the_word_on() {
    let root = CancellationToken::new();
    let leaf = root.child().child().child();
    root.cancel();
    assert!(leaf.is_cancelled());
}

#[test]
fn a_million_children_leave_nothing_behind() {
    let root = CancellationToken::new();
    for _ in 0..1_000_000 {
        drop(root.child());
    }
    assert_eq!(root.node.counts(), NOTHING);
}

#[test]
fn a_chain_of_100_000_is_cancelled_and_dropped_without_recursion() {
    for (cancel, oldest_first) in [(true, true), (false, true), (true, false), (false, false)] {
        let mut chain = vec![CancellationToken::new()];
        for i in 0..100_000 {
            chain.push(chain[i].child());
        }
        if cancel {
            chain[0].cancel();
            assert!(chain.iter().all(CancellationToken::is_cancelled));
        }
        if !oldest_first {
            chain.reverse();
        }
        drop(chain);
    }
    let mut leaf = CancellationToken::new();
    for _ in 0..100_000 {
        leaf = leaf.child();
    }
}

#[test]
fn a_hundred_thousand_children_are_all_told() {
    let (root, count) = (CancellationToken::new(), Arc::<Count>::default());
    let children: Vec<_> = (0..100_000).map(|_| root.child()).collect();
    let _kept: Vec<_> = children.iter().map(|c| counted(c, &count)).collect();
    root.cancel();
    assert_eq!(count.get(), 100_000);
}

#[test]
fn callbacks_run_once_in_order_and_find_all_descendants_cancelled() {
    let root = CancellationToken::new();
    let (leaf, (to, from)) = (root.child().child(), channel());
    let mut kept = Vec::new();
    for number in 0..4 {
        let (leaf, to) = (leaf.clone(), to.clone());
        kept.push(root.on_cancel(move || to.send((number, leaf.is_cancelled())).unwrap()));
    }
    assert!(kept.remove(2).unregister());
    root.cancel();
    root.cancel();
    assert_eq!(
        from.try_iter().collect::<Vec<_>>(),
        [(0, true), (1, true), (3, true)]
    );
    assert!(!kept.remove(0).unregister());
    let _late = root.on_cancel(move || to.send((9, true)).unwrap());
    assert_eq!(from.try_recv(), Ok((9, true)));
}

#[test]
fn a_callback_may_take_out_the_next_one() {
    let (root, count) = (CancellationToken::new(), Arc::<Count>::default());
    let place = Arc::new(crate::primitive::Mutex::new(None::<Registration>));
    let inner = place.clone();
    let _first = root.on_cancel(move || drop(inner.lock().take()));
    *place.lock() = Some(counted(&root, &count));
    root.cancel();
    assert_eq!(count.get(), 0);
}

#[test]
fn a_panic_in_one_callback_does_not_stop_the_others() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a bomb in a callback");
        }
    }
    let (root, count) = (CancellationToken::new(), Arc::<Count>::default());
    let _panics = root.on_cancel(|| panic!("a callback"));
    let bomb = Bomb;
    let _drops = root.on_cancel(move || drop(bomb));
    let bomb = Bomb;
    assert!(root.on_cancel(move || drop(bomb)).unregister());
    let child = root.child();
    let _kept = [counted(&root, &count), counted(&child, &count)];
    root.cancel();
    assert_eq!(count.get(), 2);
}

#[test]
fn a_callback_may_use_its_own_token() {
    let root = CancellationToken::new();
    let (inner, count) = (root.clone(), Arc::<Count>::default());
    let counter = count.clone();
    let _kept = root.on_cancel(move || {
        inner.cancel();
        inner.wait();
        drop(counted(&inner.child(), &counter));
    });
    root.cancel();
    assert_eq!(count.get(), 1);
}

#[test]
fn a_future_wakes_the_waker_of_its_last_poll_and_leaves_when_dropped() {
    let root = CancellationToken::new();
    let (old, new) = (Arc::<Count>::default(), Arc::<Count>::default());
    let mut future = root.cancelled();
    assert!(poll(&mut future, &old).is_pending());
    assert!(poll(&mut future, &new).is_pending());
    assert_eq!(root.node.counts(), (0, 1));
    drop(root.cancelled());
    let mut dropped = root.cancelled();
    assert!(poll(&mut dropped, &old).is_pending());
    drop(dropped);
    assert_eq!(root.node.counts(), (0, 1));
    root.cancel();
    assert_eq!((old.get(), new.get()), (0, 1));
    assert!(poll(&mut future, &new).is_ready());
    assert!(poll(&mut future, &new).is_ready());
    assert_eq!(root.node.counts(), NOTHING);
}

#[test]
fn waits_end_by_cancel_by_their_limit_and_by_the_deadline() {
    let root = CancellationToken::new();
    assert!(!root.wait_timeout(Duration::ZERO));
    assert!(!root.wait_timeout(Duration::from_millis(2)));
    assert!(!root.wait_deadline(in_ms(1)));
    std::thread::scope(|s| {
        let waiters: Vec<_> = (0..4)
            .map(|_| s.spawn(|| root.wait_timeout(LONG)))
            .collect();
        s.spawn(|| root.child().wait());
        std::thread::sleep(Duration::from_millis(5));
        root.cancel();
        assert!(waiters.into_iter().all(|w| w.join().unwrap()));
    });
    assert_eq!(root.node.counts(), NOTHING);
    let child = CancellationToken::with_deadline(in_ms(5)).child();
    assert!(!child.wait_timeout(Duration::from_millis(1)) || child.is_cancelled());
    child.wait();
    assert!(child.wait_timeout(Duration::ZERO));
}

#[test]
fn a_deadline_tells_callbacks_futures_and_children() {
    let parent = CancellationToken::with_timeout(Duration::from_millis(20));
    let (count, (to, from)) = (Arc::<Count>::default(), channel());
    let (child, leaf) = (
        parent.child(),
        parent.child_with_deadline(Instant::now() + LONG),
    );
    assert_eq!(leaf.deadline(), parent.deadline());
    let mut future = child.cancelled();
    assert!(poll(&mut future, &count).is_pending());
    let _kept = leaf.on_cancel(move || to.send(Instant::now()).unwrap());
    assert!(from.recv_timeout(LONG).unwrap() >= parent.deadline().unwrap());
    let limit = Instant::now() + LONG;
    while count.get() == 0 && Instant::now() < limit {
        std::thread::yield_now();
    }
    assert_eq!(count.get(), 1);
    assert!(poll(&mut future, &count).is_ready());
    // The parent registered nobody, so nobody needed to tell it.
    assert!(parent.is_cancelled());
}

#[test]
fn a_passed_deadline_runs_a_callback_at_once_and_an_early_cancel_disarms() {
    let count = Arc::<Count>::default();
    let passed = CancellationToken::with_timeout(Duration::ZERO);
    drop(counted(&passed, &count));
    assert_eq!(count.get(), 1);
    let token = CancellationToken::with_timeout(Duration::from_millis(10));
    token.node.arm().unwrap();
    let _kept = counted(&token, &count);
    token.cancel();
    assert_eq!(count.get(), 2);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(count.get(), 2);
}

#[test]
fn many_cancellers_run_everything_once() {
    for _ in 0..200 {
        let (root, count) = (CancellationToken::new(), Arc::<Count>::default());
        let tokens: Vec<_> = (0..4).map(|_| root.child()).collect();
        let _kept: Vec<_> = tokens.iter().map(|t| counted(t, &count)).collect();
        std::thread::scope(|s| {
            for token in &tokens {
                s.spawn(|| root.cancel());
                s.spawn(|| token.cancel());
            }
        });
        assert_eq!(count.get(), 4);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Child(usize),
    Cancel(usize),
    DropToken(usize),
    Register(usize),
    Unregister(usize),
    NewFuture(usize),
    Poll(usize),
    DropFuture(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = any::<prop::sample::Index>().prop_map(|i| i.index(1 << 20));
    let step = prop_oneof![
        6 => which.clone().prop_map(Step::Child),
        2 => which.clone().prop_map(Step::Cancel),
        3 => which.clone().prop_map(Step::DropToken),
        4 => which.clone().prop_map(Step::Register),
        2 => which.clone().prop_map(Step::Unregister),
        2 => which.clone().prop_map(Step::NewFuture),
        4 => which.clone().prop_map(Step::Poll),
        1 => which.prop_map(Step::DropFuture),
    ];
    prop::collection::vec(step, 1..40)
}

/// What the tree should be: a list, with the parent of each.
#[derive(Default)]
struct Expected {
    parents: Vec<Option<usize>>,
    cancelled: Vec<bool>,
}

impl Expected {
    fn add(&mut self, parent: Option<usize>) -> usize {
        self.cancelled
            .push(parent.is_some_and(|p| self.cancelled[p]));
        self.parents.push(parent);
        self.parents.len() - 1
    }
    fn cancel(&mut self, which: usize) {
        self.cancelled[which] = true;
        // Parents come before their children.
        for i in which + 1..self.parents.len() {
            self.cancelled[i] |= self.parents[i].is_some_and(|p| self.cancelled[p]);
        }
    }
}

/// Something that is told at most once: a callback or a future's waker.
struct Told<T> {
    what: T,
    node: usize,
    count: Arc<Count>,
    /// It is registered, or was when its token was cancelled.
    expects: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn random_trees_behave_as_the_model_says(steps in steps()) {
        let mut expected = Expected::default();
        let root = CancellationToken::new();
        let mut tokens = vec![(root.clone(), expected.add(None))];
        let mut callbacks: Vec<Told<Registration>> = Vec::new();
        let mut futures: Vec<Told<Cancelled>> = Vec::new();
        for step in steps {
            // The root's first handle stays, so there is always a token.
            let at = |i: usize| i % tokens.len();
            match step {
                Step::Child(i) => {
                    let (token, node) = &tokens[at(i)];
                    let child = (token.child(), expected.add(Some(*node)));
                    tokens.push(child);
                }
                Step::Cancel(i) => {
                    tokens[at(i)].0.cancel();
                    expected.cancel(tokens[at(i)].1);
                }
                Step::DropToken(i) => if at(i) > 0 { drop(tokens.swap_remove(at(i))) },
                Step::Register(i) => {
                    let (token, node) = &tokens[at(i)];
                    let count = Arc::<Count>::default();
                    let what = counted(token, &count);
                    callbacks.push(Told { what, node: *node, count, expects: true });
                }
                Step::Unregister(i) => if !callbacks.is_empty() {
                    let told = callbacks.swap_remove(i % callbacks.len());
                    let cancelled = expected.cancelled[told.node];
                    prop_assert_eq!(told.what.unregister(), !cancelled);
                    prop_assert_eq!(told.count.get(), usize::from(cancelled));
                },
                Step::NewFuture(i) => {
                    let (token, node) = &tokens[at(i)];
                    let (what, count) = (token.cancelled(), Arc::default());
                    futures.push(Told { what, node: *node, count, expects: false });
                }
                Step::Poll(i) => if !futures.is_empty() {
                    let at = i % futures.len();
                    let told = &mut futures[at];
                    let ready = poll(&mut told.what, &told.count).is_ready();
                    prop_assert_eq!(ready, expected.cancelled[told.node]);
                    told.expects |= !ready;
                },
                Step::DropFuture(i) => if !futures.is_empty() {
                    drop(futures.swap_remove(i % futures.len()));
                },
            }
            for (token, node) in &tokens {
                prop_assert_eq!(token.is_cancelled(), expected.cancelled[*node]);
            }
            let callbacks = callbacks.iter().map(|c| (c.node, c.expects, c.count.get()));
            let futures = futures.iter().map(|f| (f.node, f.expects, f.count.get()));
            for (node, expects, told) in callbacks.chain(futures) {
                prop_assert_eq!(told, usize::from(expects && expected.cancelled[node]));
            }
        }
        drop((tokens, callbacks, futures));
        prop_assert_eq!(root.node.counts(), NOTHING);
    }
}
