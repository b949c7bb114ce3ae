//! Dispatch of frames: each method of a client is checked against its channel and handed to the state.
//! The reader of a connection calls `handle` with the state locked, so a method is handled whole.

use std::sync::mpsc::Sender;

use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, basic, channel, confirm, connection};
use amq_protocol::types::{AMQPValue, FieldTable};

use super::channel::{Arriving, ChannelId};
use super::declare::{on_exchange, on_queue};
use super::end::End;
use super::message::{MAX_BODY, MAX_FRAME, text};
use super::publish::REPLY_TO;
use super::queue::Consumer;
use super::state::State;

/// Handles a frame. An error ends the connection.
///
/// A publish has three parts: the method, a header with the size of the body, and body frames. The parts wait in the channel
/// until the body is complete.
///
/// # Errors
///
/// Returns `End::Closed` if the client closed the connection, and `End::Error` with a code of AMQP for a violation.
pub(super) fn handle(
    state: &mut State,
    connection: u64,
    frame: AMQPFrame,
    out: &Sender<AMQPFrame>,
) -> Result<(), End> {
    let at = |number| ChannelId { connection, number };
    match frame {
        AMQPFrame::ProtocolHeader(_) => send(out, connection::AMQPMethod::Start(greeting())),
        AMQPFrame::Heartbeat | AMQPFrame::InvalidHeartbeat(_) => {}
        AMQPFrame::Header(number, header) => {
            // refused before a byte of the body is stored
            if header.body_size > MAX_BODY {
                let text = "CONTENT_TOO_LARGE - the message is too large".to_owned();
                state.fail::<basic::Publish>(at(number), 311, text);
                return Ok(());
            }
            let Some(arriving) = arriving(state, at(number)) else {
                return Ok(());
            };
            arriving.header = Some(header);
            complete(state, at(number));
        }
        AMQPFrame::Body(number, part) => {
            let Some(arriving) = arriving(state, at(number)) else {
                return Ok(());
            };
            arriving.body.extend(part);
            complete(state, at(number));
        }
        AMQPFrame::Method(0, AMQPClass::Connection(method)) => {
            return on_connection(state, connection, method, out);
        }
        AMQPFrame::Method(0, _) => {
            return Err(End::Error(
                503,
                "COMMAND_INVALID - not on channel 0".to_owned(),
            ));
        }
        AMQPFrame::Method(number, AMQPClass::Channel(channel::AMQPMethod::Open(_))) => {
            state.open(at(number), out.clone());
            let ok = channel::AMQPMethod::OpenOk(channel::OpenOk {});
            state.answer(at(number), false, AMQPClass::Channel(ok));
        }
        // sent before the client received that its channel was closed
        AMQPFrame::Method(number, _) if !state.channels.contains_key(&at(number)) => {}
        AMQPFrame::Method(number, class) => on_channel(state, at(number), class, out)?,
    }
    Ok(())
}

/// Handles a method of channel 0: the handshake, and closing.
///
/// # Errors
///
/// Returns `End::Closed` if the client closes, or has answered the broker's close.
fn on_connection(
    state: &mut State,
    connection: u64,
    method: connection::AMQPMethod,
    out: &Sender<AMQPFrame>,
) -> Result<(), End> {
    use connection::AMQPMethod as Method;
    match method {
        Method::StartOk(start) => {
            let login = login(start.response.as_bytes());
            state.logins.insert(connection, login);
            send(
                out,
                Method::Tune(connection::Tune {
                    channel_max: 2047,
                    frame_max: MAX_FRAME,
                    // no heartbeats: on loopback the socket of a dead peer is closed by the system
                    heartbeat: 0,
                }),
            );
        }
        Method::Open(_) => send(out, Method::OpenOk(connection::OpenOk {})),
        Method::Close(_) => {
            state.close_all(connection);
            send(out, Method::CloseOk(connection::CloseOk {}));
            return Err(End::Closed);
        }
        Method::CloseOk(_) => return Err(End::Closed),
        // answers, and extensions that the broker does not offer
        _ => {}
    }
    Ok(())
}

/// Handles a method of an open channel, by its class.
///
/// # Errors
///
/// Returns an error for a class or a method that this broker lacks, such as transactions.
fn on_channel(
    state: &mut State,
    at: ChannelId,
    class: AMQPClass,
    out: &Sender<AMQPFrame>,
) -> Result<(), End> {
    match class {
        AMQPClass::Channel(channel::AMQPMethod::Close(_)) => {
            state.close(at);
            let ok = AMQPClass::Channel(channel::AMQPMethod::CloseOk(channel::CloseOk {}));
            let _ = out.send(AMQPFrame::Method(at.number, ok));
        }
        AMQPClass::Confirm(confirm::AMQPMethod::Select(select)) => {
            if let Some(channel) = state.channels.get_mut(&at) {
                // a second `confirm.select` keeps the count, as tags go on
                channel.confirms.get_or_insert_default();
            }
            let ok = confirm::AMQPMethod::SelectOk(confirm::SelectOk {});
            state.answer(at, select.nowait, AMQPClass::Confirm(ok));
        }
        AMQPClass::Exchange(method) => return on_exchange(state, at, method),
        AMQPClass::Queue(method) => return on_queue(state, at, method),
        AMQPClass::Basic(method) => return on_basic(state, at, method),
        AMQPClass::Channel(channel::AMQPMethod::CloseOk(_)) => {}
        _ => return Err(End::not_implemented()),
    }
    Ok(())
}

/// Handles a method of the class `basic`.
///
/// # Errors
///
/// Returns an error for a method that this broker lacks.
fn on_basic(state: &mut State, at: ChannelId, method: basic::AMQPMethod) -> Result<(), End> {
    use basic::AMQPMethod as Method;
    let basic = AMQPClass::Basic;
    match method {
        Method::Qos(qos) => {
            if let Some(channel) = state.channels.get_mut(&at) {
                channel.prefetch = qos.prefetch_count;
            }
            state.answer(at, false, basic(Method::QosOk(basic::QosOk {})));
        }
        Method::Publish(publish) if publish.immediate => return Err(End::not_implemented()),
        Method::Publish(publish) => {
            if let Some(channel) = state.channels.get_mut(&at) {
                channel.arriving = Some(Arriving {
                    publish,
                    header: None,
                    body: Vec::new(),
                });
            }
        }
        Method::Consume(consume) => on_consume(state, at, consume),
        Method::Cancel(cancel) => {
            state.cancel(at, &cancel.consumer_tag);
            let ok = basic::CancelOk {
                consumer_tag: cancel.consumer_tag,
            };
            state.answer(at, cancel.nowait, basic(Method::CancelOk(ok)));
        }
        Method::Get(get) => {
            let queue = state.usable_queue::<basic::Get>(at, get.queue.as_str());
            if let Some(queue) = queue {
                state.get(at, &get, &queue);
            }
        }
        Method::Ack(ack) => state.settle(at, ack.delivery_tag, ack.multiple, None),
        Method::Nack(nack) => {
            state.settle(at, nack.delivery_tag, nack.multiple, Some(nack.requeue));
        }
        Method::Reject(reject) => {
            state.settle(at, reject.delivery_tag, false, Some(reject.requeue));
        }
        Method::Recover(_) => {
            state.settle(at, 0, true, Some(true));
            let ok = Method::RecoverOk(basic::RecoverOk {});
            state.answer(at, false, basic(ok));
        }
        Method::CancelOk(_) => {}
        _ => return Err(End::not_implemented()),
    }
    Ok(())
}

/// Adds a consumer to a queue, or registers the channel for direct replies.
///
/// The answer is sent before the first delivery, because a client learns the tag from it.
fn on_consume(state: &mut State, at: ChannelId, consume: basic::Consume) {
    let named = !consume.consumer_tag.as_str().is_empty();
    let tag = if named {
        consume.consumer_tag
    } else {
        state.new_name("amq.ctag").into()
    };
    let ok = basic::AMQPMethod::ConsumeOk(basic::ConsumeOk {
        consumer_tag: tag.clone(),
    });
    if consume.queue.as_str() == REPLY_TO {
        let Some(channel) = state.channels.get_mut(&at) else {
            return;
        };
        if channel.replies.is_some() || !consume.no_ack {
            let text = "PRECONDITION_FAILED - reply consumer already set, or not no_ack";
            return state.fail::<basic::Consume>(at, 406, text.to_owned());
        }
        channel.replies = Some(tag);
        return state.answer(at, consume.nowait, AMQPClass::Basic(ok));
    }
    let Some(name) = state.usable_queue::<basic::Consume>(at, consume.queue.as_str()) else {
        return;
    };
    let Some(queue) = state.queues.get_mut(&name) else {
        return;
    };
    let taken = queue.consumers.iter().any(|other| other.exclusive);
    if taken || (consume.exclusive && !queue.consumers.is_empty()) {
        let text = format!("ACCESS_REFUSED - queue '{name}' in vhost '/' in exclusive use");
        return state.fail::<basic::Consume>(at, 403, text);
    }
    queue.had_consumer = true;
    queue.consumers.push_back(Consumer {
        channel: at,
        tag,
        no_ack: consume.no_ack,
        exclusive: consume.exclusive,
    });
    state.answer(at, consume.nowait, AMQPClass::Basic(ok));
    state.dispatch(&name);
}

/// Returns the publish of a channel that waits for its content.
fn arriving(state: &mut State, at: ChannelId) -> Option<&mut Arriving> {
    state.channels.get_mut(&at)?.arriving.as_mut()
}

/// Publishes a message once its body is complete.
fn complete(state: &mut State, at: ChannelId) {
    let Some(channel) = state.channels.get_mut(&at) else {
        return;
    };
    let whole = |arriving: &mut Arriving| {
        arriving
            .header
            .as_ref()
            .is_some_and(|header| arriving.body.len() as u64 >= header.body_size)
    };
    if let Some(arriving) = channel.arriving.take_if(whole) {
        state.publish(at, arriving);
    }
}

/// Returns the user name of a PLAIN response.
///
/// The response is `\0user\0password` (RFC 4616). Any password is right; the name is kept to check `user-id`.
fn login(response: &[u8]) -> String {
    let name = response.split(|byte| *byte == 0).nth(1);
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}

/// Sends a method on channel 0. A writer that is gone ends the reader too, so its error is not needed.
fn send(out: &Sender<AMQPFrame>, method: connection::AMQPMethod) {
    let _ = out.send(AMQPFrame::Method(0, AMQPClass::Connection(method)));
}

/// The broker's first method. Clients enable confirms and consumer cancels by these capabilities.
fn greeting() -> connection::Start {
    let mut capabilities = FieldTable::default();
    for capability in [
        "publisher_confirms",
        "basic.nack",
        "consumer_cancel_notify",
        "per_consumer_qos",
        "direct_reply_to",
    ] {
        capabilities.insert(capability.into(), AMQPValue::Boolean(true));
    }
    let mut server_properties = FieldTable::default();
    server_properties.insert("product".into(), text("hopline-testing"));
    server_properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties,
        mechanisms: "PLAIN AMQPLAIN".into(),
        locales: "en_US".into(),
    }
}
