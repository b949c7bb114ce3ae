//! Two instances of rotel as the second tier of collectors, each with a store of its own behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use hopline_core::export::SpanData;
use hopline_test_support::otlp::{Received, Receiver};
use hopline_test_support::ports::free_ports;

use crate::process::Process;
use crate::{Result, router};

/// A collector, and the store that it sends to.
struct Instance {
    _rotel: Process,
    store: Receiver,
    url: String,
}

/// Two instances, and the router before them.
pub(crate) struct Tier {
    url: String,
    instances: [Instance; 2],
}

/// Id and tracestate of each received span, by trace.
type Traces = BTreeMap<Vec<u8>, Vec<(Vec<u8>, String)>>;

impl Tier {
    /// Starts all of it.
    pub(crate) async fn start(rotel: &Path, folder: &Path) -> Result<Self> {
        let instances = [
            Instance::start(rotel, folder, "a").await?,
            Instance::start(rotel, folder, "b").await?,
        ];
        let urls = [instances[0].url.clone(), instances[1].url.clone()];
        let url = router::start(urls).await?;
        Ok(Self { url, instances })
    }

    /// The endpoint for services.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until every span is in a store, and gives the number of traces in each.
    ///
    /// Returns an error if a span is there twice, if a trace is in both, or if a tracestate was changed.
    pub(crate) fn await_all(&self, expected: &[SpanData]) -> Result<(usize, usize)> {
        let part = |which: u8| {
            expected
                .iter()
                .filter(move |span| span.trace_id.to_bytes()[15] % 2 == which)
        };
        let mut counts = [0; 2];
        for (which, instance) in self.instances.iter().enumerate() {
            let spans = part(which as u8).count();
            let received = instance
                .store
                .await_that(&format!("{spans} spans"), |received| {
                    traces(received).values().map(Vec::len).sum::<usize>() >= spans
                });
            let traces = traces(&received);
            counts[which] = traces.len();
            same(&traces, part(which as u8))
                .map_err(|error| format!("instance {which}: {error}"))?;
        }
        if counts.contains(&0) {
            return Err(format!("all traces are at one instance: {counts:?}").into());
        }
        Ok((counts[0], counts[1]))
    }
}

impl Instance {
    async fn start(rotel: &Path, folder: &Path, name: &str) -> Result<Self> {
        // it has a runtime of its own, which cannot be started on a thread of another
        let store = tokio::task::spawn_blocking(|| Receiver::start([])).await?;
        let port = free_ports(2);
        let mut command = Command::new(rotel);
        command
            .arg("start")
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
            .args(["--otlp-exporter-endpoint", &store.url()])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{port}")])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{}", port + 1)])
            .arg("--pid-file")
            .arg(folder.join(format!("rotel-{name}.pid")))
            .arg("--log-file")
            .arg(folder.join(format!("rotel-{name}.log")))
            .stdout(Stdio::null());
        Ok(Self {
            _rotel: Process::start(&mut command, &[port, port + 1]).await?,
            store,
            url: format!("http://127.0.0.1:{port}"),
        })
    }
}

/// The spans of all requests.
fn traces(received: &[Received]) -> Traces {
    let mut traces = Traces::new();
    for request in received.iter().filter(|request| request.taken) {
        let groups = request.decode().resource_spans;
        let scopes = groups.into_iter().flat_map(|group| group.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let spans = traces.entry(span.trace_id).or_default();
            spans.push((span.span_id, span.trace_state));
        }
    }
    traces
}

/// Compares what a store received with what was recorded.
fn same<'a>(received: &Traces, expected: impl Iterator<Item = &'a SpanData>) -> Result<()> {
    let received: Vec<_> = received
        .iter()
        .flat_map(|(trace, spans)| {
            spans
                .iter()
                .map(move |(id, state)| (trace.clone(), id.clone(), state.clone()))
        })
        .collect();
    let distinct: BTreeSet<_> = received.iter().cloned().collect();
    let expected: BTreeSet<_> = expected
        .map(|span| {
            let (trace, id) = (
                span.trace_id.to_bytes().to_vec(),
                span.span_id.to_bytes().to_vec(),
            );
            (trace, id, span.tracestate.as_str().to_owned())
        })
        .collect();
    if distinct.len() != received.len() {
        return Err(format!("{} spans arrived twice", received.len() - distinct.len()).into());
    }
    if distinct != expected {
        let (missing, more) = (
            expected.difference(&distinct).count(),
            distinct.difference(&expected).count(),
        );
        return Err(format!(
            "{missing} spans are missing, {more} are not of its part or were changed"
        )
        .into());
    }
    Ok(())
}
