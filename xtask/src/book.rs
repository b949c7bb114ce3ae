//! `cargo xtask docs`: the guide as a book. `main` calls it; tests check the pages without mdBook.

use std::process::Command;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, apt, root, target};

/// Pinned, so that the same pages give the same book.
const VERSION: &str = "mdbook@0.5.4";

/// Writes the book to `target/book`, by the mdBook of the path, else by one built in `target/tools`.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = build(&mut steps);
    print!("\n{}", steps.table());
    if outcome.is_ok() {
        println!("\nopen {}", root().join("target/book/index.html").display());
    }
    outcome
}

fn build(steps: &mut Steps) -> Result<()> {
    let tools = target().join("tools");
    let built = tools.join("bin/mdbook");
    let on_path = apt::on_path("mdbook");
    if !on_path && !built.is_file() {
        let mut install = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // without its server and its watch, which need half of its dependencies
        install
            .args([
                "install",
                VERSION,
                "--locked",
                "--no-default-features",
                "--features",
                "search",
                "--root",
            ])
            .arg(&tools);
        // Out of the workspace, whose settings are not this tool's.
        install
            .current_dir(std::env::temp_dir())
            .env("CARGO_TARGET_DIR", tools.join("build"));
        steps.run("build mdBook", &mut install)?;
        // Some hundreds of megabytes that only building needs.
        std::fs::remove_dir_all(tools.join("build"))?;
    }
    let mut mdbook = match on_path {
        true => Command::new("mdbook"),
        false => Command::new(built),
    };
    steps.run("book", mdbook.current_dir(root()).args(["build", "docs"]))
}
