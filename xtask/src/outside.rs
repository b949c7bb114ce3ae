//! `cargo xtask outside`: what users build outside of this workspace.
//!
//! - The program of README.md, with the dependencies that README.md lists for it, in a folder that has nothing else.
//! - The programs of `tests/refused`, none of which may compile. Each begins with comments `//! error: …`, and all
//!   their texts have to be in what the compiler prints: they name the remedy.
//!
//! Both get hopline from its packages, as cargo would publish them, and use the versions of `Cargo.lock` and no network.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::interrupt::Interrupt;
use crate::publish::{self, Unpacked};
use crate::step::Steps;
use crate::{Result, cargo, root, target};

/// The dependencies of the programs that must not compile: all edges, and the wrapped crates.
const DEPENDENCIES: &str = r#"
hopline = { version = "0.1", features = ["axum", "lapin", "reqwest", "sqlx-migrate", "sqlx-postgres", "sqlx-sqlite", "tower"] }
axum = { version = "0.8", default-features = false }
lapin = { version = "4", default-features = false }
reqwest = { version = "0.13", default-features = false }
sqlx = { version = "0.9", default-features = false, features = ["any", "migrate", "postgres", "sqlite"] }
tokio = "1"
"#;

/// Builds all of it.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome =
        publish::steps_of(&mut steps).and_then(|packages| steps_of(&mut steps, &packages));
    print!("\n{}", steps.table());
    outcome
}

/// The same as a part of another command.
pub(crate) fn steps_of(steps: &mut Steps, packages: &Unpacked) -> Result<()> {
    let readme = fs::read_to_string(root().join("README.md"))?;
    let program = block(&readme, "rust").ok_or("README.md has no program")?;
    let dependencies = block(&readme, "toml").ok_or("README.md has no dependencies")?;
    let folder = target().join("outside/readme");
    package(&folder, dependencies, packages)?;
    fs::write(folder.join("src/main.rs"), program)?;
    steps.run("README's program", &mut check(&folder, "main"))?;

    let folder = target().join("outside/refused");
    package(&folder, DEPENDENCIES, packages)?;
    fs::write(folder.join("src/main.rs"), "fn main() {}")?;
    steps.run("what refused programs use", &mut check(&folder, "main"))?;
    for path in sources()? {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let source = fs::read_to_string(&path)?;
        let bin = folder.join("src/bin");
        fs::create_dir_all(&bin)?;
        fs::write(bin.join(format!("{name}.rs")), &source)?;
        steps.time(&format!("refused: {name}"), |_| {
            refused(&source, &mut check(&folder, &name))
        })?;
    }
    Ok(())
}

/// The first code block of this language.
fn block<'a>(text: &'a str, language: &str) -> Option<&'a str> {
    let mut blocks = text.split("```").skip(1).step_by(2);
    blocks.find_map(|block| {
        let (info, code) = block.split_once('\n')?;
        (info.split(',').next() == Some(language)).then_some(code)
    })
}

/// An empty package with these dependencies; hopline comes from its packages.
fn package(folder: &Path, dependencies: &str, packages: &Unpacked) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(folder.join("src"))?,
    }
    let dependencies = match dependencies.trim_start().starts_with('[') {
        true => dependencies.to_owned(),
        false => format!("[dependencies]\n{dependencies}"),
    };
    let manifest = format!(
        "[package]\nname = \"main\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{dependencies}\n\
         {}\n[workspace]\n",
        packages.patch()
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(())
}

fn check(folder: &Path, bin: &str) -> Command {
    let mut check = cargo();
    check
        .current_dir(folder)
        .args(["check", "--offline", "--quiet", "--bin", bin]);
    // what is built for the workspace is used where features are the same
    check.env("CARGO_TARGET_DIR", target());
    check
}

fn sources() -> Result<Vec<std::path::PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root().join("tests/refused"))? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Runs the compiler, which must refuse the program with the texts that it names.
fn refused(source: &str, check: &mut Command) -> Result<()> {
    let wanted: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! error: "))
        .collect();
    if wanted.is_empty() {
        return Err("no line `//! error: …`".into());
    }
    let output = check.output()?;
    if output.status.success() {
        return Err("it compiles".into());
    }
    // one line, since the compiler breaks long notes
    let printed = String::from_utf8_lossy(&output.stderr);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match wanted
        .iter()
        .find(|text| !words(&printed).contains(&words(text)))
    {
        Some(missing) => {
            Err(format!("`{missing}` is not in what the compiler prints:\n{printed}").into())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_of_a_language_is_found() {
        let text =
            "a\n```rust,no_run\nfn main() {}\n```\nb\n```toml\nx = 1\n```\n```rust\nno\n```\n";
        assert_eq!(block(text, "rust"), Some("fn main() {}\n"));
        assert_eq!(block(text, "toml"), Some("x = 1\n"));
        assert_eq!(block(text, "sh"), None);
    }

    #[test]
    fn a_program_that_compiles_or_does_not_show_the_remedy_is_a_failure() {
        let run = |source: &str, script: &str| {
            let answer = refused(source, Command::new("sh").args(["-c", script]));
            answer.map_err(|error| error.to_string())
        };
        assert_eq!(
            run("//! error: use  raw()", "printf 'use\\n raw()' >&2; exit 1"),
            Ok(())
        );
        let error = run("//! error: use raw()", "echo no >&2; exit 1").unwrap_err();
        assert!(error.starts_with("`use raw()` is not in"), "{error}");
        assert_eq!(run("//! error: x", "exit 0"), Err("it compiles".to_owned()));
        assert_eq!(
            run("fn main() {}", "exit 1"),
            Err("no line `//! error: …`".to_owned())
        );
    }
}
