//! An OTLP receiver over HTTP and JSON.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use hopline_core::export::SpanData;
use hopline_otlp::decode_json;
use tokio::net::TcpListener;

type Spans = Arc<Mutex<Vec<SpanData>>>;

pub(crate) struct Collector {
    address: std::net::SocketAddr,
    spans: Spans,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let spans = Spans::default();
        let app = Router::new()
            .route("/v1/traces", post(take))
            .with_state(spans.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, spans }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.spans.lock().unwrap().clone()
    }
}

async fn take(State(spans): State<Spans>, body: String) -> &'static str {
    spans
        .lock()
        .unwrap()
        .extend(decode_json(&body).expect("spans as OTLP JSON"));
    "{}"
}
