//! An OTLP collector on a socket, traces to send to it, and their comparison.

mod compare;
mod patient;
mod peers;
mod plans;
mod receiver;
mod record;

pub use compare::{
    assert_attributes, assert_request, assert_scope, assert_span, assert_value, expected,
};
pub use patient::patient;
pub use peers::{
    broken_answer, dripping_answers, endless_answer, endless_continue, free_address, resetting,
};
pub use plans::{Plan, link, plan, record_one, resource};
pub use receiver::{Received, Receiver, Step, dropped, packed, span_names};
pub use record::{is_timeout, record, record_failed, record_large, record_many, roomy, traced};
