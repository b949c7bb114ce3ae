//! Error types whose `Debug` prints their message.

/// Implements `Debug` of an error type by its `Display`: `main` and `unwrap` print errors by `Debug`, and should show the
/// message with its remedy. For the crates of hopline.
///
/// # Examples
///
/// ```
/// use std::fmt;
///
/// struct Refused;
///
/// impl fmt::Display for Refused {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("refused; ask later")
///     }
/// }
/// hopline_core::debug_as_display!(Refused);
/// assert_eq!(format!("{Refused:?}"), "refused; ask later");
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! debug_as_display {
    ($($error:ty),+ $(,)?) => {$(
        impl ::core::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(self, f)
            }
        }
    )+};
}
