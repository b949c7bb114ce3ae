//! Spans in a file of JSON lines, as the file receiver of OpenTelemetry's collector and `hopline view` read it.
//!
//! ```sh
//! cargo run -p hopline-otlp --example file
//! ```
//!
//! ```text
//! import.run of import, import.rows = 1000
//! 1 span sent, 0 lost
//! ```

#![expect(clippy::print_stdout, reason = "it shows what the file contains")]

use std::time::Duration;

use hopline_core::{Incoming, SpanBuilder, Tracer};
use hopline_otlp::{FileSink, decode_json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join(format!("hopline-file-{}.jsonl", std::process::id()));
    let file = FileSink::create(&path)?;
    let tracer = Tracer::builder()
        .service("import")
        .sink(file.clone())
        .build();

    let run = SpanBuilder::new("import.run")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    run.set("import.rows", 1_000);
    run.end();
    tracer.shutdown(Duration::from_secs(5))?; // writes what waits

    for line in std::fs::read_to_string(&path)?.lines() {
        for span in decode_json(line)? {
            let rows = span.attribute("import.rows").and_then(|rows| rows.as_i64());
            println!(
                "{} of {}, import.rows = {}",
                span.name,
                span.service(),
                rows.unwrap_or_default()
            );
        }
    }
    let stats = file.stats();
    println!("{} span sent, {} lost", stats.sent, stats.lost());
    std::fs::remove_file(path)?;
    Ok(())
}
