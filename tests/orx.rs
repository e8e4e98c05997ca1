//! Feature `orx`: parallel iterators of orx-parallel and paralight on this pool.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Tally, pool, watch};
use raddle::ThreadPool;

const MANY: usize = 10_000;

fn fails(body: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
}

mod orx {
    use super::*;
    use orx_parallel::*;

    #[test]
    fn collects_in_order_and_sums() {
        watch(|| {
            for width in 1..4 {
                let pool = pool(width);
                let texts: Vec<String> = (0..MANY)
                    .into_par()
                    .runner(Runner::adaptive_with_pool(&pool))
                    .map(|n| n.to_string())
                    .collect();
                assert!(
                    texts
                        .iter()
                        .enumerate()
                        .all(|(n, text)| *text == n.to_string())
                );
                let lengths: usize = texts
                    .par()
                    .runner(Runner::adaptive_with_pool(&pool))
                    .map(String::len)
                    .sum();
                assert_eq!(lengths, texts.iter().map(String::len).sum());
            }
        });
    }

    #[test]
    fn runs_within_tasks_and_within_itself() {
        watch(|| {
            let pool = Arc::new(pool(2));
            let inner = pool.clone();
            let sum = pool.submit(move || {
                let pool: &raddle::ThreadPool = &inner;
                let of = |n: usize| {
                    (0..n)
                        .into_par()
                        .runner(Runner::adaptive_with_pool(pool))
                        .sum::<usize>()
                };
                (0..100usize)
                    .into_par()
                    .runner(Runner::adaptive_with_pool(pool))
                    .map(of)
                    .sum::<usize>()
            });
            assert_eq!(
                sum.result().unwrap(),
                (0..100).map(|n: usize| (0..n).sum::<usize>()).sum()
            );
        });
    }

    #[test]
    fn its_panics_come_out() {
        watch(|| {
            let pool = pool(2);
            fails(|| {
                let odd = |n: usize| assert!(n < MANY / 2, "a panic of an item's");
                (0..MANY)
                    .into_par()
                    .runner(Runner::adaptive_with_pool(&pool))
                    .for_each(odd);
            });
            assert_eq!(
                (0..9usize)
                    .into_par()
                    .runner(Runner::adaptive_with_pool(&pool))
                    .sum::<usize>(),
                36
            );
        });
    }

    #[test]
    fn runs_tasks() {
        watch(|| {
            let (pool, count) = (pool(2), AtomicUsize::new(0));
            let add = || _ = count.fetch_add(1, SeqCst);
            orx_parallel::ThreadPool::run_all(&pool, tasks![add, add, add]);
            assert_eq!(count.into_inner(), 3);
        });
    }
}

mod light {
    use super::*;
    use paralight::prelude::*;

    fn on(width: usize) -> raddle::ThreadPool {
        pool(width)
    }

    #[test]
    fn each_item_is_seen_once() {
        watch(|| {
            for width in 1..4 {
                let pool = on(width);
                for len in [0, 1, 2, 7, 100, MANY] {
                    let seen: Vec<_> = (0..len).map(|_| AtomicUsize::new(0)).collect();
                    let see = |seen: &AtomicUsize| _ = seen.fetch_add(1, SeqCst);
                    seen.par_iter().with_thread_pool(&pool).for_each(see);
                    assert!(seen.iter().all(|seen| seen.load(SeqCst) == 1));
                    let sum = (0..len)
                        .into_par_iter()
                        .with_thread_pool(&pool)
                        .sum::<usize>();
                    assert_eq!(sum, (0..len).sum());
                }
            }
        });
    }

    #[test]
    fn the_first_is_found_and_the_rest_is_dropped() {
        watch(|| {
            let pool = on(3);
            for at in [0, 1, MANY / 3, MANY - 1] {
                let tally = Tally::default();
                let items: Vec<_> = (0..MANY).map(|n| (n, tally.make())).collect();
                let found = items
                    .into_par_iter()
                    .with_thread_pool(&pool)
                    .find_first(|(n, _)| *n >= at);
                assert_eq!(found.map(|(n, _)| n), Some(at));
                assert_eq!(tally.dropped(), MANY);
            }
        });
    }

    #[test]
    fn a_panic_comes_out_and_all_is_dropped() {
        watch(|| {
            let pool = on(3);
            for at in [0, MANY / 2, MANY - 1] {
                let tally = Tally::default();
                let items: Vec<_> = (0..MANY).map(|n| (n, tally.make())).collect();
                fails(|| {
                    let check = |(n, _)| assert!(n != at, "a panic of an item's");
                    items
                        .into_par_iter()
                        .with_thread_pool(&pool)
                        .for_each(check);
                });
                assert_eq!(tally.dropped(), MANY);
            }
        });
    }

    #[test]
    fn runs_within_tasks_and_within_itself() {
        watch(|| {
            let pool = Arc::new(on(2));
            let inner = pool.clone();
            let sum = pool.submit(move || {
                let pool: &ThreadPool = &inner;
                let of = |n: usize| (0..n).into_par_iter().with_thread_pool(pool).sum::<usize>();
                let all = (0..100usize).into_par_iter().with_thread_pool(pool);
                all.map(of).sum::<usize>()
            });
            assert_eq!(
                sum.result().unwrap(),
                (0..100).map(|n: usize| (0..n).sum::<usize>()).sum()
            );
        });
    }
}
