//! The front door: every request that is not for the control API.
//!
//! The order is that of a service behind a proxy: write the request down, let the faults at it, count it against
//! its limit, ask who is calling, and only then do the work.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::request::Parts;
use axum::response::Response;

use super::answers::{Envelope, Parameters};
use super::credentials::Credentials;
use super::journal::{Arrival, Operation, Outcome};
use super::plan::{Plan, Quirks};
use super::route::{Endpoint, Route};
use super::state::{Shared, World};
use super::throttle::Allowance;
use super::wire::Reply;
use super::{buy, list, profile, register, search};

/// A body above this is not read.
const MOST_BYTES: usize = 1024 * 1024;

/// Answers one request. The work runs in a task of its own, so a client that hangs up stops nothing.
pub(super) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let work = exchange(Arc::clone(&shared), request);
    shared.work.spawn(work).await.unwrap_or(Reply::HangUp).into()
}

async fn exchange(shared: Arc<Shared>, request: Request) -> Reply {
    let (head, body) = request.into_parts();
    let route = Route::of(&head.method, head.uri.path());
    let operation = route.operation();
    let username = &shared.options.username;
    let credentials =
        shared.with(|world| Credentials::of(&head.headers, username, &world.key, world.clock.now()));
    let seq = shared.with(|world| {
        let arrival = Arrival {
            operation,
            number: route.number(),
            method: &head.method,
            uri: &head.uri,
            headers: &head.headers,
            credentials: &credentials,
        };
        world.journal.open(&arrival, world.clock.now())
    });
    let Ok(body) = to_bytes(body, MOST_BYTES).await else {
        shared.with(|world| world.journal.close(seq, operation, None, Outcome::BodyNotReceived));
        return Reply::HangUp;
    };
    let plan = shared.with(|world| {
        let plan = world.faults.draw(operation);
        world.journal.amend(seq, |record| {
            record.body = String::from_utf8_lossy(&body).into_owned();
            record.fault = plan.names();
        });
        plan
    });
    let reply = Incoming { seq, route, head, body, credentials }.follow(&plan, &shared).await;
    let (status, outcome) = match &reply {
        Reply::HangUp => (None, Outcome::Dropped),
        Reply::Answer(answer) => (Some(answer.status.as_u16()), Outcome::Answered),
    };
    shared.with(|world| world.journal.close(seq, operation, status, outcome));
    reply
}

/// A request that has arrived completely.
struct Incoming {
    seq: u64,
    route: Route,
    head: Parts,
    body: Bytes,
    credentials: Credentials,
}

/// A request whose caller is known, as the operations see it.
pub(super) struct Call<'a> {
    pub(super) seq: u64,
    pub(super) user: &'a str,
    pub(super) parameters: Parameters,
    pub(super) body: &'a [u8],
    pub(super) quirks: &'a Quirks,
}

impl Incoming {
    async fn follow(&self, plan: &Plan, shared: &Shared) -> Reply {
        tokio::time::sleep(plan.delay).await;
        if plan.hold_before {
            shared.hold().await;
        }
        let reply = shared.with(|world| match &plan.instead {
            Some(substitute) => plan.deliver(substitute.reply(self.head.uri.path(), &world.settings)),
            None => self.work(plan, world),
        });
        if plan.hold_after {
            shared.hold().await;
        }
        reply
    }

    fn work(&self, plan: &Plan, world: &mut World) -> Reply {
        let allowance = self.allowance(world);
        let envelope = match (&self.route, &self.credentials) {
            (Route::NotFound, _) => Envelope::not_found(),
            (Route::WrongMethod, _) => Envelope::wrong_method(),
            _ if allowance.is_some_and(|allowance| allowance.exceeded) => Envelope::throttled(),
            (Route::Endpoint(_), Credentials::Absent | Credentials::Invalid { .. }) => {
                Envelope::unauthorized()
            }
            (Route::Endpoint(endpoint), Credentials::Valid { user }) => {
                let pairs =
                    Query::try_from_uri(&self.head.uri).map_or_else(|_| Vec::new(), |Query(pairs)| pairs);
                let parameters = Parameters::new(pairs);
                let call = Call { seq: self.seq, user, parameters, body: &self.body, quirks: &plan.quirks };
                perform(endpoint, &call, world)
            }
        };
        let shown = allowance.or_else(|| self.unlimited_refusal(world));
        let mut reply = plan.reply(envelope, self.head.uri.path(), &world.settings);
        if let (Reply::Answer(answer), Some(allowance)) = (&mut reply, shown) {
            answer.headers.extend(allowance.headers());
        }
        reply
    }

    /// None where the limit is switched off or the path has none.
    fn allowance(&self, world: &mut World) -> Option<Allowance> {
        let rule = world.settings.throttle;
        let operation = self.route.operation();
        if !rule.enabled || operation == Operation::Unknown {
            return None;
        }
        let peer = self.head.extensions.get::<ConnectInfo<SocketAddr>>();
        let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
        Some(world.windows.count(rule, operation, address, world.clock.now()))
    }

    /// A 401 always shows the limit, switched on or not: that is how it was observed.
    fn unlimited_refusal(&self, world: &World) -> Option<Allowance> {
        let refused = match (&self.route, &self.credentials) {
            (Route::Endpoint(_), Credentials::Absent | Credentials::Invalid { .. }) => true,
            (Route::Endpoint(_) | Route::NotFound | Route::WrongMethod, _) => false,
        };
        refused.then(|| Allowance::unused(world.settings.throttle))
    }
}

fn perform(endpoint: &Endpoint, call: &Call<'_>, world: &mut World) -> Envelope {
    match endpoint {
        Endpoint::List => list::answer(world, call),
        Endpoint::Search { country } => search::answer(world, call, country),
        Endpoint::Buy { number } => buy::answer(world, call, number),
        Endpoint::Register { number_type, country } => register::answer(world, call, number_type, country),
        Endpoint::Account => profile::answer(world, call),
    }
}
