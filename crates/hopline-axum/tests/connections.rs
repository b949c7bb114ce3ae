//! Connections: the peer's address, and the scheme of encrypted ones.

mod support;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::routing::get;
use axum::serve::{IncomingStream, Listener};
use hopline_testing::{Spans, tracer};
use http::uri::Scheme;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use support::{integer, layer, one, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The application's data of a connection.
#[derive(Clone)]
struct Connection {
    address: SocketAddr,
    encrypted: bool,
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, address) = self.listener.accept().await.unwrap();
        (self.acceptor.accept(stream).await.unwrap(), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Tls>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Tls>) -> Self {
        Self {
            address: *stream.remote_addr(),
            encrypted: true,
        }
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self {
            address: *stream.remote_addr(),
            encrypted: false,
        }
    }
}

/// An application that finds both in its own type.
fn app() -> (Router, Spans) {
    let (tracer, all) = tracer("orders");
    let layer = layer(&tracer)
        .peer(|extensions| Some(extensions.get::<ConnectInfo<Connection>>()?.0.address))
        .scheme(|extensions| {
            let encrypted = extensions.get::<ConnectInfo<Connection>>()?.0.encrypted;
            encrypted.then_some(Scheme::HTTPS)
        });
    (Router::new().route("/", get(|| async {})).layer(layer), all)
}

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_service_that_terminates_tls_records_https_and_its_own_connection_s_address() {
    let (app, all) = app();
    let (server, client) = configs();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = Tls {
        listener,
        acceptor: TlsAcceptor::from(server),
    };
    let service = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(tls, service).await });

    let stream = TcpStream::connect(address).await.unwrap();
    let port = stream.local_addr().unwrap().port();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(client)
        .connect(name, stream)
        .await
        .unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let span = one(&all).await;
    assert_eq!(span.text("url.scheme"), Some("https"));
    assert_eq!(span.text("client.address"), Some("127.0.0.1"));
    assert_eq!(integer(&span, "network.peer.port"), Some(port.into()));
}

#[tokio::test]
async fn the_same_service_without_tls_records_http() {
    let (app, all) = app();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    reqwest::get(format!("http://{address}/")).await.unwrap();
    let span = one(&all).await;
    assert_eq!(span.text("url.scheme"), Some("http"));
    assert_eq!(span.text("client.address"), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_trusted_proxy_s_word_on_the_scheme_comes_before_the_service_s_own() {
    let (tracer, all) = tracer("orders");
    let layer = layer(&tracer)
        .scheme(|_| Some(Scheme::HTTPS))
        .trusted_proxies(|address| address.is_loopback());
    let address = serve(Router::new().route("/", get(|| async {})).layer(layer)).await;
    let call = reqwest::Client::new().get(format!("http://{address}/"));
    let call = call.header("forwarded", "for=192.0.2.60;proto=http");
    call.send().await.unwrap();
    assert_eq!(one(&all).await.text("url.scheme"), Some("http"));
}

#[tokio::test]
async fn a_request_that_names_its_scheme_needs_no_setting() {
    let (tracer, all) = tracer("orders");
    let app = Router::new()
        .route("/", get(|| async {}))
        .layer(layer(&tracer));
    let address = serve(app).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = REQUEST.strip_prefix(b"GET /").unwrap();
    stream
        .write_all(&[&b"GET https://localhost/"[..], request].concat())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(one(&all).await.text("url.scheme"), Some("https"));
}
