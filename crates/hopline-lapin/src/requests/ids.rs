//! Correlation ids.

use std::sync::{Mutex, PoisonError};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};

/// A generator of ids of 128 random bits, which cannot be predicted from earlier ones.
#[derive(Debug)]
pub(super) struct Ids(
    // A plain lock, held for two numbers.
    Mutex<StdRng>,
);

impl Ids {
    /// Seeds the generator from the system.
    ///
    /// # Errors
    ///
    /// Returns an error if the system has no random numbers.
    pub(super) fn new() -> lapin::Result<Self> {
        let random = StdRng::try_from_rng(&mut SysRng).map_err(std::io::Error::other)?;
        Ok(Self(Mutex::new(random)))
    }

    /// Returns 32 hexadecimal digits. A reply must have the id of its request, so an id that can be guessed would let
    /// another client answer in place of the server.
    pub(super) fn next(&self) -> String {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{:016x}{:016x}", random.next_u64(), random.next_u64())
    }
}
