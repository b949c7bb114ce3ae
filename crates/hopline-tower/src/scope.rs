//! The instrumentation scope of this crate's spans, for both sides.

use hopline_core::InstrumentationScope;

pub(crate) static SCOPE: InstrumentationScope =
    InstrumentationScope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
