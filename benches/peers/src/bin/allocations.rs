//! Counts the allocations of one case on its thread.

#![expect(clippy::print_stdout, reason = "its answer is what it prints")]

use hopline_core::Clock;

fn main() -> hopline_bench::Result<()> {
    let name = std::env::args().nth(1).ok_or("a case's name is wanted")?;
    let case = hopline_bench::case(&name)?;
    let (times, mut work) = (case.operations(), case.make(&Clock::System));
    // fills pools and all chunks in use
    for _ in 0..8 {
        work.run(times);
        work.settle();
    }
    let counted = allocation_counter::measure(|| work.run(times));
    let of_one = |all: u64| all as f64 / times as f64;
    println!(
        "{}",
        serde_json::json!({
            "allocations": of_one(counted.count_total),
            "bytes": of_one(counted.bytes_total),
        })
    );
    Ok(())
}
