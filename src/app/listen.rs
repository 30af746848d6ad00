//! A listener with its bounds: nobody may hold a connection without sending, or send without end.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use axum_server::{Handle, Server};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::app::StartError;
use crate::config::Tls;

/// The time in which a request's head must arrive, the first on a connection included.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1024;
/// Lines of a request's head.
const HEAD_LINES: usize = 64;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 256;

/// A listener that serves.
pub(super) struct Listener {
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    ended: watch::Receiver<()>,
}

impl Listener {
    /// Binds and serves in a task of `tasks`.
    pub(super) async fn serve(
        address: SocketAddr,
        tls: Option<&Tls>,
        router: Router,
        tasks: &TaskTracker,
    ) -> Result<Self, StartError> {
        let not_there =
            |error: std::io::Error| StartError::Dependency(format!("cannot listen on {address}: {error}"));
        let socket = std::net::TcpListener::bind(address).map_err(not_there)?;
        socket.set_nonblocking(true).map_err(not_there)?;
        let bound = socket.local_addr().map_err(not_there)?;
        let handle = Handle::new();
        let (end, ended) = watch::channel(());
        match tls {
            None => {
                let mut server = axum_server::from_tcp(socket).map_err(not_there)?.handle(handle.clone());
                bound_heads(&mut server);
                let server = server.first_request_timeout(HEAD_WITHIN);
                tasks.spawn(async move { report(server.serve(router.into_make_service()).await, end) });
            }
            Some(tls) => {
                let certificate = RustlsConfig::from_pem_file(&tls.certificate_file, &tls.key_file).await;
                let certificate =
                    certificate.map_err(|error| StartError::Configuration(format!("server.tls: {error}")))?;
                let server = axum_server::from_tcp_rustls(socket, certificate).map_err(not_there)?;
                let mut server = server.handle(handle.clone());
                bound_heads(&mut server);
                let server = server.first_request_timeout(HEAD_WITHIN);
                tasks.spawn(async move { report(server.serve(router.into_make_service()).await, end) });
            }
        }
        Ok(Self { address: bound, handle, ended })
    }

    /// The address, with the port that was really taken.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing new and waits for what is under way, at most `grace`.
    pub(super) async fn drain(mut self, grace: Duration) {
        self.handle.graceful_shutdown(Some(grace));
        // Being dropped is the signal.
        let _ = self.ended.changed().await;
    }
}

fn bound_heads<A>(server: &mut Server<SocketAddr, A>) {
    let builder = server.http_builder();
    // Written as documented, `X-Gateway-Purchase`: ClickSend's Python SDK hands headers on in a dict that tells case.
    let mut http1 = builder.http1();
    http1
        .title_case_headers(true)
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES);
    builder
        .http2()
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(20)));
}

fn report(result: std::io::Result<()>, end: watch::Sender<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "a listener ended by itself");
    }
    drop(end);
}
