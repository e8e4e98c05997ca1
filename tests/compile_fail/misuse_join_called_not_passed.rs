fn square(n: u32) -> u32 {
    n * n
}

fn main() {
    let (four, nine) = raddle::join(square(2), square(3));
    println!("{four} {nine}");
}
