//! What needs no second thread to be seen.

use super::*;
use crate::thread::post::Post;

unsafe fn nothing(_: *const (), _: usize) {}

/// A share of a round of its own.
fn share(number: u64) -> Share {
    let round = Round {
        run: nothing,
        call: std::ptr::null(),
        frame: std::ptr::null(),
        state: Mutex::new(State {
            left: 1,
            members: Vec::new(),
            orphans: Vec::new(),
            stranded: Vec::new(),
        }),
        parker: Parker::current(),
    };
    Share::new(&Arc::new(round), number, 0)
}

fn post_with(numbers: &[u64]) -> Post {
    let post = Post::new();
    post.open();
    for number in numbers {
        assert!(post.deliver(share(*number), false).is_ok());
    }
    post
}

#[test]
fn a_post_is_in_the_order_of_the_rounds() {
    let post = post_with(&[2, 4, 1, 3]);
    let mut numbers = Vec::new();
    while let Some(taken) = post.take() {
        numbers.push(taken.share.number());
        post.runs_again(taken.covers);
    }
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn a_share_never_lies_behind_one_of_a_younger_round() {
    let post = post_with(&[2]);
    let younger = post.take().unwrap();
    let older = post.deliver(share(1), false);
    let Err(older) = older else {
        panic!("behind a younger round's, on purpose")
    };
    assert!(post.deliver(share(3), false).is_ok());
    // As the last resort it may; its caller may have it back, while that runs.
    let round = Arc::clone(&older.round);
    assert!(post.deliver(older, true).is_ok());
    let older = post.reclaim(&round).unwrap();
    assert!(post.deliver(older, true).is_ok());
    post.runs_again(younger.covers);
    assert!(post.reclaim(&round).is_none(), "now it is the next");
    let older = post.take().unwrap();
    assert_eq!(older.share.number(), 1);
    post.runs_again(older.covers);
}

#[test]
fn a_share_of_the_last_resort_is_run_like_any_other() {
    let post = post_with(&[]);
    let younger = post.takes_up(share(2));
    assert!(post.deliver(share(1), false).is_err(), "behind a younger");
    post.runs_again(younger.covers);
    assert!(post.deliver(share(1), false).is_ok());
}

#[test]
fn who_waits_in_a_broadcast_is_open_for_older_rounds() {
    let post = post_with(&[2]);
    let younger = post.take().unwrap();
    assert!(post.starts_receiving(&younger.share.round.parker));
    assert!(matches!(post.deliver(share(1), false), Ok(Some(_))));
    post.stops_receiving();
    let older = post.take().unwrap();
    assert_eq!(older.covers, 2);
    post.runs_again(older.covers);
    assert!(post.deliver(share(1), false).is_err());
}
