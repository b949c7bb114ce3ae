//! The cases, each with a service of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver as Lines, RecvTimeoutError, channel};
use std::time::Duration;

use hopline_test_support::LONG;
use hopline_test_support::otlp::{Receiver, Step, free_address};

pub(crate) const CHILD: &str = "HOPLINE_PROCESS_CHILD";

pub(crate) fn run() {
    let tests: [(&str, fn()); 8] = [
        (
            "a_healthy_service_exits_with_0_whatever_its_collector_does",
            exits_with_0,
        ),
        (
            "a_second_signal_ends_a_service_with_an_open_stream_after_a_flush",
            second_signal,
        ),
        (
            "a_full_standard_error_holds_up_neither_requests_nor_shutdown",
            full_standard_error,
        ),
        ("what_an_operator_injects_never_stops_a_service", injected),
        (
            "an_error_that_main_returns_is_a_sentence_with_its_remedy",
            main_returns,
        ),
        ("telemetry_that_is_dropped_unawares_is_named", dropped),
        ("telemetry_that_ends_in_order_is_not_named", ended_in_order),
        ("a_context_that_is_lost_is_named", context_lost),
    ];
    println!("\nrunning {} tests", tests.len());
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    println!("\ntest result: ok. {} passed", tests.len());
}

/// A service that runs.
struct Service {
    child: std::process::Child,
    printed: Lines<String>,
    stderr: Option<std::thread::JoinHandle<String>>,
}

impl Service {
    fn start(role: &str, variables: &[(&str, &str)], stderr: Stdio) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("OTEL_") || text.starts_with("HOPLINE_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .env(CHILD, role)
            .env("RUST_BACKTRACE", "0")
            // the receivers of these tests count requests with spans
            .env("OTEL_METRICS_EXPORTER", "none")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (line, printed) = channel();
        std::thread::spawn(move || {
            for text in stdout.lines() {
                let _ = line.send(text.unwrap());
            }
        });
        let stderr = child.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut notices = String::new();
                stderr.read_to_string(&mut notices).unwrap();
                notices
            })
        });
        Self {
            child,
            printed,
            stderr,
        }
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        match self.printed.recv_timeout(LONG) {
            Ok(line) => line,
            Err(error) => self.give_up(&format!("prints nothing: {error}")),
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// True if it has ended within this time.
    fn ends_within(&self, time: Duration) -> bool {
        let end = self.printed.recv_timeout(time);
        matches!(end, Err(RecvTimeoutError::Disconnected))
    }

    /// Its exit status and its standard error, once it has ended.
    fn end(mut self) -> (ExitStatus, String) {
        if !self.ends_within(LONG) {
            self.give_up("does not end");
        }
        let status = self.child.wait().unwrap();
        let notices = self.stderr.take().map(|notices| notices.join().unwrap());
        (status, notices.unwrap_or_default())
    }

    fn give_up(&mut self, why: &str) -> ! {
        self.child.kill().unwrap();
        let notices = self.stderr.take().map(|notices| notices.join().unwrap());
        panic!("the service {why}: {}", notices.unwrap_or_default());
    }
}

/// A role that ends by itself.
fn done(role: &str, variables: &[(&str, &str)]) -> (ExitStatus, String) {
    let mut service = Service::start(role, variables, Stdio::piped());
    // what it prints is no matter
    while service.printed.recv_timeout(LONG).is_ok() {}
    if !service.ends_within(Duration::ZERO) {
        service.give_up("does not end");
    }
    service.end()
}

/// Asks for a path, and gives what comes first of the answer with the connection.
fn ask(address: &str, path: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: orders\r\n\r\n").unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).unwrap();
    answer.truncate(length);
    (String::from_utf8(answer).unwrap(), stream)
}

fn exits_with_0() {
    let hung = Receiver::start(std::iter::repeat_n(Step::Hang, 10));
    let nobody = format!("http://{}", free_address());
    let unresolvable = "http://collector.invalid:4318".to_owned();
    std::thread::scope(|threads| {
        for endpoint in [nobody, unresolvable, hung.url()] {
            threads.spawn(move || {
                let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
                let mut service = Service::start("service", &variables, Stdio::piped());
                let address = service.line();
                assert!(ask(&address, "/").0.starts_with("HTTP/1.1 200"));
                service.signal("TERM");
                assert_eq!(service.line(), "stopping");
                let (status, notices) = service.end();
                assert!(status.success(), "{endpoint}: {status} {notices}");
                let lost = "hopline: shutdown: 1 spans were lost at the end, and 0 before it";
                assert!(notices.contains(lost), "{endpoint}: {notices}");
            });
        }
    });
}

fn second_signal() {
    for (first, second, code) in [
        ("INT", "INT", 130),
        ("INT", "TERM", 143),
        ("TERM", "TERM", 143),
    ] {
        let receiver = Receiver::start([]);
        let url = receiver.url();
        let metrics = Receiver::start([]);
        let metrics_url = format!("{}/v1/metrics", metrics.url());
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "3600000"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &metrics_url),
        ];
        let mut service = Service::start("service", &variables, Stdio::piped());
        let address = service.line();
        assert!(ask(&address, "/").0.starts_with("HTTP/1.1 200"));
        let (answer, _open) = ask(&address, "/events");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        service.signal(first);
        assert_eq!(service.line(), "stopping");
        // one that comes at once is the same, which a shell has passed on
        service.signal(second);
        while !service.ends_within(Duration::from_millis(100)) {
            service.signal(second);
        }
        let (status, notices) = service.end();
        assert_eq!(status.code(), Some(code), "{first} {second}: {notices}");
        assert!(
            notices.contains("hopline: signal: a second signal"),
            "{notices}"
        );
        assert!(
            notices.contains("hopline: unfinished: 1 spans"),
            "{notices}"
        );
        let sent = receiver.await_spans(2);
        assert_eq!(sent, ["GET /", "events.subscribe"]);
        let exports = usize::from(cfg!(feature = "metrics"));
        assert_eq!(metrics.received().len(), exports, "{notices}");
    }
}

fn full_standard_error() {
    let nobody = format!("http://{}", free_address());
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", nobody.as_str()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
    ];
    let (unread, full) = std::io::pipe().unwrap();
    let mut service = Service::start("stuck", &variables, full.into());
    assert_eq!(service.line(), "served");
    assert!(service.end().0.success());
    drop(unread);
}

fn injected() {
    let receiver = Receiver::start([]);
    let url = receiver.url();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
    let spool = std::env::temp_dir().join(format!("hopline-no-folder-{}", std::process::id()));
    std::fs::write(&spool, "a file").unwrap();
    for (variables, notice, sent) in [
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")][..],
            "OTEL_EXPORTER_OTLP_ENDPOINT is `collector:4318`",
            0,
        ),
        (
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:9"),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent.pem"),
            ],
            "OTEL_EXPORTER_OTLP_CERTIFICATE is `/nonexistent.pem`",
            0,
        ),
        (
            &[endpoint, ("HOPLINE_SAMPLING", "most of it")],
            "HOPLINE_SAMPLING is `most of it`",
            1,
        ),
        #[cfg(feature = "otlp-spool")]
        (
            &[endpoint, ("HOPLINE_SPOOL", spool.to_str().unwrap())],
            "HOPLINE_SPOOL is `",
            1,
        ),
    ] {
        let before = receiver.received().len();
        let mut service = Service::start("service", variables, Stdio::piped());
        let address = service.line();
        assert!(ask(&address, "/").0.starts_with("HTTP/1.1 200"));
        service.signal("TERM");
        assert_eq!(service.line(), "stopping");
        let (status, notices) = service.end();
        assert!(status.success(), "{notices}");
        assert_eq!(notices.matches(notice).count(), 1, "{notice}: {notices}");
        assert!(notices.contains("; until then "), "{notices}");
        assert_eq!(receiver.received().len() - before, sent, "{notice}");
    }
    std::fs::remove_file(&spool).unwrap();
}

fn main_returns() {
    let (status, notices) = done("strict", &[("HOPLINE_SAMPLING", "most of it")]);
    assert_eq!(status.code(), Some(1));
    let sentence = "Error: HOPLINE_SAMPLING is `most of it`, which is not a sampling plan: `most`";
    assert!(notices.contains(sentence), "{notices}");
    assert!(notices.contains("; correct it or unset it"), "{notices}");
}

fn dropped() {
    let nowhere = [("OTEL_TRACES_EXPORTER", "none")];
    for role in ["dropped at once", "dropped long ago"] {
        let (status, notices) = done(role, &nowhere);
        assert!(status.success(), "{notices}");
        let notice =
            "hopline: dropped: nothing is recorded: the Telemetry of hopline::init was dropped";
        assert_eq!(notices.matches(notice).count(), 1, "{role}: {notices}");
        assert!(
            notices.contains("let telemetry = hopline::init"),
            "{notices}"
        );
    }
}

fn ended_in_order() {
    let (status, notices) = done("ended in order", &[("OTEL_TRACES_EXPORTER", "none")]);
    assert!(status.success(), "{notices}");
    assert_eq!(notices, "");
}

fn context_lost() {
    let nowhere = [("OTEL_TRACES_EXPORTER", "none")];
    let (status, notices) = done("context lost", &nowhere);
    assert!(status.success(), "{notices}");
    let notice = "hopline: lost-context: a call out (`GET`) began a trace of its own";
    assert_eq!(notices.matches(notice).count(), 1, "{notices}");
    for remedy in ["hopline::spawn,", "spawn_blocking", "spawn_traced"] {
        assert!(notices.contains(remedy), "{notices}");
    }
}
