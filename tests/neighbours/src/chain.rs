//! A request through several services, and the conditions for its trace.

use crate::Result;

/// A service on the way.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    name: &'static str,
    url: String,
}

impl Hop {
    pub(crate) fn new(name: &'static str, url: &str) -> Self {
        Self {
            name,
            url: url.to_owned(),
        }
    }
}

/// A span as any of them made it: of hopline, or as OTLP had it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) tracestate: String,
    pub(crate) is_server: bool,
}

#[derive(Debug)]
pub(crate) struct Chain {
    hops: Vec<Hop>,
    trace_id: String,
}

const CALLER: &str = "00f067aa0ba902b7";
const TRACESTATE: &str = "vendor=opaque";
const BAGGAGE: &str = "tenant_id=acme";

impl Chain {
    /// The number identifies its trace.
    pub(crate) fn new(number: usize, hops: Vec<Hop>) -> Self {
        let trace_id = format!("{:032x}", 0x4bf9_2f35_77b3_4da6_u128 << 64 | number as u128);
        Self { hops, trace_id }
    }

    pub(crate) fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The services that are not of hopline.
    pub(crate) fn foreign(&self) -> Vec<&str> {
        let names = self.hops.iter().map(|hop| hop.name);
        names
            .filter(|name| matches!(*name, "python" | "node"))
            .collect()
    }

    /// Sends the request along; gives the headers that the last service got, one a line.
    pub(crate) async fn call(&self) -> Result<String> {
        let mut url = String::new();
        for hop in self.hops.iter().rev() {
            let mut next = reqwest::Url::parse(&hop.url)?.join("relay")?;
            if !url.is_empty() {
                next.query_pairs_mut().append_pair("to", &url);
            }
            url = next.into();
        }
        let client = reqwest::Client::builder().no_proxy().build()?;
        let call = client
            .get(url)
            .header("traceparent", format!("00-{}-{CALLER}-01", self.trace_id));
        let call = call
            .header("tracestate", TRACESTATE)
            .header("baggage", BAGGAGE);
        Ok(call.send().await?.error_for_status()?.text().await?)
    }

    /// # Errors
    ///
    /// The first thing that does not hold.
    pub(crate) fn check(&self, received: &str, spans: &[Seen]) -> Result<()> {
        let mut parent = CALLER.to_owned();
        for (index, hop) in self.hops.iter().enumerate() {
            let of_hop = |span: &&Seen| span.service == hop.name;
            let servers = || spans.iter().filter(of_hop).filter(|span| span.is_server);
            let server = servers()
                .find(|span| span.parent == parent)
                .ok_or_else(|| {
                    format!("no server span of {} under {parent}: {spans:#?}", hop.name)
                })?;
            if servers().count() != 1 {
                return Err(
                    format!("{} has more than one server span: {spans:#?}", hop.name).into(),
                );
            }
            if !server.tracestate.contains(TRACESTATE) {
                return Err(format!("{} lost the tracestate: {server:?}", hop.name).into());
            }
            if index + 1 < self.hops.len() {
                // spans between the request and the call are those of the service
                let under = |span: &&Seen| !span.is_server && leads_to(span, &server.id, spans);
                let mut calls = spans.iter().filter(of_hop).filter(under);
                let next = &self.hops[index + 1].name;
                let call = calls
                    .rfind(|call| {
                        spans
                            .iter()
                            .any(|span| span.parent == call.id && span.service == *next)
                    })
                    .ok_or_else(|| format!("{} made no call to {next}: {spans:#?}", hop.name))?;
                parent = call.id.clone();
            }
        }
        for (header, part) in [
            ("tracestate", TRACESTATE),
            ("baggage", BAGGAGE),
            ("traceparent", self.trace_id()),
        ] {
            let kept = received
                .lines()
                .filter_map(|line| line.strip_prefix(header)?.strip_prefix(": "))
                .any(|value| value.contains(part));
            if !kept {
                return Err(format!("{header} did not arrive with {part}: {received}").into());
            }
        }
        Ok(())
    }

    /// The trace as a tree.
    pub(crate) fn shown(&self, spans: &[Seen]) -> String {
        let mut text = String::new();
        show(spans, CALLER, 0, &mut text);
        text
    }
}

fn show(spans: &[Seen], parent: &str, depth: usize, text: &mut String) {
    for span in spans.iter().filter(|span| span.parent == parent) {
        text.push_str(&format!(
            "{}{} ▸ {}\n",
            "   ".repeat(depth),
            span.name,
            span.service
        ));
        show(spans, &span.id, depth + 1, text);
    }
}

/// True if this span is below that one.
fn leads_to(span: &Seen, id: &str, spans: &[Seen]) -> bool {
    let mut parent = &span.parent;
    // no way is longer than there are spans
    for _ in 0..=spans.len() {
        if parent == id {
            return true;
        }
        let Some(next) = spans.iter().find(|span| span.id == *parent) else {
            return false;
        };
        parent = &next.parent;
    }
    false
}
