//! The end of a runner.

/// The reason why a runner stopped without an error.
///
/// # Examples
///
/// ```
/// use hopline_lapin::StopReason;
///
/// fn exit_code(reason: StopReason) -> u8 {
///     match reason {
///         StopReason::Shutdown => 0,
///         _ => 1,
///     }
/// }
/// assert_eq!(exit_code(StopReason::Cancelled), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The future `shutdown` was ready.
    Shutdown,
    /// The consumer was cancelled, or its queue deleted.
    Cancelled,
}
