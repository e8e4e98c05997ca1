//! What `raddle::sync` has, called from wherever user code may run: t17.

use std::sync::Arc;
use std::time::{Duration, Instant};

use raddle::sync::{
    Barrier, BarrierError, Condition, Condvar, Event, Latch, MappedMutexGuard,
    MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard, OnceLock, Queue,
    ReentrantMutex, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, WorkerLocal, channel,
    lazy,
};
use raddle::{Handle, ThreadPool, block_on};

/// Longer than any test, and yet a limit: such a wait claims nothing.
const LONG: Duration = Duration::from_secs(3600);
/// Such a wait sleeps in vain.
const SHORT: Duration = Duration::from_millis(1);

fn far() -> Instant {
    Instant::now() + LONG
}

/// Calls every public method of every object, each on one of its own.
pub(crate) fn sync_objects(pool: &ThreadPool) {
    mutexes(pool);
    reentrant_mutexes();
    locks_to_read(pool);
    locks_to_write();
    conditions(pool);
    guards_of_conditions();
    condvars(pool);
    values_set_once(pool);
    worker_locals();
    permits(pool);
    semaphores();
    events(pool);
    latches(pool);
    barriers(pool);
    queues(pool);
    ends_of_queues(pool);
    kinds_of_queues();
    senders(pool);
    receivers(pool);
}

/// A task of the pool does `what` with the object, while this thread waits.
fn helps<T: Send + Sync + 'static, R: Send + 'static>(
    pool: &ThreadPool,
    object: &Arc<T>,
    what: impl FnOnce(&T) -> R + Send + 'static,
) -> Handle<R> {
    let object = object.clone();
    pool.submit(move || what(&object))
}

fn mutexes(pool: &ThreadPool) {
    let mutex = Arc::new(Mutex::new((1, 2)));
    assert!(mutex.try_lock().is_some() && mutex.lock_timeout(LONG).is_some());
    assert!(mutex.lock_deadline(far()).is_some());
    let held = mutex.lock();
    assert!(mutex.try_lock().is_none() && mutex.lock_timeout(SHORT).is_none());
    assert!(mutex.lock_deadline(Instant::now()).is_none());
    let waits = helps(pool, &mutex, |mutex| mutex.lock().1 = 5);
    let part = MutexGuard::map(held, |pair| &mut pair.0);
    *MappedMutexGuard::map(part, |number| number) = 4;
    waits.result().unwrap();
    let last = MutexGuard::filter_map(mutex.lock(), |pair| Some(&mut pair.1));
    assert_eq!(last.map(|number| *number).ok(), Some(5));
    let mut mutex = Arc::into_inner(mutex).unwrap();
    mutex.get_mut().1 = 6;
    assert_eq!(mutex.into_inner(), (4, 6));
}

fn reentrant_mutexes() {
    let mut mutex = ReentrantMutex::new(1);
    let _held = (mutex.lock(), mutex.lock());
    assert!(mutex.try_lock().is_some() && mutex.lock_timeout(LONG).is_some());
    assert!(mutex.lock_deadline(far()).is_some());
    drop(_held);
    *mutex.get_mut() += 1;
    assert_eq!(mutex.into_inner(), 2);
}

fn locks_to_read(pool: &ThreadPool) {
    let lock = Arc::new(RwLock::new((1, 2)));
    assert!(lock.try_read().is_some() && lock.read_timeout(LONG).is_some());
    assert!(lock.read_deadline(far()).is_some());
    let held = lock.write();
    assert!(lock.try_read().is_none() && lock.read_timeout(SHORT).is_none());
    assert!(lock.read_deadline(Instant::now()).is_none());
    let waits = helps(pool, &lock, |lock| lock.read().0);
    drop(held);
    assert_eq!(waits.result().unwrap(), 1);
    let part = RwLockReadGuard::map(lock.read(), |pair| &pair.0);
    assert_eq!(*MappedRwLockReadGuard::map(part, |number| number), 1);
}

fn locks_to_write() {
    let mut lock = RwLock::new((1, 2));
    assert!(lock.try_write().is_some() && lock.write_timeout(LONG).is_some());
    assert!(lock.write_deadline(far()).is_some());
    let held = RwLockWriteGuard::downgrade(lock.write());
    assert!(lock.try_write().is_none() && lock.write_timeout(SHORT).is_none());
    assert!(lock.write_deadline(Instant::now()).is_none());
    drop(held);
    let part = RwLockWriteGuard::map(lock.write(), |pair| &mut pair.0);
    *MappedRwLockWriteGuard::map(part, |number| number) += 1;
    lock.get_mut().1 += 1;
    assert_eq!(lock.into_inner(), (2, 3));
}

fn conditions(pool: &ThreadPool) {
    let value = Arc::new(Condition::new(0));
    assert!(value.try_wait_for(|value| *value == 1).is_none());
    assert!(value.wait_for_timeout(SHORT, |value| *value == 1).is_none());
    let now = Instant::now();
    assert!(value.wait_for_deadline(now, |value| *value == 1).is_none());
    let update = helps(pool, &value, |value| value.update(|value| *value = 1));
    drop(value.wait_for(|value| *value == 1));
    update.result().unwrap();
    assert!(value.try_wait_for(|value| *value == 1).is_some());
    assert!(value.wait_for_timeout(LONG, |value| *value == 1).is_some());
    let held = value.wait_for_deadline(far(), |value| *value == 1);
    assert!(value.try_lock().is_none() && value.lock_timeout(SHORT).is_none());
    assert!(value.lock_deadline(Instant::now()).is_none());
    drop(held);
    let mut value = Arc::into_inner(value).unwrap();
    *value.get_mut() += 1;
    assert_eq!(value.into_inner(), 2);
}

fn guards_of_conditions() {
    let value = Condition::new(1);
    let mut guard = value.lock();
    guard.wait_for(|value| *value == 1);
    assert!(guard.wait_for_timeout(LONG, |value| *value == 1));
    assert!(!guard.wait_for_timeout(SHORT, |value| *value == 2));
    assert!(guard.wait_for_deadline(far(), |value| *value == 1));
    assert!(!guard.notify_one());
    assert_eq!(guard.notify_all(), 0);
}

fn condvars(pool: &ThreadPool) {
    let both = Arc::new((Mutex::new(0), Condvar::new()));
    let (mutex, changed) = &*both;
    // Each change waits for the lock, so it comes when this thread sleeps.
    let mut guard = mutex.lock();
    let one = helps(pool, &both, |(mutex, changed)| {
        *mutex.lock() = 1;
        changed.notify_one()
    });
    while *guard != 1 {
        guard = changed.wait(guard);
    }
    let two = helps(pool, &both, |(mutex, changed)| {
        *mutex.lock() = 2;
        changed.notify_all()
    });
    guard = changed.wait_while(guard, |value| *value != 2);
    drop(guard);
    assert!(one.result().is_ok() && two.result().is_ok());
    let (guard, ended) = changed.wait_timeout(mutex.lock(), SHORT);
    assert!(ended.timed_out());
    let (guard, ended) = changed.wait_deadline(guard, Instant::now());
    assert!(ended.timed_out());
    let (guard, ended) = changed.wait_timeout_while(guard, LONG, |value| *value != 2);
    assert!(!ended.timed_out());
    let (_guard, ended) = changed.wait_deadline_while(guard, far(), |value| *value != 2);
    assert!(!ended.timed_out());
}

fn values_set_once(pool: &ThreadPool) {
    lazy! { static LAZY: u32 = 1; }
    assert_eq!(*LAZY, 1);
    let once = Arc::new(OnceLock::new());
    assert!(once.get().is_none() && once.wait_timeout(SHORT).is_none());
    assert!(once.wait_deadline(Instant::now()).is_none());
    assert!(once.get_or_try_init(|| Err(())).is_err());
    let set = helps(pool, &once, |once| once.set(1));
    assert_eq!(once.wait(), &1);
    assert_eq!(set.result().unwrap(), Ok(()));
    assert_eq!((once.get_or_init(|| 2), once.set(3)), (&1, Err(3)));
    assert!(once.wait_timeout(LONG).is_some() && once.wait_deadline(far()).is_some());
    let mut once = Arc::into_inner(once).unwrap();
    *once.get_mut().unwrap() += 1;
    assert_eq!((once.take(), once.into_inner()), (Some(2), None));
}

fn worker_locals() {
    let mut all = WorkerLocal::new(|| 1);
    assert_eq!(all.with(|one| *one), 1);
    all.iter_mut().for_each(|one| *one = 2);
    assert_eq!(all.take_values().collect::<Vec<_>>(), [2]);
    assert_eq!((all.with(|one| *one), all.into_values().count()), (1, 1));
}

fn permits(pool: &ThreadPool) {
    for make in [Semaphore::new, Semaphore::fair] {
        let seats = Arc::new(make(3));
        let mut three = seats.acquire_many(3).unwrap();
        assert!(seats.try_acquire().is_err() && seats.try_acquire_many(2).is_err());
        assert!(seats.acquire_timeout(SHORT).is_err());
        assert!(seats.acquire_deadline(Instant::now()).is_err());
        assert!(seats.acquire_many_timeout(2, SHORT).is_err());
        assert!(seats.acquire_many_deadline(2, Instant::now()).is_err());
        let one = three.split(1).unwrap().into_owned(&seats);
        let two = three.into_owned(&seats);
        assert_eq!((one.count(), two.count()), (1, 2));
        assert_eq!(two.semaphore().available(), 0);
        let gives = pool.submit(move || drop(two));
        assert_eq!(seats.acquire_many(2).unwrap().count(), 2);
        gives.result().unwrap();
        let gives = pool.submit(move || drop(one));
        assert_eq!(block_on(seats.acquire_many_async(3)).unwrap().count(), 3);
        gives.result().unwrap();
        seats.acquire().unwrap().into_owned(&seats).forget();
        seats.acquire().unwrap().forget();
        assert_eq!(seats.available(), 1);
    }
}

fn semaphores() {
    let seats = Semaphore::new(2).up_to(3);
    assert_eq!(
        (seats.max(), seats.is_fair(), seats.waiting()),
        (3, false, 0)
    );
    drop((seats.try_acquire().unwrap(), seats.acquire_timeout(LONG)));
    drop(seats.acquire_deadline(far()).unwrap());
    drop(seats.try_acquire_many(2).unwrap());
    drop(seats.acquire_many_timeout(2, LONG).unwrap());
    drop(seats.acquire_many_deadline(2, far()).unwrap());
    drop(block_on(seats.acquire_async()).unwrap());
    seats.add_permits(1).unwrap();
    assert_eq!(seats.add_permits(1).unwrap_err().room(), 0);
    assert_eq!(seats.forget_permits(1), 1);
    assert_eq!(seats.drain().unwrap().count(), 2);
    assert!(seats.close() && seats.is_closed() && seats.acquire().is_err());
}

fn events(pool: &ThreadPool) {
    let event = Arc::new(Event::new());
    assert!(!event.is_set() && !event.try_wait() && !event.wait_timeout(SHORT));
    assert!(!event.wait_deadline(Instant::now()));
    let sets = helps(pool, &event, Event::set);
    event.wait();
    sets.result().unwrap();
    event.clear();
    let sets = helps(pool, &event, Event::set);
    block_on(event.wait_async());
    sets.result().unwrap();
    assert!(event.wait_timeout(LONG) && event.wait_deadline(far()));
    assert_eq!(event.waiting(), 0);
}

fn latches(pool: &ThreadPool) {
    let latch = Arc::new(Latch::new(2));
    latch.add(1).unwrap();
    assert!(!latch.is_open() && !latch.try_wait() && !latch.wait_timeout(SHORT));
    assert!(!latch.wait_deadline(Instant::now()));
    assert_eq!((latch.count_down(), latch.count()), (2, 2));
    let opens = helps(pool, &latch, |latch| latch.count_down_by(2));
    latch.wait();
    block_on(latch.wait_async());
    opens.result().unwrap();
    assert!(latch.wait_timeout(LONG) && latch.wait_deadline(far()));
    assert_eq!(latch.waiting(), 0);
}

fn barriers(pool: &ThreadPool) {
    let alone = Barrier::new(1);
    assert!(alone.wait().unwrap().is_leader() && alone.try_wait().is_ok());
    assert!(alone.wait_timeout(LONG).is_ok() && alone.wait_deadline(far()).is_ok());
    let pair = Arc::new(Barrier::with_action(2, || ()));
    assert_eq!((pair.parties(), pair.waiting()), (2, 0));
    assert_eq!(pair.try_wait(), Err(BarrierError::NotNow));
    let comes = helps(pool, &pair, |pair| pair.wait());
    assert!(pair.wait().is_ok() && comes.result().unwrap().is_ok());
    let comes = helps(pool, &pair, |pair| pair.wait());
    assert!(block_on(pair.wait_async()).is_ok() && comes.result().unwrap().is_ok());
    assert_eq!(
        pair.wait_deadline(Instant::now()),
        Err(BarrierError::TimedOut)
    );
    assert_eq!(pair.wait_timeout(SHORT), Err(BarrierError::TimedOut));
    assert!(pair.is_broken());
    pair.reset();
    pair.abort();
    assert_eq!(pair.wait(), Err(BarrierError::Broken));
}

fn queues(pool: &ThreadPool) {
    let queue = Arc::new(Queue::bounded(1));
    assert!(queue.try_pop().is_err() && queue.pop_timeout(SHORT).is_err());
    assert!(queue.pop_deadline(Instant::now()).is_err());
    let push = helps(pool, &queue, |queue| queue.push(1));
    assert_eq!(queue.pop(), Ok(1));
    assert_eq!(push.result().unwrap(), Ok(()));
    let push = helps(pool, &queue, |queue| queue.push_deadline(2, far()));
    assert_eq!(block_on(queue.pop_async()), Ok(2));
    assert_eq!(push.result().unwrap(), Ok(()));
    queue.push_timeout(3, LONG).unwrap();
    assert_eq!((queue.len(), queue.capacity()), (1, Some(1)));
    assert!(queue.is_full() && !queue.is_empty());
    assert_eq!(queue.try_push(4).unwrap_err().into_item(), 4);
    assert!(queue.push_timeout(4, SHORT).unwrap_err().is_full());
    assert!(queue.push_deadline(4, Instant::now()).is_err());
    let pop = helps(pool, &queue, |queue| queue.pop_timeout(LONG));
    queue.push(4).unwrap();
    assert_eq!(pop.result().unwrap(), Ok(3));
    let pop = helps(pool, &queue, |queue| queue.pop_deadline(far()));
    block_on(queue.push_async(5)).unwrap();
    assert_eq!(pop.result().unwrap(), Ok(4));
}

fn ends_of_queues(pool: &ThreadPool) {
    let queue = Arc::new(Queue::unbounded());
    queue.push(1).unwrap();
    queue.try_push(2).unwrap();
    assert!(!queue.try_wait_all_done() && !queue.wait_all_done_timeout(SHORT));
    assert!(!queue.wait_all_done_deadline(Instant::now()));
    assert_eq!((queue.try_pop(), queue.unfinished()), (Ok(1), 2));
    queue.task_done().unwrap();
    let done = helps(pool, &queue, Queue::task_done);
    queue.wait_all_done();
    block_on(queue.wait_all_done_async());
    assert!(done.result().unwrap().is_ok() && queue.task_done().is_err());
    assert!(queue.try_wait_all_done() && queue.wait_all_done_timeout(LONG));
    assert!(queue.wait_all_done_deadline(far()));
    let closes = helps(pool, &queue, Queue::close);
    assert_eq!(queue.iter().collect::<Vec<_>>(), [2]);
    closes.result().unwrap();
    assert!(queue.is_closed() && queue.push(3).unwrap_err().is_closed());
    assert_eq!(queue.close_now(), []);
}

fn kinds_of_queues() {
    let kinds = [
        Queue::bounded(2).lifo(),
        Queue::priority(2),
        Queue::priority_unbounded(),
    ];
    for queue in kinds {
        queue.push(2).unwrap();
        queue.push(1).unwrap();
        assert_eq!(queue.close_now(), [1, 2]);
    }
}

fn senders(pool: &ThreadPool) {
    let (sender, receiver) = channel::bounded(1);
    sender.send(1).unwrap();
    assert_eq!((sender.len(), sender.capacity()), (1, Some(1)));
    assert!(sender.is_full() && !sender.is_empty() && sender.same_channel(&sender));
    assert!(sender.try_send(2).is_err() && sender.send_timeout(2, SHORT).is_err());
    assert!(sender.send_deadline(2, Instant::now()).is_err());
    let receiver = Arc::new(receiver);
    for _ in 0..3 {
        helps(pool, &receiver, |receiver| receiver.recv()).detach();
    }
    sender.send(2).unwrap();
    sender.send_timeout(3, LONG).unwrap();
    sender.send_deadline(4, far()).unwrap();
    let last = helps(pool, &receiver, |receiver| receiver.recv());
    assert!(last.result().unwrap().is_ok());
    // Not told to the pool, so there must be room.
    sender.inner().send(5).unwrap();
}

fn receivers(pool: &ThreadPool) {
    let (sender, receiver) = channel::unbounded();
    assert!(receiver.try_recv().is_err() && receiver.recv_timeout(SHORT).is_err());
    assert!(receiver.recv_deadline(Instant::now()).is_err());
    assert!(receiver.is_empty() && !receiver.is_full());
    assert_eq!((receiver.len(), receiver.capacity()), (0, None));
    assert!(receiver.same_channel(&receiver.clone()));
    let sends = pool.submit(move || (0..9).try_for_each(|n| sender.send(n)));
    assert_eq!(
        (receiver.recv(), receiver.recv_timeout(LONG)),
        (Ok(0), Ok(1))
    );
    assert_eq!(receiver.recv_deadline(far()), Ok(2));
    assert_eq!(receiver.inner().recv(), Ok(3));
    channel::select! {
        recv(receiver.inner()) -> item => assert_eq!(item, Ok(4)),
    }
    sends.result().unwrap().unwrap();
    assert_eq!(receiver.try_iter().next(), Some(5));
    assert_eq!(receiver.iter().collect::<Vec<_>>(), [6, 7, 8]);
    let past = Instant::now();
    assert_eq!(channel::at(past).recv(), Ok(past));
    assert!(channel::after(SHORT).recv().is_ok() && channel::tick(SHORT).recv().is_ok());
    assert!(channel::never::<u8>().recv_timeout(SHORT).is_err());
}
