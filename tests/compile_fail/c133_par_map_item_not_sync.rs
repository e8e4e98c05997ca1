use std::cell::Cell;

fn main() {
    let pool = raddle::ThreadPool::new(2).unwrap();
    let cells = vec![Cell::new(1), Cell::new(2)];
    pool.par_map(&cells, |cell| cell.replace(0));
}
