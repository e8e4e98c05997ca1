//! What we fear of the deque.

use std::sync::Arc;

use super::{BATCH_MAX, Deque, START, Stealer};
use crate::primitive::atomic::{AtomicBool, Ordering, fence};
use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::{Steal, UnsafeCell};

fn start<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn("thief".to_owned(), None, body).unwrap()
}

fn steal(stealer: &Stealer<Box<u32>>) -> Option<Box<u32>> {
    loop {
        match stealer.steal() {
            Steal::Success(item) => return Some(item),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

/// Fear: the owner and a thief both take the last item, or neither does.
/// Must fail when: the owner takes the last item without an exchange, or one of the
/// two does without its fence.
/// Bound: none, two threads.
#[test]
fn the_last_item_is_taken_once() {
    Model::new("deque::the_last_item_is_taken_once")
        .unbounded()
        .check(|| {
            let deque = Deque::new();
            let stealer = deque.stealer();
            deque.push(Box::new(7));
            let thief = start(move || steal(&stealer));
            let mine = deque.pop();
            let stolen = thief.join().unwrap();
            assert!(mine.is_some() != stolen.is_some());
            assert!(deque.is_empty());
        });
}

/// Fear: of two items one is lost or taken twice, by an owner and two thieves.
/// Must fail when: a pop, or a steal, does without its fence.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn each_item_is_taken_once() {
    Model::new("deque::each_item_is_taken_once")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let deque = Deque::new();
            let thieves = [(); 2].map(|()| {
                let stealer = deque.stealer();
                start(move || steal(&stealer))
            });
            deque.push(Box::new(1));
            deque.push(Box::new(2));
            let mut taken = vec![];
            taken.extend(deque.pop());
            for thief in thieves {
                taken.extend(thief.join().unwrap());
            }
            while let Some(item) = deque.pop() {
                taken.push(item);
            }
            taken.sort();
            assert_eq!(taken, [Box::new(1), Box::new(2)]);
        });
}

/// Fear: the owner takes an item without an exchange, though a thief that comes twice
/// has come so far and not seen it.
/// Must fail when: a pop, or a steal, does without its fence.
/// Bound: none, two threads.
#[test]
fn two_pops_and_two_thefts_share_two_items() {
    Model::new("deque::two_pops_and_two_thefts_share_two_items")
        .unbounded()
        .check(|| {
            let deque = Deque::new();
            let stealer = deque.stealer();
            deque.push(Box::new(1));
            deque.push(Box::new(2));
            let thief = start(move || [steal(&stealer), steal(&stealer)]);
            let mut taken: Vec<_> = deque.pop().into_iter().chain(deque.pop()).collect();
            taken.extend(thief.join().unwrap().into_iter().flatten());
            taken.sort();
            assert_eq!(taken, [Box::new(1), Box::new(2)]);
        });
}

/// Fear: a batch loses the item that it moves, or takes what its owner has popped.
/// Must fail when: a thief goes on in its batch without a look at `back`.
/// Bound: none, two threads.
#[test]
fn a_batch_moves_each_item_once() {
    Model::new("deque::a_batch_moves_each_item_once")
        .unbounded()
        .check(|| {
            let deque = Deque::new();
            for n in 1..4 {
                deque.push(Box::new(n));
            }
            let stealer = deque.stealer();
            let thief = start(move || {
                let own = Deque::new();
                let mut taken = vec![];
                while let Steal::Success(item) = stealer.steal_batch_and_pop(&own, BATCH_MAX) {
                    taken.push(item);
                    taken.extend(own.pop());
                }
                taken
            });
            let mut taken: Vec<_> = deque.pop().into_iter().chain(deque.pop()).collect();
            taken.extend(thief.join().unwrap());
            taken.extend(deque.pop());
            taken.sort();
            assert_eq!(taken, [Box::new(1), Box::new(2), Box::new(3)]);
        });
}

/// What an item points to.
struct Page(UnsafeCell<u32>);

// SAFETY: not even sound; loom is there to say where.
unsafe impl Sync for Page {}

/// Fear: the thief has the item and not what it points to.
/// Must fail when: a push does without its fence, or a thief looks at `back` Relaxed.
/// Bound: none, two threads.
#[test]
fn a_stolen_item_brings_what_it_points_to() {
    Model::new("deque::a_stolen_item_brings_what_it_points_to")
        .unbounded()
        .check(|| {
            let page = Arc::new(Page(UnsafeCell::new(0)));
            let deque: Deque<Arc<Page>> = Deque::new();
            let stealer = deque.stealer();
            let thief = start(move || {
                if let Steal::Success(page) = stealer.steal() {
                    // SAFETY: loom has checked that there is no writer.
                    assert_eq!(page.0.with(|page| unsafe { *page }), 5);
                }
            });
            // SAFETY: loom has checked that this access is alone.
            page.0.with_mut(|page| unsafe { *page = 5 });
            deque.push(page);
            thief.join().unwrap();
        });
}

/// Fear: a batch brings an item that was pushed since its first look, in the place of
/// one that the owner has taken, and not what that points to.
/// Must fail when: its later looks at `back` are Relaxed.
/// Bound: none, two threads.
#[test]
fn a_batch_brings_what_was_pushed_meanwhile() {
    Model::new("deque::a_batch_brings_what_was_pushed_meanwhile")
        .unbounded()
        .check(|| {
            let deque = Deque::new();
            for n in 0..3 {
                deque.push(Box::new(n));
            }
            let stealer = deque.stealer();
            let thief = start(move || {
                let own = Deque::new();
                let stolen = match stealer.steal_batch_and_pop(&own, BATCH_MAX) {
                    Steal::Success(item) => Some(item),
                    Steal::Empty | Steal::Retry => None,
                };
                [stolen, own.pop()]
            });
            let mut taken: Vec<_> = deque.pop().into_iter().chain(deque.pop()).collect();
            deque.push(Box::new(3));
            taken.extend(thief.join().unwrap().into_iter().flatten());
            while let Some(item) = deque.pop() {
                taken.push(item);
            }
            taken.sort();
            assert_eq!(taken, [0, 1, 2, 3].map(Box::new));
        });
}

/// Fear: a slot is filled anew before the thief of its former item has read it.
/// Must fail when: the owner looks Relaxed how far the thieves are, or a thief does not
/// release what it has read.
/// Bound: none, two threads.
#[test]
fn a_slot_is_filled_again_when_it_was_read() {
    Model::new("deque::a_slot_is_filled_again_when_it_was_read")
        .unbounded()
        .check(|| {
            let deque = Deque::new();
            for n in 0..8 {
                deque.push(Box::new(n));
            }
            let stealer = deque.stealer();
            let thief = start(move || steal(&stealer));
            // There are eight slots in a model: the ninth item has the first one's.
            // ORDERING: Relaxed, what the push looks at itself is to be enough.
            let pushes = deque.shared.front.0.load(Ordering::Relaxed) != START;
            if pushes {
                deque.push(Box::new(8));
            }
            let mut taken: Vec<_> = thief.join().unwrap().into_iter().collect();
            while let Some(item) = deque.pop() {
                taken.push(item);
            }
            taken.sort();
            let all = if pushes { 9 } else { 8 };
            assert_eq!(taken, (0..all).map(Box::new).collect::<Vec<_>>());
        });
}

/// Neither a push nor a look at a deque has a fence against the other.
fn announce(fenced: bool) {
    let deque = Deque::new();
    let stealer = deque.stealer();
    let asleep = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&asleep);
    let searcher = start(move || {
        // ORDERING: Relaxed, the fences are what is shown.
        flag.store(true, Ordering::Relaxed);
        if fenced {
            fence(Ordering::SeqCst);
        }
        stealer.is_empty()
    });
    deque.push(Box::new(1));
    if fenced {
        fence(Ordering::SeqCst);
    }
    // ORDERING: Relaxed, as above.
    let wakes = asleep.load(Ordering::Relaxed);
    let found_nothing = searcher.join().unwrap();
    assert!(wakes || !found_nothing, "a task and a sleeper, on purpose");
}

/// Fear: who pushes and then looks for sleepers, and who sleeps and then looks for
/// tasks, miss each other though both fence in between.
/// Must fail when: they do not (shown here too).
/// Bound: none, two threads.
#[test]
fn a_push_and_a_sleeper_see_each_other_by_their_fences() {
    Model::new("deque::a_push_and_a_sleeper_see_each_other_by_their_fences")
        .unbounded()
        .check(|| announce(true));
}
