fn main() {
    raddle::scope(|s| {
        let text = String::from("gone before the child runs");
        s.submit(|| println!("{text}"));
    });
}
