// Each item looks at all items while they change.
fn main() {
    let pool = raddle::ThreadPool::new(2).unwrap();
    let mut cells = vec![1, 2, 3];
    pool.par_for_each(&mut cells, |cell| *cell += cells.len());
}
