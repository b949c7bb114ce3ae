//! Header maps as a server and a client hold them: every field line, any bytes, and nothing stale on the way out.

use hopline_core::{Baggage, Context, Extract, Incoming, Inject};
use hopline_http::{HeaderExtractor, HeaderInjector};
use http::{HeaderMap, HeaderName, HeaderValue};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";

fn headers(lines: &[(&str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn incoming(lines: &[(&str, &[u8])]) -> Incoming {
    Incoming::extract(&HeaderExtractor(&headers(lines)))
}

/// The values of a name, as the parsers get them.
fn values(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    HeaderExtractor(headers).each_value(name, &mut |value| values.push(value.to_vec()));
    values
}

#[test]
fn every_field_line_of_a_name_is_read_in_order_and_as_it_is() {
    let headers = headers(&[
        ("Baggage", b"a=1"),
        ("tracestate", b"x=1"),
        ("BAGGAGE", b""),
        ("accept", b"*/*"),
        ("baggage", b"b=\xff, \xe9=2"),
        ("baggage", b"\tc=3 "),
    ]);
    assert_eq!(
        values(&headers, "baggage"),
        [&b"a=1"[..], b"", b"b=\xff, \xe9=2", b"\tc=3 "]
    );
    assert_eq!(values(&headers, "traceparent"), [[0; 0]; 0]);
}

#[test]
fn two_traceparents_are_none_and_states_are_joined() {
    let parent = PARENT.as_bytes();
    assert_eq!(
        incoming(&[("traceparent", parent)])
            .parent
            .unwrap()
            .to_string(),
        PARENT
    );
    for second in [parent, b"", b"garbage", b"\xff"] {
        let lines = [
            ("Traceparent", parent),
            ("tracestate", b"a=1"),
            ("traceparent", second),
        ];
        assert_eq!(incoming(&lines).parent, None, "{second:?}");
    }
    let lines = [
        ("tracestate", &b"a=1"[..]),
        ("traceparent", parent),
        ("TraceState", b" b=2\t,"),
    ];
    assert_eq!(
        incoming(&lines).parent.unwrap().tracestate().as_str(),
        "a=1,b=2"
    );
}

#[test]
fn invalid_bytes_invalidate_only_their_own_part() {
    let with = |bytes: &[u8]| [PARENT.as_bytes(), bytes].concat();
    assert_eq!(incoming(&[("traceparent", &with(b"\xe9"))]).parent, None);
    let received = incoming(&[
        ("traceparent", PARENT.as_bytes()),
        ("tracestate", b"a=1,b=\xe9"),
        ("baggage", b"k=v,bad=\xff,n\xc3\xa9=1,l=w"),
    ]);
    let parent = received.parent.unwrap();
    assert_eq!(
        (parent.to_string().as_str(), parent.tracestate().as_str()),
        (PARENT, "")
    );
    assert_eq!(received.baggage.to_string(), "k=v,l=w");
}

#[test]
fn a_sent_context_replaces_every_line_of_another_trace() {
    let context = Context::remote(incoming(&[("traceparent", PARENT.as_bytes())]));
    let stale: &[(&str, &[u8])] = &[
        ("TraceParent", b"old"),
        ("traceparent", b"older"),
        ("tracestate", b"old=1"),
        ("tracestate", b"older=1"),
        ("baggage", b"old=1"),
        ("x-own", b"1"),
    ];
    let mut sent = headers(stale);
    context.inject(&mut HeaderInjector(&mut sent));
    let own: &[(&str, &[u8])] = &[("x-own", b"1"), ("traceparent", PARENT.as_bytes())];
    assert_eq!(sent, headers(own), "nothing empty, nothing stale");
    let baggage = Baggage::default()
        .with("name", "J\u{fc}rgen\r\nx: y")
        .unwrap();
    context
        .with_baggage(baggage)
        .inject(&mut HeaderInjector(&mut sent));
    assert_eq!(values(&sent, "baggage"), [b"name=J%C3%BCrgen%0D%0Ax:%20y"]);
    assert!(
        sent.keys()
            .all(|name| name.as_str() == name.as_str().to_lowercase())
    );
}

#[test]
fn a_map_that_is_full_stays_as_it_is() {
    let mut full = HeaderMap::new();
    for at in 0_u32.. {
        let name = HeaderName::try_from(format!("x-{at}")).unwrap();
        if full
            .try_insert(name, HeaderValue::from_static("1"))
            .is_err()
        {
            break;
        }
    }
    let before = full.len();
    let context = Context::remote(incoming(&[("traceparent", PARENT.as_bytes())]));
    context.inject(&mut HeaderInjector(&mut full));
    HeaderInjector(&mut full).set("no name", "1");
    HeaderInjector(&mut full).remove("no name");
    assert_eq!(
        full.len(),
        before,
        "a request without trace headers is better than none"
    );
}
