//! The limits at the edge: of an address before authentication, of reads by person after it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use axum::middleware::Next;

use crate::domain::principal::PersonRef;
use crate::http::client::Peer;
use crate::http::door::Door;
use crate::http::refusal::HttpRefusal;
use crate::http::state::{Caller, Public, PublicParts};
use crate::service::Refusal;

/// A request that both limits were charged for and one of them did not let through: on the request, so that nobody charges
/// it again.
#[derive(Clone)]
pub(super) struct Charged {
    address: Result<(), Refusal>,
    person: Result<(), Refusal>,
}

impl Charged {
    /// Charges the address and then the person, as the layers below do one by one.
    pub(super) fn both(
        public: &PublicParts,
        headers: &HeaderMap,
        peer: Option<Peer>,
        person: PersonRef<'_>,
    ) -> Result<(), Box<Self>> {
        address(public, headers, peer)
            .map_err(|refusal| Box::new(Self { address: Err(refusal), person: Ok(()) }))?;
        let charged = public.reads.charge_to(person);
        charged.map_err(|refusal| Box::new(Self { address: Ok(()), person: Err(refusal) }))
    }
}

fn address(public: &PublicParts, headers: &HeaderMap, peer: Option<Peer>) -> Result<(), Refusal> {
    let of = peer.map(|peer| peer.asks_for(headers, &public.settings.trusted_proxies));
    of.map_or(Ok(()), |of| public.addresses.charge_to(of))
}

/// Before anything costs: so many requests of one address, whoever makes them.
pub(super) async fn by_address(State(public): State<Public>, request: Request, next: Next) -> Response<Body> {
    let charged = request.extensions().get::<Charged>().map(|charged| charged.address.clone());
    match charged.unwrap_or_else(|| address(&public, request.headers(), Peer::of(&request))) {
        Ok(()) => next.run(request).await,
        Err(refusal) => Door::of(request.uri().path()).refuse(&refusal.into()),
    }
}

/// Inside authentication, because its key is who asks and not from where.
pub(super) async fn by_person(State(public): State<Public>, request: Request, next: Next) -> Response<Body> {
    let door = Door::of(request.uri().path());
    let Some(Caller(principal)) = request.extensions().get::<Caller>() else {
        return door.refuse(&HttpRefusal::unauthorized());
    };
    let charged = request.extensions().get::<Charged>().map(|charged| charged.person.clone());
    match charged.unwrap_or_else(|| public.reads.charge(principal)) {
        Ok(()) => next.run(request).await,
        Err(refusal) => door.refuse(&refusal.into()),
    }
}
