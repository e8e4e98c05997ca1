//! Every public method, called from wherever user code may run: t17.

use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use raddle::{
    CancellationToken, Handle, Inline, Priority, Shutdown, Task as _, TaskError, TaskGroup,
    ThreadPool, When, WhenFull, as_completed, block_on, block_on_timeout, blocking, current, dump,
    task, wait,
};

use crate::reenter_sync::sync_objects;

/// The pool whose user code reenters.
pub(crate) static POOL: OnceLock<ThreadPool> = OnceLock::new();

/// Longer than any test, and yet a limit: such a wait claims nothing.
const LONG: Duration = Duration::from_secs(3600);

/// Calls every public method, and waits in every way that there is.
pub(crate) fn reenter_everything() {
    let pool = POOL.get().unwrap();
    handles(pool);
    many(pool);
    tokens();
    pools(pool);
    sync_objects(pool);
    // The thread that resolves what has run out of time may wait for any task,
    // but not for itself.
    if thread::current().name() != Some("raddle-timer") {
        by_the_timer(pool);
    }
}

fn quick(pool: &ThreadPool) -> Handle<Result<i32, TaskError>> {
    pool.submit(|| Ok(1))
}

fn handles(pool: &ThreadPool) {
    let far = Instant::now() + LONG;
    quick(pool).detach();
    let handle = quick(pool);
    handle.on_done(|_| ());
    let _ = (handle.state().is_final(), handle.id().get(), handle.name());
    let _ = (handle.is_finished(), format!("{handle:?}"));
    handle.wait();
    assert_eq!(handle.result().unwrap().unwrap(), 1);
    assert_eq!(quick(pool).flat_result().unwrap(), 1);
    assert!(quick(pool).wait_timeout(LONG) && quick(pool).wait_deadline(far));
    assert!(quick(pool).result_timeout(LONG).is_ok());
    assert!(quick(pool).result_deadline(far).is_ok());
    assert!(quick(pool).flat_result_timeout(LONG).is_ok());
    assert!(quick(pool).flat_result_deadline(far).is_ok());
    // Too late, or not: who knows.
    let _ = quick(pool).result_timeout(Duration::ZERO);
    assert_eq!(block_on(quick(pool)).unwrap().unwrap(), 1);
    assert!(block_on_timeout(quick(pool), LONG).is_ok());
    let _ = block_on_timeout(std::future::pending::<()>(), Duration::ZERO);
    block_on(std::future::ready(()));
    let (one, two) = (quick(pool), quick(pool));
    let _ = (one.cancel(), two.kill());
    drop(one.cancel_on_drop());
    two.cancel_on_drop().into_handle().wait();
    let inside = || {
        let context = current().unwrap();
        let _ = (context.id(), context.name().is_some(), context.attempt());
        let _ = (context.deadline(), context.worker());
        context.token().is_cancelled()
    };
    let options = task(inside).named("inside").timeout(LONG).deadline(far);
    let options = options.priority(Priority::Low);
    let tied = options.cancelled_by(&CancellationToken::new());
    assert!(!pool.submit(tied).result().unwrap());
    let _ = current();
}

fn many(pool: &ThreadPool) {
    let far = Instant::now() + LONG;
    for when in [When::FirstDone, When::FirstError, When::AllDone] {
        assert!(wait(&[quick(pool), quick(pool)], when, None));
        assert!(wait(&[quick(pool), quick(pool)], when, Some(LONG)));
    }
    let mut completed = as_completed((0..5).map(|key| (key, quick(pool))));
    assert!(completed.next().is_some());
    assert!(completed.next_timeout(LONG).is_ok());
    assert!(completed.next_deadline(far).is_ok());
    completed.add(6, quick(pool));
    assert!(block_on(completed.next_async()).is_some());
    assert!(block_on(std::future::poll_fn(|context| completed.poll_next(context))).is_some());
    drop(completed);
    let group = || {
        let mut group = TaskGroup::new(pool).limit(2).deadline(far);
        group.submit(|| 1);
        group.submit_timeout(|| 1, LONG).unwrap();
        group.submit_deadline(|| 1, far).unwrap();
        let _ = (group.len(), group.is_empty(), group.token());
        group
    };
    assert_eq!(group().all().unwrap(), [1; 3]);
    assert_eq!(group().first().unwrap(), 1);
    assert_eq!(group().settle().len(), 3);
    assert_eq!(block_on(group().all_async()).unwrap(), [1; 3]);
    assert_eq!(block_on(group().first_async()).unwrap(), 1);
    assert_eq!(block_on(group().settle_async()).len(), 3);
    group().cancel();
    let map = || pool.map(0..4, |n| n).buffer(2).chunk(2);
    assert_eq!(map().map(Result::unwrap).sum::<i32>(), 6);
    assert_eq!(map().unordered().map(Result::unwrap).sum::<i32>(), 6);
    let limited = map().timeout_each(LONG).deadline(far).keyed();
    assert_eq!(limited.map(|(_, n)| n.unwrap()).sum::<i32>(), 6);
    let states = pool.map_init(0..4, || 1, |one, n| n + *one);
    assert_eq!(states.map(Result::unwrap).sum::<i32>(), 10);
    drop(map().next());
}

fn tokens() {
    let far = Instant::now() + LONG;
    let token = CancellationToken::with_deadline(far);
    let _ = (token.is_cancelled(), token.check(), token.deadline());
    assert!(!token.wait_timeout(Duration::from_nanos(1)));
    assert!(!token.wait_deadline(Instant::now()));
    let child = CancellationToken::with_timeout(LONG).child_with_deadline(far);
    child.cancel();
    let child = token.child();
    token.cancel();
    child.wait();
    block_on(child.cancelled());
}

fn pools(pool: &ThreadPool) {
    let far = Instant::now() + LONG;
    let _ = (pool.stats(), pool.width(), dump(), format!("{pool:?}"));
    pool.resize(pool.width() + 1);
    pool.resize(pool.width() - 1);
    // It waits for workers that compute, and some of the pool's may be held.
    let other = ThreadPool::new(1).unwrap();
    assert_eq!(other.broadcast(|worker| worker.get()), [0]);
    assert!(pool.try_submit(|| 1).unwrap().result().is_ok());
    let handles = pool.submit_many([|| 1, || 2]);
    assert_eq!(
        handles
            .into_iter()
            .map(|h| h.result().unwrap())
            .sum::<i32>(),
        3
    );
    assert_eq!(pool.submit_timeout(|| 1, LONG).result().unwrap(), 1);
    assert_eq!(pool.submit_deadline(|| 1, far).result().unwrap(), 1);
    pool.submit_after(Duration::ZERO, || ()).detach();
    assert_eq!(pool.submit_blocking(|| 1).result().unwrap(), 1);
    assert_eq!(blocking(|| pool.submit(|| 1).result().unwrap()), 1);
    assert_eq!(block_on(pool.spawn_async(async { 1 })).unwrap(), 1);
    let inside = pool.spawn_async(async { quick(POOL.get().unwrap()).await });
    assert_eq!(inside.result().unwrap().unwrap().unwrap(), 1);
    let _ = pool.spawn_async(std::future::pending::<()>()).cancel();
    assert_eq!(Inline.submit(|| 1).result().unwrap(), 1);
    assert_eq!(Inline.try_submit(|| 1).unwrap().result().unwrap(), 1);
    assert_eq!(ThreadPool::global().submit(|| 1).result().unwrap(), 1);
    let second = ThreadPool::builder().workers(1).build_global();
    assert!(second.is_err(), "there is one");
    forks(pool);
    for how in [
        Shutdown::Finish,
        Shutdown::FinishWithin(LONG),
        Shutdown::CancelQueued,
        Shutdown::Kill,
    ] {
        let own = ThreadPool::new(1).unwrap();
        assert_eq!(own.submit(|| 1).result().unwrap(), 1);
        assert!(own.shutdown(how).still_running.is_empty());
    }
    let own = ThreadPool::builder()
        .workers(1)
        .workers_max(2)
        .on_demand(true);
    let own = own.keep_alive(Duration::ZERO).name("own").trace_tasks(true);
    let own = own.queue_limit(1, WhenFull::Wait).caller_runs(true);
    let own = own.on_worker_start(|_| ()).on_worker_exit(|_| ());
    let own = own.on_panic(|_| ()).panic_hook(false).stack_size(1 << 20);
    let own = own.pin(true);
    assert_eq!(own.build().unwrap().submit(|| 1).result().unwrap(), 1);
    let waits = ThreadPool::for_blocking(1).unwrap();
    assert_eq!(waits.submit(|| 1).result().unwrap(), 1);
}

/// What borrows from the stack.
fn forks(pool: &ThreadPool) {
    let far = Instant::now() + LONG;
    assert_eq!(pool.join(|| 1, || 2), (1, 2));
    assert_eq!(raddle::join(|| 1, || 2), (1, 2));
    let sum = pool.scope(|s| {
        let child = s.submit(|| 1);
        let _ = (
            child.is_finished(),
            child.state(),
            child.cancel(),
            format!("{s:?} {child:?}"),
        );
        let child = s.submit(|| 2).result_timeout(LONG).unwrap().unwrap();
        child + s.submit(|| 3).result_deadline(far).unwrap().unwrap()
    });
    assert_eq!(sum, 5);
    assert_eq!(pool.scope_fifo(|s| s.submit(|| 1).result().unwrap()), 1);
    assert_eq!(raddle::scope(|s| s.submit(|| 1).result().unwrap()), 1);
    let mut numbers = [1, 2, 3];
    pool.par_for(0..3, |_| ());
    pool.par_for_each(&mut numbers, |n| *n += 1);
    pool.par_chunks_mut(&mut numbers, 2, |_, chunk| chunk[0] += 1);
    assert_eq!(pool.par_map(&numbers, |n| *n), [3, 3, 5]);
    assert_eq!(
        pool.par_reduce(&numbers, || 0, |sum, n| sum + n, |a, b| a + b),
        11
    );
}

/// Waits for what only the timer can bring.
fn by_the_timer(pool: &ThreadPool) {
    const SOON: Duration = Duration::from_millis(1);
    pool.submit_after(SOON, || ()).result().unwrap();
    CancellationToken::with_timeout(SOON).wait();
    let until_asked = |_| current().unwrap().token().wait();
    let late = pool.submit((move || until_asked(0)).timeout(SOON));
    assert!(late.result().unwrap_err().is_timed_out());
    let mut map = pool.map(0..2, until_asked).timeout_each(SOON);
    assert!(map.all(|item| item.unwrap_err().is_timed_out()));
}

/// Calls everything when it is dropped.
pub(crate) struct Reenters;

impl Drop for Reenters {
    fn drop(&mut self) {
        reenter_everything();
    }
}

/// Names of public functions below `folder`.
fn public_functions(folder: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // What only looks at an error, and what is not public at all.
        if path.ends_with("src/error") || path.ends_with("src/primitive") {
            continue;
        }
        if path.is_dir() {
            public_functions(&path, names);
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let line = line.trim_start().replace("pub async fn ", "pub fn ");
            let line = line.replace("pub const fn ", "pub fn ");
            let Some(rest) = line.strip_prefix("pub fn ") else {
                continue;
            };
            // `lazy!` calls what begins so.
            let name = rest.split(['(', '<']).next();
            names.extend(name.filter(|n| !n.starts_with("__")).map(str::to_owned));
        }
    }
}

/// Whether `name`, whole, is called there, or given to be called.
fn is_called(text: &str, name: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        let is_whole = !before.is_some_and(in_word) && !after.is_some_and(in_word);
        is_whole && (after == Some('(') || matches!(before, Some('.' | ':')))
    })
}

/// What is added later must be called here, or for src/sync in `reenter_sync.rs`.
pub(crate) fn assert_nothing_is_forgotten() {
    let mut names = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    public_functions(&root.join("src"), &mut names);
    assert!(names.len() > 200, "{names:?}");
    let text = [include_str!("reenter.rs"), include_str!("reenter_sync.rs")].concat();
    names.retain(|name| !is_called(&text, name));
    assert!(names.is_empty(), "not called: {names:?}");
}
