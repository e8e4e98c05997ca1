//! Let at most so many tasks use something at once: `cargo run --example limit_connections`.
//! Watch three things:
//!
//! 1. *The limit.* Ten requests run on eight workers, but the server never sees
//!    more than `CONNECTIONS` at once; the last line says how many it saw.
//! 2. *One count for threads and async code.* The async task at the end waits, as a
//!    future, for permits that a thread holds.
//! 3. *Nobody waits for ever.* A wait with a time limit says so when it has passed,
//!    and `close` ends all waits when the server goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use raddle::ThreadPool;
use raddle::sync::{AcquireError, Semaphore};

const CONNECTIONS: usize = 3;

/// A server that counts who is connected.
#[derive(Default)]
struct Server {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Server {
    fn ask(&self, question: usize) -> usize {
        let connected = self.now.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(connected, Relaxed);
        thread::sleep(Duration::from_millis(20));
        self.now.fetch_sub(1, Relaxed);
        question * question
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPool::new(8)?;
    let server = Arc::new(Server::default());
    let connections = Arc::new(Semaphore::new(CONNECTIONS));

    let answers = pool.map(0..10_usize, {
        let (server, connections) = (server.clone(), connections.clone());
        move |question| -> Result<usize, AcquireError> {
            // Waits here; the worker's place goes to a spare meanwhile.
            let _connection = connections.acquire()?;
            Ok(server.ask(question))
        }
    });
    for (question, answer) in answers.enumerate() {
        println!("{question} squared is {}", answer??);
    }

    // All connections are taken: who will not wait is told.
    let all = connections.acquire_many(CONNECTIONS)?;
    let refused = connections.acquire_timeout(Duration::from_millis(5));
    assert_eq!(refused.unwrap_err(), AcquireError::TimedOut);
    println!("all {CONNECTIONS} connections are in use");

    // The same permits, in async code: it waits until the pool gives them back.
    let all = all.into_owned(&connections);
    let gives_back = pool.submit(move || {
        thread::sleep(Duration::from_millis(5));
        drop(all);
    });
    let answer = raddle::block_on(async {
        let _connection = connections.acquire_async().await?;
        Ok::<_, AcquireError>(server.ask(12))
    })?;
    gives_back.result()?;
    println!("12 squared is {answer}");

    connections.close();
    assert_eq!(connections.acquire().unwrap_err(), AcquireError::Closed);
    println!("the server is gone");
    let most = server.most.load(Relaxed);
    assert!(most <= CONNECTIONS);
    println!("at most {most} were connected at once; {CONNECTIONS} may be");
    Ok(())
}
