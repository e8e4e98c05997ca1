use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    raddle::join(|| println!("{shared}"), || ());
}
