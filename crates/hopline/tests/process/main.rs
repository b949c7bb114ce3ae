//! Whole processes: this program starts itself again, as a service, for each case.

#![expect(clippy::print_stdout, reason = "it is its own test harness")]

#[cfg(target_os = "linux")]
mod child;

#[cfg(target_os = "linux")]
mod cases;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[cfg(target_os = "linux")]
    match std::env::var(cases::CHILD) {
        Ok(role) => return child::run(&role),
        Err(_) => cases::run(),
    }
    Ok(())
}
