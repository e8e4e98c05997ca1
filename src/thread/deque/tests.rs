//! The deque on real threads: order, growth, batches, what is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::{BATCH_MAX, Deque, START, distance};
use crate::primitive::Steal;

#[test]
fn the_owner_pops_the_newest_and_a_thief_takes_the_oldest() {
    let deque = Deque::new();
    let stealer = deque.stealer();
    for n in 0..3 {
        deque.push(Box::new(n));
    }
    assert_eq!(deque.pop().map(|item| *item), Some(2));
    let Steal::Success(oldest) = stealer.steal() else {
        panic!("nothing to steal");
    };
    assert_eq!((*oldest, stealer.len()), (0, 1));
    assert_eq!(deque.pop().map(|item| *item), Some(1));
    assert!(deque.pop().is_none() && stealer.steal().is_empty() && deque.is_empty());
}

#[test]
fn it_grows_with_its_items_in_place() {
    let deque = Deque::new();
    let stealer = deque.stealer();
    for n in 0..1000 {
        deque.push(Box::new(n));
        if n % 10 == 9 {
            assert!(stealer.steal().is_success());
        }
    }
    assert_eq!(stealer.len(), 900);
    for n in (100..1000).rev() {
        assert_eq!(deque.pop().map(|item| *item), Some(n));
    }
    assert!(deque.pop().is_none());
}

#[test]
fn a_batch_is_half_of_what_is_there() {
    let (deque, own) = (Deque::new(), Deque::new());
    let stealer = deque.stealer();
    for n in 0..10 {
        deque.push(Box::new(n));
    }
    let most = 5.min(BATCH_MAX);
    let Steal::Success(newest) = stealer.steal_batch_and_pop(&own, BATCH_MAX) else {
        panic!("nothing to steal");
    };
    assert_eq!(*newest, most - 1);
    assert_eq!(own.stealer().len(), most - 1);
    assert_eq!(own.pop().map(|item| *item), Some(most - 2));
    assert_eq!(stealer.len(), 10 - most);
    assert!(stealer.steal_batch_and_pop(&own, 1).is_success());
    assert_eq!(stealer.len(), 10 - most - 1, "no more than it may");
    own.push(Box::new(11));
    assert!(
        own.stealer().steal_batch_and_pop(&own, 1).is_success(),
        "its own: a pop"
    );
}

#[test]
fn what_is_left_behind_is_dropped() {
    let item = Arc::new(());
    let deque = Deque::new();
    for _ in 0..100 {
        deque.push(Arc::clone(&item));
    }
    let stealer = deque.stealer();
    drop(deque);
    assert_eq!(Arc::strong_count(&item), 101);
    drop(stealer);
    assert_eq!(Arc::strong_count(&item), 1);
}

#[test]
fn indices_wrap() {
    assert_eq!(distance(usize::MAX, 1), 2);
    assert_eq!(distance(2, 1), 0);
    assert_eq!(distance(0, usize::MAX), 0);
    assert_eq!(distance(START, START), 0);
}

/// Each item once, with an owner that pushes and pops and two thieves, one of which
/// takes batches.
#[test]
fn each_item_is_taken_by_one() {
    const COUNT: usize = if cfg!(miri) { 300 } else { 200_000 };
    let taken: Vec<_> = (0..COUNT).map(|_| AtomicUsize::new(0)).collect();
    let left = AtomicUsize::new(COUNT);
    let take = |item: Box<usize>| {
        taken[*item].fetch_add(1, SeqCst);
        left.fetch_sub(1, SeqCst);
    };
    let deque = Deque::new();
    std::thread::scope(|scope| {
        for batches in [false, true] {
            let (stealer, take, left) = (deque.stealer(), &take, &left);
            scope.spawn(move || {
                let own = Deque::new();
                while left.load(SeqCst) > 0 {
                    let stolen = match batches {
                        true => stealer.steal_batch_and_pop(&own, BATCH_MAX),
                        false => stealer.steal(),
                    };
                    match stolen {
                        Steal::Success(item) => take(item),
                        _ => std::thread::yield_now(),
                    }
                    while let Some(item) = own.pop() {
                        take(item);
                    }
                }
            });
        }
        for n in 0..COUNT {
            deque.push(Box::new(n));
            // In waves, so that it grows, and comes to its last item.
            if n % 1000 > 700 {
                for _ in 0..3 {
                    deque.pop().into_iter().for_each(&take);
                }
            }
        }
        while let Some(item) = deque.pop() {
            take(item);
        }
    });
    assert!(taken.iter().all(|times| times.load(SeqCst) == 1));
}
