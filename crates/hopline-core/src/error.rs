//! Errors that read the same wherever they are printed.

/// Makes `Debug` of an error type print what its `Display` prints: `main` and `unwrap` print errors by `Debug`, and
/// should show the sentence and its remedy there. For the crates of hopline.
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
