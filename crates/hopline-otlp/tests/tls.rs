//! Certificates, against a real TLS server on loopback.
#![cfg(feature = "tls")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hopline_core::{Resource, Tracer};
use hopline_otlp::{Exporter, ExporterBuilder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use hopline_test_support::LONG;
use hopline_test_support::otlp::{free_address, record};

/// An authority, and what it signed for one name.
struct Signed {
    authority: CertifiedIssuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn signed(name: &str) -> Signed {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    Signed {
        authority,
        certificate,
        key,
    }
}

/// Answers each request with 200 and nothing; counts them. With `client`, only for those that it signed.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<usize>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(own: &Signed, client: Option<&Signed>) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let mut roots = RootCertStore::empty();
                roots.add(client.authority.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::try_from(own.key.serialize_der()).unwrap();
        let chain = vec![own.certificate.der().clone()];
        let config = builder.with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(0));
        let (stop, stopped) = oneshot::channel::<()>();
        let count = Arc::clone(&requests);
        let serve = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut request = vec![0; 1 << 16];
                    // one span is one read
                    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                        *count.lock().unwrap() += 1;
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        stream.write_all(answer).await.unwrap();
                    }
                });
            }
        };
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! { () = serve => {}, _ = stopped => {} }
            });
        });
        Self {
            address,
            requests,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn exporter(&self) -> ExporterBuilder {
        Exporter::builder()
            .endpoint(format!("https://localhost:{}", self.address.port()))
            .schedule_delay(Duration::from_secs(3600))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_configured_certificate_is_trusted() {
    let own = signed("localhost");
    let server = Server::start(&own, None);
    let exporter = server
        .exporter()
        .certificate(own.authority.pem())
        .build()
        .unwrap();
    let tracer = Tracer::builder().sink(exporter.clone()).build();
    record(&tracer, "span");
    tracer.flush(LONG).unwrap();
    assert_eq!(
        (exporter.stats().sent, *server.requests.lock().unwrap()),
        (1, 1)
    );
}

#[test]
fn no_other_certificate_is_trusted_and_the_check_shows_it() {
    let (own, other) = (signed("localhost"), signed("localhost"));
    let server = Server::start(&own, None);
    for builder in [
        server.exporter(),
        server.exporter().certificate(other.authority.pem()),
    ] {
        let exporter = builder.build().unwrap();
        let error = exporter.check(Resource::new("orders")).unwrap_err();
        let text = error.to_string().to_lowercase();
        assert!(
            text.contains("certificate") || text.contains("issuer"),
            "{error}"
        );
    }
    // for another name
    let other = signed("collector.example");
    let server = Server::start(&other, None);
    let exporter = server
        .exporter()
        .certificate(other.authority.pem())
        .build()
        .unwrap();
    exporter.check(Resource::new("orders")).unwrap_err();
    assert_eq!(*server.requests.lock().unwrap(), 0);
}

#[test]
fn a_client_certificate_is_sent_if_the_server_requires_it() {
    let (own, client) = (signed("localhost"), signed("orders"));
    let server = Server::start(&own, Some(&client));
    let trusting = || server.exporter().certificate(own.authority.pem());
    let stranger = trusting().build().unwrap();
    stranger.check(Resource::new("orders")).unwrap_err();
    let known = trusting()
        .client_certificate(client.certificate.pem(), client.key.serialize_pem())
        .build()
        .unwrap();
    known.check(Resource::new("orders")).unwrap();
    assert_eq!(*server.requests.lock().unwrap(), 1);
}

#[test]
fn an_invalid_certificate_stops_the_start() {
    let builder = || Exporter::builder().endpoint("https://localhost:1");
    for pem in [
        "",
        "no pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = builder().certificate(pem).build().unwrap_err();
        assert!(!error.to_string().is_empty(), "{pem}");
    }
    let error = builder()
        .client_certificate("no", "key")
        .build()
        .unwrap_err();
    assert!(
        error.to_string().contains("client's certificate"),
        "{error}"
    );
}

#[cfg(feature = "grpc")]
#[test]
fn an_invalid_certificate_stops_the_start_over_grpc_too() {
    let builder = || {
        Exporter::builder()
            .endpoint("https://localhost:1")
            .protocol(hopline_otlp::Protocol::Grpc)
    };
    for pem in [
        "",
        "no pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = builder().certificate(pem).build().unwrap_err();
        assert!(!error.to_string().is_empty(), "{pem}");
    }
    builder()
        .client_certificate("no", "key")
        .build()
        .unwrap_err();
}

#[cfg(feature = "grpc")]
mod grpc {
    use hopline_otlp::Protocol;
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
        TraceService, TraceServiceServer,
    };
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
    };
    use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
    use tonic::{Request, Response, Status};

    use super::*;

    struct TakesAll;

    #[tonic::async_trait]
    impl TraceService for TakesAll {
        async fn export(
            &self,
            _: Request<ExportTraceServiceRequest>,
        ) -> Result<Response<ExportTraceServiceResponse>, Status> {
            Ok(Response::new(ExportTraceServiceResponse::default()))
        }
    }

    #[test]
    fn certificates_hold_over_grpc_too() {
        let (own, client, other) = (signed("localhost"), signed("orders"), signed("localhost"));
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(
                own.certificate.pem(),
                own.key.serialize_pem(),
            ))
            .client_ca_root(Certificate::from_pem(client.authority.pem()));
        let address = free_address();
        let (stop, stopped) = oneshot::channel::<()>();
        // bound here: a caller that does not retry finds it listening
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut server = Server::builder().tls_config(tls).unwrap();
                let server = server.add_service(TraceServiceServer::new(TakesAll));
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let incoming = tonic::transport::server::TcpIncoming::from(listener);
                tokio::select! {
                    served = server.serve_with_incoming(incoming) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        let to = |authority: &Signed| {
            Exporter::builder()
                .endpoint(format!("https://localhost:{}", address.port()))
                .protocol(Protocol::Grpc)
                .certificate(authority.authority.pem())
        };
        let showing = |builder: ExporterBuilder| {
            builder.client_certificate(client.certificate.pem(), client.key.serialize_pem())
        };
        let resource = || Resource::new("orders");
        let known = showing(to(&own)).build().unwrap();
        let tracer = Tracer::builder().sink(known.clone()).build();
        record(&tracer, "span");
        tracer.flush(LONG).unwrap();
        assert_eq!((known.stats().sent, known.stats().lost()), (1, 0));
        let stranger = to(&own).build().unwrap();
        stranger.check(resource()).unwrap_err();
        let mistaken = showing(to(&other)).build().unwrap();
        mistaken.check(resource()).unwrap_err();
        drop(stop);
        thread.join().unwrap();
    }
}
