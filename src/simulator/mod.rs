//! A look-alike of ClickSend's Numbers API, for everybody who tests against it.
//!
//! One account, a shop of invented telephone numbers, and the five calls that a buyer of numbers needs:
//! `GET /v3/numbers`, `GET /v3/numbers/search/{country}`, `POST /v3/numbers/buy/{number}`,
//! `POST /v3/numbers/registrations/number-types/{type}/country/{country}` and `GET /v3/account`. It answers as
//! the live service was seen to answer, quirks included, and everything that nobody outside ClickSend knows is a
//! switch. It shares nothing with the gateway: no type, no constant, no opinion. A misreading of the documentation
//! therefore shows as a disagreement, and is not made twice.
//!
//! Everything else goes over HTTP too, under `/_simulator/`, so it works the same from another process:
//!
//! ```sh
//! curl -u simulator:simulator-key 'localhost:8090/v3/numbers/search/AU?search=570&limit=15'
//! curl localhost:8090/_simulator/                        # all controls, faults and switches
//! curl localhost:8090/_simulator/faults -d '{"operation":"buy","fault":"drop_after_sale","count":1}'
//! curl localhost:8090/_simulator/clock -d '{"advance":"31d"}'        # renewals are charged
//! curl 'localhost:8090/_simulator/ledger?operation=buy&wait_requests=1'   # waits, instead of sleeping
//! ```
//!
//! # Seen, or guessed
//!
//! | behaviour | whence |
//! |---|---|
//! | "Here are you dedicated numbers."; last page 0, no rows key and null currency on an empty list | seen |
//! | page links: absolute, slash before the query, no limit (own numbers); `/?page=2` (search) | seen |
//! | 4 decimals in search, 2 in a purchase under names with an underscore; `c` and `¢` | documented |
//! | 401 and 429 bodies, rate limit headers, the window per endpoint and address | seen on `/v3/account` |
//! | a purchase without a body, a limit below 15, a trailing slash are accepted | inferred from official SDKs |
//! | 405 says `NOT_FOUND`; the six statuses; the rules for `registration_data` | documented |
//! | status and code when the balance is short, the number gone or owned already, the user barred | guess, switches |
//! | the first charge (setup + monthly × days left ÷ days, today counts), renewals at midnight UTC | guess, switch |
//! | whether a sold number is listed at once, or twice | guess, switches |
//! | which `search_type` is the default; that only digits count; that a full number is found | guess, fault |
//! | `q` and `q2` are two groups of which one has to hold; unknown keys are ignored | guess |
//! | which numbers are toll-free or 10DLC, and which status a new number has | guess, `POST status` |
//! | a renewal may overdraw the balance, a purchase may not | guess |
//! | the special users may read, own nothing, and cannot buy | guess |
//! | only Canadian 10DLC can be registered, with the six fields that every source requires | guess, switch |
//!
//! # Limits
//!
//! 1,024 connections, request bodies of 1 MiB, 20,000 requests in the journal (older ones are only counted),
//! 256 fault rules, holds of 10 minutes, waits of 60 seconds, dates from 2000 to 2099. The control API has no
//! credentials: bind it to loopback.

mod account;
mod answers;
mod api;
mod buy;
mod clock;
mod complaint;
mod control;
mod countries;
mod credentials;
mod elsewhere;
mod evidence;
mod fault;
mod faults;
mod inventory;
mod journal;
mod list;
mod money;
mod plan;
mod profile;
mod register;
mod route;
mod sale;
mod search;
mod settings;
mod state;
mod substitute;
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
