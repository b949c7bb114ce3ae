//! The guide's first page: its program, run as the page asks, prints what the page shows.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

const PAGE: &str = include_str!("../../../docs/guide/start.md");

/// The program, killed at the end also where the test fails.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hello"))
            .env("OTEL_TRACES_EXPORTER", "console")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("the program ended").unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_first_program_prints_what_its_page_shows() {
    let mut program = Program::start();
    let address = program.line();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("{address}/hello/ann")).send().await;
    assert_eq!(answer.unwrap().text().await.unwrap(), "Hello, ann!\n");

    let shown: Vec<Vec<&str>> = tree_of_the_page().lines().skip(1).map(words).collect();
    assert!(program.line().starts_with("trace "));
    for expected in shown {
        assert_eq!(words(&program.line()), expected);
    }
}

/// The block of the page that has a trace.
fn tree_of_the_page() -> &'static str {
    let mut blocks = PAGE.split("```").skip(1).step_by(2);
    let tree = blocks.find_map(|block| {
        block
            .strip_prefix("text\n")
            .filter(|text| text.starts_with("trace "))
    });
    tree.expect("the page shows a trace")
}

/// The words of a line before its duration, which differs from run to run.
fn words(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let unit = words
        .iter()
        .position(|word| ["ns", "µs", "ms", "s"].contains(word));
    words[..unit.expect("a line has a duration") - 1].to_vec()
}
