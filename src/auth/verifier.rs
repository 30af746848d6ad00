//! From a token to a [`Principal`]: the rules in their order, and a memory of tokens that passed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::claims;
use super::compact::{Compact, Header};
use super::issuer::{Issuer, IssuerHealth, KeyError, Keys};
use super::keys::KeyTable;
use super::mapping;
use super::options::{Denied, IssuerOptions};
use super::refusal::{Reason, Refusal};
use super::remote::RemoteKeys;
use super::trace::{Explanation, Trace};
use crate::clock::Clock;
use crate::domain::canonical::Digest;
use crate::domain::principal::Principal;

/// Verified tokens kept, some kilobytes each at most.
const MAX_REMEMBERED: u64 = 10_000;
/// After so long a token is verified anew.
const FORGET_AFTER: Duration = Duration::from_mins(10);
/// How often the fetched sets are looked at: they become due by the clock that counts sleep, a timer does not.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Verifies tokens of the configured issuers.
#[derive(Debug)]
pub struct Verifier {
    issuers: Vec<Issuer>,
    denied: Denied,
    clock: Clock,
    remembered: moka::sync::Cache<Digest, Verified>,
}

/// A token that passed, and what that rests on.
#[derive(Clone, Debug)]
struct Verified {
    principal: Arc<Principal>,
    /// Which of [`Verifier::issuers`].
    issuer: usize,
    /// The keys of then; with any other the signature is checked again.
    table: Arc<KeyTable>,
}

impl Verifier {
    /// Reads the issuers' options and loads what is local. Key sets of issuers are fetched by
    /// [`Self::refresh_forever`], or when the first token needs them.
    ///
    /// # Errors
    /// Every fault of every issuer.
    pub fn new(issuers: Vec<IssuerOptions>, denied: Denied, clock: Clock) -> Result<Self, Vec<KeyError>> {
        Self::load(issuers, denied, clock, &[])
    }

    /// The verifier of a changed configuration. It forgets the verified tokens and keeps the fetched key sets of
    /// issuers that stay as they were. The old one's [`Self::refresh_forever`] is the caller's to stop.
    ///
    /// # Errors
    /// Every fault of every issuer; this verifier stays as it is.
    pub fn reloaded(&self, issuers: Vec<IssuerOptions>, denied: Denied) -> Result<Self, Vec<KeyError>> {
        Self::load(issuers, denied, self.clock.clone(), &self.issuers)
    }

    fn load(
        options: Vec<IssuerOptions>,
        denied: Denied,
        clock: Clock,
        running: &[Issuer],
    ) -> Result<Self, Vec<KeyError>> {
        super::install_crypto();
        let (mut issuers, mut faults) = (Vec::new(), Vec::new());
        for options in options {
            match Issuer::load(options, running, &clock) {
                Ok(issuer) => issuers.push(issuer),
                Err(mut found) => faults.append(&mut found),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let remembered =
            moka::sync::Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(FORGET_AFTER).build();
        Ok(Self { issuers, denied, clock, remembered })
    }

    /// Who a token stands for. Waits, at most five seconds per issuer of that name, only when the token names a
    /// key that is not here.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for the caller's 401, [`Refusal::IssuerUnavailable`] for a 503.
    pub async fn verify(&self, token: &str) -> Result<Arc<Principal>, Refusal> {
        let digest = Digest::of(&[token.as_bytes()]);
        if let Some(known) = self.remembered.get(&digest)
            && self.still_holds(&known)
        {
            return Ok(known.principal);
        }
        let verified = self.examine(token, &mut Trace::Off).await?;
        self.remembered.insert(digest, verified.clone());
        Ok(verified.principal)
    }

    /// The same verification with a note at every rule, for `token check`.
    pub async fn explain(&self, token: &str) -> Explanation {
        let mut trace = Trace::On(Vec::new());
        let outcome = self.examine(token, &mut trace).await.map(|verified| verified.principal);
        Explanation { steps: trace.into_steps(), outcome }
    }

    /// Keeps the fetched key sets fresh until told to stop. Fails at nothing: faults are logged and retried.
    pub async fn refresh_forever(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = async { self.refresh_due().await; tokio::time::sleep(LOOK_EVERY).await; } => {}
            }
        }
    }

    /// Fetches every key set that is due, at once: the first sets when called for the first time. Ends within
    /// five seconds.
    pub async fn refresh_due(&self) {
        future::join_all(self.remotes().map(RemoteKeys::refresh_if_due)).await;
    }

    /// Where each issuer's keys stand, in the order of the configuration.
    pub fn issuers_health(&self) -> Vec<IssuerHealth> {
        self.issuers.iter().map(Issuer::health).collect()
    }

    fn remotes(&self) -> impl Iterator<Item = &Arc<RemoteKeys>> {
        self.issuers.iter().filter_map(|issuer| match &issuer.keys {
            Keys::Remote(remote) => Some(remote),
            Keys::Local(_) => None,
        })
    }

    fn still_holds(&self, known: &Verified) -> bool {
        let table = self.issuers.get(known.issuer).and_then(Issuer::current);
        table.is_some_and(|table| Arc::ptr_eq(&table, &known.table))
            && !claims::has_passed(known.principal.expires_at, self.now())
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    async fn examine(&self, token: &str, trace: &mut Trace) -> Result<Verified, Refusal> {
        let opened = match Opened::read(token, trace) {
            Ok(opened) => opened,
            Err(reason) => return Err(trace.refused(Refusal::Invalid(reason))),
        };
        let mut refusal = None;
        for (index, issuer) in self.issuers.iter().enumerate() {
            if issuer.options.issuer != opened.issuer {
                continue;
            }
            trace.saw("issuer", || format!("iss {:?}, tried as {:?}", opened.issuer, issuer.options.name));
            match self.examine_for(issuer, &opened, trace).await {
                Ok((principal, table)) => {
                    return Ok(Verified { principal: Arc::new(principal), issuer: index, table });
                }
                // The configuration that the token came farthest with says why it was refused.
                Err(found) => refusal = refusal.max(Some(trace.refused(found))),
            }
        }
        Err(refusal.unwrap_or_else(|| trace.refused(Refusal::Invalid(Reason::Issuer))))
    }

    /// What one issuer's configuration makes of it.
    async fn examine_for(
        &self,
        issuer: &Issuer,
        token: &Opened<'_>,
        trace: &mut Trace,
    ) -> Result<(Principal, Arc<KeyTable>), Refusal> {
        let (table, key) = issuer.find(&token.header).await?;
        trace.saw("key", || format!("one of {}, for {}", table.len(), key.algorithm));
        if !key.signed(&token.compact) {
            return Err(Refusal::Invalid(Reason::Signature));
        }
        trace.saw("signature", || "made by this key".to_owned());
        let principal = self.judge_claims(&token.claims, issuer, trace).map_err(Refusal::Invalid)?;
        Ok((principal, table))
    }

    fn judge_claims(&self, claims: &Value, issuer: &Issuer, trace: &mut Trace) -> Result<Principal, Reason> {
        let expires_at = claims::check(claims, &issuer.options, self.now(), trace)?;
        let principal = mapping::principal(claims, &issuer.options, expires_at)?;
        mapping::check_denied(claims, &principal, &self.denied)?;
        trace.saw("principal", || principal.person.to_string());
        Ok(principal)
    }
}

/// A token taken apart, nothing of it believed yet.
struct Opened<'a> {
    compact: Compact<'a>,
    header: Header,
    claims: Value,
    issuer: String,
}

impl<'a> Opened<'a> {
    /// What can be said of a token without any key.
    fn read(token: &'a str, trace: &mut Trace) -> Result<Self, Reason> {
        let compact = Compact::split(token)?;
        trace.saw("form", || format!("three parts, {} bytes", token.len()));
        let header = compact.header()?;
        trace.saw("header", || match &header.key_id {
            Some(id) => format!("alg {}, kid {id:?}", header.algorithm),
            None => format!("alg {}, no kid", header.algorithm),
        });
        let claims = compact.claims()?;
        let issuer = claims::issuer(&claims)?.to_owned();
        Ok(Self { compact, header, claims, issuer })
    }
}
