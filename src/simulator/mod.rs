//! A look-alike of ClickSend's Numbers API, for everybody who tests against it.
//!
//! It shares nothing with the gateway: no type, no constant, no opinion.

mod account;
mod answers;
mod api;
mod buy;
mod clock;
mod complaint;
mod control;
mod evidence;
mod faults;
mod inventory;
mod journal;
mod list;
mod money;
mod plan;
mod profile;
mod register;
mod route;
mod search;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod throttle;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use self::state::Shared;

/// Connections served at once; more wait in the listener's queue.
const MOST_CONNECTIONS: usize = 1_024;

/// An idle connection is closed after this long, as a proxy in front of the real service would.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// What a simulator is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides which numbers are for sale, and what faults with a probability strike.
    pub seed: u64,
    /// User name of the one account, before the first colon of Basic credentials.
    pub username: String,
    /// Its API key.
    pub api_key: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, username: "simulator".to_owned(), api_key: "simulator-key".to_owned() }
    }
}

/// A simulated ClickSend account and its shop. All clones are the same account.
#[derive(Clone, Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
}

impl Simulator {
    /// A new account with a full shop.
    pub fn new(options: Options) -> Self {
        Self { shared: Arc::new(Shared::new(options)) }
    }

    /// ClickSend's paths and `/_simulator/`.
    pub fn router(&self) -> Router {
        control::routes().fallback(api::answer).with_state(Arc::clone(&self.shared))
    }

    /// Serves on an already bound listener until `stop` is cancelled. Then it is gone as if its power had failed:
    /// connections close where they are. What was sold stays sold, and another `serve` goes on from there.
    ///
    /// # Errors
    /// When the listener can accept no more.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let router = self.router();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                    match accepted {
                        Ok((stream, peer)) => {
                            connections.spawn(converse(router.clone(), stream, ConnectInfo(peer)));
                        }
                        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        connections.shutdown().await;
        Ok(())
    }
}

async fn converse(router: Router, stream: TcpStream, peer: ConnectInfo<std::net::SocketAddr>) {
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_IDLE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "simulator connection ended");
    }
}
