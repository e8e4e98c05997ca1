//! Every timed call of the crate, in a scene in which it waits until somebody
//! ends the wait: nobody, or a moment later.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use raddle::sync::{
    Barrier, Condition, Condvar, Event, Latch, Mutex, OnceLock, Queue, ReentrantMutex, RwLock,
    Semaphore, channel,
};
use raddle::{
    CancellationToken, Handle, Shutdown, Task, TaskError, TaskGroup, ThreadPool, When, WhenFull,
    as_completed, block_on_timeout, current, task, wait,
};

/// For how long, or until when.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    For(Duration),
    Until(Instant),
}

use Limit::{For, Until};

impl Limit {
    /// For what has only the other form.
    fn as_instant(self) -> Instant {
        match self {
            For(limit) => Instant::now().checked_add(limit).unwrap_or_else(far),
            Until(at) => at,
        }
    }

    fn as_duration(self) -> Duration {
        match self {
            For(limit) => limit,
            Until(at) => at.saturating_duration_since(Instant::now()),
        }
    }
}

thread_local! {
    static OFF: Cell<Option<i128>> = const { Cell::new(None) };
}

/// By how many nanoseconds the last timed call of this thread ended after its
/// limit; before it, if that is negative.
pub(crate) fn off() -> Option<i128> {
    OFF.take()
}

/// Makes the call, and nothing else, and notes when it ended.
fn timed<R>(limit: Limit, call: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = call();
    let end = Instant::now();
    let nanos = |time: Duration| time.as_nanos() as i128;
    OFF.set(Some(match limit {
        For(limit) => nanos(end - start) - nanos(limit),
        Until(at) if at > end => -nanos(at - end),
        Until(at) => nanos(end - at.max(start)),
    }));
    result
}

/// About as far away as the clock can tell.
pub(crate) fn far() -> Instant {
    let mut at = Instant::now();
    let mut step = Duration::from_secs(1 << 62);
    while step >= Duration::from_secs(1) {
        match at.checked_add(step) {
            Some(later) => at = later,
            None => step /= 2,
        }
    }
    at
}

/// A wait that nothing but time ends, unless it is told to.
pub(crate) struct Scene {
    /// Says whether it was ended before its time was up.
    pub(crate) wait: Box<dyn FnOnce(Limit) -> bool>,
    pub(crate) end: Box<dyn FnOnce() + Send>,
}

fn scene(wait: impl FnOnce(Limit) -> bool + 'static, end: impl FnOnce() + Send + 'static) -> Scene {
    Scene {
        wait: Box::new(wait),
        end: Box::new(end),
    }
}

/// A scene with something that both sides share.
fn shared<S: Send + Sync + 'static>(
    object: S,
    wait: impl FnOnce(&S, Limit) -> bool + 'static,
    end: impl FnOnce(&S) + Send + 'static,
) -> Scene {
    let object = Arc::new(object);
    let other = Arc::clone(&object);
    scene(move |limit| wait(&object, limit), move || end(&other))
}

/// A scene in which another thread holds a lock.
fn locked<L: Send + Sync + 'static>(
    lock: L,
    hold: impl FnOnce(&L, &dyn Fn()) + Send + 'static,
    wait: impl FnOnce(&L, Limit) -> bool + 'static,
) -> Scene {
    let lock = Arc::new(lock);
    let other = Arc::clone(&lock);
    let (holds, is_held) = mpsc::channel();
    let (let_go, may_go) = mpsc::channel::<()>();
    let holder = thread::spawn(move || {
        hold(&other, &|| {
            holds.send(()).unwrap();
            may_go.recv().unwrap();
        });
    });
    is_held.recv().unwrap();
    scene(
        move |limit| wait(&lock, limit),
        move || {
            let_go.send(()).unwrap();
            holder.join().unwrap();
        },
    )
}

/// A task runs until it is cancelled or told: with what waits for it.
fn tasked(wait: impl FnOnce(&ThreadPool, Stop, Limit) -> bool + 'static) -> Scene {
    let stop = Stop::default();
    let other = stop.clone();
    let pool = ThreadPool::new(1).expect("a thread");
    scene(
        move |limit| {
            let is_ended = wait(&pool, stop.clone(), limit);
            stop.now();
            is_ended
        },
        move || other.now(),
    )
}

#[derive(Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn now(&self) {
        self.0.store(true, SeqCst);
    }

    fn is_now(&self) -> bool {
        self.0.load(SeqCst)
    }

    /// A task that goes on until then, or until its token is cancelled.
    ///
    /// It keeps its worker: a wait known to the pool would bring a spare.
    fn task(&self) -> impl Task<Output = ()> + use<> {
        let stop = self.clone();
        task(move || {
            let token = current().expect("it is a task").token().clone();
            while !stop.is_now() && !token.is_cancelled() {
                thread::sleep(Duration::from_micros(200));
            }
        })
    }
}

fn is_in_time<T>(result: Result<T, TaskError>) -> bool {
    !result.is_err_and(|error| error.is_timed_out() || error.is_refused())
}

/// A timed call, or a pair of twins.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) scene: fn() -> Scene,
}

/// One of two twins, by the form of the limit, timed.
macro_rules! by {
    ($limit:expr, $value:ident, $timeout:expr, $deadline:expr) => {
        timed($limit, || match $limit {
            For($value) => $timeout,
            Until($value) => $deadline,
        })
    };
}

#[rustfmt::skip]
pub(crate) const CALLS: &[Call] = &[
    Call { name: "Mutex::lock", scene: || locked(Mutex::new(()),
        |lock, keep| { let _guard = lock.lock(); keep() },
        |lock, limit| by!(limit, t, lock.lock_timeout(t), lock.lock_deadline(t)).is_some()) },
    Call { name: "ReentrantMutex::lock", scene: || locked(ReentrantMutex::new(()),
        |lock, keep| { let _guard = lock.lock(); keep() },
        |lock, limit| by!(limit, t, lock.lock_timeout(t), lock.lock_deadline(t)).is_some()) },
    Call { name: "RwLock::read", scene: || locked(RwLock::new(()),
        |lock, keep| { let _guard = lock.write(); keep() },
        |lock, limit| by!(limit, t, lock.read_timeout(t), lock.read_deadline(t)).is_some()) },
    Call { name: "RwLock::write", scene: || locked(RwLock::new(()),
        |lock, keep| { let _guard = lock.read(); keep() },
        |lock, limit| by!(limit, t, lock.write_timeout(t), lock.write_deadline(t)).is_some()) },
    Call { name: "Condition::lock", scene: || locked(Condition::new(()),
        |lock, keep| { let _guard = lock.lock(); keep() },
        |lock, limit| by!(limit, t, lock.lock_timeout(t), lock.lock_deadline(t)).is_some()) },
    Call { name: "Condition::wait_for", scene: || shared(Condition::new(false),
        |it, limit| by!(limit, t, it.wait_for_timeout(t, |b| *b), it.wait_for_deadline(t, |b| *b)).is_some(),
        |it| it.update(|is_set| *is_set = true)) },
    Call { name: "ConditionGuard::wait_for", scene: || shared(Condition::new(false),
        |it, limit| {
            let mut guard = it.lock();
            by!(limit, t, guard.wait_for_timeout(t, |b| *b), guard.wait_for_deadline(t, |b| *b))
        },
        |it| it.update(|is_set| *is_set = true)) },
    Call { name: "Condvar::wait", scene: || shared((Mutex::new(false), Condvar::new()),
        |(lock, changed), limit| {
            let guard = lock.lock();
            if *guard { return true; }
            !by!(limit, t, changed.wait_timeout(guard, t), changed.wait_deadline(guard, t)).1.timed_out()
        },
        |(lock, changed)| { *lock.lock() = true; changed.notify_all(); }) },
    Call { name: "Condvar::wait_while", scene: || shared((Mutex::new(false), Condvar::new()),
        |(lock, changed), limit| {
            let guard = lock.lock();
            !by!(limit, t, changed.wait_timeout_while(guard, t, |b| !*b),
                changed.wait_deadline_while(guard, t, |b| !*b)).1.timed_out()
        },
        |(lock, changed)| { *lock.lock() = true; changed.notify_all(); }) },
    Call { name: "OnceLock::wait", scene: || shared(OnceLock::new(),
        |once, limit| by!(limit, t, once.wait_timeout(t), once.wait_deadline(t)).is_some(),
        |once| once.set(()).expect("it is empty")) },
    Call { name: "Latch::wait", scene: || shared(Latch::new(1),
        |latch, limit| by!(limit, t, latch.wait_timeout(t), latch.wait_deadline(t)),
        |latch| { latch.count_down(); }) },
    Call { name: "Event::wait", scene: || shared(Event::new(),
        |event, limit| by!(limit, t, event.wait_timeout(t), event.wait_deadline(t)),
        Event::set) },
    Call { name: "Barrier::wait", scene: || shared(Barrier::new(2),
        |barrier, limit| by!(limit, t, barrier.wait_timeout(t), barrier.wait_deadline(t)).is_ok(),
        |barrier| { let _ = barrier.wait_timeout(Duration::from_millis(200)); }) },
    Call { name: "Semaphore::acquire", scene: || shared(Semaphore::new(0).up_to(1),
        |it, limit| by!(limit, t, it.acquire_timeout(t), it.acquire_deadline(t)).is_ok(),
        |it| it.add_permits(1).expect("there is room")) },
    Call { name: "Semaphore::acquire_many, fair", scene: || shared(Semaphore::fair(1).up_to(2),
        |it, limit| by!(limit, t, it.acquire_many_timeout(2, t), it.acquire_many_deadline(2, t)).is_ok(),
        |it| it.add_permits(1).expect("there is room")) },
    Call { name: "Queue::push", scene: || shared(full_queue(),
        |queue, limit| by!(limit, t, queue.push_timeout(2, t), queue.push_deadline(2, t)).is_ok(),
        |queue| { let _ = queue.pop(); }) },
    Call { name: "Queue::pop", scene: || shared(Queue::bounded(1),
        |queue, limit| by!(limit, t, queue.pop_timeout(t), queue.pop_deadline(t)).is_ok(),
        |queue| { let _ = queue.push(1); }) },
    Call { name: "Queue::wait_all_done", scene: || shared(full_queue(),
        |queue, limit| by!(limit, t, queue.wait_all_done_timeout(t), queue.wait_all_done_deadline(t)),
        |queue| queue.task_done().expect("one is not done")) },
    Call { name: "channel::Sender::send", scene: || shared(full_channel(),
        |(tx, _), limit| by!(limit, t, tx.send_timeout(2, t), tx.send_deadline(2, t)).is_ok(),
        |(_, rx)| { let _ = rx.recv(); }) },
    Call { name: "channel::Sender::send, no room", scene: || shared(channel::bounded(0),
        |(tx, _), limit| by!(limit, t, tx.send_timeout(2, t), tx.send_deadline(2, t)).is_ok(),
        |(_, rx)| { let _ = rx.recv_timeout(Duration::from_millis(200)); }) },
    Call { name: "channel::Receiver::recv", scene: || shared(channel::bounded(1),
        |(_, rx), limit| by!(limit, t, rx.recv_timeout(t), rx.recv_deadline(t)).is_ok(),
        |(tx, _)| { let _ = tx.send(1); }) },
    Call { name: "block_on_timeout", scene: || shared(Event::new(),
        |event, limit| timed(limit, || block_on_timeout(event.wait_async(), limit.as_duration())).is_ok(),
        Event::set) },
    Call { name: "CancellationToken::wait", scene: || shared(CancellationToken::new(),
        |token, limit| by!(limit, t, token.wait_timeout(t), token.wait_deadline(t)),
        |token| { token.cancel(); }) },
    Call { name: "CancellationToken::with_timeout, with_deadline", scene: || shared(CancellationToken::new(),
        |parent, limit| timed(limit, || {
            let own = match limit {
                For(t) => CancellationToken::with_timeout(t),
                Until(t) => CancellationToken::with_deadline(t),
            };
            while !own.is_cancelled() && !parent.wait_timeout(Duration::from_micros(100)) {}
            !own.is_cancelled()
        }),
        |token| { token.cancel(); }) },
    Call { name: "CancellationToken::child_with_deadline", scene: || shared(CancellationToken::new(),
        |parent, limit| {
            timed(limit, || parent.child_with_deadline(limit.as_instant()).wait());
            parent.is_cancelled()
        },
        |token| { token.cancel(); }) },
    Call { name: "Handle::wait", scene: || tasked(|pool, stop, limit| {
        let handle = pool.submit(stop.task());
        by!(limit, t, handle.wait_timeout(t), handle.wait_deadline(t)) }) },
    Call { name: "Handle::result", scene: || tasked(|pool, stop, limit| {
        let handle = pool.submit(stop.task());
        by!(limit, t, handle.result_timeout(t), handle.result_deadline(t)).is_ok() }) },
    Call { name: "Handle::flat_result", scene: || tasked(|pool, stop, limit| {
        let body = stop.task();
        let handle: Handle<Result<(), TaskError>> = pool.submit(task(move || { body.run(); Ok(()) }));
        by!(limit, t, handle.flat_result_timeout(t), handle.flat_result_deadline(t)).is_ok() }) },
    Call { name: "wait", scene: || tasked(|pool, stop, limit| {
        let handles = [pool.submit(stop.task())];
        timed(limit, || wait(&handles, When::FirstDone, Some(limit.as_duration()))) }) },
    Call { name: "AsCompleted::next", scene: || tasked(|pool, stop, limit| {
        let mut completed = as_completed([((), pool.submit(stop.task()))]);
        by!(limit, t, completed.next_timeout(t), completed.next_deadline(t)).is_ok() }) },
    Call { name: "Task::timeout, deadline", scene: || tasked(|pool, stop, limit| {
        let body = stop.task();
        is_in_time(by!(limit, t, pool.submit(body.timeout(t)).result(), pool.submit(body.deadline(t)).result())) }) },
    Call { name: "TaskGroup::deadline", scene: || tasked(|pool, stop, limit| {
        timed(limit, || {
            let mut group = TaskGroup::new(pool).deadline(limit.as_instant());
            group.submit(stop.task());
            group.settle().into_iter().all(is_in_time)
        }) }) },
    Call { name: "TaskGroup::submit", scene: || tasked(|pool, stop, limit| {
        let mut group = TaskGroup::new(pool).limit(1);
        group.submit(stop.task());
        let is_in = by!(limit, t, group.submit_timeout(stop.task(), t), group.submit_deadline(stop.task(), t)).is_ok();
        stop.now();
        is_in }) },
    Call { name: "Map::timeout_each", scene: || tasked(|pool, stop, limit| {
        let map = pool.map([()], move |()| stop.task().run());
        timed(limit, || map.timeout_each(limit.as_duration()).all(is_in_time)) }) },
    Call { name: "Map::deadline", scene: || tasked(|pool, stop, limit| {
        let map = pool.map([()], move |()| stop.task().run());
        timed(limit, || map.deadline(limit.as_instant()).next().is_some_and(is_in_time)) }) },
    Call { name: "ThreadPool::submit", scene: || tasked(|_, stop, limit| {
        let pool = ThreadPool::builder().workers(1).queue_limit(1, WhenFull::Wait).build().expect("a thread");
        let running = pool.submit(stop.task());
        while pool.stats().queued > 0 { thread::yield_now(); }
        let queued = pool.submit(stop.task());
        let handle = by!(limit, t, pool.submit_timeout(stop.task(), t), pool.submit_deadline(stop.task(), t));
        stop.now();
        drop((running, queued));
        is_in_time(handle.result()) }) },
    Call { name: "ThreadPool::submit_after", scene: || shared(ThreadPool::new(1).expect("a thread"),
        |pool, limit| timed(limit, || pool.submit_after(limit.as_duration(), || ()).result()).is_err(),
        |pool| { pool.shutdown(Shutdown::Finish); }) },
    Call { name: "Shutdown::FinishWithin", scene: || tasked(|pool, stop, limit| {
        pool.submit(stop.task()).detach();
        let how = |limit: Limit| Shutdown::FinishWithin(limit.as_duration());
        timed(limit, || pool.shutdown(how(limit)));
        stop.is_now() }) },
];

fn full_queue() -> Queue<u8> {
    let queue = Queue::bounded(1);
    queue.push(1).expect("it has room");
    queue
}

fn full_channel() -> (channel::Sender<u8>, channel::Receiver<u8>) {
    let (sender, receiver) = channel::bounded(1);
    sender.send(1).expect("it has room");
    (sender, receiver)
}
