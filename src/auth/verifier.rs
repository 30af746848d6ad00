//! From a token to a [`Principal`]: the rules in their order, and a memory of tokens that passed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::claims;
use super::compact::{Compact, Header};
use super::issuer::{Issuer, IssuerHealth, KeyError, Keys};
use super::key_file::KeyFile;
use super::keys::KeyTable;
use super::mapping;
use super::memory::{Memory, Verified};
use super::options::{Denied, IssuerOptions};
use super::refusal::{Reason, Refusal};
use super::remote::RemoteKeys;
use super::trace::{Explanation, Trace};
use crate::clock::Clock;
use crate::domain::canonical::Digest;
use crate::domain::principal::{PersonRef, Principal, TeamId};

/// How often tokens that have ended are let go.
const TIDY_EVERY: Duration = Duration::from_mins(1);
/// How often the fetched sets are looked at: they become due by the clock that counts sleep, a timer does not.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often key files are looked at: a key that was taken out opens nothing a second later.
const LOOK_AT_FILES_EVERY: Duration = Duration::from_millis(200);

/// Issuers with their keys, read and not believed yet.
pub struct Loaded(Trust);

/// Verifies tokens of the configured issuers.
#[derive(Debug)]
pub struct Verifier {
    trust: ArcSwap<Trust>,
    /// Held by whoever makes another [`Trust`] of the present one.
    changing: Mutex<()>,
    clock: Clock,
}

/// Who is believed at one moment, and the tokens that passed since then.
#[derive(Debug)]
struct Trust {
    issuers: Vec<Issuer>,
    denied: Denied,
    remembered: Memory,
}

/// A token that passed before and would pass now.
#[derive(Debug)]
pub struct Recalled {
    verified: Verified,
    trust: Arc<Trust>,
}

impl Recalled {
    /// Whom it stands for.
    pub fn person(&self) -> PersonRef<'_> {
        self.verified.person(self.issuer())
    }

    /// His team, the first where there are several.
    pub fn team(&self) -> Option<&TeamId> {
        self.verified.team()
    }

    /// Whether it opens what any role opens.
    pub fn may_read(&self) -> bool {
        self.verified.has_role()
    }

    fn principal(&self) -> Option<Principal> {
        self.verified.principal(self.issuer())
    }

    fn issuer(&self) -> &str {
        self.trust.issuers.get(self.verified.issuer()).map_or("", |issuer| &issuer.options.issuer)
    }
}

impl Verifier {
    /// Reads the issuers' options and loads what is local. Key sets of issuers are fetched by
    /// [`Self::keep_current`], or when the first token needs them.
    ///
    /// # Errors
    /// Every fault of every issuer.
    pub fn new(issuers: Vec<IssuerOptions>, denied: Denied, clock: Clock) -> Result<Self, Vec<KeyError>> {
        super::install_crypto();
        let trust = Trust::load(issuers, denied, &clock, &[])?;
        Ok(Self { trust: ArcSwap::from_pointee(trust), changing: Mutex::default(), clock })
    }

    /// The first half of believing whom a changed configuration names: key files are read, fetched key sets of issuers that
    /// stay as they were are kept, so that a reload while an issuer is down closes nothing. Changes nothing yet. Blocks as
    /// long as the disk with the files does.
    ///
    /// # Errors
    /// Every fault of every issuer.
    pub fn load(&self, issuers: Vec<IssuerOptions>, denied: Denied) -> Result<Loaded, Vec<KeyError>> {
        Trust::load(issuers, denied, &self.clock, &self.trust.load().issuers).map(Loaded)
    }

    /// The second half: believes what was loaded, from the next token on. A key file that changed in between is read again at the next
    /// look.
    pub fn trust(&self, loaded: Loaded) {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.trust.store(Arc::new(loaded.0));
    }

    /// Who a token stands for. Waits, at most five seconds per issuer of that name, only when the token names a
    /// key that is not here.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for the caller's 401, [`Refusal::IssuerUnavailable`] for a 503.
    pub async fn verify(&self, token: &str) -> Result<Arc<Principal>, Refusal> {
        if let Some(principal) = self.recall(token).and_then(|recalled| recalled.principal()) {
            return Ok(Arc::new(principal));
        }
        let trust = self.trust.load_full();
        let (principal, issuer, table) = trust.examine(token, self.now(), &mut Trace::Off).await?;
        trust.remembered.keep(Digest::of(&[token.as_bytes()]), &principal, issuer, table);
        Ok(Arc::new(principal))
    }

    /// Who a token stands for if it passed before and neither its time nor the keys nor the operator's word have changed
    /// since: what [`Self::verify`] would say, without waiting for anybody.
    pub fn recall(&self, token: &str) -> Option<Recalled> {
        let trust = self.trust.load_full();
        let verified = trust.remembered.recall(&Digest::of(&[token.as_bytes()]))?;
        trust.still_holds(&verified, self.now()).then_some(Recalled { verified, trust })
    }

    /// The same verification with a note at every rule, for `token check`.
    pub async fn explain(&self, token: &str) -> Explanation {
        let mut trace = Trace::On(Vec::new());
        let examined = self.trust.load_full().examine(token, self.now(), &mut trace).await;
        let outcome = examined.map(|(principal, ..)| Arc::new(principal));
        Explanation { steps: trace.into_steps(), outcome }
    }

    /// Keeps fetched key sets fresh and reads changed key files, until told to stop. Fails at nothing: faults are
    /// logged and retried.
    pub async fn keep_current(self: &Arc<Self>, stop: CancellationToken) {
        let fetching = async {
            loop {
                self.refresh_due().await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let reading = async {
            loop {
                self.reread_files().await;
                tokio::time::sleep(LOOK_AT_FILES_EVERY).await;
            }
        };
        let tidying = async {
            loop {
                tokio::time::sleep(TIDY_EVERY).await;
                self.forget_ended();
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = fetching => {}
            () = reading => {}
            () = tidying => {}
        }
    }

    /// Lets go of remembered tokens that have ended, so that memory follows the callers of now.
    fn forget_ended(&self) {
        let (trust, now) = (self.trust.load_full(), self.now());
        trust.remembered.retain(|verified| trust.still_holds(verified, now));
    }

    /// Fetches every key set that is due, at once: the first sets when called for the first time. Ends within
    /// five seconds.
    pub async fn refresh_due(&self) {
        let trust = self.trust.load_full();
        future::join_all(trust.remotes().map(RemoteKeys::refresh_if_due)).await;
    }

    /// Reads every key file again that has changed. Its disk may hang; requests do not wait for it.
    pub async fn reread_files(&self) {
        let trust = self.trust.load_full();
        let reading = tokio::task::spawn_blocking(move || {
            trust.files().for_each(KeyFile::reread_if_changed);
        });
        // An error would be a panic in there; the keys then stay as they were.
        let _ = reading.await;
    }

    /// Where each issuer's keys stand, in the order of the configuration.
    pub fn issuers_health(&self) -> Vec<IssuerHealth> {
        self.trust.load().issuers.iter().map(Issuer::health).collect()
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }
}

impl Trust {
    fn load(
        options: Vec<IssuerOptions>,
        denied: Denied,
        clock: &Clock,
        running: &[Issuer],
    ) -> Result<Self, Vec<KeyError>> {
        let (mut issuers, mut faults) = (Vec::new(), Vec::new());
        for options in options {
            match Issuer::load(options, running, clock) {
                Ok(issuer) => issuers.push(issuer),
                Err(mut found) => faults.append(&mut found),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { issuers, denied, remembered: Memory::new() })
    }

    fn remotes(&self) -> impl Iterator<Item = &Arc<RemoteKeys>> {
        self.issuers.iter().filter_map(|issuer| match &issuer.keys {
            Keys::Remote(remote) => Some(remote),
            Keys::Local(_) => None,
        })
    }

    fn files(&self) -> impl Iterator<Item = &KeyFile> {
        self.issuers.iter().filter_map(|issuer| match &issuer.keys {
            Keys::Local(file) => Some(file),
            Keys::Remote(_) => None,
        })
    }

    fn still_holds(&self, known: &Verified, now: i64) -> bool {
        let table = self.issuers.get(known.issuer()).and_then(Issuer::current);
        table.is_some_and(|table| known.rests_on(&table)) && !claims::has_passed(known.expires_at, now)
    }

    /// Whom it stands for, by which issuer's word and keys.
    async fn examine(
        &self,
        token: &str,
        now: i64,
        trace: &mut Trace,
    ) -> Result<(Principal, usize, Arc<KeyTable>), Refusal> {
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
            match self.examine_for(issuer, &opened, now, trace).await {
                Ok((principal, table)) => return Ok((principal, index, table)),
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
        now: i64,
        trace: &mut Trace,
    ) -> Result<(Principal, Arc<KeyTable>), Refusal> {
        let (table, key) = issuer.find(&token.header).await?;
        trace.saw("key", || format!("one of {}, for {}", table.len(), key.algorithm));
        if !key.signed(&token.compact) {
            return Err(Refusal::Invalid(Reason::Signature));
        }
        trace.saw("signature", || "made by this key".to_owned());
        let principal = self.judge_claims(&token.claims, issuer, now, trace).map_err(Refusal::Invalid)?;
        Ok((principal, table))
    }

    fn judge_claims(
        &self,
        claims: &Value,
        issuer: &Issuer,
        now: i64,
        trace: &mut Trace,
    ) -> Result<Principal, Reason> {
        let expires_at = claims::check(claims, &issuer.options, now, trace)?;
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
