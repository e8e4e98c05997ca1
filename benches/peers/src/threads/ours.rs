//! raddle's fork-join: `join`, `scope` and `par_*`. What submits single tasks is
//! in `pools.rs`.

use raddle::ThreadPool;

use crate::forks::{Recursion, raddle as recursions};

/// `raddle::join`, which needs no context.
#[derive(Clone, Copy)]
pub struct Join;

impl Join {
    #[inline(always)]
    pub fn join<A: Send, B: Send>(
        self,
        a: impl FnOnce(Self) -> A + Send,
        b: impl FnOnce(Self) -> B + Send,
    ) -> (A, B) {
        raddle::join(|| a(self), || b(self))
    }
}

/// `what` as a task of a pool with so many workers; the caller waits.
pub fn inside(threads: usize, what: &Recursion) -> f64 {
    let pool = ThreadPool::new(threads).unwrap();
    let run = |what: Recursion| pool.submit(move || recursions::run(Join, &what)).result();
    run(Recursion::warm_up()).unwrap();
    what.time(|| run(what.clone()).unwrap())
}

/// `what` from outside: the caller is one of so many threads.
pub fn with_caller(threads: usize, what: &Recursion) -> f64 {
    let pool = ThreadPool::new(threads - 1).unwrap();
    let run = |what: &Recursion| pool.join(|| recursions::run(Join, what), || ()).0;
    run(&Recursion::warm_up());
    what.time(|| run(what))
}

/// So many scope children, each of which joins.
pub fn nested_in_scope(threads: usize, tasks: usize, what: &Recursion) -> f64 {
    let pool = ThreadPool::new(threads).unwrap();
    inside_once(&pool, &Recursion::warm_up());
    crate::nested::time(tasks, what, |count| {
        pool.scope(|scope| {
            for _ in 0..tasks {
                let _ = scope.submit(move || count.add(recursions::run(Join, what)));
            }
        });
    })
}

/// So many tasks, each of which joins, and every result by its handle.
pub fn nested_by_handle(threads: usize, tasks: usize, what: &Recursion) -> f64 {
    let pool = ThreadPool::new(threads).unwrap();
    inside_once(&pool, &Recursion::warm_up());
    crate::nested::time(tasks, what, |count| {
        let handles: Vec<_> = (0..tasks)
            .map(|_| {
                let what = what.clone();
                pool.submit(move || recursions::run(Join, &what))
            })
            .collect();
        for handle in handles {
            count.add(handle.result().unwrap());
        }
    })
}

/// As a recursion of `spawn.rs`, in a scope: nothing is counted by who waits.
pub fn scope_forget<'scope, 'env>(
    scope: &'scope raddle::Scope<'scope, 'env>,
    depth: u32,
    count: &'static crate::count::Count,
) {
    let _ = scope.submit(move || match depth {
        0 => count.add(1),
        _ => {
            scope_forget(scope, depth - 1, count);
            scope_forget(scope, depth - 1, count);
        }
    });
}

fn inside_once(pool: &ThreadPool, what: &Recursion) {
    let what = what.clone();
    let result = pool.submit(move || recursions::run(Join, &what)).result();
    result.unwrap();
}

/// `par_map` on a pool with so many threads, the caller among them.
pub fn map(pool: &ThreadPool, items: &[u64], f: fn(&u64) -> u64) -> Vec<u64> {
    pool.par_map(items, f)
}

/// `par_for_each`.
pub fn for_each(pool: &ThreadPool, items: &mut [f64], f: impl Fn(&mut f64) + Sync) {
    pool.par_for_each(items, f);
}
