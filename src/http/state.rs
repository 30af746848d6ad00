//! What handlers may touch: services, and how this edge is configured. No store, no upstream.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderName;
use ipnet::IpNet;
use jiff::tz::TimeZone;

use crate::auth::Verifier;
use crate::domain::principal::Principal;
use crate::metrics::Metrics;
use crate::service::budgets::BudgetReader;
use crate::service::evidence::Evidence;
use crate::service::freezes::Freezes;
use crate::service::limits::KeyedLimit;
use crate::service::live::Live;
use crate::service::notices::Notices;
use crate::service::owned::OwnedNumbers;
use crate::service::purchasing::Purchasing;
use crate::service::reconciling::Reconciling;
use crate::service::registrations::Registrations;
use crate::service::search::Searches;
use crate::service::spend::Spend;
use crate::service::teams::Teams;

/// Everything behind the public listener.
pub struct PublicParts {
    /// Whose tokens are believed.
    pub verifier: Arc<Verifier>,
    /// Numbers on sale.
    pub searches: Searches,
    /// Owned numbers.
    pub owned: OwnedNumbers,
    /// Buying.
    pub purchasing: Purchasing,
    /// What is left of the budgets.
    pub budgets: BudgetReader,
    /// What was charged and will be.
    pub spend: Spend,
    /// What became of purchases and numbers that nobody knows of.
    pub reconciling: Reconciling,
    /// The stop button.
    pub freezes: Freezes,
    /// Registering.
    pub registrations: Registrations,
    /// What webhooks were not told.
    pub notices: Notices,
    /// The evidence, for those who may read it.
    pub evidence: Evidence,
    /// The configured teams, for telling callers about themselves.
    pub teams: Live<Teams>,
    /// Of reads, per person.
    pub reads: Arc<KeyedLimit>,
    /// Of all requests, per address.
    pub addresses: Arc<KeyedLimit>,
    /// Counters.
    pub metrics: Metrics,
    /// How the edge behaves.
    pub settings: EdgeSettings,
}

/// How the edge is configured.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// The header of an identity-aware proxy that carries the token.
    pub token_header: Option<HeaderName>,
    /// Accepted `Host` headers in lower case; empty means any.
    pub hosts: Vec<String>,
    /// Whose word is taken for where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// In which a body must have arrived.
    pub body_timeout: Duration,
    /// Whether browsers are told to come encrypted only: where we encrypt ourselves.
    pub is_encrypted: bool,
    /// Where the budgets' days turn: times are shown there.
    pub time_zone: TimeZone,
    /// The shape of a search's `data`.
    pub search_shape: SearchShape,
    /// Bytes of finished answers that are kept.
    pub answer_bytes: u64,
}

/// The two shapes of a search that ClickSend has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchShape {
    /// A page object, as the live service answers.
    Page,
    /// A bare list, as the old page showed.
    List,
}

/// Shared by all handlers.
pub(super) type Public = Arc<PublicParts>;

/// The caller of a request, put there by authentication.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) Arc<Principal>);
