fn square(n: u32) -> u32 {
    n * n
}

fn main() {
    let pool = raddle::ThreadPool::new(2).unwrap();
    let nine = pool.submit(square(3));
    println!("{}", nine.result().unwrap());
}
