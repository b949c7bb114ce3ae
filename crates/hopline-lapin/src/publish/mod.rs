//! Publishing: [`Publish`], which awaits the broker's answer, and lapin's form, which gives a [`PublisherConfirm`].
//!
//! The runner publishes copies by [`publish`](send::publish). Adds its methods to [`Channel`](crate::Channel).

mod builder;
mod confirm;
mod message;
mod methods;
mod send;

pub use builder::Publish;
pub use confirm::PublisherConfirm;
pub(crate) use message::{Carry, Message};
pub(crate) use send::publish;
