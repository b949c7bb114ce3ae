//! `cargo xtask test`: everything that has to hold before a change is accepted.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::services::{Services, VARIABLES};
use crate::step::Steps;
use crate::{
    Result, api, apt, bench, cargo, chaos, deploy, hostile, outside, page, parity, postgres,
    publish, rabbitmq,
};

/// The time limit of a step. The longest, all tests with a cold build, takes about 12 minutes on 2 cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Crates that are built with single features too: a feature must not need another.
const ALONE: &[(&str, &[&str])] = &[
    ("hopline", &["--no-default-features"]),
    ("hopline", &["--no-default-features", "--features", "axum"]),
    ("hopline", &["--no-default-features", "--features", "lapin"]),
    (
        "hopline",
        &["--no-default-features", "--features", "reqwest"],
    ),
    (
        "hopline",
        &["--no-default-features", "--features", "sqlx-sqlite"],
    ),
    (
        "hopline",
        &["--no-default-features", "--features", "tracing"],
    ),
    (
        "hopline",
        &["--no-default-features", "--features", "metrics"],
    ),
    ("hopline-testing", &[]),
    ("hopline", &["--no-default-features", "--features", "otlp"]),
    ("hopline-otlp", &["--no-default-features"]),
    ("hopline-otlp", &["--features", "grpc"]),
    ("hopline-otlp", &["--features", "spool"]),
    ("hopline-otlp", &["--features", "tls"]),
    ("hopline-sqlx", &["--features", "postgres"]),
    ("hopline-sqlx", &["--features", "sqlite"]),
    ("hopline-sqlx", &["--features", "mysql"]),
    ("hopline-sqlx", &["--features", "any"]),
    ("hopline-sqlx", &["--features", "events"]),
    ("hopline-sqlx", &["--features", "migrate"]),
];

/// Runs all steps and prints the table; `keep` leaves the servers running.
pub(crate) fn run(keep: bool) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?).with_limit(LIMIT);
    let outcome = with_servers(&mut steps, keep);
    print!("\n{}", steps.table());
    if outcome.is_ok() {
        println!("\nall steps passed in {:.0} s", steps.total().as_secs_f64());
    }
    outcome
}

fn with_servers(steps: &mut Steps, keep: bool) -> Result<()> {
    let given = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
    let mut urls: BTreeMap<&str, String> = VARIABLES
        .iter()
        .filter_map(|name| Some((*name, given(name)?)))
        .collect();
    let wanted: Vec<&str> = VARIABLES
        .into_iter()
        .filter(|name| !urls.contains_key(name))
        .collect();
    for name in urls.keys() {
        println!("{name} is set: that server is used");
    }

    steps.time("install", |_| {
        if !apt::on_path("cc") {
            apt::install(&["gcc", "libc6-dev"], "install a C compiler")?;
        }
        Services::install_for_tests(&wanted)
    })?;
    // Held to the end: dropping it stops the servers, also after an error.
    let services = steps.time("servers", |interrupt| Services::start(&wanted, interrupt))?;
    urls.extend(services.urls().map(|(name, url)| (name, url.to_owned())));

    let outcome = all(steps, &urls);
    if keep {
        services.leave_running()?;
    }
    outcome
}

fn all(steps: &mut Steps, urls: &BTreeMap<&str, String>) -> Result<()> {
    steps.run("format", cargo().args(["fmt", "--all", "--check"]))?;
    // a workspace of its own, which is formatted here and built only by `cargo xtask bench`
    let peers = ["--manifest-path", bench::PEERS];
    steps.run(
        "format of the peers' benchmarks",
        cargo().args(["fmt", "--check"]).args(peers),
    )?;

    let every = [
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    steps.run("clippy", cargo().arg("clippy").args(every))?;

    steps.run(
        "tests",
        cargo()
            .args(["test", "--workspace", "--all-features"])
            .envs(urls),
    )?;

    // A target folder of its own: the flag is part of every artifact's identity.
    let locks = ["test", "-p", "hopline-loom", "--target-dir", "target/loom"];
    steps.run(
        "locks",
        cargo().args(locks).env("RUSTFLAGS", "--cfg hopline_loom"),
    )?;

    let docs = ["doc", "--workspace", "--no-deps", "--all-features"];
    steps.run(
        "docs",
        cargo().args(docs).env("RUSTDOCFLAGS", "-D warnings"),
    )?;

    steps.time("tables of methods", |_| parity::run())?;
    steps.time("public items", |_| api::run(false))?;
    let packages = publish::steps_of(steps)?;
    outside::steps_of(steps, &packages)?;

    for (package, features) in ALONE {
        let name = format!("{package} {}", features.join(" "));
        // Clippy where `cargo check` would do: it shares the dependencies' artifacts with the step above.
        steps.run(
            &name,
            cargo()
                .args(["clippy", "-p", package])
                .args(*features)
                .args(["--", "-D", "warnings"]),
        )?;
    }

    bench::gate(steps, &[])?;

    let example = ["run", "--package", "checkout", "--", "--once"];
    steps.run("example", cargo().args(example))?;
    let mut servers = cargo();
    for (name, variable) in [
        ("DATABASE_URL", postgres::VARIABLE),
        ("AMQP_URL", rabbitmq::VARIABLE),
    ] {
        servers.env(name, &urls[variable]);
    }
    steps.run("example on servers", servers.args(example))?;
    // With a broker of its own, since it kills it.
    steps.run("chaos, in short", &mut chaos::short())?;
    steps.run("hostile, in short", &mut hostile::short())?;
    deploy::steps_of(steps, true)?;
    page::steps_of(steps, true)
}
