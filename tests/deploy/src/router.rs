//! The first tier: sends all spans of a trace to the same collector, as the load-balancing exporter does.

use std::net::Ipv4Addr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::Result;

#[derive(Clone, Debug)]
struct Routes {
    client: reqwest::Client,
    instances: [String; 2],
}

/// Starts the router on a free port, and gives its URL. It runs as long as the runtime.
pub(crate) async fn start(instances: [String; 2]) -> Result<String> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = Router::new()
        .route("/v1/traces", post(route))
        .with_state(Routes { client, instances });
    // ends with the runtime: the program waits for the spans, and not for it
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

/// Forwards both parts. A part that fails makes the whole request fail, so the exporter sends it again; the test then finds
/// spans twice and fails.
async fn route(
    State(routes): State<Routes>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Vec<u8>, StatusCode> {
    let gzip = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| value == "gzip");
    let request = decode(&body, gzip).map_err(|_| StatusCode::BAD_REQUEST)?;
    for (part, instance) in split(&request).iter().zip(&routes.instances) {
        if part.resource_spans.is_empty() {
            continue;
        }
        let sent = routes
            .client
            .post(format!("{instance}/v1/traces"))
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .body(part.encode_to_vec())
            .send();
        let answer = sent.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        if !answer.status().is_success() {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    Ok(Vec::new())
}

fn decode(body: &[u8], gzip: bool) -> Result<ExportTraceServiceRequest> {
    let mut plain = Vec::new();
    let body = match gzip {
        true => {
            std::io::Read::read_to_end(&mut GzDecoder::new(body), &mut plain)?;
            &plain
        }
        false => body,
    };
    Ok(ExportTraceServiceRequest::decode(body)?)
}

/// The spans of the request for each instance, by the last byte of their trace id, which is random.
fn split(request: &ExportTraceServiceRequest) -> [ExportTraceServiceRequest; 2] {
    [0, 1].map(|part| {
        let mut request = request.clone();
        for group in &mut request.resource_spans {
            for scope in &mut group.scope_spans {
                scope
                    .spans
                    .retain(|span| span.trace_id.last().is_some_and(|byte| byte % 2 == part));
            }
            group.scope_spans.retain(|scope| !scope.spans.is_empty());
        }
        request
            .resource_spans
            .retain(|group| !group.scope_spans.is_empty());
        request
    })
}
