//! What only chance would show through a socket: who looks before a call lands and joins after it.
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{Common, Entry, Freshness, KeptPage, Origin, PageKey, Searches};
use crate::clicksend::{Call, ClickSend, Options, ReadError};
use crate::clock::Clock;
use crate::domain::principal::{Person, Principal};
use crate::domain::search::{OfferPage, SearchMode, SearchQuery};
use crate::metrics::{Limit, Metrics};
use crate::service::background::Background;
use crate::service::limits::{KeyedLimit, Rate, Sharers};

const LONG: Duration = Duration::from_mins(1);

/// Searches whose upstream is not there.
fn searches() -> Searches {
    let options = Options {
        base_url: "http://127.0.0.1:1".to_owned(),
        username: "acme".to_owned(),
        api_key: "sesame".into(),
        ca_file: None,
        proxy_url: None,
        connect_timeout: LONG,
        read_timeout: LONG,
        buy_timeout: LONG,
        people_wait: Duration::ZERO,
        buying_wait: Duration::ZERO,
        requests_per_minute: 18,
        reserved_for_buying: 33,
    };
    let (clock, metrics) = (Clock::system(), Metrics::new().unwrap());
    let upstream = ClickSend::new(&options, clock.clone(), Arc::new(|_: &Call| {})).unwrap();
    let freshness = Freshness { fresh_for: LONG, stale_for: LONG, max_bytes: 1 << 20 };
    let burst = NonZeroU32::new(9).unwrap();
    let rate = Rate { requests: burst, period: LONG, burst };
    let misses = KeyedLimit::new(Limit::Misses, rate, Sharers::none(), &metrics);
    Searches::new(upstream, freshness, misses, Background::default(), clock, metrics)
}

fn somebody() -> Principal {
    let person = Person { issuer: "https://issuer.example".to_owned(), subject: "ann".to_owned() };
    Principal {
        person,
        name: None,
        email: None,
        teams: Vec::new(),
        roles: BTreeSet::new(),
        actor: None,
        may_approve: false,
        expires_at: 1_800_000_000,
    }
}

#[tokio::test]
async fn who_looked_before_a_call_landed_and_joins_after_it_does_not_ask_again() {
    let (Searches(inner), who) = (searches(), somebody());
    let query = SearchQuery::new("AU".parse().unwrap(), "491", SearchMode::Anywhere);
    let key = PageKey { query, page: 1 };
    let page = KeptPage::of(OfferPage { total: 0, offers: Vec::new(), currency: None }, &Common::new());
    let origin = Origin { fetched: inner.clock.boot(), fresh_for: LONG, is_superseded: false.into() };
    let landed = Arc::new(Entry { page, origin: Arc::new(origin) });
    inner.pages.keep(key.clone(), Arc::clone(&landed));

    let (flight, _) = inner.join(&who, &key, None).unwrap();
    assert!(Arc::ptr_eq(&flight.landed().await.unwrap().unwrap(), &landed));
    let (flight, _) = inner.join(&who, &key, Some(&landed)).unwrap();
    let asked = flight.landed().await.unwrap();
    assert!(matches!(asked, Err(ReadError::Unavailable(_))), "a refresh goes upstream: {asked:?}");
}
