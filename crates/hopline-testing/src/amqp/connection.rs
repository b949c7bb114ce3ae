//! One client's connection: a reader on a thread of the broker, a writer on its own.
//! The broker calls `serve` for each accepted socket; both threads end with the socket.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use amq_protocol::protocol::{AMQPClass, connection};

use super::end::End;
use super::message::MAX_FRAME;
use super::methods;
use super::shared::Shared;
use super::state::shortened;

/// Reads frames until the connection ends. Its writer has a thread of its own, which ends with the channel to it.
///
/// The channel to the writer has no bound, as a reader that waited for a slow client while it holds the state would stop
/// all other clients. Its content is bounded by the broker's messages.
///
/// A copy of the socket is kept in `shared`, so that the broker can shut it down when it is dropped.
pub(super) fn serve(number: u64, mut socket: TcpStream, shared: &Shared) {
    let (Ok(writer), Ok(kept)) = (socket.try_clone(), socket.try_clone()) else {
        return;
    };
    // on loopback latency matters more than packets; an error costs speed only
    let _ = socket.set_nodelay(true);
    shared.sockets.lock().insert(number, kept);
    let (out, frames) = channel();
    let writing = thread::Builder::new()
        .name("amqp-writer".to_owned())
        .spawn(move || write(writer, &frames));
    if writing.is_ok()
        && let Some(End::Error(code, text)) = read(number, &mut socket, shared, &out)
    {
        let close = connection::Close {
            reply_code: code,
            reply_text: shortened(text),
            class_id: 0,
            method_id: 0,
        };
        let _ = out.send(AMQPFrame::Method(
            0,
            AMQPClass::Connection(connection::AMQPMethod::Close(close)),
        ));
    }
    // on every end: messages that were not acknowledged return to their queues
    shared.state.lock().close_all(number);
    shared.sockets.lock().remove(&number);
}

/// Reads and handles frames. Returns the reason for the end, or `None` if the client is gone without a close.
///
/// The buffer has at most one incomplete frame and one read of 64 KiB; a frame beyond `MAX_FRAME` ends the connection.
/// The lock of the state is taken for each frame, so that connections take turns.
fn read(
    number: u64,
    socket: &mut TcpStream,
    shared: &Shared,
    out: &Sender<AMQPFrame>,
) -> Option<End> {
    let mut buffer = Vec::new();
    let mut chunk = [0; 65_536];
    loop {
        let count = socket.read(&mut chunk).ok().filter(|count| *count > 0)?;
        buffer.extend_from_slice(&chunk[..count]);
        loop {
            let (used, frame) = match parse_frame(&buffer[..]) {
                Ok((rest, frame)) => (buffer.len() - rest.len(), frame),
                Err(error) if error.is_incomplete() && buffer.len() <= MAX_FRAME as usize + 8 => {
                    break;
                }
                Err(_) => {
                    return Some(End::Error(
                        501,
                        "FRAME_ERROR - the frame cannot be read".to_owned(),
                    ));
                }
            };
            buffer.drain(..used);
            let mut state = shared.state.lock();
            let handled = methods::handle(&mut state, number, frame, out);
            if state.timed {
                shared.tick.notify_one();
            }
            if let Err(end) = handled {
                return Some(end);
            }
        }
        // publishes that arrived together are confirmed together, as by RabbitMQ
        shared.state.lock().flush_confirms(number);
    }
}

/// Writes frames until all senders are dropped, or the client does not read.
fn write(mut socket: TcpStream, frames: &Receiver<AMQPFrame>) {
    for frame in frames {
        let Ok(written) = gen_frame(&frame)(WriteContext::from(Vec::new())) else {
            continue;
        };
        if socket.write_all(&written.into_inner().0).is_err() {
            break;
        }
    }
    let _ = socket.shutdown(Shutdown::Both);
}
