//! Propagators. A separate binary, because they are set for the process.

use std::collections::HashMap;

use hopline_core::{Incoming, SpanBuilder, Tracer, propagation::Propagators};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The headers of a request that are forwarded to the next service, by name.
fn passed_on() -> Vec<String> {
    let received = [
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("baggage", "k=v"),
    ];
    let received: HashMap<String, String> =
        received.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let tracer = Tracer::builder().build();
    let span = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(Incoming::extract(&received))
        .start();
    let mut forwarded = HashMap::new();
    span.context_ref().inject(&mut forwarded);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let continued = forwarded
        .get("traceparent")
        .is_some_and(|parent| parent.contains(trace));
    assert_eq!(continued, forwarded.contains_key("traceparent"));
    let mut names: Vec<String> = forwarded.into_keys().collect();
    names.sort();
    names
}

#[test]
fn only_selected_headers_are_read_and_sent() {
    let choose = |list: &str| Propagators::from_variables(|_| Some(list.to_owned())).install();
    assert_eq!(passed_on(), ["baggage", "traceparent", "tracestate"]);
    choose("tracecontext");
    assert_eq!(passed_on(), ["traceparent", "tracestate"]);
    choose("baggage");
    assert_eq!(passed_on(), ["baggage"]);
    choose("none");
    assert_eq!(passed_on(), [""; 0]);
    choose("tracecontext,baggage");
    assert_eq!(passed_on(), ["baggage", "traceparent", "tracestate"]);
}
