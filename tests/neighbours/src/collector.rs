//! The collector that receives the spans of the neighbours.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use tokio::sync::watch;

use crate::Result;
use crate::chain::Seen;
use crate::ours::serve;

/// Spans with the trace that they are of.
type Spans = Vec<(String, Seen)>;

#[derive(Clone, Debug)]
pub(crate) struct Collector {
    pub(crate) url: String,
    // a watch, so that each waiter sees every span; there are a few dozen
    spans: Arc<watch::Sender<Spans>>,
}

impl Collector {
    pub(crate) async fn start() -> Result<Self> {
        let spans = Arc::new(watch::Sender::new(Vec::new()));
        let app = Router::new()
            .route("/v1/traces", post(receive))
            .layer(DefaultBodyLimit::max(4 << 20))
            .with_state(spans.clone());
        Ok(Self {
            url: serve(app).await?,
            spans,
        })
    }

    /// The spans of a trace, as soon as each of these services has ended its request, which it does last.
    ///
    /// # Errors
    ///
    /// One has not within seconds.
    pub(crate) async fn of(&self, trace_id: &str, services: &[&str]) -> Result<Vec<Seen>> {
        let of_trace = |spans: &Spans| {
            let of_trace = spans.iter().filter(|(trace, _)| trace == trace_id);
            of_trace.map(|(_, span)| span.clone()).collect::<Vec<_>>()
        };
        let mut receiver = self.spans.subscribe();
        let has_ended = |spans: &[Seen], service: &str| {
            let mut of_service = spans.iter().filter(|span| span.service == service);
            of_service.any(|span| span.is_server)
        };
        let waited = receiver.wait_for(|spans| {
            let spans = of_trace(spans);
            services.iter().all(|service| has_ended(&spans, service))
        });
        let waited = tokio::time::timeout(Duration::from_secs(20), waited).await;
        match waited {
            Ok(spans) => Ok(of_trace(&*spans?)),
            Err(_) => {
                let there = self.spans.borrow();
                Err(format!("waited for {services:?} in {trace_id}, there are {there:#?}").into())
            }
        }
    }
}

async fn receive(State(spans): State<Arc<watch::Sender<Spans>>>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let seen = request.resource_spans.iter().flat_map(read);
    let seen: Spans = seen.collect();
    spans.send_modify(|spans| spans.extend(seen));
    StatusCode::OK
}

fn read(of: &ResourceSpans) -> impl Iterator<Item = (String, Seen)> {
    let attributes = of.resource.iter().flat_map(|resource| &resource.attributes);
    let service = attributes
        .filter(|attribute| attribute.key == "service.name")
        .find_map(
            |attribute| match attribute.value.as_ref()?.value.as_ref()? {
                Value::StringValue(name) => Some(name.clone()),
                _ => None,
            },
        )
        .unwrap_or_default();
    let spans = of.scope_spans.iter().flat_map(|scope| &scope.spans);
    spans.map(move |span| {
        let seen = Seen {
            service: service.clone(),
            name: span.name.clone(),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            tracestate: span.trace_state.clone(),
            is_server: span.kind() == SpanKind::Server,
        };
        (hex(&span.trace_id), seen)
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
