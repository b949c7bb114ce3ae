//! A mixed load over `checkout` under a rotating plan of faults; at the end, a report of one page.
//!
//! `cargo xtask soak --minutes 10` starts Postgres and RabbitMQ, restarts them when this asks for it, and calls
//! it. Three processes: this one, which drives the load and the faults and watches, the five services, and a
//! collector with faults on command.

#![expect(clippy::print_stdout, reason = "a program that answers on stdout")]

mod child;
mod collector;
mod load;
mod report;
mod supervisor;
mod system;
mod watch;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match words[..] {
        ["collector"] => runtime.block_on(collector::run()),
        ["system", port] => runtime.block_on(system::run(port.parse()?)),
        ["--minutes", minutes, "--report", path] => {
            runtime.block_on(supervisor::run(minutes.parse()?, path.as_ref()))
        }
        _ => Err("soak --minutes N --report FILE; `cargo xtask soak` calls it".into()),
    }
}
