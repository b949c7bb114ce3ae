//! Publishing: [`Publish`], which awaits the broker's answer, and lapin's form, which gives a [`PublisherConfirm`].
//!
//! The runner publishes copies by [`publish`]. Adds its methods to [`Channel`](crate::Channel).
//!
//! Each message takes these steps: its span starts and its context is added to the headers (`message.rs`); the frames
//! are written, by lapin, or by [`Returns`](crate::returns::Returns) on a channel with confirms; the answer ends the
//! span. The wait for frames and answer is bounded by [`Recovery`](crate::recovery::Recovery).

mod builder;
mod confirm;
mod message;
mod methods;
mod send;

pub use builder::Publish;
pub use confirm::PublisherConfirm;
pub(crate) use message::{Carry, Message};
pub(crate) use send::publish;
