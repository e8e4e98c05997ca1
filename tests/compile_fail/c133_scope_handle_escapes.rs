fn main() {
    let text = String::from("so many words");
    let count = raddle::scope(|s| s.submit(|| text.len()));
    println!("{}", count.result().unwrap());
}
