//! Reasons for which a local trace is kept.

/// The reason for which a local trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kept {
    /// It was sampled when it started.
    Head,
    /// The application called `keep`.
    Forced,
    /// One of its spans failed.
    Error,
    /// Its local root lasted longer than the limit of the plan.
    Slow,
    /// A downstream service announced that it keeps it.
    Downstream,
}

impl Kept {
    /// The value of `hopline.kept` on the local root of a trace that was kept although it was not sampled.
    pub(crate) fn label(self) -> Option<&'static str> {
        match self {
            Self::Head => None,
            Self::Forced => Some("forced"),
            Self::Error => Some("error"),
            Self::Slow => Some("slow"),
            Self::Downstream => Some("downstream"),
        }
    }
}
