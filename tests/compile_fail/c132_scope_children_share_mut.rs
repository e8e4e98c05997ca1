// Two children of a scope sort the same slice.
fn quick_sort(slice: &mut [u32]) {
    if slice.len() > 1 {
        raddle::scope(|s| {
            s.submit(|| quick_sort(slice));
            s.submit(|| quick_sort(slice));
        });
    }
}

fn main() {
    quick_sort(&mut [3, 1, 2]);
}
