//! A client span around an HTTP client that hopline does not know.
//!
//! ```sh
//! cargo run -p hopline-http --example own_client
//! ```
//!
//! ```text
//! traceparent: 00-00000000000000000000000000000001-0000000000000002-01
//! tracestate: ot=th:0
//! GET ▸ gateway  200
//! ```

#![expect(clippy::print_stdout, reason = "it shows the headers and the span")]

use hopline_core::InstrumentationScope;
use hopline_http::client::{Call, ClientSpans, ResponseInfo};
use http::{Extensions, HeaderMap, Method, StatusCode, Version};

static SCOPE: InstrumentationScope = InstrumentationScope::new("my-client", "1.0.0");

/// The client's own code: it would write the request to a socket and read the response.
fn send(headers: &HeaderMap) -> StatusCode {
    for (name, value) in headers {
        println!("{name}: {}", value.to_str().unwrap_or("not text"));
    }
    StatusCode::OK
}

fn main() {
    // a test's tracer, so that the span can be shown; services leave it out
    let (tracer, seen) = hopline_testing::tracer("gateway");
    let spans = ClientSpans::new(&SCOPE).tracer(tracer);

    let mut headers = HeaderMap::new();
    let call = Call {
        method: &Method::GET,
        version: Version::HTTP_11,
        host: "billing",
        port: Some(8080),
        path: "/invoices/7",
        headers: &headers,
        extensions: &Extensions::new(),
    };
    let mut span = spans.start(&call, || "http://billing:8080/invoices/7".into());
    spans.inject(span.context_ref(), "billing", &mut headers);
    let status = send(&headers);
    let response = ResponseInfo {
        status,
        version: Version::HTTP_11,
        peer: None,
        keeps_with: spans.keeps_with("billing"),
        headers: &HeaderMap::new(),
    };
    spans.record_response(&mut span, &response);
    drop(span); // ends it

    print!("{}", seen.tree());
}
