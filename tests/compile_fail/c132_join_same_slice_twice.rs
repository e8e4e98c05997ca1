// Both halves sort the whole slice.
fn quick_sort(slice: &mut [u32]) {
    if slice.len() > 1 {
        raddle::join(|| quick_sort(slice), || quick_sort(slice));
    }
}

fn main() {
    quick_sort(&mut [3, 1, 2]);
}
