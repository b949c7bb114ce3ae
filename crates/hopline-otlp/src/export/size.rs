//! The size of requests, adapted to the collector's limit.
//!
//! No protocol announces the limit, so the worker learns it: it reads the limit before it encodes, and reports each
//! outcome. The limit is of encoded, uncompressed bytes, as collectors check it.
//!
//! ```text
//! refused at 1000 bytes ─▶ limit 500 ─ 64 accepted requests near it ─▶ limit 1000 ─▶ … ─▶ 64 MiB
//! ```

/// The largest request in bytes; OTLP lets a client send no larger one.
pub(super) const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// The size limit of requests, learned from the collector's responses.
///
/// Halved by each refusal, and doubled again after a number of accepted requests close to it: a limit may be lifted, for
/// example by a collector that was restarted with other settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestSize {
    most: usize,
    /// Accepted requests close to the limit, since the last refusal or the last increase.
    taken: u32,
}

/// The number of accepted requests close to the limit after which a larger one is tried. One refused request in 64 costs
/// little.
const TRIALS: u32 = 64;

impl RequestSize {
    /// Starts with the largest size that OTLP allows, since most collectors have no lower limit for usual requests.
    ///
    /// The limit is learned anew by each process.
    pub(super) fn new() -> Self {
        Self {
            most: MAX_REQUEST,
            taken: 0,
        }
    }

    /// The limit in bytes for a request of several spans.
    ///
    /// A single span is sent in any size up to [`MAX_REQUEST`]: it cannot be made smaller, and a collector may accept it.
    pub(super) fn most(self) -> usize {
        self.most
    }

    /// Lowers the limit to half the size of a refused request of several spans.
    ///
    /// Never raises it, even for a request of more than twice the limit.
    pub(super) fn refused(&mut self, bytes: usize) {
        self.most = self.most.min(bytes / 2).max(1);
        self.taken = 0;
    }

    /// Counts an accepted request of this many bytes.
    ///
    /// Requests below half of the limit are ignored: they prove nothing about it. After [`TRIALS`] others the limit doubles,
    /// up to [`MAX_REQUEST`]. A limit that is too high by then costs one refused request.
    pub(super) fn accepted(&mut self, bytes: usize) {
        if self.most >= MAX_REQUEST || bytes < self.most / 2 {
            return;
        }
        self.taken += 1;
        if self.taken >= TRIALS {
            self.most = self.most.saturating_mul(2).min(MAX_REQUEST);
            self.taken = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_size_is_remembered_and_a_larger_one_is_tried_rarely() {
        let mut size = RequestSize::new();
        size.refused(1000);
        size.refused(500);
        assert_eq!(size.most(), 250);
        (0..TRIALS - 1).for_each(|_| size.accepted(200));
        // small ones show nothing
        (0..1000).for_each(|_| size.accepted(100));
        assert_eq!(size.most(), 250);
        size.accepted(200);
        assert_eq!(size.most(), 500);
        // nothing that is refused makes it larger
        size.refused(5000);
        assert_eq!(size.most(), 500);
        size.refused(1);
        assert_eq!(size.most(), 1);
    }

    #[test]
    fn a_lifted_limit_is_found_again() {
        let mut size = RequestSize::new();
        size.refused(2);
        for _ in 0..TRIALS * 64 {
            size.accepted(size.most());
        }
        assert_eq!(size.most(), MAX_REQUEST);
    }
}
