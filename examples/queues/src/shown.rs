//! The spans, kept to be printed.

use hopline::Telemetry;
use hopline::core::export::SpanData;
use hopline_analysis::{TreeOptions, traces};
use hopline_testing::Spans;

use crate::Result;

/// Outcomes after which a message does not come again.
const FINAL: [&str; 3] = ["ack", "reject", "dead_letter"];

/// Telemetry with the destination of the `OTEL_…` variables, and its spans.
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
    /// As `hopline::init`.
    pub fn start(service: &str) -> Result<Self> {
        let spans = Spans::new();
        let mut builder = hopline::builder(service).sink(spans.sink());
        if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
            builder = builder.without_otlp();
        }
        Ok(Self {
            telemetry: builder.build()?,
            spans,
        })
    }

    /// The tracer, to be given to channels.
    ///
    /// # Errors
    ///
    /// `OTEL_SDK_DISABLED` is set, and there is none.
    pub fn tracer(&self) -> Result<hopline::Tracer> {
        let tracer = self.telemetry.tracer().cloned();
        tracer.ok_or_else(|| "OTEL_SDK_DISABLED is set: there would be nothing to see".into())
    }

    /// Waits until `count` messages have a final outcome; each message of a batch counts.
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

    /// All traces so far, as trees with their times.
    pub fn trees(&self) -> String {
        let all = self.spans.all();
        let trees = traces(&all);
        let options = TreeOptions::default();
        trees
            .iter()
            .map(|trace| format!("{}\n", trace.tree(&options)))
            .collect()
    }

    /// The spans so far.
    pub fn spans(&self) -> &Spans {
        &self.spans
    }

    /// Sends what is left.
    ///
    /// # Errors
    ///
    /// The collector did not take it in time.
    pub async fn end(self) -> Result<()> {
        Ok(self.telemetry.try_shutdown().await?)
    }
}

fn count(span: &SpanData) -> i64 {
    let count = span.attribute("messaging.batch.message_count");
    count.and_then(|count| count.as_i64()).unwrap_or(1)
}
