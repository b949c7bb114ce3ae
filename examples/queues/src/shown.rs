//! Spans kept for printing.

use hopline::Telemetry;
use hopline::core::export::SpanData;
use hopline_analysis::{TreeOptions, traces};
use hopline_testing::Spans;

use crate::Result;

/// Outcomes after which a message is not delivered again.
const FINAL: [&str; 3] = ["ack", "reject", "dead_letter"];

/// Telemetry configured by `OTEL_…` variables, with a copy of its spans.
#[derive(Debug)]
pub struct Shown {
    telemetry: Telemetry,
    spans: Spans,
}

impl Shown {
    /// Starts the telemetry of a service.
    ///
    /// # Errors
    ///
    /// Returns the errors of `hopline::init`.
    pub fn start(service: &str) -> Result<Self> {
        let spans = Spans::new();
        let mut builder = hopline::builder(service).sink(spans.sink());
        if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
            builder = builder.without_exporter();
        }
        Ok(Self {
            telemetry: builder.build()?,
            spans,
        })
    }

    /// Returns the tracer for channels.
    ///
    /// # Errors
    ///
    /// Returns an error if `OTEL_SDK_DISABLED` is set.
    pub fn tracer(&self) -> Result<hopline::Tracer> {
        let tracer = self.telemetry.tracer().cloned();
        tracer.ok_or_else(|| "OTEL_SDK_DISABLED is set: there would be nothing to see".into())
    }

    /// Waits until `count` messages are settled finally; each of a batch counts.
    pub async fn settled(&self, messages: i64) {
        loop {
            let spans = self.spans.all();
            let settled = spans.iter().filter(|span| {
                let outcome = span.text("hopline.messaging.outcome");
                outcome.is_some_and(|outcome| FINAL.contains(&outcome))
            });
            if settled.map(count).sum::<i64>() >= messages {
                return;
            }
            self.spans.wait(spans.len() + 1).await;
        }
    }

    /// Returns all traces so far, as trees with times.
    pub fn trees(&self) -> String {
        let all = self.spans.all();
        let trees = traces(&all);
        let options = TreeOptions::default();
        trees
            .iter()
            .map(|trace| format!("{}\n", trace.tree(&options)))
            .collect()
    }

    /// Returns the spans so far.
    pub fn spans(&self) -> &Spans {
        &self.spans
    }

    /// Exports the rest.
    ///
    /// # Errors
    ///
    /// Returns an error if the collector did not accept it in time.
    pub async fn end(self) -> Result<()> {
        Ok(self.telemetry.try_shutdown().await?)
    }
}

fn count(span: &SpanData) -> i64 {
    let count = span.attribute("messaging.batch.message_count");
    count.and_then(|count| count.as_i64()).unwrap_or(1)
}
