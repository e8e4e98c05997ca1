use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    raddle::scope(|s| {
        let copy = Rc::clone(&shared);
        s.submit(move || println!("{copy}"));
    });
}
