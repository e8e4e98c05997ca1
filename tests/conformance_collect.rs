//! `wait`, `as_completed`, `TaskGroup` and `map`, as the suites of CPython,
//! loky and the JSR-166 TCK test theirs, on threads and in line.

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use common::{Gate, pool, watch};
use raddle::{
    Handle, Inline, TaskError, TaskGroup, ThreadPool, When, as_completed, block_on, task, wait,
};

const SOON: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(30);

/// A task that ends when the gate opens.
fn held(pool: &ThreadPool, gate: &Gate) -> Handle<u32> {
    let gate = gate.clone();
    pool.submit(move || {
        gate.wait();
        7
    })
}

fn ended<T>(handles: &[Handle<T>]) -> Vec<bool> {
    handles.iter().map(Handle::is_finished).collect()
}

fn cancelled(pool: &ThreadPool) -> Handle<u32> {
    let token = raddle::CancellationToken::new();
    token.cancel();
    pool.submit(task(|| 0).cancelled_by(&token))
}

fn failed(pool: &ThreadPool) -> Handle<u32> {
    let handle = pool.submit(|| panic!("failed on purpose"));
    handle.wait();
    handle
}

#[test]
fn c035_duplicates_are_fine() {
    watch(|| {
        let (pool, gate) = (pool(1), Gate::new());
        let one = held(&pool, &gate);
        for when in [When::FirstDone, When::FirstError, When::AllDone] {
            assert!(!wait([&one, &one], when, Some(SOON)));
        }
        let opener = thread::spawn(move || {
            thread::sleep(SOON);
            gate.open();
        });
        assert!(wait([&one, &one], When::FirstDone, None));
        assert!(wait([&one, &one], When::FirstError, Some(LONG)));
        assert!(wait([&one, &one], When::AllDone, None));
        opener.join().unwrap();
        let inline = Inline.submit(|| 1);
        assert!(wait([&inline, &inline], When::AllDone, None));
    });
}

#[test]
fn c036_first_done_returns_when_one_is_done() {
    watch(|| {
        let (pool, gate) = (pool(3), Gate::new());
        let second = Gate::new();
        let handles = [held(&pool, &gate), held(&pool, &second)];
        let opener = thread::spawn(move || {
            thread::sleep(SOON);
            second.open();
        });
        assert!(wait(&handles, When::FirstDone, None));
        assert_eq!(ended(&handles), [false, true]);
        gate.open();
        opener.join().unwrap();
    });
}

#[test]
fn c037_first_done_returns_at_once_if_one_was_done() {
    watch(|| {
        let (pool, gate) = (pool(1), Gate::new());
        let handles = [held(&pool, &gate), Inline.submit(|| 1)];
        assert!(wait(&handles, When::FirstDone, Some(Duration::ZERO)));
        assert!(wait(&handles, When::FirstDone, None));
        gate.open();
    });
}

#[test]
fn c038_first_error_returns_on_the_first_error() {
    watch(|| {
        let (pool, gate) = (pool(3), Gate::new());
        let second = Gate::new();
        let failing = second.clone();
        let failing = pool.submit(move || {
            failing.wait();
            panic!("now, on purpose")
        });
        let handles = [held(&pool, &gate), pool.submit(|| 1), failing];
        assert!(!wait(&handles, When::FirstError, Some(SOON)));
        second.open();
        assert!(wait(&handles, When::FirstError, None));
        assert!(!handles[0].is_finished());
        gate.open();
    });
}

#[test]
fn c039_a_cancelled_task_is_no_error() {
    watch(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let handles = [held(&pool, &gate), pool.submit(|| 1), cancelled(&pool)];
        assert!(!wait(&handles, When::FirstError, Some(SOON)));
        gate.open();
        assert!(wait(&handles, When::FirstError, None));
        assert_eq!(ended(&handles), [true; 3]);
    });
}

#[test]
fn c040_first_error_returns_at_once_if_one_had_failed() {
    watch(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let handles = [held(&pool, &gate), failed(&pool)];
        assert!(wait(&handles, When::FirstError, Some(Duration::ZERO)));
        gate.open();
        let inline = [Inline.submit(|| panic!("here, on purpose"))];
        assert!(wait::<()>(&inline, When::FirstError, None));
    });
}

#[test]
fn c041_all_done_waits_for_all() {
    watch(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let handles = [held(&pool, &gate), failed(&pool), cancelled(&pool)];
        assert!(!wait(&handles, When::AllDone, Some(SOON)));
        gate.open();
        assert!(wait(&handles, When::AllDone, None));
        assert_eq!(ended(&handles), [true; 3]);
        for when in [When::FirstDone, When::FirstError, When::AllDone] {
            assert!(wait::<()>([], when, None));
        }
    });
}

#[test]
fn c042_at_its_limit_wait_is_false() {
    watch(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let handles = [held(&pool, &gate), Inline.submit(|| 1)];
        let start = Instant::now();
        assert!(!wait(&handles, When::AllDone, Some(SOON)));
        assert!(start.elapsed() >= SOON);
        assert_eq!(ended(&handles), [false, true]);
        gate.open();
        for handle in handles {
            handle.result().unwrap();
        }
    });
}

#[test]
fn c043_many_threads_wait_on_overlapping_sets() {
    watch(|| {
        let pool = pool(2);
        for round in 0..200_usize {
            let handles: Vec<_> = (0..8)
                .map(|n| {
                    pool.submit(move || {
                        if n % 3 == 0 {
                            thread::yield_now()
                        }
                    })
                })
                .collect();
            thread::scope(|scope| {
                for shift in 0..4 {
                    let handles = &handles;
                    scope.spawn(move || {
                        let when =
                            [When::FirstDone, When::FirstError, When::AllDone][(round + shift) % 3];
                        assert!(wait(&handles[shift..shift + 4], when, None));
                    });
                }
            });
            assert!(wait(&handles, When::AllDone, Some(LONG)));
        }
    });
}

#[test]
fn c044_as_completed_yields_all_each_once() {
    watch(|| {
        let pool = pool(2);
        let tasks = (0..500).map(|n| {
            (
                n,
                pool.submit(move || {
                    if n % 50 == 7 {
                        panic!("{n}, on purpose")
                    } else {
                        n
                    }
                }),
            )
        });
        let mut seen = HashSet::new();
        for (key, result) in as_completed(tasks) {
            assert!(seen.insert(key));
            match result {
                Ok(value) => assert_eq!(value, key),
                Err(error) => assert!(error.is_panicked() && key % 50 == 7),
            }
        }
        assert_eq!(seen.len(), 500);
        let inline = as_completed((0..10).map(|n| (n, Inline.submit(move || n))));
        assert_eq!(
            inline.map(|(key, _)| key).collect::<Vec<_>>(),
            Vec::from_iter(0..10)
        );
    });
}

#[test]
fn c044_as_completed_takes_more_while_it_goes() {
    watch(|| {
        let pool = pool(2);
        let mut tasks = as_completed([(3_u32, pool.submit(|| ()))]);
        let mut count = 0;
        while let Some((depth, result)) = tasks.next() {
            result.unwrap();
            count += 1;
            if depth > 0 {
                tasks.add(depth - 1, pool.submit(|| ()));
                tasks.add(depth - 1, Inline.submit(|| ()));
            }
        }
        assert_eq!(count, 15);
        assert_eq!(tasks.len(), 0);
    });
}

#[test]
fn c044_as_completed_can_be_awaited() {
    watch(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let mut tasks = as_completed([(1, held(&pool, &gate)), (2, Inline.submit(|| 2))]);
        block_on(async {
            assert_eq!(tasks.next_async().await.unwrap().0, 2);
            gate.open();
            assert_eq!(tasks.next_async().await.unwrap().1.unwrap(), 7);
            assert!(tasks.next_async().await.is_none());
        });
    });
}

#[test]
fn c045_at_its_limit_next_says_how_many_are_left() {
    watch(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let mut tasks = as_completed([(0, held(&pool, &gate)), (1, Inline.submit(|| 1))]);
        assert_eq!(tasks.next_timeout(LONG).unwrap().unwrap().0, 1);
        assert!(tasks.next_timeout(SOON).is_err());
        assert!(tasks.next_deadline(Instant::now() + SOON).is_err());
        assert_eq!(tasks.len(), 1);
        gate.open();
        assert_eq!(tasks.next().unwrap().1.unwrap(), 7);
    });
}

#[test]
fn c046_with_no_time_at_all_the_finished_are_yielded() {
    watch(|| {
        let (pool, gate) = (pool(1), Gate::new());
        let mut tasks = as_completed([(0, held(&pool, &gate)), (1, Inline.submit(|| 1))]);
        assert_eq!(tasks.next_timeout(Duration::ZERO).unwrap().unwrap().0, 1);
        assert!(tasks.next_timeout(Duration::ZERO).is_err());
        gate.open();
    });
}

#[test]
#[ignore = "not applicable: handles are owned, not Clone"]
fn c047_duplicates_in_as_completed() {}

#[test]
fn c049_first_of_failures_is_an_error_with_all_of_them() {
    watch(|| {
        let pool = pool(2);
        let mut group = TaskGroup::new(&pool);
        for n in 0..3 {
            group.submit(move || -> u32 { panic!("number {n}, on purpose") });
        }
        let failed = group.first().unwrap_err();
        let said: Vec<_> = failed.errors().iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 3);
        for (n, said) in said.iter().enumerate() {
            assert!(said.contains(&format!("number {n}")), "{said}");
        }
        let mut inline = TaskGroup::new(&Inline);
        inline.submit(|| -> u32 { panic!("here, on purpose") });
        assert_eq!(inline.first().unwrap_err().errors().len(), 1);
        let nothing = TaskGroup::<ThreadPool, u32>::new(&pool).first();
        assert!(nothing.unwrap_err().first().is_cancelled());
    });
}

#[test]
fn c050_first_success_wins_and_the_others_are_cancelled() {
    watch(|| {
        let pool = pool(2);
        let ran = Arc::new(AtomicUsize::new(0));
        let stopped = Arc::new(AtomicBool::new(false));
        let mut group = TaskGroup::new(&pool);
        let (saw, gate) = (stopped.clone(), Gate::new());
        let started = gate.clone();
        group.submit(move || {
            started.open();
            let me = raddle::current().unwrap();
            saw.store(me.token().wait_timeout(LONG), SeqCst);
            0
        });
        gate.wait();
        group.submit(|| panic!("a bad mirror, on purpose"));
        group.submit(|| 2);
        for _ in 0..1000 {
            let ran = ran.clone();
            group.submit(move || {
                // Keeps the other worker until the group is cancelled, and a
                // moment longer: the siblings are cancelled one by one.
                ran.fetch_add(1, SeqCst);
                raddle::current().unwrap().token().wait();
                thread::sleep(Duration::from_millis(1));
                2
            });
        }
        assert_eq!(group.first().unwrap(), 2);
        drop(pool);
        assert!(stopped.load(SeqCst), "the running task was asked to stop");
        assert!(ran.load(SeqCst) < 1000);
    });
}

#[test]
fn c051_all_of_nothing_is_empty_at_once() {
    watch(|| {
        let group = TaskGroup::<_, u32>::new(&Inline);
        assert!(group.all().unwrap().is_empty());
        let pool = pool(1);
        assert!(TaskGroup::<_, u32>::new(&pool).all().unwrap().is_empty());
        assert!(block_on(TaskGroup::<_, u32>::new(&pool).settle_async()).is_empty());
    });
}

/// Tries `body` with a longer limit each time until that was enough for what
/// is to happen before it: so a busy machine makes a test slow, and not fail.
fn in_time(body: impl Fn(Duration) -> bool) {
    let mut limits = std::iter::successors(Some(SOON), |limit| Some(*limit * 2));
    assert!(limits.any(body));
}

#[test]
fn c052_at_the_deadline_the_unfinished_are_marked_in_their_places() {
    watch(|| {
        in_time(|limit| {
            let (pool, gate) = (pool(2), Gate::new());
            let mut group = TaskGroup::new(&pool).deadline(Instant::now() + limit);
            for n in 0..6 {
                let gate = gate.clone();
                group.submit(move || {
                    if n % 2 == 1 {
                        gate.wait();
                    }
                    n
                });
            }
            let outcomes = group.settle();
            gate.open();
            assert_eq!(outcomes.len(), 6);
            for late in [1, 3, 5] {
                assert!(outcomes[late].as_ref().unwrap_err().is_timed_out());
            }
            outcomes[0].as_ref().is_ok_and(|n| *n == 0)
        });
    });
}

#[test]
fn c052_the_first_error_cancels_the_siblings() {
    watch(|| {
        let pool = pool(1);
        let mut group = TaskGroup::new(&pool);
        group.submit(|| panic!("the cause, on purpose"));
        for n in 0..1000 {
            group.submit(move || {
                // The worker gets no further until the group is cancelled; then
                // a moment longer: the siblings are cancelled one by one.
                raddle::current().unwrap().token().wait();
                thread::sleep(Duration::from_millis(1));
                n
            });
        }
        let failed = group.all().unwrap_err();
        assert_eq!(failed.errors().len(), 1);
        assert!(failed.to_string().contains("the cause"));
        assert!(pool.stats().finished < 1000);
    });
}

#[test]
fn c052_a_limited_group_never_has_more_unfinished() {
    watch(|| {
        let pool = pool(4);
        let running = Arc::new(AtomicUsize::new(0));
        let mut group = TaskGroup::new(&pool).limit(2);
        for _ in 0..100 {
            let running = running.clone();
            group.submit(move || {
                assert!(running.fetch_add(1, SeqCst) < 2);
                thread::yield_now();
                running.fetch_sub(1, SeqCst);
            });
        }
        group.all().unwrap();
        let (gate, mut group) = (Gate::new(), TaskGroup::new(&pool).limit(1));
        let held = gate.clone();
        group.submit(move || held.wait());
        assert!(group.submit_timeout(|| (), SOON).is_err());
        gate.open();
        group.submit_timeout(|| (), LONG).unwrap();
        assert_eq!(group.all().unwrap().len(), 2);
    });
}

#[test]
fn c054_map_keeps_the_order() {
    watch(|| {
        let pool = pool(2);
        let expected: Vec<u64> = (0..1000).map(|n| n * n).collect();
        let square = |n: u64| n * n;
        assert_eq!(
            pool.map(0..1000, square)
                .map(Result::unwrap)
                .collect::<Vec<_>>(),
            expected
        );
        let chunked = pool.map(0..1000, square).chunk(7).buffer(20);
        assert_eq!(chunked.map(Result::unwrap).collect::<Vec<_>>(), expected);
        for huge in [usize::MAX, usize::MAX / 4] {
            let at_once = pool.map(0..1000, square).chunk(huge);
            assert_eq!(at_once.map(Result::unwrap).collect::<Vec<_>>(), expected);
        }
        assert_eq!(
            Inline
                .map(0..1000, square)
                .map(Result::unwrap)
                .collect::<Vec<_>>(),
            expected
        );
        let mut unordered: Vec<_> = pool
            .map(0..1000, square)
            .unordered()
            .map(Result::unwrap)
            .collect();
        unordered.sort_unstable();
        assert_eq!(unordered, expected);
        assert_eq!(pool.map(0..1000_i32, |n| n).len(), 1000);
    });
}

/// Fails for every tenth.
fn sixty_by(n: u32) -> u32 {
    assert!(!n.is_multiple_of(10), "{n}, on purpose");
    60 / (n % 10)
}

#[test]
fn c055_a_failing_item_fails_alone() {
    watch(|| {
        let pool = pool(2);
        for chunk in [1, 4] {
            let map = pool.map(0..20_u32, sixty_by).chunk(chunk);
            for (n, (key, result)) in map.keyed().enumerate() {
                assert_eq!(n as u32, key);
                assert_eq!(result.is_err(), n % 10 == 0);
            }
            let map = Inline.map(0..20_u32, sixty_by).chunk(chunk);
            assert_eq!(map.filter(Result::is_err).count(), 2);
        }
        let mut failing = pool.map([1], |_| panic!("here, on purpose"));
        let Some(Err::<(), _>(TaskError::Panicked(panic))) = failing.next() else {
            panic!("a panic is in its place");
        };
        assert_eq!(panic.submitted_at().file(), file!());
    });
}

#[test]
fn c056_a_map_with_a_deadline_ends_and_the_pool_goes_on() {
    watch(|| {
        let pool = pool(2);
        for unordered in [false, true] {
            in_time(|limit| {
                let gate = Gate::new();
                let held = gate.clone();
                let map = pool.map(0..1_000_000, move |n| {
                    if n > 0 {
                        held.wait()
                    }
                });
                let map = map.buffer(4).deadline(Instant::now() + limit);
                let map = if unordered { map.unordered() } else { map };
                let mut results: Vec<_> = map.collect();
                gate.open();
                assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
                assert!((1..=5).contains(&results.len()), "{results:?}");
                let first = results.remove(0);
                let mut late = results.iter().map(|r| r.as_ref().unwrap_err());
                assert!(late.all(TaskError::is_timed_out));
                first.is_ok() && results.len() >= 3
            });
        }
    });
}

#[test]
fn c057_nothing_runs_before_the_first_next() {
    watch(|| {
        let pool = pool(2);
        let ran = Arc::new(AtomicUsize::new(0));
        let count = ran.clone();
        let mut map = pool
            .map(0..100, move |_| count.fetch_add(1, SeqCst))
            .buffer(3);
        thread::sleep(SOON);
        assert_eq!(ran.load(SeqCst), 0);
        map.next().unwrap().unwrap();
        assert!(ran.load(SeqCst) <= 3);
    });
}

#[test]
fn c058_dropping_the_map_cancels_the_rest() {
    watch(|| {
        let pool = pool(1);
        for unordered in [false, true] {
            let (gate, ran) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
            let (held, count) = (gate.clone(), ran.clone());
            let map = pool.map(0..100, move |n| {
                count.fetch_add(1, SeqCst);
                if n > 0 {
                    held.wait();
                }
            });
            let map = map.buffer(50);
            let mut map = if unordered { map.unordered() } else { map };
            map.next().unwrap().unwrap();
            drop(map);
            gate.open();
            pool.submit(|| ()).result().unwrap();
            assert!(ran.load(SeqCst) <= 2);
        }
    });
}

#[test]
fn c058_a_panic_of_the_input_passes_and_cancels_the_rest() {
    watch(|| {
        let pool = pool(1);
        let input = (0..10).map(|n| {
            if n == 5 {
                panic!("the input, on purpose")
            } else {
                n
            }
        });
        let mut map = pool.map(input, |n| n).buffer(2);
        let caught =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| map.by_ref().count()));
        assert!(caught.is_err());
        assert!(map.next().is_none());
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
    });
}

#[test]
fn promise_3_an_untimed_wait_for_many_on_one_worker_never_deadlocks() {
    watch(|| {
        let pool = Arc::new(
            ThreadPool::builder()
                .workers(1)
                .workers_max(1)
                .build()
                .unwrap(),
        );
        let inner = pool.clone();
        let outer = pool.submit(move || {
            let tasks = (0..100).map(|n| (n, inner.submit(move || n)));
            let by_completion: u32 = as_completed(tasks).map(|(_, n)| n.unwrap()).sum();
            let mapped: u32 = inner.map(0..100, |n| n).map(Result::unwrap).sum();
            let unordered: u32 = inner
                .map(0..100, |n| n)
                .unordered()
                .map(Result::unwrap)
                .sum();
            let handles: Vec<_> = (0..100).map(|n| inner.submit(move || n)).collect();
            assert!(wait(&handles, When::AllDone, None));
            let mut group = TaskGroup::new(&*inner).limit(3);
            for n in 0..100 {
                group.submit(move || n);
            }
            (
                by_completion,
                mapped,
                unordered,
                group.all().unwrap().iter().sum::<u32>(),
            )
        });
        let sums = outer.result_timeout(LONG).expect("no deadlock").unwrap();
        assert_eq!(sums, (4950, 4950, 4950, 4950));
    });
}

#[test]
fn a_group_ties_its_tasks_to_its_token_and_to_theirs() {
    watch(|| {
        let (pool, gate) = (pool(1), Gate::new());
        let own = raddle::CancellationToken::new();
        let mut group = TaskGroup::new(&pool);
        let held = gate.clone();
        group.submit(move || held.wait());
        group.submit(task(|| ()).named("tied").cancelled_by(&own));
        group.submit(|| ());
        own.cancel();
        gate.open();
        let outcomes = group.settle();
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
        assert!(outcomes[1].as_ref().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_cancelled_group_says_so() {
    watch(|| {
        let (pool, gate) = (pool(1), Gate::new());
        let blocker = held(&pool, &gate);
        let mut group = TaskGroup::new(&pool);
        group.submit(|| 1);
        group.submit(|| 2);
        group.cancel();
        assert!(group.token().is_cancelled());
        let errors = group.all().unwrap_err().into_errors();
        assert!(errors.len() == 2 && errors.iter().all(TaskError::is_cancelled));
        gate.open();
        assert_eq!(blocker.result().unwrap(), 7);
    });
}

#[test]
fn a_panic_in_a_group_names_the_line_that_submitted_it() {
    watch(|| {
        let pool = pool(1);
        let mut group = TaskGroup::new(&pool);
        group.submit(|| panic!("here, on purpose"));
        let mut outcomes: Vec<Result<(), _>> = group.settle();
        match outcomes.remove(0) {
            Err(TaskError::Panicked(panic)) => assert_eq!(panic.submitted_at().file(), file!()),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn what_is_awaited_can_move_between_threads() {
    watch(|| {
        fn is_send<T: Send>(_: &T) {}
        let pool = pool(1);
        let mut tasks = as_completed([(1, pool.submit(|| 1))]);
        is_send(&tasks);
        is_send(&tasks.next_async());
        let mut group = TaskGroup::new(&pool);
        group.submit(|| 1);
        is_send(&group.all_async());
        is_send(&TaskGroup::<_, u32>::new(&pool).first_async());
        is_send(&TaskGroup::<_, u32>::new(&pool).settle_async());
    });
}

#[test]
fn groups_can_be_awaited() {
    watch(|| {
        let pool = pool(2);
        let group = || {
            let mut group = TaskGroup::new(&pool);
            group.submit(|| 1);
            group.submit(|| 2);
            group
        };
        assert_eq!(block_on(group().all_async()).unwrap(), [1, 2]);
        assert!(block_on(group().first_async()).unwrap() <= 2);
        assert_eq!(block_on(group().settle_async()).len(), 2);
        let mut failing = group();
        failing.submit(|| panic!("the third, on purpose"));
        assert!(
            block_on(failing.all_async())
                .unwrap_err()
                .first()
                .is_panicked()
        );
    });
}

#[test]
#[cfg(unix)]
fn after_a_fork_nobody_waits_for_ever() {
    watch(|| {
        let (pool, gate) = (pool(1), Gate::new());
        let mut tasks = as_completed([(1, held(&pool, &gate)), (2, Inline.submit(|| 2))]);
        let waited = [held(&pool, &gate), held(&pool, &gate)];
        // SAFETY: the child looks at handles and ends without running anything of
        // the test harness.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // Ends the child if it hangs: it holds the output open, which somebody
            // may be reading to its end.
            // SAFETY: the call has no preconditions.
            unsafe { libc::alarm(common::LIMIT.as_secs() as u32 / 2) };
            let results: Vec<_> = tasks.by_ref().collect();
            let refused = |r: &Result<u32, TaskError>| r.as_ref().is_err_and(TaskError::is_refused);
            let fine = results.len() == 2
                && results.iter().all(|(key, r)| match key {
                    1 => refused(r),
                    _ => matches!(r, Ok(2)),
                })
                && wait(&waited, When::FirstError, None)
                && wait(&waited, When::AllDone, None);
            drop(tasks);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(i32::from(!fine)) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
        gate.open();
        assert_eq!(tasks.map(|(_, value)| value.unwrap()).sum::<u32>(), 9);
    });
}
