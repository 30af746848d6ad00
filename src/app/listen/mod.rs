//! A listener with its bounds: nobody may hold a connection without sending, or send without end.
//!
//! Each connection passes the [`Gate`], which counts it, and from then on has a [`pulse`] that says until when it may
//! go on doing what it does. Hyper bounds what one head may be; the layers in `http` what one request may ask.

mod certificate;
mod connection;
mod gate;
mod pulse;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum_server::tls_rustls::RustlsAcceptor;
use axum_server::{Handle, Server};
use hyper::body::Incoming;
use ipnet::IpNet;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tower::Service;
use tower::make::Shared;

use crate::app::{Reload, StartError};
use crate::config::{self, Config};
use crate::http::{Hits, OfPeer};
use crate::metrics::Metrics;
use gate::{Gate, Places};
use pulse::Patience;

pub(super) use certificate::Certificate;

/// Bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1024;
/// Lines of a request's head. Of HTTP/2, whose fields hyper does not count, `http` counts them.
const HEAD_LINES: usize = 64;
/// Requests at once on one HTTP/2 connection: more than any client of ours sends.
const STREAMS: u32 = 100;
/// Resets that an HTTP/2 client may leave behind unprocessed: beyond, it is one of those who only reset.
const RESETS: usize = 20;
/// An HTTP/2 client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// One that has not answered by then is gone. Answers that wait to be read count as none: longer than this machine is ever
/// without time to read.
const PONG_WITHIN: Duration = Duration::from_mins(2);
/// A scrape and a probe or two; nobody else knows this listener.
const OPS_CONNECTIONS: usize = 64;

/// What a listener puts up with.
#[derive(Clone, Debug)]
struct Bounds {
    /// Until when connections may do what they do.
    patience: Patience,
    /// Connections at once.
    connections: usize,
    /// Connections at once of one address.
    per_address: usize,
    /// Whose connections are only bounded together.
    proxies: Vec<IpNet>,
}

impl Bounds {
    /// Of the public listener.
    fn public(server: &config::Server) -> Self {
        let count = |count: std::num::NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
        Self {
            patience: Patience { head: server.header_timeout, idle: server.idle_timeout },
            connections: count(server.max_connections),
            per_address: count(server.max_connections_per_address),
            proxies: server.trusted_proxies.clone(),
        }
    }

    /// Of the operators' listener: as patient, and for few.
    fn ops(server: &config::Server) -> Self {
        let few = OPS_CONNECTIONS;
        Self { connections: few, per_address: few, proxies: Vec::new(), ..Self::public(server) }
    }
}

/// A listener that serves.
pub(super) struct Listener {
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    leaving: Arc<AtomicBool>,
    ended: watch::Receiver<()>,
}

impl Listener {
    /// The public one.
    pub(super) fn public(
        server: &config::Server,
        reload: &Reload,
        router: Hits<Router>,
        tasks: &TaskTracker,
    ) -> Result<Self, StartError> {
        let (bounds, metrics) = (Bounds::public(server), Some(reload.metrics.clone()));
        Self::serve(server.listen, reload.certificate.as_ref(), router, &bounds, metrics, tasks)
    }

    /// The operators' own, never encrypted.
    pub(super) fn ops(config: &Config, router: Router, tasks: &TaskTracker) -> Result<Self, StartError> {
        Self::serve(config.ops.listen, None, router, &Bounds::ops(&config.server), None, tasks)
    }

    /// Binds and serves in a task of `tasks`.
    fn serve<S>(
        address: SocketAddr,
        certificate: Option<&Certificate>,
        routes: S,
        bounds: &Bounds,
        metrics: Option<Metrics>,
        tasks: &TaskTracker,
    ) -> Result<Self, StartError>
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
        S: OfPeer + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let not_there =
            |error: std::io::Error| StartError::Dependency(format!("cannot listen on {address}: {error}"));
        let socket = std::net::TcpListener::bind(address).map_err(not_there)?;
        socket.set_nonblocking(true).map_err(not_there)?;
        let bound = socket.local_addr().map_err(not_there)?;
        let (handle, leaving) = (Handle::new(), Arc::new(AtomicBool::new(false)));
        let (end, ended) = watch::channel(());
        let gate = Gate::new(Places::new(bounds, metrics), bounds.patience, Arc::clone(&leaving));
        let server = axum_server::from_tcp(socket).map_err(not_there)?.handle(handle.clone());
        let service = Shared::new(routes);
        match certificate {
            None => {
                let server = bounded(server.acceptor(gate));
                tasks.spawn(async move { report(server.serve(service).await, end) });
            }
            Some(certificate) => {
                let acceptor = RustlsAcceptor::new(certificate.config())
                    .handshake_timeout(bounds.patience.head)
                    .acceptor(gate);
                let server = bounded(server.acceptor(acceptor));
                tasks.spawn(async move { report(server.serve(service).await, end) });
            }
        }
        Ok(Self { address: bound, handle, leaving, ended })
    }

    /// The address, with the port that was really taken.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes on serving, and asks those who keep a connection to make another one: elsewhere, by then.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// Accepts nothing new and waits for what is under way, at most `grace`.
    pub(super) async fn drain(mut self, grace: Duration) {
        self.handle.graceful_shutdown(Some(grace));
        // Being dropped is the signal.
        let _ = self.ended.changed().await;
    }
}

fn bounded<A>(mut server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let builder = server.http_builder();
    // Written as documented, `X-Gateway-Purchase`: ClickSend's Python SDK hands headers on in a dict that tells case.
    let mut http1 = builder.http1();
    // Its own timer counts from the end of the last answer; ours tells waiting for a request from reading one.
    http1.title_case_headers(true).header_read_timeout(None).max_buf_size(HEAD_BYTES).max_headers(HEAD_LINES);
    builder
        .http2()
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .keep_alive_interval(Some(PING_EVERY))
        .keep_alive_timeout(PONG_WITHIN);
    // Not its own timeout of a first request: it counts against the client what this machine had no time for. Until then,
    // too, a connection has its pulse.
    server
}

fn report(result: std::io::Result<()>, end: watch::Sender<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "a listener ended by itself");
    }
    drop(end);
}
