//! What each method of the protocol does.

use std::sync::mpsc::Sender;

use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, basic, channel, confirm, connection, exchange, queue};
use amq_protocol::types::{AMQPValue, FieldTable};

use super::channel::{Arriving, ChannelId};
use super::connection::End;
use super::message::{MAX_BODY, MAX_FRAME, text};
use super::queue::{Consumer, Queue};
use super::routing::ExchangeKind;
use super::state::{Binding, State};

/// Does what a frame asks for. An error ends the connection.
pub(super) fn handle(
    state: &mut State,
    connection: u64,
    frame: AMQPFrame,
    out: &Sender<AMQPFrame>,
) -> Result<(), End> {
    let at = |number| ChannelId { connection, number };
    match frame {
        AMQPFrame::ProtocolHeader(_) => say(out, connection::AMQPMethod::Start(greeting())),
        AMQPFrame::Heartbeat | AMQPFrame::InvalidHeartbeat(_) => {}
        AMQPFrame::Header(number, header) => {
            if header.body_size > MAX_BODY {
                state.fail(
                    at(number),
                    311,
                    "CONTENT_TOO_LARGE - the message is too large".to_owned(),
                    60,
                    40,
                );
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
            answer(
                state,
                at(number),
                AMQPClass::Channel(channel::AMQPMethod::OpenOk(channel::OpenOk {})),
            );
        }
        // what a client sends before it knows that its channel was closed
        AMQPFrame::Method(number, _) if !state.channels.contains_key(&at(number)) => {}
        AMQPFrame::Method(number, class) => on_channel(state, at(number), class, out)?,
    }
    Ok(())
}

fn on_connection(
    state: &mut State,
    connection: u64,
    method: connection::AMQPMethod,
    out: &Sender<AMQPFrame>,
) -> Result<(), End> {
    use connection::AMQPMethod as Method;
    match method {
        Method::StartOk(_) => {
            say(
                out,
                Method::Tune(connection::Tune {
                    channel_max: 2047,
                    frame_max: MAX_FRAME,
                    heartbeat: 0,
                }),
            );
        }
        Method::Open(_) => say(out, Method::OpenOk(connection::OpenOk {})),
        Method::Close(_) => {
            state.close_all(connection);
            say(out, Method::CloseOk(connection::CloseOk {}));
            return Err(End::Closed);
        }
        Method::CloseOk(_) => return Err(End::Closed),
        // answers, and extensions that were not offered
        _ => {}
    }
    Ok(())
}

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
        AMQPClass::Confirm(confirm::AMQPMethod::Select(_)) => {
            if let Some(channel) = state.channels.get_mut(&at) {
                channel.confirmed.get_or_insert(0);
            }
            answer(
                state,
                at,
                AMQPClass::Confirm(confirm::AMQPMethod::SelectOk(confirm::SelectOk {})),
            );
        }
        AMQPClass::Exchange(method) => on_exchange(state, at, method),
        AMQPClass::Queue(method) => on_queue(state, at, method),
        AMQPClass::Basic(method) => on_basic(state, at, method),
        AMQPClass::Channel(_) | AMQPClass::Confirm(_) => {}
        _ => {
            return Err(End::Error(
                540,
                "NOT_IMPLEMENTED - this broker does not do that".to_owned(),
            ));
        }
    }
    Ok(())
}

fn on_exchange(state: &mut State, at: ChannelId, method: exchange::AMQPMethod) {
    use exchange::AMQPMethod as Method;
    match method {
        Method::Declare(declare) => {
            let (name, kind) = (declare.exchange.to_string(), declare.kind.as_str());
            if declare.passive && !state.exchanges.contains_key(&name) {
                return state.fail(
                    at,
                    404,
                    format!("NOT_FOUND - no exchange '{name}' in vhost '/'"),
                    40,
                    10,
                );
            }
            let Some(kind) =
                ExchangeKind::parse(kind).or_else(|| state.exchanges.get(&name).copied())
            else {
                return state.fail(
                    at,
                    503,
                    format!("COMMAND_INVALID - exchange type '{kind}' is not known"),
                    40,
                    10,
                );
            };
            state.exchanges.entry(name).or_insert(kind);
            answer(
                state,
                at,
                AMQPClass::Exchange(Method::DeclareOk(exchange::DeclareOk {})),
            );
        }
        Method::Delete(delete) => {
            state.exchanges.remove(delete.exchange.as_str());
            state
                .bindings
                .retain(|binding| binding.exchange != delete.exchange.as_str());
            answer(
                state,
                at,
                AMQPClass::Exchange(Method::DeleteOk(exchange::DeleteOk {})),
            );
        }
        _ => {}
    }
}

fn on_queue(state: &mut State, at: ChannelId, method: queue::AMQPMethod) {
    use queue::AMQPMethod as Method;
    let missing = |name: &str| format!("NOT_FOUND - no queue '{name}' in vhost '/'");
    match method {
        Method::Declare(declare) => {
            let named = !declare.queue.as_str().is_empty();
            let name = if named {
                declare.queue.to_string()
            } else {
                state.new_name("amq.gen")
            };
            if declare.passive && !state.queues.contains_key(&name) {
                return state.fail(at, 404, missing(&name), 50, 10);
            }
            let fresh = || Queue {
                arguments: declare.arguments,
                ..Queue::default()
            };
            let queue = state.queues.entry(name.clone()).or_insert_with(fresh);
            let (message_count, consumer_count) =
                (queue.ready.len() as u32, queue.consumers.len() as u32);
            let ok = queue::DeclareOk {
                queue: name.into(),
                message_count,
                consumer_count,
            };
            answer(state, at, AMQPClass::Queue(Method::DeclareOk(ok)));
        }
        Method::Bind(bind) => {
            let (exchange, queue) = (bind.exchange.to_string(), bind.queue.to_string());
            if !state.queues.contains_key(&queue) {
                return state.fail(at, 404, missing(&queue), 50, 20);
            }
            if !state.exchanges.contains_key(&exchange) {
                return state.fail(
                    at,
                    404,
                    format!("NOT_FOUND - no exchange '{exchange}' in vhost '/'"),
                    50,
                    20,
                );
            }
            let binding = Binding {
                exchange,
                queue,
                key: bind.routing_key.to_string(),
            };
            if !state.bindings.contains(&binding) {
                state.bindings.push(binding);
            }
            answer(
                state,
                at,
                AMQPClass::Queue(Method::BindOk(queue::BindOk {})),
            );
        }
        Method::Unbind(unbind) => {
            let (exchange, queue) = (unbind.exchange.to_string(), unbind.queue.to_string());
            let gone = Binding {
                exchange,
                queue,
                key: unbind.routing_key.to_string(),
            };
            state.bindings.retain(|binding| *binding != gone);
            answer(
                state,
                at,
                AMQPClass::Queue(Method::UnbindOk(queue::UnbindOk {})),
            );
        }
        Method::Purge(purge) => {
            let queue = state.queues.get_mut(purge.queue.as_str());
            let message_count = queue.map_or(0, |queue| queue.ready.drain(..).count()) as u32;
            answer(
                state,
                at,
                AMQPClass::Queue(Method::PurgeOk(queue::PurgeOk { message_count })),
            );
        }
        Method::Delete(delete) => {
            let queue = state
                .queues
                .remove(delete.queue.as_str())
                .unwrap_or_default();
            state
                .bindings
                .retain(|binding| binding.queue != delete.queue.as_str());
            for consumer in queue.consumers {
                let cancel = basic::Cancel {
                    consumer_tag: consumer.tag,
                    nowait: true,
                };
                answer(
                    state,
                    consumer.channel,
                    AMQPClass::Basic(basic::AMQPMethod::Cancel(cancel)),
                );
            }
            let message_count = queue.ready.len() as u32;
            answer(
                state,
                at,
                AMQPClass::Queue(Method::DeleteOk(queue::DeleteOk { message_count })),
            );
        }
        _ => {}
    }
}

fn on_basic(state: &mut State, at: ChannelId, method: basic::AMQPMethod) {
    use basic::AMQPMethod as Method;
    let basic = AMQPClass::Basic;
    match method {
        Method::Qos(qos) => {
            if let Some(channel) = state.channels.get_mut(&at) {
                channel.prefetch = qos.prefetch_count;
            }
            answer(state, at, basic(Method::QosOk(basic::QosOk {})));
        }
        Method::Publish(publish) => {
            if let Some(channel) = state.channels.get_mut(&at) {
                channel.arriving = Some(Arriving {
                    publish,
                    header: None,
                    body: Vec::new(),
                });
            }
        }
        Method::Consume(consume) => {
            let name = consume.queue.to_string();
            if !state.queues.contains_key(&name) {
                return state.fail(
                    at,
                    404,
                    format!("NOT_FOUND - no queue '{name}' in vhost '/'"),
                    60,
                    20,
                );
            }
            let named = !consume.consumer_tag.as_str().is_empty();
            let tag = if named {
                consume.consumer_tag
            } else {
                state.new_name("amq.ctag").into()
            };
            answer(
                state,
                at,
                basic(Method::ConsumeOk(basic::ConsumeOk {
                    consumer_tag: tag.clone(),
                })),
            );
            if let Some(queue) = state.queues.get_mut(&name) {
                queue.consumers.push_back(Consumer {
                    channel: at,
                    tag,
                    no_ack: consume.no_ack,
                });
            }
            state.dispatch(&name);
        }
        Method::Cancel(cancel) => {
            for queue in state.queues.values_mut() {
                queue.consumers.retain(|consumer| {
                    consumer.channel != at || consumer.tag != cancel.consumer_tag
                });
            }
            answer(
                state,
                at,
                basic(Method::CancelOk(basic::CancelOk {
                    consumer_tag: cancel.consumer_tag,
                })),
            );
        }
        Method::Get(get) => on_get(state, at, &get),
        Method::Ack(ack) => state.settle(at, ack.delivery_tag, ack.multiple, None),
        Method::Nack(nack) => {
            state.settle(at, nack.delivery_tag, nack.multiple, Some(nack.requeue))
        }
        Method::Reject(reject) => {
            state.settle(at, reject.delivery_tag, false, Some(reject.requeue))
        }
        _ => {}
    }
}

fn on_get(state: &mut State, at: ChannelId, get: &basic::Get) {
    let queue = get.queue.as_str();
    if !state.queues.contains_key(queue) {
        return state.fail(
            at,
            404,
            format!("NOT_FOUND - no queue '{queue}' in vhost '/'"),
            60,
            70,
        );
    }
    let taken = state.take(queue);
    let Some(channel) = state.channels.get_mut(&at) else {
        return;
    };
    let Some((message, message_count)) = taken else {
        return channel.basic(basic::AMQPMethod::GetEmpty(basic::GetEmpty {}));
    };
    let delivery_tag = channel.next_tag();
    let ok = basic::GetOk {
        delivery_tag,
        redelivered: message.redelivered,
        exchange: message.exchange.clone(),
        routing_key: message.key.clone(),
        message_count,
    };
    channel.send(basic::AMQPMethod::GetOk(ok), &message);
    if !get.no_ack {
        channel
            .unacked
            .insert(delivery_tag, (queue.to_owned(), message));
    }
}

fn arriving(state: &mut State, at: ChannelId) -> Option<&mut Arriving> {
    state.channels.get_mut(&at)?.arriving.as_mut()
}

/// Publishes what arrived, once all of it has.
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

fn answer(state: &State, at: ChannelId, class: AMQPClass) {
    if let Some(channel) = state.channels.get(&at) {
        channel.say(class);
    }
}

fn say(out: &Sender<AMQPFrame>, method: connection::AMQPMethod) {
    let _ = out.send(AMQPFrame::Method(0, AMQPClass::Connection(method)));
}

fn greeting() -> connection::Start {
    let mut capabilities = FieldTable::default();
    for capability in [
        "publisher_confirms",
        "basic.nack",
        "consumer_cancel_notify",
        "per_consumer_qos",
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
