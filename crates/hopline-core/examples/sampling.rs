//! A sampling plan: the traces that it keeps, and the clause of the plan that kept each.
//!
//! ```sh
//! cargo run -p hopline-core --example sampling
//! ```
//!
//! ```text
//! GET /products       kept by `* 100%`
//! GET /search         kept by `keep errors`
//! GET /search         kept by `keep slower 500ms`
//! ```

#![expect(clippy::print_stdout, reason = "it shows what is kept")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hopline_core::export::Batch;
use hopline_core::{Incoming, SamplingPlan, Sink, SpanBuilder, Tracer};

/// Prints each trace that is kept.
struct Printer;

impl Sink for Printer {
    fn accept(&self, batch: &Arc<Batch>) {
        for span in batch.to_spans() {
            let clause = span.text("hopline.sampling.rule").unwrap_or_default();
            println!("{:19} kept by `{clause}`", span.name);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // the first clause that fits a new trace decides; `keep` clauses decide again at its end
    let plan: SamplingPlan =
        "/health never; GET /search 0%; * 100%; keep errors; keep slower 500ms".parse()?;
    let tracer = Tracer::builder().plan(plan).sink(Printer).build();
    let request = |name: &'static str, path: &'static str| {
        let builder = SpanBuilder::new(name)
            .method("GET")
            .path(path)
            .route(Some(path));
        builder.tracer(&tracer).parent(Incoming::default())
    };

    request("GET /health", "/health").start().end();
    request("GET /products", "/products").start().end();
    request("GET /search", "/search").start().end();
    let failed = request("GET /search", "/search").start();
    failed.fail("503");
    failed.end();
    let slow = request("GET /search", "/search").start();
    slow.end_at(SystemTime::now() + Duration::from_secs(1));
    request("GET /health", "/health").start().end();
    Ok(())
}
