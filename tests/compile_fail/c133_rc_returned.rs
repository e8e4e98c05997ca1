use std::rc::Rc;

fn main() {
    let pool = raddle::ThreadPool::new(2).unwrap();
    raddle::join(|| Rc::new(1), || Rc::new(2));
    raddle::scope(|s| {
        s.submit(|| Rc::new(3));
    });
    let made = pool.submit(|| Rc::new(4));
    println!("{}", made.result().unwrap());
}
