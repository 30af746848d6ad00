//! From the configuration's words to the options of each room.

use std::sync::Arc;
use std::time::Duration;

use crate::app::StartError;
use crate::app::live::LiveParts;
use crate::auth::{self, ClaimNames, Denied, IssuerOptions, KeyError, Verifier};
use crate::clicksend::ClickSend;
use crate::clock::Clock;
use crate::config::{self, Config, Limit, Mode, PreexistingVisibility};
use crate::http::{EdgeSettings, PublicParts, SearchShape};
use crate::local_key;
use crate::metrics::{self, Metrics};
use crate::notify::{self, Webhook};
use crate::service::background::Background;
use crate::service::budgets::BudgetReader;
use crate::service::buying::{self, Buying};
use crate::service::evidence::Evidence;
use crate::service::following::Following;
use crate::service::freezes::Freezes;
use crate::service::ground::Ground;
use crate::service::limits::{CommonLimit, KeyedLimit, Rate, Sharers};
use crate::service::notices::{NoticeParts, Notices};
use crate::service::owned::{OwnedNumbers, OwnedSettings};
use crate::service::passage::Passage;
use crate::service::purchasing::{Purchasing, PurchasingParts, PurchasingSettings};
use crate::service::reconciling::{Reconciling, ReconcilingParts, ReconcilingSettings};
use crate::service::registrations::{RegistrationParts, RegistrationSettings, Registrations};
use crate::service::search::{Freshness, Searches};
use crate::service::spend::{LastAccount, Spend};
use crate::service::teams::{Budget, Team, Teams};
use crate::store::Store;

/// What the services are built from.
pub(super) struct Wired<'c> {
    pub(super) config: &'c Config,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) verifier: Arc<Verifier>,
    pub(super) upstream: ClickSend,
    pub(super) store: Store,
    /// Buys and registrations: the drain waits for them.
    pub(super) background: Background,
    /// Searches and lists: nobody waits for them at the end.
    pub(super) reads: Background,
    pub(super) buying: Buying,
    pub(super) account: LastAccount,
    pub(super) live: LiveParts,
}

impl Wired<'_> {
    /// Everything behind the public listener.
    pub(super) fn public(&self, ground: &Ground) -> Result<PublicParts, StartError> {
        self.expect();
        let (searches, owned) = (self.searches(), self.owned());
        let purchasing = Purchasing::new(PurchasingParts {
            ground: ground.clone(),
            owned: owned.clone(),
            searches: searches.clone(),
            settings: purchasing_settings(self.config),
        });
        Ok(PublicParts {
            verifier: Arc::clone(&self.verifier),
            registrations: Registrations::new(RegistrationParts {
                ground: ground.clone(),
                settings: registration_settings(self.config),
            }),
            spend: Spend::new(ground.clone()),
            budgets: BudgetReader::new(ground.clone(), self.config.budget.currency),
            reconciling: Reconciling::new(ReconcilingParts {
                ground: ground.clone(),
                owned: owned.clone(),
                purchasing: purchasing.clone(),
                searches: searches.clone(),
                settings: reconciling_settings(self.config),
            }),
            purchasing,
            freezes: Freezes::new(ground.store.clone(), ground.buying.clone(), ground.teams.clone()),
            searches,
            owned,
            notices: self.notices(ground)?,
            evidence: Evidence::new(self.store.clone(), ground.policy.clone()),
            teams: ground.teams.clone(),
            reads: Arc::new(KeyedLimit::new(
                metrics::Limit::Reads,
                rate(self.config.limits.reads),
                self.sharers(),
                &self.metrics,
            )),
            addresses: Arc::new(KeyedLimit::new(
                metrics::Limit::Addresses,
                rate(self.config.limits.addresses),
                self.sharers(),
                &self.metrics,
            )),
            metrics: ground.metrics.clone(),
            settings: edge_settings(self.config),
        })
    }

    fn notices(&self, ground: &Ground) -> Result<Notices, StartError> {
        let notifications = &self.config.notifications;
        let webhooks = notifications.webhooks.iter().map(|webhook| {
            let options = webhook_options(notifications, webhook);
            let built = Webhook::new(&options).map_err(|fault| {
                StartError::Configuration(format!("notifications.webhooks {}: {fault}", webhook.name))
            });
            Ok((built?, webhook.events.clone()))
        });
        Ok(Notices::new(NoticeParts {
            ground: ground.clone(),
            currency: self.config.budget.currency,
            public_url: self.config.server.public_url.as_ref().map(|url| url.as_str().to_owned()),
            expires_soon: notifications.expires_soon,
            webhooks: webhooks.collect::<Result<_, StartError>>()?,
        }))
    }

    /// A limit of reading is shared, so that a request costs no way to the database.
    fn sharers(&self) -> Sharers {
        Sharers::of(self.store.replicas())
    }

    fn common_limit(&self, which: metrics::Limit, of: config::Rate) -> CommonLimit {
        CommonLimit::new(which, rate(of), self.store.clone(), &self.metrics)
    }

    fn searches(&self) -> Searches {
        let cache = &self.config.cache;
        Searches::new(
            self.upstream.clone(),
            Freshness {
                fresh_for: cache.fresh_for,
                stale_for: cache.stale_for,
                max_bytes: cache.max_bytes - answer_bytes(cache),
            },
            KeyedLimit::new(
                metrics::Limit::Misses,
                rate(self.config.limits.misses),
                self.sharers(),
                &self.metrics,
            ),
            self.reads.clone(),
            self.clock.clone(),
            self.metrics.clone(),
        )
    }

    fn owned(&self) -> OwnedNumbers {
        let visibility = self.config.purchases.preexisting_visible_to;
        OwnedNumbers::new(
            self.upstream.clone(),
            self.store.clone(),
            OwnedSettings {
                fresh_for: self.config.cache.list_fresh_for,
                answer_within: self.config.upstream.read_timeout,
                preexisting_visible_to_all: visibility == PreexistingVisibility::All,
                billing: self.config.billing(),
            },
            self.reads.clone(),
            self.clock.clone(),
            self.metrics.clone(),
        )
    }

    /// What the services stand on. One of it: they share its limits and what every buy goes through.
    pub(super) fn ground(&self) -> Ground {
        Ground {
            upstream: self.upstream.clone(),
            store: self.store.clone(),
            teams: self.live.teams.clone(),
            policy: self.live.policy.clone(),
            per_day: self.live.per_day.clone(),
            writes: self.common_limit(metrics::Limit::Writes, self.config.limits.writes),
            decisions: self.common_limit(metrics::Limit::Decisions, self.config.limits.decisions),
            background: self.background.clone(),
            takeover_after: takeover_after(self.config),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            buying: self.buying.clone(),
            passage: Passage::default(),
            lost: Arc::default(),
            time_zone: self.config.budget.time_zone.clone(),
            billing: self.config.billing(),
            account: self.account.clone(),
            approval_lasts: self.config.purchases.approval_lasts,
        }
    }
}

/// What takes other replicas' doings in.
pub(super) fn following(public: &PublicParts, store: &Store) -> Following {
    Following {
        store: store.clone(),
        searches: public.searches.clone(),
        owned: public.owned.clone(),
        freezes: public.freezes.clone(),
    }
}

/// The verifier of the configuration; local keys are read now.
pub fn verifier(config: &Config, clock: Clock) -> Result<Verifier, StartError> {
    Verifier::new(issuers(&config.auth), denied(&config.auth), clock).map_err(|faults| key_faults(&faults))
}

/// Every fault, a line each.
pub(super) fn key_faults(faults: &[KeyError]) -> StartError {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    StartError::Configuration(lines.join("\n"))
}

/// Who is refused although the signature is right.
pub(super) fn denied(auth: &config::Auth) -> Denied {
    Denied { ids: auth.denied_ids.clone(), subjects: auth.denied_subjects.clone() }
}

/// The issuers in the verifier's own words.
pub fn issuers(auth: &config::Auth) -> Vec<IssuerOptions> {
    auth.issuers
        .iter()
        .map(|issuer| IssuerOptions {
            name: issuer.name.clone(),
            issuer: issuer.issuer.clone(),
            audiences: issuer.audience.clone(),
            keys: key_source(&issuer.keys),
            key_id: local_key::key_id(issuer).map(str::to_owned),
            token_type: issuer.token_type.map(token_type),
            algorithms: issuer.algorithms.iter().copied().map(algorithm).collect(),
            max_lifetime: issuer.max_lifetime,
            claims: ClaimNames {
                subject: issuer.claims.subject.clone(),
                team: issuer.claims.team.clone(),
                roles: issuer.claims.roles.clone(),
                name: issuer.claims.name.clone(),
                email: issuer.claims.email.clone(),
            },
            role_map: issuer.role_map.clone(),
            team_map: issuer.team_map.clone(),
            roles_allowed: issuer.roles_allowed.clone(),
            may_approve: issuer.may_approve,
            ca_file: issuer.ca_file.clone(),
        })
        .collect()
}

fn key_source(source: &config::KeySource) -> auth::KeySource {
    match source {
        config::KeySource::JwksUrl(url) => auth::KeySource::JwksUrl(url.as_str().to_owned()),
        config::KeySource::Discover => auth::KeySource::Discover,
        config::KeySource::JwksFile(file) => auth::KeySource::JwksFile(file.clone()),
        config::KeySource::PublicKeyFile { file, .. } => auth::KeySource::PublicKeyFile(file.clone()),
        config::KeySource::SecretFile { file, .. } => auth::KeySource::SecretFile(file.clone()),
    }
}

const fn token_type(token_type: config::TokenType) -> auth::TokenType {
    match token_type {
        config::TokenType::Jwt => auth::TokenType::Jwt,
        config::TokenType::AccessToken => auth::TokenType::AccessToken,
    }
}

const fn algorithm(algorithm: config::Algorithm) -> auth::Algorithm {
    match algorithm {
        config::Algorithm::HS256 => auth::Algorithm::HS256,
        config::Algorithm::RS256 => auth::Algorithm::RS256,
        config::Algorithm::PS256 => auth::Algorithm::PS256,
        config::Algorithm::ES256 => auth::Algorithm::ES256,
        config::Algorithm::ES384 => auth::Algorithm::ES384,
        config::Algorithm::EdDSA => auth::Algorithm::EdDSA,
    }
}

fn webhook_options(notifications: &config::Notifications, webhook: &config::Webhook) -> notify::Options {
    notify::Options {
        name: webhook.name.clone(),
        url: webhook.url.clone(),
        secret: webhook.secret.clone(),
        format: match webhook.format {
            config::NoticeFormat::Json => notify::Format::Json,
            config::NoticeFormat::Slack => notify::Format::Slack,
        },
        inner_networks: notifications.inner_networks.clone(),
        ca_file: notifications.ca_file.clone(),
    }
}

fn edge_settings(config: &Config) -> EdgeSettings {
    EdgeSettings {
        token_header: config.auth.token_header.clone(),
        hosts: config.server.hosts.clone(),
        trusted_proxies: config.server.trusted_proxies.clone(),
        body_timeout: config.server.body_timeout,
        is_encrypted: config.server.tls.is_some(),
        time_zone: config.budget.time_zone.clone(),
        search_shape: match config.compat.search_shape {
            config::SearchShape::Object => SearchShape::Page,
            config::SearchShape::List => SearchShape::List,
        },
        answer_bytes: answer_bytes(&config.cache),
    }
}

/// Of the memory for search results, the part for finished answers; pages, from which they are cut, have the rest.
const fn answer_bytes(cache: &config::Cache) -> u64 {
    cache.max_bytes / 4
}

pub(super) fn rate(rate: config::Rate) -> Rate {
    Rate { requests: rate.requests, period: rate.period, burst: rate.burst }
}

pub(super) fn teams(config: &Config) -> Teams {
    let teams = config.teams.iter().map(|(id, team)| {
        let profile =
            team.registration_profile.as_ref().and_then(|key| config.registration_profiles.get(key));
        let team = Team {
            name: team.name.clone(),
            cost_center: team.cost_center.clone(),
            budget: budget(team.budget),
            registration_data: profile.cloned(),
        };
        (id.clone(), team)
    });
    Teams { teams: teams.collect(), organisation: budget(config.budget.limits) }
}

fn budget(limits: config::BudgetLimits) -> Budget {
    let amount = |limit: Option<Limit>| match limit {
        Some(Limit::Amount(amount)) => Some(amount),
        Some(Limit::Unlimited) | None => None,
    };
    Budget {
        spend_per_month: amount(limits.spend_per_month),
        recurring_per_month: amount(limits.recurring_per_month),
    }
}

fn purchasing_settings(config: &Config) -> PurchasingSettings {
    PurchasingSettings {
        types: config.purchases.types.clone(),
        currency: config.budget.currency,
        time_zone: config.budget.time_zone.clone(),
        rejected_for: config.purchases.rejected_for,
        price_tolerance: config.purchases.price_tolerance.basis_points(),
        answer_within: config.purchases.answer_within,
        list_younger_than: config.purchases.sweep_every * 2,
    }
}

fn reconciling_settings(config: &Config) -> ReconcilingSettings {
    let purchases = &config.purchases;
    ReconcilingSettings {
        absence_window: purchases.absence_window,
        scan_spacing: purchases.scan_spacing,
        sweep_every: purchases.sweep_every,
        resolve_people: usize::try_from(purchases.resolve_people.get()).unwrap_or(usize::MAX),
        preexisting_visible_to_all: purchases.preexisting_visible_to == PreexistingVisibility::All,
    }
}

fn registration_settings(config: &Config) -> RegistrationSettings {
    let purchases = &config.purchases;
    RegistrationSettings {
        answer_within: purchases.answer_within,
        rejected_for: purchases.rejected_for,
        resolve_people: usize::try_from(purchases.resolve_people.get()).unwrap_or(usize::MAX),
        strict: config.compat.strict_registration,
    }
}

/// Whether anything is sent that cannot be taken back.
pub(super) fn buying(config: &Config) -> Result<buying::Mode, &'static str> {
    match config.purchases.mode {
        _ if config.budget.currency.is_none() => Err("no budget currency is configured"),
        Mode::Live => Ok(buying::Mode::Live),
        Mode::Rehearsal => Ok(buying::Mode::Rehearsal),
    }
}

/// How old a claim must be before another replica may call it lost: until then, what was claimed may still be on its way
/// from a process whose session ended before it did. A claim is fresh for 2 s.
fn takeover_after(config: &Config) -> Duration {
    const FRESH: Duration = Duration::from_secs(2);
    let upstream = &config.upstream;
    FRESH + upstream.connect_timeout + upstream.buy_timeout + config.storage.takeover_margin
}
