//! Counts the allocations of every case, a line for each: how many, their bytes, most bytes at one time.

#![expect(clippy::print_stdout, reason = "its answer is what it prints")]

fn main() {
    let clock = hopline_gate::test_clock();
    for case in hopline_gate::cases() {
        let mut work = case.make(&clock);
        // fills the pool and all chunks in use
        work.run(8 * case.operations());
        let counted = allocation_counter::measure(|| work.run(case.operations()));
        println!(
            "{} {} {}",
            counted.count_total, counted.bytes_total, counted.bytes_max
        );
    }
}
