//! Attributes: keys and values that describe spans, events and resources, and their records.
//!
//! ```
//! use hopline_core::attribute::{AttrSet, attr};
//!
//! let cart: AttrSet = [attr("cart.items", 3), attr("cart.tier", "gold")].into_iter().collect();
//! assert_eq!(cart.len(), 2);
//! ```
//!
//! For the records of spans, the engine and the public handles. Imports `notice` and files of the root.

pub(crate) mod closure;
pub(crate) mod collected;
pub(crate) mod field_set;
pub(crate) mod owned;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod resource;
pub(crate) mod set;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod value;
pub(crate) mod value_ref;
pub(crate) mod wide;

pub use closure::{Attributes, NoAttributes};
pub use owned::OwnedValue;
pub use resource::Resource;
pub use set::AttrSet;
pub use value::{Attr, Literal, Name, Value, attr};
pub use value_ref::{ArrayRef, ValueRef};
