//! The examples of the crates: each runs as its first lines describe, and prints what they show.
//!
//! `cargo test --workspace --all-features` builds them before it runs this; alone,
//! `cargo build --workspace --examples --all-features` does.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;

use hopline_test_support::LONG;

/// Examples that measure, which takes long.
const MEASURES: &[&str] = &["throughput"];

#[test]
fn each_example_prints_what_its_first_lines_show() {
    let mut sources = Vec::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let examples = entry.unwrap().path().join("examples");
        let entries = fs::read_dir(examples).into_iter().flatten();
        sources.extend(entries.map(|entry| entry.unwrap().path()));
    }
    sources.retain(|path| !MEASURES.contains(&name(path)));
    assert!(sources.len() > 12, "{} examples were read", sources.len());
    let faults: Vec<String> = sources.iter().filter_map(|path| fault(path)).collect();
    assert_eq!(faults, [""; 0]);
}

#[test]
fn times_bars_ports_and_trace_ids_are_not_compared_and_all_else_is() {
    let line = |text: &str| shape(text);
    let tree = "trace 0af7651916cd43dd8448eb211c80319c\n└─ GET  127.0.0.1:46135/a  200    1.0 ms   ████  ◀ 50 %";
    let other = "trace 4bf92f3577b34da6a3ce929d0e0e4736\n└─ GET  127.0.0.1:80/a  200  563 µs  █";
    assert_eq!(line(tree), line(other));
    assert_ne!(line("└─ GET  200"), line("└─ GET  503"));
    assert_ne!(line("├─ GET"), line("   GET"));
    assert_ne!(line("requests 2"), line("requests 3"));
}

/// The fault of this example, if it has one.
fn fault(source: &Path) -> Option<String> {
    let text = fs::read_to_string(source).unwrap();
    let at = source.display();
    let (Some(command), Some(shown)) = (block(&text, "sh"), block(&text, "text")) else {
        return Some(format!("{at} has no command and output in its first lines"));
    };
    let package = name(source.parent().unwrap().parent().unwrap());
    let typed = command.trim().rsplit(" | ").next().unwrap_or_default();
    let start = format!("cargo run -p {package} ");
    if !typed.starts_with(&start) || !typed.ends_with(&format!("--example {}", name(source))) {
        return Some(format!("{at} does not run by `{typed}`"));
    }
    let input = command
        .strip_prefix("echo '")
        .and_then(|rest| rest.split('\'').next());
    let printed = run(source, input);
    (shape(&printed) != shape(&shown))
        .then(|| format!("{at} shows\n{shown}\nand prints\n{printed}"))
}

/// Runs the example, which has been built, and returns its output.
fn run(source: &Path, input: Option<&str>) -> String {
    let this = std::env::current_exe().unwrap();
    let built = this.parent().unwrap().parent().unwrap().join("examples");
    let program = built.join(name(source));
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    assert!(
        modified(&program) >= modified(source),
        "{} is not built: run `cargo build --workspace --examples --all-features`",
        program.display()
    );
    let mut command = Command::new(&program);
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        if ["OTEL_", "HOPLINE_", "AMQP_", "RUST_LOG"]
            .iter()
            .any(|start| text.starts_with(start))
        {
            command.env_remove(variable);
        }
    }
    command
        .arg("--once")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", input.unwrap_or_default()).ok(); // most examples do not read it
    drop(stdin);
    let printed = output(&mut child);
    let Some(printed) = printed else {
        child.kill().unwrap();
        panic!("{} has not ended after {LONG:?}", program.display());
    };
    let status = child.wait().unwrap();
    assert!(status.success(), "{}: {status}", program.display());
    printed
}

/// All that a program prints until it ends; nothing if it does not end in time.
fn output(child: &mut Child) -> Option<String> {
    let mut stdout = child.stdout.take().unwrap();
    let (sender, receiver) = channel();
    // the caller kills the program if it waits too long, and this ends with its output
    std::thread::spawn(move || {
        let mut printed = String::new();
        stdout.read_to_string(&mut printed).unwrap();
        sender.send(printed)
    });
    receiver.recv_timeout(LONG).ok()
}

/// The first code block of this language in a file's documentation.
fn block(text: &str, language: &str) -> Option<String> {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let mut inside = lines.skip_while(|line| *line != format!("```{language}"));
    inside.next()?;
    Some(
        inside
            .take_while(|line| *line != "```")
            .map(|line| format!("{line}\n"))
            .collect(),
    )
}

/// The text without what differs in each run: durations and their bars, ports and trace ids.
fn shape(text: &str) -> String {
    let lines = text.trim_end().lines().map(|line| {
        let line = line.split('◀').next().unwrap_or_default();
        let content = line.find(char::is_alphanumeric).unwrap_or(0);
        let (indent, content) = line.split_at(content);
        let words: Vec<&str> = content.split_whitespace().collect();
        let shaped = words.iter().enumerate().filter_map(|(at, word)| {
            let is_number = word.chars().all(|c| c.is_ascii_digit() || c == '.');
            let is_unit = |word: &&str| ["s", "ms", "µs", "ns"].contains(word);
            let is_time = is_number && words.get(at + 1).is_some_and(is_unit);
            let follows = at.checked_sub(1).map(|before| words[before]);
            match *word {
                _ if is_time || is_unit(word) || word.starts_with('█') => None,
                _ if follows == Some("trace") => Some("ID".to_owned()),
                word => Some(without_port(
                    without_port(word.to_owned(), "127.0.0.1:"),
                    "port=\"",
                )),
            }
        });
        format!("{indent}{}", shaped.collect::<Vec<_>>().join(" "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The word without the digits that follow `mark`.
fn without_port(word: String, mark: &str) -> String {
    match word.split_once(mark) {
        None => word,
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}{mark}PORT{rest}")
        }
    }
}

fn name(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
