//! Header maps: carriers of a context, and headers that are recorded as attributes.
//!
//! The carriers implement the core's `Extract` and `Inject`. Called by [`client`](crate::client) and by the layers of hopline-tower.

mod capture;
mod carrier;
mod quoted;
mod wanted;

pub use capture::HeaderCapture;
pub(crate) use carrier::CallInjector;
pub use carrier::{HeaderExtractor, HeaderInjector};
pub(crate) use quoted::split;
