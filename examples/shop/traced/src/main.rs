//! The shop's program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shop_traced::main().await
}
