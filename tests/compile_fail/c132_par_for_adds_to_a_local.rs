// A plain sum, changed by all workers at once.
fn main() {
    let pool = raddle::ThreadPool::new(2).unwrap();
    let mut sum = 0;
    pool.par_for(0..1000, |n| sum += n);
    println!("{sum}");
}
