//! The first in line comes in vain, as often as it may; without a scheduler that
//! would have to be lucky: its looks are made here, one by one.

use super::super::word::{LOOKS_MAX, OVERTAKES_MAX};
use super::*;

fn joins(line: &Line) -> Ticket {
    let mut sleeper = Some(Sleeper::Thread(Parker::current()));
    match line.arrive(&mut line.queue.lock(), 1, &mut sleeper) {
        Arrival::Joined(ticket) => ticket,
        Arrival::Took | Arrival::Closed => unreachable!("nothing is free"),
    }
}

/// The documented bound: after so many calls in vain nobody passes, and after one
/// less somebody may.
#[test]
fn none_passes_who_has_looked_in_vain_so_often() {
    let line = Line::new(1, OVERTAKES_MAX);
    line.try_take(1).unwrap();
    let ticket = joins(&line);
    for looks in 0..LOOKS_MAX {
        // It is called; a newcomer is faster.
        line.put(1);
        assert_eq!(line.try_take(1), Ok(()), "after {looks} looks");
        assert!(!line.take_as_first(&line.queue.lock(), 1));
    }
    line.put(1);
    assert_eq!(line.try_take(1), Err(AcquireError::NotNow));
    assert!(line.take_as_first(&line.queue.lock(), 1));
    let _ = line.queue.lock().line.leave(ticket);
    // Who is first next has been passed by nobody.
    let ticket = joins(&line);
    line.put(1);
    assert_eq!(line.try_take(1), Ok(()));
    line.leave(1, ticket);
    assert_eq!((line.free(), line.waiting()), (0, 0));
}
