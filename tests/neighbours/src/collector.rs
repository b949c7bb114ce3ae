//! The viewer, to which the neighbours send their spans.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hopline_core::export::SpanData;
use hopline_core::{SpanKind, TraceId};
use hopline_view::{Server, ServerOptions, View};

use crate::Result;
use crate::chain::Seen;

#[derive(Clone, Debug)]
pub(crate) struct Collector {
    /// OTLP over HTTP.
    pub(crate) url: String,
    /// OTLP over gRPC.
    pub(crate) grpc_url: String,
    pub(crate) view: View,
    _server: Arc<Server>,
}

impl Collector {
    pub(crate) async fn start() -> Result<Self> {
        let view = View::new();
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        let options = ServerOptions::default().page(any).otlp_http(any);
        let server = options.otlp_grpc(any).start(&view).await?;
        let grpc = server.otlp_grpc().ok_or("the viewer has no gRPC")?;
        Ok(Self {
            url: format!("http://{}", server.otlp_http()),
            grpc_url: format!("http://{grpc}"),
            view,
            _server: Arc::new(server),
        })
    }

    /// The spans of a trace, as soon as each of these services has ended its request and all spans within it.
    ///
    /// # Errors
    ///
    /// One has not within seconds.
    pub(crate) async fn of(&self, trace_id: &str, services: &[&str]) -> Result<Vec<Seen>> {
        let trace = TraceId::from_hex(trace_id)?;
        let ended = |spans: &[SpanData], service: &str| {
            let mut of_service = spans.iter().filter(|span| span.service() == service);
            of_service.any(|span| span.kind == SpanKind::Server)
        };
        // only the parent of a request's span is in another service; a handler may end after the request
        let has_parent = |spans: &[SpanData], span: &SpanData| {
            let parent = |other: &SpanData| Some(other.span_id) == span.parent;
            span.kind == SpanKind::Server || spans.iter().any(parent)
        };
        let waited = self.view.wait_until(|view| {
            let spans = view.spans(trace);
            let are_ended = services.iter().all(|service| ended(&spans, service));
            are_ended && spans.iter().all(|span| has_parent(&spans, span))
        });
        let waited = tokio::time::timeout(Duration::from_secs(20), waited).await;
        let spans = self.view.spans(trace);
        if waited.is_err() {
            return Err(
                format!("waited for {services:?} in {trace_id}, there are {spans:#?}").into(),
            );
        }
        Ok(spans.iter().map(seen).collect())
    }

    /// # Errors
    ///
    /// A request was refused, or a span is not there once.
    pub(crate) fn check(&self) -> Result<()> {
        let counts = self.view.counts();
        let is_once = counts.received.spans == counts.spans as u64 && counts.merged == 0;
        if is_once && counts.received.rejected == 0 {
            Ok(())
        } else {
            Err(format!("not each span is in the viewer once: {counts:#?}").into())
        }
    }
}

fn seen(span: &SpanData) -> Seen {
    Seen {
        service: span.service().to_owned(),
        name: span.name.clone(),
        id: span.span_id.to_string(),
        parent: span
            .parent
            .map(|parent| parent.to_string())
            .unwrap_or_default(),
        tracestate: span.tracestate.as_str().to_owned(),
        is_server: span.kind == SpanKind::Server,
    }
}
