//! What the errors promise: size, one line, the whole story, quiet drops.

use std::any::Any;
use std::backtrace::Backtrace;
use std::borrow::Cow;
use std::error::Error;
use std::panic::{Location, panic_any};

use super::*;
use crate::primitive::catch_unwind;

fn panic_of(payload: Box<dyn Any + Send>) -> Panic {
    Panic::new(payload, PanicNote::default(), Location::caller(), None, 1)
}

fn caught(f: impl FnOnce()) -> Panic {
    panic_of(catch_unwind(f).expect_err("it should panic"))
}

#[test]
fn messages_come_from_every_kind_of_text() {
    let number = 7;
    assert_eq!(caught(|| panic!("plain")).message(), "plain");
    assert_eq!(
        caught(|| panic!("formatted {number}")).message(),
        "formatted 7"
    );
    assert_eq!(caught(|| panic_any(Cow::Borrowed("cow"))).message(), "cow");
    assert_eq!(
        caught(|| panic_any(Box::<str>::from("box"))).message(),
        "box"
    );
    assert_eq!(
        caught(|| panic_any(7_u8)).message(),
        "a panic payload that is no text"
    );
    let nested: Box<dyn Any + Send> = Box::new("inner");
    assert_eq!(caught(|| panic_any(nested)).message(), "inner");
}

#[test]
fn the_payload_comes_back_by_value_and_by_unwinding() {
    assert_eq!(
        caught(|| panic_any(7_u8)).into_payload().downcast_ref(),
        Some(&7_u8)
    );
    let panic = caught(|| panic_any(8_u8));
    let again = catch_unwind::<()>(|| panic.resume()).unwrap_err();
    assert_eq!(again.downcast_ref(), Some(&8_u8));
}

#[test]
fn a_payload_that_panics_when_dropped_does_not_unwind_out() {
    struct Bomb(u32);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Bomb(self.0 - 1));
            }
        }
    }
    for depth in 1..4 {
        let error = TaskError::Panicked(Box::new(panic_of(Box::new(Bomb(depth)))));
        assert!(catch_unwind(|| drop(error)).is_ok());
    }
}

#[test]
fn display_is_one_line_and_the_alternate_tells_all() {
    let here = Location::caller();
    let note = PanicNote {
        location: Some("src/resize.rs:3:9".into()),
        backtrace: Some(Backtrace::force_capture()),
    };
    let payload = Box::new("no such file\nlook elsewhere");
    let panic = Panic::new(payload, note, here, Some("resize".into()), 2);
    assert!(panic.backtrace().is_some());
    let error = TaskError::Panicked(Box::new(panic));
    assert_eq!(
        error.to_string(),
        "task \"resize\" panicked: no such file […]"
    );
    let long = format!("{error:#}");
    for part in [
        "look elsewhere",
        &here.to_string(),
        "attempt 2",
        "src/resize.rs:3:9",
        "stack:",
    ] {
        assert!(long.contains(part), "{part} is missing in {long}");
    }
}

#[test]
fn every_other_error_is_one_line() {
    let late = TimedOut::new(Duration::from_millis(20), Duration::from_millis(21), false);
    let lines = [
        TaskError::Cancelled.to_string(),
        TaskError::TimedOut(Box::new(late)).to_string(),
        TaskError::Refused(Refusal::Full).to_string(),
        TaskError::Refused(Refusal::Forked).to_string(),
        SubmitError::new(Refusal::Shutdown, ()).to_string(),
        StartError::Workers.to_string(),
        StartError::TooMany {
            asked: 1 << 20,
            max: 1 << 15,
        }
        .to_string(),
        StartError::GlobalTaken.to_string(),
    ];
    for line in lines {
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(!line.contains("  "), "{line}");
    }
}

#[test]
fn a_refused_task_comes_back() {
    struct NoDebug(u32);
    let refused = SubmitError::new(Refusal::Full, NoDebug(7));
    assert_eq!(format!("{refused:?}"), "SubmitError { why: Full, .. }");
    assert_eq!(refused.why, Refusal::Full);
    assert_eq!(refused.into_task().0, 7);
    let error = TaskError::from(SubmitError::new(Refusal::Forked, NoDebug(1)));
    assert!(matches!(error, TaskError::Refused(Refusal::Forked)));
}

#[test]
fn threads_that_failed_to_start_name_their_cause() {
    let source = std::io::Error::from(std::io::ErrorKind::WouldBlock);
    let error = StartError::Threads {
        wanted: 8,
        got: 3,
        source,
    };
    let text = error.to_string();
    assert!(text.starts_with("only 3 of 8 "), "{text}");
    assert!(text.contains("stack_size"), "{text}");
    assert!(
        text.contains(&error.source().unwrap().to_string()),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_group_error_counts_and_is_never_empty() {
    assert!(GroupError::new(Vec::new()).is_none());
    let one = GroupError::new(vec![TaskError::Cancelled]).unwrap();
    assert_eq!(one.to_string(), "1 task failed: the task was cancelled");
    let errors = vec![
        TaskError::Cancelled,
        Refusal::Full.into(),
        Refusal::Forked.into(),
    ];
    let three = GroupError::new(errors).unwrap();
    assert_eq!(
        three.to_string(),
        "3 tasks failed; the first: the task was cancelled"
    );
    assert_eq!(format!("{three:#}").lines().count(), 3);
    assert!(three.first().is_cancelled());
    assert_eq!(three.errors().len(), three.into_errors().len());
}
