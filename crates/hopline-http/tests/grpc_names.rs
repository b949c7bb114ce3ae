//! Names of spans of gRPC calls that a proxy passes on for strangers. In a process of its own: it fills what is known.

use std::collections::BTreeSet;

use hopline_core::InstrumentationScope;
use hopline_http::client::{Call, ClientSpans};
use hopline_testing::tracer;
use http::{Extensions, HeaderMap, HeaderValue, Method, Version};

static SCOPE: InstrumentationScope = InstrumentationScope::new("proxy", "1");

#[test]
fn a_proxy_s_callers_cannot_make_up_names_of_spans_without_end() {
    let (tracer, all) = tracer("proxy");
    let spans = ClientSpans::new(&SCOPE).tracer(tracer);
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    let extensions = Extensions::new();
    let call = |path: &str| {
        let call = Call {
            method: &Method::POST,
            version: Version::HTTP_2,
            host: "orders",
            port: None,
            path,
            headers: &headers,
            extensions: &extensions,
        };
        drop(spans.start(&call, || format!("http://orders{path}").into()));
    };
    call("/shop.Orders/Get");
    for at in 0..5000 {
        call(&format!("/made.Up/M{at}"));
    }
    call("/shop.Orders/Get");
    let seen = all.all();
    let names: BTreeSet<&str> = seen.iter().map(|span| span.name.as_str()).collect();
    assert!(names.len() <= 1025, "{}", names.len());
    assert_eq!(seen.last().unwrap().name, "shop.Orders/Get");
    let other = seen.iter().find(|span| span.name == "POST").unwrap();
    assert_eq!(other.text("rpc.method"), Some("_OTHER"));
    assert!(
        other
            .text("rpc.method_original")
            .unwrap()
            .starts_with("made.Up/M")
    );
    assert_eq!(other.text("rpc.system.name"), Some("grpc"));
}
