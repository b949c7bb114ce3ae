//! A server whose answers come late.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use crate::Result;

/// Longer than a client under callgrind takes to wait for what it asked.
const LATE: Duration = Duration::from_millis(1);

/// A URL by which the server at this one answers a millisecond later, as over a network.
///
/// Whether an answer is there before a client looks for it is a matter of chance on loopback, and of hundreds of
/// instructions. Its threads end with their connections, and the one that takes connections with the process.
///
/// # Errors
///
/// The URL has no host and port that are known, or there is no free port.
pub(crate) fn late(url: &str) -> Result<String> {
    let (rest, address) = url.split_once('@').ok_or("no @ in the URL")?;
    let (address, path) = address.split_once('/').ok_or("no path in the URL")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("{rest}@{}/{path}", listener.local_addr()?);
    let address = address.to_socket_addrs()?.next().ok_or("no address")?;
    thread::spawn(move || {
        for client in listener.incoming() {
            // a client that is not served ends its measurement rightly
            let _ = client.and_then(|client| serve(client, TcpStream::connect(address)?));
        }
    });
    Ok(url)
}

fn serve(client: TcpStream, server: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (questions, answers) = ((client.try_clone()?, server.try_clone()?), (server, client));
    thread::spawn(|| pass_on(questions.0, questions.1, Duration::ZERO));
    thread::spawn(|| pass_on(answers.0, answers.1, LATE));
    Ok(())
}

/// Passes on all that comes, each piece so much later; when one side is gone, the other one is let go.
fn pass_on(mut from: TcpStream, mut to: TcpStream, later: Duration) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        thread::sleep(later);
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
