#![deny(unused_must_use)]

fn main() {
    let pool = raddle::ThreadPool::new(2).unwrap();
    pool.submit(|| println!("who waits for this?"));
}
