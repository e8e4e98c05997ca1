fn main() {
    let pool = raddle::ThreadPool::new(2).unwrap();
    let text = String::from("so many words");
    let count = pool.submit(|| text.len());
    println!("{}", count.result().unwrap());
}
