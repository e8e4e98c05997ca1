// The pivot is in both halves.
fn quick_sort(slice: &mut [u32]) {
    if slice.len() > 1 {
        let middle = slice.len() / 2;
        let (low, high) = (&mut slice[..=middle], &mut slice[middle..]);
        raddle::join(|| quick_sort(low), || quick_sort(high));
    }
}

fn main() {
    quick_sort(&mut [3, 1, 2]);
}
