//! What we fear of a scope's children.

use std::ptr::NonNull;
use std::sync::Arc;

use super::Children;
use crate::primitive::model::run::Model;
use crate::primitive::{Parker, UnsafeCell, thread};

/// A scope, and what its children write. In a box of its own, which stands for the
/// owner's stack: it is freed when the owner leaves.
struct Room {
    children: Children,
    pages: [UnsafeCell<u32>; 2],
}

/// A pointer that a child takes along.
struct Lent(NonNull<Room>);

// SAFETY: the owner waits for the children before it frees the room.
unsafe impl Send for Lent {}

fn child(room: &Room, n: usize) -> thread::JoinHandle<()> {
    room.children.begin();
    let lent = Lent(NonNull::from(room));
    let child = thread::spawn(format!("child {n}"), None, move || {
        let lent = lent;
        // SAFETY: the owner waits for us.
        let room = unsafe { lent.0.as_ref() };
        // SAFETY: one child writes each page.
        room.pages[n].with_mut(|page| unsafe { *page = 42 });
        // SAFETY: it has begun.
        unsafe { Children::end(NonNull::from(&room.children)) };
    });
    child.unwrap()
}

fn wait(children: &Children) {
    if children.have_ended() {
        return;
    }
    let parker = Arc::new(Parker::new());
    children.set_waiter(&parker);
    while !children.have_ended() {
        parker.park();
    }
}

fn check(room: Box<Room>, count: usize) {
    wait(&room.children);
    for page in &room.pages[..count] {
        // SAFETY: all have ended.
        assert_eq!(page.with(|page| unsafe { *page }), 42);
    }
    // The frame is gone: for loom a write, which every use must precede.
    for page in room.pages {
        page.into_inner();
    }
}

fn room() -> Box<Room> {
    Box::new(Room {
        children: Children::new(),
        pages: Default::default(),
    })
}

/// Fear: the last child ends while the owner falls asleep, and wakes nobody; or
/// what it wrote is not seen.
/// Must fail when: the end is Relaxed or unparks nobody.
/// Bound: none, two threads.
#[test]
fn the_end_of_a_scope_and_of_its_last_child_meet() {
    Model::new("children::the_end_of_a_scope_and_of_its_last_child_meet")
        .unbounded()
        .check(|| {
            let room = room();
            let child = child(&room, 0);
            check(room, 1);
            child.join().unwrap();
        });
}

/// Fear: of two children that end together each takes the other for the last, or
/// both leave, and the owner sleeps for ever, or misses what the first one wrote.
/// Must fail when: the end is Relaxed, or unparks nobody.
/// Bound: 3 preemptions, three threads.
#[test]
fn of_two_children_that_end_together_one_is_the_last() {
    Model::new("children::of_two_children_that_end_together_one_is_the_last")
        .preemptions(3)
        .check(|| {
            let room = room();
            let children = [child(&room, 0), child(&room, 1)];
            check(room, 2);
            for child in children {
                child.join().unwrap();
            }
        });
}
