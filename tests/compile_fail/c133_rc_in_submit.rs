use std::rc::Rc;

fn main() {
    let pool = raddle::ThreadPool::new(2).unwrap();
    let shared = Rc::new(1);
    pool.submit(move || println!("{shared}")).detach();
}
