//! Messages from publish to settled: the same on the in-process broker, and on classic and quorum queues of RabbitMQ.

#[macro_use]
mod support;
mod bad_input;
mod batches;
mod confirming;
mod consuming;
mod losing;
mod publishing;
mod republishing;
mod requests;
mod running;
mod settling;
mod trusting;
