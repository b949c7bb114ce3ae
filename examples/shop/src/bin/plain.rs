//! The shop without hopline.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shop_plain::main().await
}
