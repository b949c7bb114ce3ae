//! Error types whose `Debug` prints their message.

/// Implements `Debug` of an error type by its `Display`: `main` and `unwrap` print errors by `Debug`, and should show the
/// message with its remedy. For the crates of hopline.
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
