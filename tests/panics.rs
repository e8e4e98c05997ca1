//! What an error says of a panic, and who is told when nobody waits.
//!
//! Panic hooks belong to the whole process, so most tests here run again in a
//! process of their own.

mod common;

use std::panic;
use std::process::Output;
use std::sync::{Arc, Mutex};

use common::{Gate, child, role, running};
use raddle::{Inline, Panic, TaskError, ThreadPool, task};

fn panicked(error: TaskError) -> Box<Panic> {
    match error {
        TaskError::Panicked(panic) => panic,
        other => panic!("not a panic: {other}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the test again in its own process and checks that it was well there.
#[track_caller]
fn again(test: &str, more: &[(&str, &str)]) -> Output {
    let output = child(test, "again", more);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("1 passed"));
    output
}

#[test]
fn an_error_has_message_payload_name_and_submit_site() {
    common::watch_all(|backend| {
        let work =
            task(|| panic!("broken on purpose: {}", std::hint::black_box(7))).named("worker bee");
        let (handle, line) = (backend.submit(work), line!());
        let panic = panicked(handle.result().unwrap_err());
        assert_eq!(panic.message(), "broken on purpose: 7");
        assert_eq!((panic.name(), panic.attempt()), (Some("worker bee"), 1));
        let site = panic.submitted_at();
        assert_eq!((site.file(), site.line()), (file!(), line));
        let payload = panic.into_payload().downcast::<String>().unwrap();
        assert_eq!(*payload, "broken on purpose: 7");
    });
    common::watch_all(|backend| {
        let handle = backend.submit(|| panic::panic_any(41_u8));
        let panic = panicked(handle.result().unwrap_err());
        assert_eq!(panic.message(), "a panic payload that is no text");
        assert_eq!(panic.name(), None);
        let resumed = panic::catch_unwind(panic::AssertUnwindSafe(|| panic.resume()));
        assert_eq!(*resumed.unwrap_err().downcast::<u8>().unwrap(), 41);
    });
}

#[test]
fn one_line_in_short_and_all_at_length() {
    common::watch(|| {
        let pool = common::pool(1);
        let work = task(|| panic!("first line, on purpose\nsecond line")).named("two");
        let error = pool.submit(work).result().unwrap_err();
        let (short, long) = (error.to_string(), format!("{error:#}"));
        assert_eq!(short.lines().count(), 1, "{short}");
        assert!(short.contains("\"two\"") && short.contains("first line"));
        for part in ["second line", "submitted at", "panicked at", file!()] {
            assert!(long.contains(part), "{part}: {long}");
        }
    });
}

#[test]
fn location_and_backtrace_are_recorded() {
    if role().is_none() {
        again(
            "location_and_backtrace_are_recorded",
            &[("RUST_BACKTRACE", "1")],
        );
        return;
    }
    #[inline(never)]
    fn a_function_with_a_name() {
        panic!("on purpose");
    }
    let pool = common::pool(1);
    for handle in [
        pool.submit(a_function_with_a_name),
        Inline.submit(a_function_with_a_name),
    ] {
        let panic = panicked(handle.result().unwrap_err());
        let location = panic.location().expect("a location");
        assert!(location.starts_with(file!()), "{location}");
        let backtrace = panic.backtrace().expect("a backtrace").to_string();
        assert!(backtrace.contains("a_function_with_a_name"), "{backtrace}");
    }
}

#[test]
fn no_backtrace_unless_asked_for() {
    if role().is_none() {
        again("no_backtrace_unless_asked_for", &[("RUST_BACKTRACE", "0")]);
        return;
    }
    let pool = common::pool(1);
    let panic = panicked(pool.submit(|| panic!("on purpose")).result().unwrap_err());
    assert!(panic.location().is_some());
    assert!(panic.backtrace().is_none());
    let error = pool
        .submit(|| panic::resume_unwind(Box::new(1)))
        .result()
        .unwrap_err();
    assert_eq!(
        panicked(error).location(),
        None,
        "no hook sees resume_unwind"
    );
}

#[test]
fn without_the_panic_hook_there_is_no_location() {
    if role().is_none() {
        again(
            "without_the_panic_hook_there_is_no_location",
            &[("RUST_BACKTRACE", "1")],
        );
        return;
    }
    let pool = ThreadPool::builder()
        .workers(1)
        .panic_hook(false)
        .build()
        .unwrap();
    let panic = panicked(pool.submit(|| panic!("on purpose")).result().unwrap_err());
    assert_eq!(panic.message(), "on purpose");
    assert!(panic.location().is_none() && panic.backtrace().is_none());
}

#[test]
fn the_hook_is_chained_and_may_be_replaced_later() {
    if role().is_none() {
        again("the_hook_is_chained_and_may_be_replaced_later", &[]);
        return;
    }
    let seen = Arc::new(Mutex::new(0));
    let count = seen.clone();
    panic::set_hook(Box::new(move |_| *count.lock().unwrap() += 1));
    let pools = [common::pool(1), common::pool(1)];
    for pool in &pools {
        let panic = panicked(pool.submit(|| panic!("on purpose")).result().unwrap_err());
        assert!(panic.location().is_some());
    }
    assert_eq!(
        *seen.lock().unwrap(),
        2,
        "the hook found is called once for each"
    );
    panic::set_hook(Box::new(|_| {}));
    let panic = panicked(
        pools[0]
            .submit(|| panic!("on purpose"))
            .result()
            .unwrap_err(),
    );
    assert!(panic.location().is_none() && panic.backtrace().is_none());
    assert_eq!(panic.message(), "on purpose");
}

#[test]
fn a_detached_panic_reaches_on_panic_once() {
    common::watch(|| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let list = told.clone();
        let builder = ThreadPool::builder().workers(1).on_panic(move |panic| {
            let name = panic.name().map(str::to_owned);
            list.lock().unwrap().push((
                panic.message().to_owned(),
                name,
                panic.location().is_some(),
            ));
        });
        let pool = builder.build().unwrap();
        let gate = Gate::new();
        // Dropped before it panics, and dropped unread afterwards.
        let before = running(&pool, &gate, || panic!("before, on purpose"));
        before.detach();
        gate.open();
        let after = pool.submit(task(|| panic!("after, on purpose")).named("after"));
        after.wait();
        drop(after);
        // Read: it is the reader's.
        pool.submit(|| panic!("read, on purpose"))
            .result()
            .unwrap_err();
        drop(pool);
        assert_eq!(
            *told.lock().unwrap(),
            [
                ("before, on purpose".to_owned(), None, true),
                (
                    "after, on purpose".to_owned(),
                    Some("after".to_owned()),
                    true
                )
            ]
        );
    });
}

#[test]
fn panics_of_hooks_reach_on_panic() {
    common::watch(|| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let list = told.clone();
        let builder = ThreadPool::builder()
            .workers(1)
            .on_panic(move |panic| list.lock().unwrap().push(format!("{panic:#}")))
            .on_worker_start(|_| panic!("start, on purpose"))
            .on_worker_exit(|_| panic!("exit, on purpose"));
        let pool = builder.build().unwrap();
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
        drop(pool);
        let told = told.lock().unwrap();
        let [start, exit] = &told[..] else {
            panic!("{told:?}")
        };
        assert!(
            start.contains("start, on purpose") && start.contains(file!()),
            "{start}"
        );
        assert!(exit.contains("exit, on purpose"), "{exit}");
    });
}

#[test]
fn a_panicking_on_panic_is_contained() {
    common::watch(|| {
        let builder = ThreadPool::builder().workers(1);
        let pool = builder
            .on_panic(|_| panic!("watcher, on purpose"))
            .build()
            .unwrap();
        (0..10).for_each(|_| pool.submit(|| panic!("on purpose")).detach());
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
    });
}

#[test]
fn by_default_stderr_is_told() {
    if role().is_none() {
        let output = again("by_default_stderr_is_told", &[]);
        let stderr = text(&output.stderr);
        let reports = stderr.matches("nobody waits for this").count();
        assert_eq!(reports, 1, "{stderr}");
        assert!(
            stderr.contains("\"lonely\"") && stderr.contains(file!()),
            "{stderr}"
        );
        return;
    }
    panic::set_hook(Box::new(|_| {}));
    let pool = common::pool(1);
    pool.submit(task(|| panic!("on purpose")).named("lonely"))
        .detach();
}
