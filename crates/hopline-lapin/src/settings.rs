//! What a channel's publishes and deliveries share.

use hopline_core::{OlderNames, SpanNames, Tracer};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) tracer: Option<Tracer>,
    pub(crate) names: SpanNames,
    pub(crate) older_names: OlderNames,
    pub(crate) link_only: bool,
}

impl Settings {
    pub(crate) fn from_env() -> Self {
        Self {
            tracer: None,
            names: SpanNames::from_env(),
            older_names: OlderNames::from_env(),
            link_only: false,
        }
    }
}
