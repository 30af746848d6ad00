//! Every metric of the gateway, in one struct: what the rest calls are verbs, and only this room knows which
//! library counts.
//!
//! Two kinds are kept apart. *Events* are counted here as they happen and belong to this process. *Figures* (money,
//! purchases by state, owned numbers) are read from the store at each look, see [`Figures`]: they are the same in
//! every replica and survive a restart, so dashboards fold them with `max`.

mod buying;
mod database;
mod edge;
mod figures;
mod labels;
mod lasting;
mod process;
mod reconciled;
mod series;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::domain::purchase::State;

pub use buying::BuyingFigure;
pub use database::DatabaseFigure;
pub use edge::ConnectionBound;
pub use figures::{
    AccountFigure, BudgetFigure, Figures, LedgerFigure, MonthFigure, NoticeFigure, OwnedFigure,
};
pub use labels::{CacheName, CacheResult, Limit, NoticeOutcome};
pub use process::ProcessFigure;
pub use reconciled::{Alarm, BookedBy, Scan};
pub use series::{ActiveRequest, LimitDecisions, WholeHits};
pub use upstream::CircuitFigure;

use database::Database;
use edge::Edge;
use lasting::Lasting;
use process::Process;
use reconciled::Reconciled;
use upstream::Upstream;

/// Seconds; OpenTelemetry's buckets for HTTP, and two more for what waits on upstream.
const BUCKETS: &[f64] =
    &[0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 30.0];

/// The gateway's metrics. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

struct Families {
    registry: Registry,
    requests: HistogramVec,
    active_requests: IntGauge,
    upstream: Upstream,
    cache_requests: IntCounterVec,
    limit_decisions: IntCounterVec,
    purchase_transitions: IntCounterVec,
    reconciled: Reconciled,
    edge: Edge,
    lasting: Lasting,
    process: Process,
    database: Database,
    buying: IntGaugeVec,
    refusals: IntCounterVec,
    auth_refusals: IntCounterVec,
    unwritten_heads: IntCounter,
    config_reload: IntGauge,
    notices: IntCounterVec,
}

impl Metrics {
    /// All families at their start. Fails only if two of them had one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        build_info(&registry)?;
        let families = Families {
            requests: histogram(
                &registry,
                "http_server_request_duration_seconds",
                "Requests served, by route.",
                &["http_request_method", "http_route", "http_response_status_code"],
            )?,
            active_requests: active_requests(&registry)?,
            upstream: Upstream::new(&registry)?,
            cache_requests: counter(
                &registry,
                "numbers_gateway_cache_requests_total",
                "Looks into a cache, by where the answer came from.",
                &["cache", "result"],
            )?,
            limit_decisions: counter(
                &registry,
                "numbers_gateway_limit_decisions_total",
                "Requests that a limit looked at.",
                &["limit", "decision"],
            )?,
            purchase_transitions: counter(
                &registry,
                "numbers_gateway_purchase_transitions_total",
                "Steps of purchases, by the state they led to.",
                &["to"],
            )?,
            reconciled: Reconciled::new(&registry)?,
            edge: Edge::new(&registry)?,
            lasting: Lasting::new(&registry)?,
            process: Process::new(&registry)?,
            database: Database::new(&registry)?,
            buying: buying::family(&registry)?,
            refusals: counter(
                &registry,
                "numbers_gateway_refusals_total",
                "Refused purchases and registrations, by code.",
                &["code"],
            )?,
            auth_refusals: counter(
                &registry,
                "numbers_gateway_auth_refusals_total",
                "Tokens that were not accepted, by reason.",
                &["reason"],
            )?,
            unwritten_heads: unwritten_heads(&registry)?,
            config_reload: config_reload(&registry)?,
            notices: notices(&registry)?,
            registry,
        };
        families.start_at_zero();
        Ok(Self(Arc::new(families)))
    }

    /// A request was answered. `route` is the route's pattern, never the path.
    pub fn request_served(&self, method: &str, route: &str, status: u16, elapsed: Duration) {
        let labels = [method, route, &status.to_string()];
        self.0.requests.with_label_values(&labels).observe(elapsed.as_secs_f64());
    }

    /// Counts a request as active until the guard is dropped.
    pub fn request_begun(&self) -> ActiveRequest {
        ActiveRequest::begin(&self.0.active_requests)
    }

    /// A cache was looked into.
    pub fn cached(&self, cache: CacheName, result: CacheResult) {
        let cache = match cache {
            CacheName::Search => "search",
            CacheName::Numbers => "numbers",
        };
        self.0.cache_requests.with_label_values(&[cache, result.as_str()]).inc();
    }

    /// Where a limit counts what it decides.
    pub fn limit(&self, limit: Limit) -> LimitDecisions {
        let series = |decision| self.0.limit_decisions.with_label_values(&[limit.as_str(), decision]);
        LimitDecisions { allowed: series("allowed"), rejected: series("rejected") }
    }

    /// Where answers are counted that were kept whole: requests of one route that all find what they look for.
    pub fn whole_hits(&self, route: &str) -> WholeHits {
        let served = |status| self.0.requests.with_label_values(&["GET", route, status]);
        WholeHits {
            active: self.0.active_requests.clone(),
            ok: served("200"),
            not_modified: served("304"),
            hits: self.0.cache_requests.with_label_values(&["search", CacheResult::Hit.as_str()]),
        }
    }

    /// A purchase moved.
    pub fn purchase_moved(&self, to: State) {
        self.0.purchase_transitions.with_label_values(&[to.as_str()]).inc();
    }

    /// A purchase or registration was refused.
    pub fn refused(&self, code: &'static str) {
        self.0.refusals.with_label_values(&[code]).inc();
    }

    /// Begins every code's series at zero; the codes are the services' own.
    pub fn expect_refusals(&self, codes: impl Iterator<Item = &'static str>) {
        for code in codes {
            self.0.refusals.with_label_values(&[code]);
        }
    }

    /// A token was not accepted.
    pub fn token_refused(&self, reason: &'static str) {
        self.0.auth_refusals.with_label_values(&[reason]).inc();
    }

    /// Begins every reason's series at zero; the reasons are the verifier's own.
    pub fn expect_refused_tokens(&self, reasons: impl Iterator<Item = &'static str>) {
        for reason in reasons {
            self.0.auth_refusals.with_label_values(&[reason]);
        }
    }

    /// A changed configuration was put in force, or was not.
    pub fn config_reloaded(&self, successfully: bool) {
        self.0.config_reload.set(i64::from(successfully));
    }

    /// The head of the evidence could not be written outside of the database.
    pub fn head_not_written(&self) {
        self.0.unwritten_heads.inc();
    }

    /// A webhook was told something, or not.
    pub fn notice_sent(&self, webhook: &str, outcome: NoticeOutcome) {
        self.0.notices.with_label_values(&[webhook, outcome.as_str()]).inc();
    }

    /// Begins a configured webhook's series at zero.
    pub fn expect_webhook(&self, webhook: &str) {
        for outcome in NoticeOutcome::ALL {
            self.0.notices.with_label_values(&[webhook, outcome.as_str()]);
        }
    }

    /// Everything in Prometheus' text format; without figures where the store gave none, because stale is not zero.
    pub fn exposition(&self, figures: Option<&Figures>) -> Result<String, prometheus::Error> {
        let mut families = self.0.registry.gather();
        if let Some(figures) = figures {
            families.extend(figures.gather()?);
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Families {
    /// A series that is born with its first event loses it to `increase()`: closed label sets exist from the start.
    fn start_at_zero(&self) {
        for state in State::ALL {
            self.purchase_transitions.with_label_values(&[state.as_str()]);
        }
        self.reconciled.start_at_zero();
        self.edge.start_at_zero();
        self.lasting.start_at_zero();
        for limit in Limit::ALL {
            for decision in ["allowed", "rejected"] {
                self.limit_decisions.with_label_values(&[limit.as_str(), decision]);
            }
        }
        for result in [CacheResult::Hit, CacheResult::Stale, CacheResult::Coalesced, CacheResult::Miss] {
            for cache in ["search", "numbers"] {
                self.cache_requests.with_label_values(&[cache, result.as_str()]);
            }
        }
    }
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    let family = HistogramVec::new(HistogramOpts::new(name, help).buckets(BUCKETS.to_vec()), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let family = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn active_requests(registry: &Registry) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::new("http_server_active_requests", "Requests being answered now.")?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn notices(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
    let help = "Attempts to tell a webhook something, by what came of them.";
    counter(registry, "numbers_gateway_notice_attempts_total", help, &["webhook", "outcome"])
}

fn unwritten_heads(registry: &Registry) -> Result<IntCounter, prometheus::Error> {
    let name = "numbers_gateway_audit_head_write_failures_total";
    let help = "Heads of the evidence that could not be written to audit.head_file.";
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

/// One from the start on: what runs was read.
fn config_reload(registry: &Registry) -> Result<IntGauge, prometheus::Error> {
    let help =
        "Whether the last change of the configuration was put in force; 0 leaves the earlier one running.";
    let gauge = IntGauge::new("numbers_gateway_config_reload_success", help)?;
    gauge.set(1);
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn build_info(registry: &Registry) -> Result<(), prometheus::Error> {
    let info =
        IntGaugeVec::new(Opts::new("numbers_gateway_build_info", "The running version."), &["version"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    registry.register(Box::new(info))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Figures, LedgerFigure, Metrics};

    #[test]
    fn money_is_there_when_the_ledger_was_read_and_absent_when_not() {
        let metrics = Metrics::new().unwrap();
        let figures = Figures {
            charged: vec![LedgerFigure {
                team: "growth".into(),
                country: "AU".into(),
                kind: "setup".into(),
                currency: "AUD".into(),
                amount: "20.71".parse().unwrap(),
            }],
            ..Figures::default()
        };
        let line =
            r#"numbers_gateway_spend_total{charge="setup",country="AU",currency="AUD",team="growth"} 20.71"#;
        assert!(metrics.exposition(Some(&figures)).unwrap().contains(line));
        for empty in [None, Some(&Figures::default())] {
            assert!(!metrics.exposition(empty).unwrap().contains("numbers_gateway_spend_total"));
        }
    }
}
