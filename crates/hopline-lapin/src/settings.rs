//! What a channel's publishes and deliveries share.

use std::time::Duration;

use hopline_core::{OlderNames, SpanNames, Tracer};

/// Longer than a broker takes to start again, and than lapin waits between its first tries; shorter than anybody
/// should go without messages and not know.
const RECOVERY_LIMIT: Duration = Duration::from_secs(120);

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) tracer: Option<Tracer>,
    pub(crate) names: SpanNames,
    pub(crate) older_names: OlderNames,
    pub(crate) link_only: bool,
    pub(crate) link_dead_letters: bool,
    pub(crate) body_sizes: bool,
    pub(crate) timestamps: bool,
    pub(crate) server: Option<(String, u16)>,
    pub(crate) recovery_limit: Duration,
}

impl Settings {
    pub(crate) fn from_env() -> Self {
        Self {
            tracer: None,
            names: SpanNames::from_env(),
            older_names: OlderNames::from_env(),
            link_only: false,
            link_dead_letters: false,
            body_sizes: false,
            timestamps: false,
            server: None,
            recovery_limit: RECOVERY_LIMIT,
        }
    }

    pub(crate) fn server_address(&self) -> Option<&str> {
        self.server.as_ref().map(|(address, _)| address.as_str())
    }

    pub(crate) fn server_port(&self) -> Option<u16> {
        self.server.as_ref().map(|(_, port)| *port)
    }

    pub(crate) fn body_size(&self, body: &[u8]) -> Option<usize> {
        self.body_sizes.then_some(body.len())
    }
}
