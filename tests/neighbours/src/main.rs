//! OpenTelemetry of Python and Node beside hopline: their exporters send to the viewer, and a FastAPI and an Express service are
//! before and behind services of hopline in one trace.
//!
//! `cargo xtask neighbours` installs what they need and runs this with `NEIGHBOUR_PYTHON` (an interpreter) and
//! `NODE_PATH` (the modules) set.

#![expect(clippy::print_stdout, reason = "a command line tool answers on stdout")]

mod chain;
mod collector;
mod neighbour;
mod ours;
mod sender;

use chain::{Chain, Hop};
use collector::Collector;
use neighbour::Neighbour;
use ours::Ours;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    sender::check().await?;
    let collector = Collector::start().await?;
    let python = Neighbour::python(&collector).await?;
    let node = Neighbour::node(&collector).await?;
    let (first, second) = (Ours::start("first").await?, Ours::start("second").await?);

    let neighbour = |one: &Neighbour| Hop::new(one.name, &one.url);
    let own = |one: &Ours| Hop::new(one.name, &one.url);
    let ways = [
        vec![
            neighbour(&python),
            own(&first),
            neighbour(&node),
            own(&second),
        ],
        vec![
            neighbour(&node),
            own(&first),
            neighbour(&python),
            own(&second),
        ],
        vec![
            own(&first),
            neighbour(&python),
            neighbour(&node),
            own(&second),
        ],
    ];
    for (number, hops) in ways.into_iter().enumerate() {
        let chain = Chain::new(number + 1, hops);
        let received = chain.call().await?;
        let mut spans = collector.of(chain.trace_id(), &chain.foreign()).await?;
        spans.extend(first.of(chain.trace_id()).await?);
        spans.extend(second.of(chain.trace_id()).await?);
        chain.check(&received, &spans)?;
        println!("{}", chain.shown(&spans));
    }
    collector.check()?;
    println!("one trace each, parents right, tracestate and baggage kept");
    Ok(())
}
