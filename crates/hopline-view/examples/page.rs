//! The page of traces, mounted in an axum application.
//!
//! ```sh
//! cargo run -p hopline-view --example page
//! ```
//!
//! ```text
//! open http://127.0.0.1:35479/_trace; this program ends at Ctrl-C
//! GET / of orders: 1 span
//! ```
//!
//! With the argument `--once` it ends at once.

#![expect(clippy::print_stdout, reason = "it prints the page's address")]

use axum::{Router, routing::get};
use hopline_core::{Incoming, SpanBuilder, SpanKind, Tracer};
use hopline_view::{Search, View};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `hopline_view::sink()` and `hopline_view::router()` are the same, with one view for the process
    let view = View::new();
    let tracer = Tracer::builder()
        .service("orders")
        .sink(view.sink())
        .build();
    let handler = move || async move {
        // the server layer does this for each request
        let request = SpanBuilder::new("GET /")
            .kind(SpanKind::Server)
            .tracer(&tracer)
            .parent(Incoming::default())
            .start();
        request.end();
        "reload /_trace to see this request\n"
    };
    let app: Router = view.router().merge(Router::new().route("/", get(handler)));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("open http://{address}/_trace; this program ends at Ctrl-C");
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    // one request, so that there is a trace
    tokio::task::spawn_blocking(move || request(address)).await??;
    view.wait_until(|view| view.counts().spans == 1).await;
    for trace in view.find(&Search::default()) {
        println!(
            "{} of {}: {} span",
            trace[0].name,
            trace[0].service(),
            trace.len()
        );
    }
    if std::env::args().nth(1).as_deref() != Some("--once") {
        server.await??;
    }
    Ok(())
}

fn request(address: std::net::SocketAddr) -> std::io::Result<String> {
    use std::io::{Read as _, Write as _};

    let mut stream = std::net::TcpStream::connect(address)?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
