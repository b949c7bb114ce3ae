//! The commands, run on files and against a running viewer.
//!
//! What `print` writes is compared with files in `tests/printed/`; `HOPLINE_WRITE=1` writes them anew.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(path)
}

fn hopline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopline"));
    command
        .args(arguments)
        .current_dir(here("fixtures"))
        .env_remove("HOPLINE_VIEW_TOKEN");
    command
}

fn run(arguments: &[&str]) -> Output {
    hopline(arguments).output().unwrap()
}

/// Standard output, and the exit status.
fn done(arguments: &[&str]) -> (String, i32) {
    let output = run(arguments);
    (
        String::from_utf8(output.stdout).unwrap(),
        output.status.code().unwrap(),
    )
}

#[test]
fn trees_are_printed_at_each_width() {
    for width in ["60", "80", "120"] {
        let (text, status) = done(&["print", "checkout.jsonl", "--width", width]);
        assert_eq!(status, 0);
        let file = here(&format!("printed/checkout-{width}.txt"));
        if std::env::var_os("HOPLINE_WRITE").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        assert_eq!(
            text,
            std::fs::read_to_string(file).unwrap(),
            "width {width}"
        );
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width.parse().unwrap(), "{widest} columns");
    }
}

#[test]
fn search_words_choose_traces() {
    for (query, traces) in [
        ("", 3),
        ("status:error", 1),
        (">100ms", 1),
        ("-service:payments", 1),
        ("INSERT", 2),
    ] {
        let (text, _) = done(&["print", "checkout.jsonl", "-q", query]);
        assert_eq!(text.matches("trace ").count(), traces, "{query}");
    }
    let output = run(&["print", "checkout.jsonl", "-q", ">fast"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a duration: `fast`"));
}

#[test]
fn json_lines_have_the_documented_fields() {
    let (text, status) = done(&["print", "checkout.jsonl", "--json"]);
    assert_eq!((text.lines().count(), status), (3, 0));
    let trace: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let fields: Vec<&str> = trace
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = [
        "schema",
        "traceId",
        "name",
        "service",
        "startUnixNano",
        "durationNanos",
        "status",
        "errors",
        "complete",
        "spans",
    ];
    expected.sort_unstable();
    let mut fields = fields;
    fields.sort_unstable();
    assert_eq!(fields, expected);
    assert_eq!(
        (&trace["schema"], &trace["name"], &trace["durationNanos"]),
        (&1.into(), &"POST /checkout".into(), &84_000_000.into())
    );
    let query = &trace["spans"][4];
    assert_eq!(query["attributes"]["db.system.name"], "postgresql");
    assert_eq!(
        (&query["label"], &query["depth"]),
        (&"db.query  INSERT orders".into(), &3.into())
    );
}

#[test]
fn colours_are_for_terminals_only() {
    let (plain, _) = done(&["print", "checkout.jsonl"]);
    assert!(!plain.contains('\u{1b}'));
    let output = hopline(&["print", "checkout.jsonl"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains('\u{1b}'));
}

#[test]
fn assertions_hold_or_fail_with_the_tree() {
    let holds = [
        "POST /checkout has POST@gateway",
        "POST /orders has db.query  INSERT orders",
        "POST /orders has not redis*",
        "POST /orders count db.query <= 1",
        "POST /charge duration < 1s",
        "POST /charge status ok",
        "POST /orders status 201",
        "POST /checkout@gateway attribute http.response.status_code",
        "db.query attribute db.system.name=postgre*",
    ];
    let (text, status) = done(&[&["assert", "checkout.jsonl"], &holds[..]].concat());
    assert_eq!(
        (text.matches("ok    ").count(), status),
        (holds.len(), 0),
        "{text}"
    );
    for (assertion, reason) in [
        ("POST /checkout status ok", "failed"),
        ("POST /checkout has db.query", "has no such span below it"),
        ("POST /orders has not db.query", "has 1 such spans below it"),
        ("POST /checkout duration < 1ms", "took 84.000 ms"),
        (
            "GET /nothing has x",
            "no span matches; the traces begin with: POST /checkout@gateway",
        ),
        ("POST /orders attribute tenant", "has no attribute tenant"),
    ] {
        let (text, status) = done(&["assert", "checkout.jsonl", assertion]);
        assert_eq!(status, 1, "{assertion}");
        assert!(
            text.starts_with(&format!("fail  {assertion}\n")) && text.contains(reason),
            "{text}"
        );
        assert!(
            assertion.starts_with("GET") || text.contains("POST /checkout ▸ gateway"),
            "the tree: {text}"
        );
    }
    assert_eq!(
        run(&["assert", "checkout.jsonl", "nonsense"]).status.code(),
        Some(2)
    );
}

#[test]
fn the_check_exits_with_its_result() {
    let (text, status) = done(&["check", "checkout.jsonl", "--traces", "3"]);
    assert_eq!(status, 0, "{text}");
    let (text, status) = done(&["check", "checkout.jsonl", "--traces", "4"]);
    assert_eq!(status, 1, "{text}");
}

#[test]
fn a_comparison_names_what_is_slower_and_missing() {
    let (text, status) = done(&[
        "diff",
        "checkout.jsonl",
        "checkout.jsonl",
        "--trace-b",
        "5bf",
    ]);
    assert_eq!(status, 1);
    assert!(
        text.contains("> POST /checkout ▸ gateway  84.0 ms -> 168.0 ms (+84.0 ms)"),
        "{text}"
    );
    let (text, status) = done(&[
        "diff",
        "checkout.jsonl",
        "checkout.jsonl",
        "--trace-b",
        "6bf",
    ]);
    assert!(
        status == 1 && text.contains("-   auth.verify ▸ gateway  3.0 ms"),
        "{text}"
    );
    let (text, status) = done(&[
        "diff",
        "checkout.jsonl",
        "checkout.jsonl",
        "--trace-a",
        "4bf",
        "--trace-b",
        "4bf",
    ]);
    assert!(
        status == 0 && text.ends_with("8 same, 0 slower, 0 faster, 0 added, 0 missing\n"),
        "{text}"
    );
}

#[test]
fn reasons_are_named_by_operation() {
    let (text, status) = done(&["why", "checkout.jsonl"]);
    assert_eq!(
        (text.as_str(), status),
        (
            "POST /checkout ▸ gateway: 3 of the 4 traces that a comparison needs\n",
            0
        )
    );
}

#[test]
fn a_plan_is_checked_and_explained() {
    let (text, status) = done(&["plan", "GET /products 10%; * 5%; keep errors"]);
    assert_eq!(
        (text.as_str(), status),
        (
            "GET /products 10%  new traces that match `GET /products`: sampled with probability 10%\n\
             * 5%               all other new traces: sampled with probability 5%\n\
             keep errors        every trace in which a span failed is kept\n",
            0
        )
    );
    let (text, status) = done(&["plan", "GET /products ten"]);
    assert!(status == 1 && text.starts_with("not a plan: "), "{text}");
}

#[test]
fn objectives_are_checked_explained_and_written_as_rules() {
    let slo = "SLO POST /checkout 99.9% < 500ms over 30d";
    let (text, status) = done(&["slo", slo]);
    assert!(status == 0 && text.starts_with(slo), "{text}");
    assert!(
        text.contains("0.1000 % may be bad: as much as 43.2 minutes"),
        "{text}"
    );
    let (rules, status) = done(&["slo", slo, "--rules"]);
    assert!(
        status == 0 && rules.starts_with("groups:") && rules.contains("alert:"),
        "{rules}"
    );
    let (dashboard, _) = done(&["slo", slo, "--dashboard"]);
    assert!(
        serde_json::from_str::<serde_json::Value>(&dashboard)
            .unwrap()
            .is_object()
    );
    let (text, status) = done(&["slo", "POST /checkout"]);
    assert!(
        status == 1 && text.contains("is not a valid objective"),
        "{text}"
    );
    assert_eq!(run(&["slo", " "]).status.code(), Some(2));
}

#[test]
fn an_unreadable_file_is_an_error_with_its_place() {
    for file in ["nothing.json", "../commands.rs"] {
        let output = run(&["print", file]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with(&format!("hopline: {file}: ")));
    }
}

#[test]
fn a_file_without_traces_is_reported_by_each_command() {
    let empty = std::env::temp_dir().join(format!("hopline-empty-{}.json", std::process::id()));
    std::fs::write(&empty, r#"{"resourceSpans":[]}"#).unwrap();
    let file = empty.to_str().unwrap();
    for (arguments, status, words) in [
        (&["print", file][..], 0, "no trace matches"),
        (&["why", file], 0, "no trace matches"),
        (&["check", file], 1, "no span in these files"),
        (&["assert", file, "a has b"], 1, "the file has no traces"),
        (&["diff", file, file], 2, "no trace"),
        (
            &[
                "diff",
                "checkout.jsonl",
                "checkout.jsonl",
                "--trace-b",
                "fff",
            ],
            2,
            "no trace whose id starts with `fff`",
        ),
        (&["print", "../commands.rs"], 2, "a file has OTLP JSON"),
        (
            &["view", "--bind", "0.0.0.0"],
            2,
            "give a token with --token",
        ),
    ] {
        let output = run(arguments);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
    std::fs::remove_file(empty).unwrap();
}

#[test]
fn each_command_has_help_with_an_example() {
    let (help, _) = done(&["--help"]);
    let commands = help.split_once("Commands:\n").unwrap().1;
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(names.len(), 9, "{names:?}");
    for name in names {
        let (help, status) = done(&[name, "--help"]);
        assert_eq!(status, 0);
        let (_, examples) = help.split_once("Example").expect(name);
        let own = |line: &&str| line.starts_with(&format!("  hopline {name} "));
        assert!(
            examples.lines().any(|line| own(&line)),
            "{name}: {examples}"
        );
    }
}

/// Ends the viewer with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn tail_prints_what_a_viewer_receives() {
    let ports = ["--port", "0", "--http-port", "0", "--no-grpc"];
    let mut viewer = hopline(&[&["view"][..], &ports].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(viewer.stdout.take().unwrap()).lines();
    let _running = Running(viewer);
    let mut address = || {
        lines
            .next()
            .unwrap()
            .unwrap()
            .rsplit_once(' ')
            .unwrap()
            .1
            .to_owned()
    };
    let (page, otlp) = (address(), address());
    let follow = |more: &[&str]| {
        let all = ["tail", "--url", &page, "-q", "status:error", "-n", "1"];
        let mut command = hopline(&[&all[..], more].concat());
        let mut tail = Running(command.stdout(Stdio::piped()).spawn().unwrap());
        std::thread::spawn(move || {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut tail.0.stdout.take().unwrap(), &mut text).unwrap();
            (text, tail.0.wait().unwrap().code())
        })
    };
    let (json, tree) = (follow(&["--json"]), follow(&[]));
    // a stream is open when the viewer counts it; until then the spans are sent again, and merged
    let file = std::fs::read_to_string(here("fixtures/checkout.jsonl")).unwrap();
    let last = file.lines().last().unwrap().to_owned();
    while !(json.is_finished() && tree.is_finished()) {
        send(otlp.trim_start_matches("http://"), &last);
        // longer than a trace has to be idle before it is printed
        std::thread::sleep(std::time::Duration::from_millis(900));
    }
    let ((json, of_json), (tree, of_tree)) = (json.join().unwrap(), tree.join().unwrap());
    assert_eq!((of_json, of_tree), (Some(0), Some(0)));
    let trace: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    assert_eq!(
        (&trace["status"], trace["spans"].as_array().unwrap().len()),
        (&"error".into(), 2)
    );
    let id = trace["traceId"].as_str().unwrap();
    let link = format!("{page}/t/{id}\nPOST /checkout ▸ gateway");
    assert!(tree.starts_with(&link), "{tree}");
    for (url, words) in [
        (
            "http://127.0.0.1:1",
            "no viewer answers at http://127.0.0.1:1: ",
        ),
        (otlp.as_str(), "so it is not a viewer"),
    ] {
        let output = run(&["tail", "--url", url]);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(words), "{text}");
    }
}

fn send(address: &str, body: &str) {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all(&[head.as_bytes(), body.as_bytes()].concat())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
