//! Reasons for which a local trace is kept.

/// Why a local trace was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kept {
    /// It was sampled when it started.
    Head,
    /// The application asked for it.
    Forced,
    /// One of its spans failed.
    Error,
    /// It was slower than the plan's limit.
    Slow,
    /// A service behind this one said that it keeps it.
    Downstream,
}

impl Kept {
    /// What `hopline.kept` says on the local root of a trace that was kept although not sampled.
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
