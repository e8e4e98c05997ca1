fn main() {
    let mut kept = None;
    raddle::scope(|s| kept = Some(s));
    kept.unwrap().submit(|| println!("too late"));
}
