//! Handles and futures beside other runtimes: tokio, of one thread and of several,
//! and smol's executor. A raddle handle is awaited there; what they give is awaited
//! on a raddle pool; a handle whose future is dropped leaves nothing behind.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use common::{Gate, Tally, pool, until, watch};
use futures_lite::future::{block_on, or, poll_once, yield_now, zip};
use raddle::sync::{Event, Queue, Semaphore};
use raddle::{Shutdown, TaskError};
use tokio::runtime::{Builder, Runtime};

fn tokios() -> [Runtime; 2] {
    [
        Builder::new_current_thread().build().unwrap(),
        (Builder::new_multi_thread().worker_threads(2).build()).unwrap(),
    ]
}

#[test]
fn handles_are_awaited_on_tokio() {
    watch(|| {
        for runtime in tokios() {
            let pool = Arc::new(pool(2));
            let inner = pool.clone();
            let sum = runtime.block_on(async move {
                let tasks: Vec<_> = (0..100_u64)
                    .map(|n| {
                        let pool = inner.clone();
                        tokio::spawn(async move {
                            let task = pool.submit(move || n).await?;
                            let future = pool.spawn_async(async move {
                                yield_now().await;
                                task
                            });
                            future.await
                        })
                    })
                    .collect();
                let mut sum = 0;
                for task in tasks {
                    sum += task.await.unwrap()?;
                }
                Ok::<_, TaskError>(sum)
            });
            assert_eq!(sum.unwrap(), 4950);
            let panics = runtime.block_on(pool.submit(|| panic!("on purpose")));
            let error = panics.unwrap_err();
            assert!(error.to_string().contains("on purpose"));
        }
    });
}

#[test]
fn tokios_tasks_are_awaited_on_the_pool() {
    watch(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let pool = pool(2);
        let handles: Vec<_> = (0..100_u64)
            .map(|n| {
                let there = runtime.spawn(async move {
                    tokio::task::yield_now().await;
                    n
                });
                pool.spawn_async(async move { there.await.unwrap() })
            })
            .collect();
        let sum: u64 = handles.into_iter().map(|h| h.result().unwrap()).sum();
        assert_eq!(sum, 4950);
        // One that ends with its runtime tells who awaits it here.
        let never = runtime.spawn(std::future::pending::<()>());
        let waits = pool.spawn_async(async move { never.await.unwrap_err().is_cancelled() });
        until(|| raddle::dump().contains(&format!("task {},", waits.id())));
        drop(runtime);
        assert!(waits.result().unwrap());
    });
}

#[test]
fn handles_are_awaited_on_smols_executor() {
    watch(|| {
        let (pool, executor) = (Arc::new(pool(2)), async_executor::Executor::new());
        let tasks: Vec<_> = (0..100_u64)
            .map(|n| {
                let pool = pool.clone();
                executor.spawn(async move {
                    let (one, two) = (pool.submit(move || n), pool.spawn_async(async move { n }));
                    let (one, two) = zip(one, two).await;
                    one.unwrap() + two.unwrap()
                })
            })
            .collect();
        let sum = block_on(executor.run(async {
            let mut sum = 0;
            for task in tasks {
                sum += task.await;
            }
            sum
        }));
        assert_eq!(sum, 9900);
    });
}

#[test]
fn a_select_that_drops_a_handle_detaches_or_cancels() {
    watch(|| {
        for runtime in tokios() {
            let (pool, event, tally) = (pool(2), Arc::new(Event::new()), Tally::default());
            let ran = Arc::new(AtomicUsize::new(0));
            let future = || {
                let (event, counted, ran) = (event.clone(), tally.make(), ran.clone());
                async move {
                    let _counted = counted;
                    event.wait_async().await;
                    ran.fetch_add(1, SeqCst);
                }
            };
            runtime.block_on(async {
                for _ in 0..10 {
                    // Loses, and is only detached.
                    let loses = pool.spawn_async(future());
                    let won = or(async { drop(loses.await) }, yield_now()).await;
                    // Loses, and is cancelled.
                    let loses = pool.spawn_async(future()).cancel_on_drop();
                    let also = or(async { drop(loses.await) }, yield_now()).await;
                    assert_eq!((won, also), ((), ()));
                    // Polled once, and then waited for by other means.
                    let mut kept = pool.submit(|| 7);
                    let first = poll_once(&mut kept).await;
                    let n = match first {
                        Some(n) => n,
                        None => kept.result(),
                    };
                    assert_eq!(n.unwrap(), 7);
                }
            });
            // One that was polled as it was cancelled is dropped a moment later.
            until(|| tally.dropped() == 10);
            event.set();
            let report = pool.shutdown(Shutdown::Finish);
            assert_eq!((ran.load(SeqCst), report.finished), (10, 20));
            assert_eq!(tally.dropped(), 20);
        }
    });
}

#[test]
fn a_runtime_that_ends_while_it_awaits_a_handle_leaves_nothing() {
    watch(|| {
        for runtime in tokios() {
            let (pool, gate, tally) = (pool(1), Gate::new(), Tally::default());
            let (waits, value) = (gate.clone(), tally.make());
            let task = pool.submit(move || {
                waits.wait();
                value
            });
            let awaits = runtime.spawn(async move {
                let _ = task.await;
            });
            runtime.block_on(async { yield_now().await });
            runtime.shutdown_timeout(Duration::from_secs(10));
            drop(awaits);
            gate.open();
            // Its handle is gone, so it drops its result itself.
            assert_eq!(pool.shutdown(Shutdown::Finish).finished, 1);
            assert_eq!(tally.dropped(), 1);
        }
    });
}

#[test]
fn one_object_serves_three_runtimes_and_threads() {
    watch(|| {
        let (pool, [_, tokio]) = (pool(2), tokios());
        let smol = async_executor::Executor::new();
        let (permits, items) = (Arc::new(Semaphore::new(2)), Queue::bounded(2));
        const EACH: u32 = 50;
        let work = || {
            let (permits, items) = (permits.clone(), items.clone());
            async move {
                for n in 0..EACH {
                    let permit = permits.acquire_async().await.unwrap();
                    yield_now().await;
                    items.push_async(n).await.unwrap();
                    drop(permit);
                }
            }
        };
        let here = pool.spawn_async(work());
        let there = tokio.spawn(work());
        let third = smol.spawn(work());
        let mut sum = 0;
        block_on(smol.run(async {
            for _ in 0..3 * EACH {
                sum += items.pop_async().await.unwrap();
            }
            third.await;
        }));
        here.result().unwrap();
        tokio.block_on(there).unwrap();
        assert_eq!(sum, 3 * (0..EACH).sum::<u32>());
    });
}
