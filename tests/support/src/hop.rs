//! One service between two others: the headers that it sends for those it received.

use hopline_core::{Extract, Incoming, Inject, SpanBuilder, SpanContext, SpanKind, Tracer};

/// The trace id of the parents here.
pub const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The span id of the parents here.
pub const SPAN: &str = "00f067aa0ba902b7";

/// Header lines in their order on the socket: names and values.
#[derive(Debug, Default, PartialEq)]
pub struct Lines(pub Vec<(String, Vec<u8>)>);

impl Lines {
    /// Copies these lines.
    pub fn new(lines: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        Self(lines.iter().map(owned).collect())
    }

    /// The only value of a name.
    ///
    /// # Panics
    ///
    /// If there are several.
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let value = values.next();
        assert!(values.next().is_none(), "one {name}: {self:?}");
        value.map(|(_, value)| std::str::from_utf8(value).unwrap())
    }
}

impl Extract for Lines {
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
        let named = self
            .0
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.for_each(|(_, value)| found(value));
    }
}

impl Inject for Lines {
    fn set(&mut self, name: &'static str, value: &str) {
        Inject::remove(self, name);
        self.0.push((name.to_owned(), value.into()));
    }

    fn remove(&mut self, name: &'static str) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }
}

/// The headers of a call that is made while a request with these headers is served.
pub fn hop(tracer: &Tracer, lines: &[(&str, &str)]) -> Lines {
    hops(tracer, &Lines::new(lines), 1).remove(0)
}

/// The headers of a call made for a request whose trace id ends in this randomness, with these flags and this tracestate.
pub fn call(tracer: &Tracer, randomness: u64, flags: &str, state: &str) -> Lines {
    let parent = format!(
        "00-{:032x}-{SPAN}-{flags}",
        (0xabcd_u128 << 64) | u128::from(randomness)
    );
    let mut lines = vec![("traceparent", parent.as_str())];
    lines.extend((!state.is_empty()).then_some(("tracestate", state)));
    hop(tracer, &lines)
}

/// The headers of several calls that are made for one request.
pub fn hops(tracer: &Tracer, lines: &Lines, calls: usize) -> Vec<Lines> {
    let incoming = Incoming::extract(lines);
    let mut request = SpanBuilder::new("request")
        .kind(SpanKind::Server)
        .tracer(tracer)
        .parent(incoming)
        .start();
    let call = || {
        let call = SpanBuilder::new("call").kind(SpanKind::Client).start();
        let mut sent = Lines::default();
        call.context_ref().inject(&mut sent);
        sent
    };
    request.in_scope(|| (0..calls).map(|_| call()).collect())
}

/// The `traceparent` that was sent.
pub fn parent_of(sent: &Lines) -> SpanContext {
    sent.one("traceparent")
        .expect("a traceparent is always sent")
        .parse()
        .unwrap()
}

/// True if the call continues [`TRACE`].
pub fn continues(tracer: &Tracer, traceparent: &str) -> bool {
    let sent = hop(tracer, &[("traceparent", traceparent)]);
    parent_of(&sent).trace_id().to_string() == TRACE
}

/// The tracestate that is sent for these lines of it under a valid parent.
pub fn state(tracer: &Tracer, lines: &[&str]) -> Option<String> {
    let mut headers = vec![(
        "traceparent".to_owned(),
        format!("00-{TRACE}-{SPAN}-01").into_bytes(),
    )];
    headers.extend(
        lines
            .iter()
            .map(|line| ("tracestate".to_owned(), line.as_bytes().to_vec())),
    );
    let sent = hops(tracer, &Lines(headers), 1).remove(0);
    assert_eq!(
        parent_of(&sent).trace_id().to_string(),
        TRACE,
        "a tracestate cannot harm its parent"
    );
    sent.one("tracestate").map(str::to_owned)
}
