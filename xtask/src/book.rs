//! `cargo xtask docs`: the guide as a book. `main` calls it; tests check the pages without mdBook.

use std::process::Command;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, apt, root, tool};

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
    let mut mdbook = match apt::on_path("mdbook") {
        true => Command::new("mdbook"),
        // without its server and its watch, which need half of its dependencies
        false => Command::new(tool::installed(
            steps,
            VERSION,
            &["--no-default-features", "--features", "search"],
        )?),
    };
    steps.run("book", mdbook.current_dir(root()).args(["build", "docs"]))
}
