//! The error of decoding.
//! Receivers answer it as a status, the command line prints it.

use std::fmt;

/// The body is not OTLP, or has an invalid field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    problem: String,
    is_too_large: bool,
}

impl DecodeError {
    /// True if the body is larger than allowed once it is decompressed.
    pub fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    pub(super) fn new(problem: &str) -> Self {
        Self {
            problem: problem.to_owned(),
            is_too_large: false,
        }
    }

    /// The error of a body of more than `max` bytes once it is decompressed.
    #[cfg(feature = "server")]
    pub(super) fn too_large(max: usize) -> Self {
        Self {
            problem: format!("the body is larger than {max} bytes once decompressed"),
            is_too_large: true,
        }
    }

    pub(super) fn at_line(self, line: usize) -> Self {
        Self {
            problem: format!("line {line}: {}", self.problem),
            ..self
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for DecodeError {}

impl From<hopline_otlp::DecodeError> for DecodeError {
    fn from(error: hopline_otlp::DecodeError) -> Self {
        Self::new(&error.to_string())
    }
}
