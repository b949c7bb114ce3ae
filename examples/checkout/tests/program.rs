//! The program as a user runs it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use checkout::drive::{self, CARD};
use checkout::report::read;
use checkout::system::Settings;
use checkout::{System, Urls};
use hopline::SpanKind;
use hopline_testing::assert_tree;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

const SECRETS: [&str; 3] = [CARD, "hunter2", "s3cr3t-bearer-token"];

/// A folder of its own for each test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program with nothing of the caller's environment that would change what it does.
fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_checkout"));
    for variable in [
        "DATABASE_URL",
        "AMQP_URL",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "HOPLINE_SAMPLING",
        "OTEL_TRACES_SAMPLER",
    ] {
        command.env_remove(variable);
    }
    command.args(args);
    command
}

/// The real servers, as arguments of the program.
fn servers() -> Vec<(&'static str, String)> {
    let named = [
        ("DATABASE_URL", "HOPLINE_TEST_POSTGRES_URL"),
        ("AMQP_URL", "HOPLINE_TEST_AMQP_URL"),
    ];
    let url = |variable: &str| {
        let missing =
            format!("{variable} is not set: run `cargo xtask services` and export what it prints");
        std::env::var(variable).expect(&missing)
    };
    named.map(|(name, variable)| (name, url(variable))).into()
}

/// Held by tests on the real servers: they share one queue, and a worker takes any message from it.
fn alone() -> MutexGuard<'static, ()> {
    static REAL_SERVERS: Mutex<()> = Mutex::new(());
    REAL_SERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time in which a program that is to end does so. The client waits for an order for up to 30 seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a program to its end.
fn output(command: &mut Command) -> Output {
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = piped.spawn().unwrap();
    let pid = child.id();
    let (done, output) = std::sync::mpsc::channel();
    // ends with the program
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = output.recv_timeout(LIMIT) else {
        signal(pid, "KILL");
        panic!("{command:?} has not ended after {LIMIT:?}");
    };
    output.unwrap()
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[track_caller]
fn all_green(text: &str) {
    let verdicts: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(['✓', '✗']))
        .collect();
    assert_eq!(verdicts.len(), 12, "{text}");
    assert!(verdicts.iter().all(|line| line.starts_with('✓')), "{text}");
    assert!(
        text.contains("Latency per hop") && text.contains("Service map"),
        "{text}"
    );
}

fn no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

#[test]
fn once_shows_five_whole_traces() {
    let output = output(&mut program(&["--once"]));
    let text = succeeded(&output);
    all_green(&text);
    no_secret(&text);
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("POST /checkout ▸ gateway"))
            .count(),
        4
    );
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("GET /products ▸ gateway"))
            .count(),
        1
    );
    let (_, metrics) = text.split_once("Requests, errors, duration\n").unwrap();
    for row in [
        "gateway POST /checkout 4 1",
        "gateway GET /products 1 0",
        "orders POST /orders 4 1",
        "payments POST /charge 4 1",
    ] {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = metrics.lines().any(|line| words(line).starts_with(row));
        assert!(found, "{row} is not in\n{metrics}");
    }
    let objective = "SLO POST /checkout 99.9% < 500ms over 30d: ";
    let (_, state) = metrics.split_once(objective).unwrap();
    assert!(state.contains(" of 4 good, burn rate "), "{metrics}");
}

/// The page of a service counts all requests, and an exemplar leads to a trace that was exported.
#[tokio::test]
async fn an_exemplar_of_the_page_leads_to_its_trace() {
    let system = System::start(Settings::default()).await.unwrap();
    drive::once(system.urls()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client
        .get(format!("{}/metrics", system.urls().gateway))
        .header("accept", "application/openmetrics-text; version=1.0.0")
        .send();
    let page = page.await.unwrap().text().await.unwrap();
    let collected = system.collected().clone();
    system.stop().await.unwrap();
    let line = page
        .lines()
        .find(|line| line.contains("http_route=\"/checkout\"") && line.contains("# {trace_id="));
    let (_, exemplar) = line.expect(&page).split_once("trace_id=\"").unwrap();
    let (trace, _) = exemplar.split_once('"').unwrap();
    let spans = collected.take();
    let exported = spans.iter().find(|span| {
        span.trace_id.to_string() == trace && span.service() == "gateway" && span.parent.is_none()
    });
    assert_eq!(exported.expect(trace).name, "POST /checkout");
    assert!(!page.contains("/metrics\""), "scrapes are not measured");
}

/// Headers of an untrusted caller: a trace id, a sampling flag, a probability, baggage.
#[tokio::test]
async fn a_stranger_at_the_gateway_chooses_nothing_that_is_recorded() {
    let system = System::start(Settings::default()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let forged = "4bf92f3577b34da6ffffffffffffffff";
    for flags in ["01", "00"] {
        let call = client.get(format!("{}/products", system.urls().gateway));
        let call = call
            .header("x-tenant-id", "acme")
            .header(
                "traceparent",
                format!("00-{forged}-00f067aa0ba902b7-{flags}"),
            )
            .header(
                "tracestate",
                "ot=th:ffffffffffffff;rv:ffffffffffffff,stranger=1",
            )
            .header("baggage", "tenant_id=stranger");
        assert_eq!(call.send().await.unwrap().status(), 200);
    }
    let collected = system.collected().clone();
    system.stop().await.unwrap();
    let spans = collected.take();
    let roots: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "GET /products" && span.service() == "gateway")
        .collect();
    assert_eq!(roots.len(), 2, "neither is hidden");
    for root in roots {
        assert_eq!((root.parent, root.links.len()), (None, 1));
        assert_eq!(root.adjusted_count(), Some(1.0));
    }
    for span in &spans {
        assert_ne!(span.trace_id.to_string(), forged);
        assert!(!span.tracestate.as_str().contains("stranger"));
        let tenant = span.text("tenant_id");
        assert!(tenant.is_none_or(|tenant| tenant == "acme"), "{tenant:?}");
    }
}

#[test]
fn once_on_real_servers_shows_the_same() {
    let _alone = alone();
    let output = output(program(&["--once"]).envs(servers()));
    let text = succeeded(&output);
    all_green(&text);
    assert!(text.contains("▸ postgresql"), "{text}");
}

#[test]
fn servers_that_are_down_are_reported_in_one_line() {
    let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for (variable, url) in [
        (
            "DATABASE_URL",
            format!("postgres://u:hunter2@127.0.0.1:{unused}/d"),
        ),
        ("AMQP_URL", format!("amqp://u:hunter2@127.0.0.1:{unused}")),
    ] {
        let output = output(program(&["--once"]).env(variable, url));
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert_eq!(printed.lines().count(), 1, "{printed}");
        assert!(printed.contains("cannot be reached"), "{printed}");
        no_secret(&printed);
    }
}

/// A service in a process of its own; killed if the test fails before it was stopped.
struct Process {
    name: String,
    child: Child,
}

impl Process {
    fn start(name: &str, command: &mut Command) -> Self {
        Self {
            name: name.to_owned(),
            child: command.spawn().unwrap(),
        }
    }

    /// As an orchestrator stops it.
    fn stop(mut self) {
        signal(self.child.id(), "TERM");
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let name = &self.name;
            assert!(
                Instant::now() < deadline,
                "{name} has not stopped after {LIMIT:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{}: {status}", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first of six ports that are free.
fn free_ports(offset: u16) -> u16 {
    let mut base = 12_000 + offset + (std::process::id() % 2_900) as u16;
    while !(base..base + 6).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
        base += 6;
    }
    base
}

fn until_listening(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "nothing listens on port {port}");
        std::thread::yield_now();
    }
}

#[test]
fn it_serves_until_it_is_stopped_and_reports() {
    let first = free_ports(12_000);
    let base = first.to_string();
    let mut serving = Process::start(
        "checkout",
        program(&["--base-port", &base]).stdout(Stdio::piped()),
    );
    let mut out = serving.child.stdout.take().unwrap();
    until_listening(first);
    succeeded(&output(&mut program(&["drive", "--base-port", &base])));
    serving.stop();
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    all_green(&text);
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("POST /checkout ▸ gateway"))
            .count(),
        4,
        "{text}"
    );
}

/// The five services, each in a process of its own, and a broker if none is named.
struct Processes {
    first: u16,
    spans: String,
    servers: Vec<(&'static str, String)>,
    running: Vec<Process>,
}

impl Processes {
    /// Nothing runs yet.
    fn new(folder: &Folder, offset: u16, servers: Vec<(&'static str, String)>) -> Self {
        let spans = folder.0.display().to_string();
        let mut processes = Self {
            first: free_ports(offset),
            spans,
            servers,
            running: Vec::new(),
        };
        if processes.servers.is_empty() {
            processes.start("broker", 5);
        }
        processes
    }

    fn program(&self, args: &[&str]) -> Command {
        let base = self.first.to_string();
        let mut command = program(&[args, &["--base-port", &base]].concat());
        command.envs(self.servers.iter().map(|(name, url)| (name, url)));
        command
    }

    fn start(&mut self, name: &str, offset: u16) {
        let mut command = self.program(&["--service", name, "--spans", &self.spans]);
        self.running.push(Process::start(name, &mut command));
        until_listening(self.first + offset);
    }

    /// The services first and the broker last, so that no last message is lost.
    fn stop(self) {
        self.running.into_iter().rev().for_each(Process::stop);
    }
}

const NAMES: [&str; 5] = ["gateway", "orders", "inventory", "payments", "worker"];

fn five_processes_make_the_same_traces(folder: &Folder, mut processes: Processes) {
    (0..)
        .zip(NAMES)
        .for_each(|(offset, name)| processes.start(name, offset));
    succeeded(&output(&mut processes.program(&["drive"])));
    let spans = processes.spans.clone();
    processes.stop();

    for name in NAMES {
        let written = std::fs::read_to_string(folder.0.join(format!("{name}.jsonl"))).unwrap();
        assert!(!written.is_empty(), "{name}");
        no_secret(&written);
    }
    let text = succeeded(&output(&mut program(&["report", &spans])));
    all_green(&text);
    assert!(text.contains("one root per request (5 traces)"), "{text}");
    let sent = read(&folder.0).unwrap();
    let processed: Vec<_> = sent
        .iter()
        .filter(|span| span.name == "process.message")
        .collect();
    assert_eq!(
        processed.len(),
        4,
        "three orders, one of them in two attempts"
    );
    assert!(
        processed
            .iter()
            .all(|span| span.service() == "worker" && span.parent_is_remote)
    );
}

#[test]
fn five_processes_make_the_same_traces_locally() {
    let folder = Folder::new("five");
    let processes = Processes::new(&folder, 0, Vec::new());
    five_processes_make_the_same_traces(&folder, processes);
}

#[test]
fn five_processes_make_the_same_traces_on_real_servers() {
    let _alone = alone();
    let folder = Folder::new("five-real");
    let processes = Processes::new(&folder, 6_000, servers());
    five_processes_make_the_same_traces(&folder, processes);
}

/// The order is accepted while there is no worker; one that starts later, in another process, continues the trace.
fn a_worker_that_starts_later_continues_the_trace(
    folder: &Folder,
    mut processes: Processes,
    database: &str,
) {
    (0..)
        .zip(&NAMES[..4])
        .for_each(|(offset, name)| processes.start(name, offset));
    let urls = Urls::on_ports(
        processes.first,
        processes.first + 1,
        processes.first + 2,
        processes.first + 3,
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let id = runtime.block_on(drive::checkout(&urls)).unwrap();
    processes.start("worker", 4);
    runtime.block_on(drive::until_done(&urls, id)).unwrap();
    processes.stop();
    assert_tree(&read(&folder.0).unwrap(), &drive::checkout_tree(database));
}

#[test]
fn a_worker_that_starts_later_continues_the_trace_locally() {
    let folder = Folder::new("later");
    let processes = Processes::new(&folder, 9_000, Vec::new());
    a_worker_that_starts_later_continues_the_trace(&folder, processes, "sqlite");
}

#[test]
fn a_worker_that_starts_later_continues_the_trace_on_real_servers() {
    let _alone = alone();
    let folder = Folder::new("later-real");
    let processes = Processes::new(&folder, 3_000, servers());
    a_worker_that_starts_later_continues_the_trace(&folder, processes, "postgresql");
}

/// Under which scopes each span arrived, and all bytes that did.
type Received = Arc<Mutex<(BTreeMap<Vec<u8>, Vec<String>>, Vec<u8>)>>;

/// A real OTLP/HTTP receiver, which decodes with OpenTelemetry's own types.
fn receiver() -> (String, Received) {
    let received = Received::default();
    let into = Arc::clone(&received);
    let take = move |body: Bytes| {
        let into = Arc::clone(&into);
        async move {
            let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
            let mut into = into.lock().unwrap();
            for of_scope in request
                .resource_spans
                .iter()
                .flat_map(|spans| &spans.scope_spans)
            {
                let scope = &of_scope.scope.as_ref().unwrap().name;
                for span in &of_scope.spans {
                    let id = [span.trace_id.as_slice(), &span.span_id].concat();
                    into.0.entry(id).or_default().push(scope.clone());
                }
            }
            into.1.extend_from_slice(&body);
        }
    };
    let (address, bound) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            address.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, Router::new().route("/v1/traces", post(take)))
                .await
                .unwrap();
        });
    });
    (format!("http://{}", bound.recv().unwrap()), received)
}

#[test]
fn a_collector_gets_each_span_once_from_the_crate_that_recorded_it() {
    let folder = Folder::new("collector");
    let (endpoint, received) = receiver();
    let spans = folder.0.display().to_string();
    let output = output(
        program(&["--once", "--spans", &spans]).env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
    );
    succeeded(&output);
    let written = read(&folder.0).unwrap();
    let expected: BTreeMap<Vec<u8>, Vec<String>> = written
        .iter()
        .map(|span| {
            let scope = match span.kind {
                SpanKind::Internal if span.name == "card.authorise" => "hopline-tracing",
                SpanKind::Internal => "hopline",
                SpanKind::Server => "hopline-axum",
                SpanKind::Client if span.name.starts_with("db.") => "hopline-sqlx",
                SpanKind::Client => "hopline-reqwest",
                SpanKind::Producer | SpanKind::Consumer => "hopline-lapin",
            };
            assert_eq!(span.scope.name, scope, "{}", span.name);
            let id = [&span.trace_id.to_bytes()[..], &span.span_id.to_bytes()].concat();
            (id, vec![scope.to_owned()])
        })
        .collect();
    let received = received.lock().unwrap();
    assert_eq!(received.0, expected);
    assert!(expected.len() > 60);
    no_secret(&String::from_utf8_lossy(&received.1));
}

#[test]
fn a_collector_that_is_down_gives_a_notice_and_fails_no_request() {
    let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{unused}"));
    let output = output(program(&["--once"]).envs([collector]));
    // every request was served; only that the spans are lost is reported
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("hopline: "), "{printed}");
    assert!(!printed.contains("the gateway answered"), "{printed}");
}
