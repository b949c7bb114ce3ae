//! The viewer on ports of its own: page, OTLP over HTTP, OTLP over gRPC.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::api::{self, About};
use crate::guard::Guard;
use crate::receive;
use crate::view::View;

/// Addresses and access of a [`Server`].
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use hopline_view::{ServerOptions, View};
///
/// let options = ServerOptions::default().page(([127, 0, 0, 1], 0).into()).otlp_http(([127, 0, 0, 1], 0).into());
/// # let options = options.without_grpc();
/// let server = options.start(&View::new()).await?;
/// assert!(server.page_url().starts_with("http://127.0.0.1:"));
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
///
/// Each listener is ready when `ServerOptions::start` returns: a request that is sent at once is answered.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Page and JSON API.
    page: SocketAddr,
    /// OTLP over HTTP.
    otlp_http: SocketAddr,
    /// OTLP over gRPC; `None` does not listen for it. Ignored without the feature `grpc`.
    otlp_grpc: Option<SocketAddr>,
    /// Names in addition to `localhost`, for all listeners.
    hosts: Vec<String>,
    /// One token for all listeners.
    token: Option<Secret>,
}

/// The token. Its `Debug` hides it, so that options can be printed.
#[derive(Clone)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        let local = |port| (Ipv4Addr::LOCALHOST, port).into();
        Self {
            page: local(4319),
            otlp_http: local(4318),
            otlp_grpc: cfg!(feature = "grpc").then(|| local(4317)),
            hosts: Vec::new(),
            token: None,
        }
    }
}

impl ServerOptions {
    /// Address of the page. Defaults to 127.0.0.1:4319.
    #[must_use]
    pub fn page(mut self, address: SocketAddr) -> Self {
        self.page = address;
        self
    }

    /// Address of OTLP over HTTP. Defaults to 127.0.0.1:4318.
    #[must_use]
    pub fn otlp_http(mut self, address: SocketAddr) -> Self {
        self.otlp_http = address;
        self
    }

    /// Address of OTLP over gRPC, with the feature `grpc`. Defaults to 127.0.0.1:4317.
    #[must_use]
    pub fn otlp_grpc(mut self, address: SocketAddr) -> Self {
        self.otlp_grpc = Some(address);
        self
    }

    /// Does not listen for gRPC.
    #[must_use]
    pub fn without_grpc(mut self) -> Self {
        self.otlp_grpc = None;
        self
    }

    /// Answers requests to this host too, such as the name of a container. Addresses, `localhost` and `*.localhost` are
    /// always answered; a name needs this, because anybody can make a name point here.
    #[must_use]
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Asks for this token, as `Authorization: Bearer …`, or once as `?token=…` in a browser. Needed for addresses
    /// beyond loopback.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Secret(token.into()));
        self
    }

    /// Starts listening.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound, or is beyond loopback and no token is set.
    pub async fn start(self, view: &View) -> io::Result<Server> {
        let addresses = [Some(self.page), Some(self.otlp_http), self.otlp_grpc];
        let is_open = addresses
            .iter()
            .flatten()
            .any(|address| !address.ip().is_loopback());
        if is_open && self.token.as_ref().is_none_or(|token| token.0.is_empty()) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "an address beyond loopback needs a token: the page shows what requests contain",
            ));
        }
        let guard = Guard::new(&self.hosts, self.token.map(|token| token.0), false);
        let page = bind(self.page).await?;
        let otlp_http = bind(self.otlp_http).await?;
        let otlp_grpc = match self.otlp_grpc.filter(|_| cfg!(feature = "grpc")) {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let address = |listener: &TcpListener| listener.local_addr();
        let (page_address, http_address) = (address(&page)?, address(&otlp_http)?);
        let grpc_address = otlp_grpc.as_ref().map(address).transpose()?;
        let mut receivers = vec![format!("http://{http_address}")];
        receivers.extend(grpc_address.map(|address| format!("grpc {address}")));
        let about = About {
            mode: "server",
            base: "/",
            receivers,
        };
        let receiver = receive::router(view, guard.clone());
        let mut tasks = vec![
            serve(page, api::router(view, guard, about)),
            serve(otlp_http, receiver.clone()),
        ];
        tasks.extend(otlp_grpc.map(|listener| serve(listener, receiver)));
        Ok(Server {
            page: page_address,
            otlp_http: http_address,
            otlp_grpc: grpc_address,
            tasks,
        })
    }
}

/// Binds a listener. The error names the address, as up to three are bound.
///
/// # Errors
///
/// Returns the error of the system, mostly `AddrInUse`: another viewer or a collector uses the port.
async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}

/// Serves a router in a task of its own, with the address of the peer, which the guard reads.
///
/// A listener has its own task, so that a busy receiver does not delay the page.
///
/// Only the address of the peer shows a request of another machine, for a listener beyond loopback.
fn serve(listener: TcpListener, router: Router) -> JoinHandle<()> {
    // ended by the server's drop; a connection's error ends that connection only
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        // serving ends with an error never
        let _ = axum::serve(listener, service).await;
    })
}

/// A running viewer; stops listening when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// As bound: a port of 0 is replaced by the one that the system chose.
    page: SocketAddr,
    otlp_http: SocketAddr,
    otlp_grpc: Option<SocketAddr>,
    /// One for each listener; aborted at the drop. The page, OTLP over HTTP, and OTLP over gRPC if it is on. Their
    /// order has no meaning.
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// URL of the page.
    ///
    /// It has the address as bound, without the token.
    pub fn page_url(&self) -> String {
        format!("http://{}", self.page)
    }

    /// Address of OTLP over HTTP.
    pub fn otlp_http(&self) -> SocketAddr {
        self.otlp_http
    }

    /// Address of OTLP over gRPC, if it listens for it.
    pub fn otlp_grpc(&self) -> Option<SocketAddr> {
        self.otlp_grpc
    }
}

impl Drop for Server {
    /// Stops listening. Connections that are open end with the runtime.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
