//! The limits at the edge: of an address before authentication, of reads by person after it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::middleware::Next;

use crate::http::client;
use crate::http::door::Door;
use crate::http::refusal::HttpRefusal;
use crate::http::state::{Caller, Public};

/// Before anything costs: so many requests of one address, whoever makes them.
pub(super) async fn by_address(State(public): State<Public>, request: Request, next: Next) -> Response<Body> {
    let of = client::neighbourhood(&request, &public.settings.trusted_proxies);
    match of.map_or(Ok(()), |of| public.addresses.charge_to(&of)) {
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
    match public.reads.charge(principal) {
        Ok(()) => next.run(request).await,
        Err(refusal) => door.refuse(&refusal.into()),
    }
}
