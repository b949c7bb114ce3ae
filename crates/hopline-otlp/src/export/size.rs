//! The size of requests.

/// The most that OTLP lets a client send in one request, in bytes.
pub(super) const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// The size limit of requests, learned from the collector's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestSize {
    most: usize,
    /// Requests nearly that large that were taken since one was refused.
    taken: u32,
}

/// After so many requests of nearly the working size a larger one is tried: a limit may be lifted, and one refused
/// request in so many costs little.
const TRIALS: u32 = 64;

impl RequestSize {
    pub(super) fn new() -> Self {
        Self {
            most: MAX_REQUEST,
            taken: 0,
        }
    }

    /// The most bytes that a request of several spans should have.
    pub(super) fn most(self) -> usize {
        self.most
    }

    /// Of a request of several spans that was too large.
    pub(super) fn refused(&mut self, bytes: usize) {
        self.most = self.most.min(bytes / 2).max(1);
        self.taken = 0;
    }

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
    fn a_size_that_works_is_remembered_and_a_larger_one_is_tried_rarely() {
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
    fn a_limit_that_is_lifted_is_found_out() {
        let mut size = RequestSize::new();
        size.refused(2);
        for _ in 0..TRIALS * 64 {
            size.accepted(size.most());
        }
        assert_eq!(size.most(), MAX_REQUEST);
    }
}
