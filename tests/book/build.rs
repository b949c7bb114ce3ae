//! Takes the program out of the guide's first page, so that `src/bin/hello.rs` is that program.

use std::path::Path;
use std::{env, fs};

/// The page, from this package.
const PAGE: &str = "../../docs/guide/start.md";
/// The address in the program, and the one that a test needs: any free port.
const ADDRESS: [&str; 2] = ["127.0.0.1:3000", "127.0.0.1:0"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={PAGE}");
    let page = fs::read_to_string(PAGE)?;
    let (_, rest) = page
        .split_once("```rust")
        .ok_or("the page has no program")?;
    let (_, rest) = rest.split_once('\n').ok_or("the block has no lines")?;
    let (program, _) = rest.split_once("```").ok_or("the block has no end")?;
    let [from, to] = ADDRESS;
    if !program.contains(from) {
        return Err(format!("the program does not listen on {from}").into());
    }
    let folder = env::var("OUT_DIR")?;
    fs::write(
        Path::new(&folder).join("hello.rs"),
        program.replace(from, to),
    )?;
    Ok(())
}
