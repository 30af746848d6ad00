//! Months that have been, played before the demo begins: so that spend, forecast and evidence show what they are for.
//!
//! The gateway of the past is the real one with its calendar put back; people, approvals, invoices and renewals happen as
//! they do today, over HTTP. Only the calendar is moved: what measures how long something takes goes on as ever.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::caller::{As, CallError, Caller};
use super::ready::Ready;
use super::{DemoError, cast, url};
use crate::app::Gateway;
use crate::auth::Signer;
use crate::clock::{CalendarShift, Clock};
use crate::config::Config;

/// How much can be told: a year is what the dashboards show.
pub const MONTHS: std::ops::RangeInclusive<u8> = 1..=12;
/// Pays the longest history, and some months more.
const BALANCE: &str = "5000.00";
/// As soon as a month has turned, the list is read and renewals are posted.
const SWEEP: Duration = Duration::from_secs(1);
const POSTED_WITHIN: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What happens in a month of the past: on which day, in which months of them, and what.
const EVENTS: [(i8, Every, Event); 5] = [
    (4, Every::Month, Event::Buys("requester", "AU")),
    (12, Every::Second, Event::AsksFor("requester", "US")),
    (18, Every::Only(1), Event::Buys("other_team_requester", "AU")),
    (21, Every::Only(2), Event::GetsBack("-12.50")),
    (24, Every::Only(0), Event::Buys("requester", "AU")),
];

#[derive(Clone, Copy)]
enum Every {
    Month,
    Second,
    /// Counted from the first.
    Only(u8),
}

#[derive(Clone, Copy)]
enum Event {
    /// Somebody buys a number that the rules allow.
    Buys(&'static str, &'static str),
    /// Somebody asks for one that Ann approves.
    AsksFor(&'static str, &'static str),
    /// An administrator books a refund for team growth.
    GetsBack(&'static str),
}

impl Every {
    const fn includes(self, month: u8) -> bool {
        match self {
            Self::Month => true,
            Self::Second => month.is_multiple_of(2),
            Self::Only(only) => only == month,
        }
    }
}

/// The past, while it happens.
struct History {
    caller: Caller,
    shift: CalendarShift,
    ready: Ready,
    now: Timestamp,
    stop: CancellationToken,
}

/// Plays so many months until now; the simulator's clock and balance are as ever at the end.
pub(super) async fn play(
    caller: &Caller,
    simulator: &str,
    (config, signer): (&Config, &Signer),
    months: u8,
) -> Result<(), DemoError> {
    let mut config = config.clone();
    config.purchases.sweep_every = SWEEP;
    // Nobody else is to find this one.
    config.server.listen = super::ANY;
    config.ops.listen = super::ANY;
    let today = Clock::system().now();
    let begin = first_of_month(today, i32::from(months));
    let shift = CalendarShift::default();
    shift.set(begin.duration_since(today));
    set_calendar(caller, simulator, begin).await?;
    let balance = json!({ "balance": BALANCE });
    caller
        .post(&format!("{simulator}/_simulator/balance"), As::Nobody, Some(&balance))
        .await?
        .or_refused()?;
    let clock = Clock::shifted(shift.clone());
    let gateway = Gateway::start(&config, clock.clone()).await?;
    let stop = CancellationToken::new();
    let history = History {
        caller: caller.clone(),
        shift,
        ready: Ready {
            api: url(gateway.api_address()),
            ops: url(gateway.ops_address()),
            simulator: simulator.to_owned(),
            data_dir: std::path::PathBuf::new(),
            tokens: Vec::new(),
        },
        now: today,
        stop: stop.clone(),
    };
    // At the end of the story, or of its first fault.
    let telling = history.tell(signer, months);
    let (told, ran) = tokio::join!(Box::pin(telling), gateway.run_until(stop));
    ran?;
    told?;
    set_calendar(caller, simulator, Clock::system().now()).await?;
    Ok(())
}

impl History {
    async fn tell(mut self, signer: &Signer, months: u8) -> Result<(), DemoError> {
        let told = self.tell_months(signer, months).await;
        self.stop.cancel();
        told
    }

    async fn tell_months(&mut self, signer: &Signer, months: u8) -> Result<(), DemoError> {
        for month in 0..months {
            let begin = first_of_month(self.now, i32::from(months - month));
            for (day, every, event) in EVENTS {
                if every.includes(month) {
                    let at = begin + SignedDuration::from_hours(24 * i64::from(day - 1) + 9);
                    self.go_to(at, signer).await?;
                    self.happens(event).await?;
                }
            }
            // By noon it is the 1st in every time zone.
            let next = first_of_month(self.now, i32::from(months - month) - 1);
            let noon = next + SignedDuration::from_hours(12);
            self.go_to(noon.min(self.now), signer).await?;
            self.renewals_are_posted().await?;
        }
        Ok(())
    }

    async fn go_to(&mut self, at: Timestamp, signer: &Signer) -> Result<(), DemoError> {
        self.shift.set(at.duration_since(Clock::system().now()));
        set_calendar(&self.caller, &self.ready.simulator, at).await?;
        self.ready.tokens = cast::tokens(signer, at)?;
        Ok(())
    }

    async fn happens(&self, event: Event) -> Result<(), CallError> {
        match event {
            Event::Buys(who, country) => {
                let number = self.ready.offered(&self.caller, country).await?;
                self.buy(who, &number).await?.or_refused().map(drop)
            }
            Event::AsksFor(who, country) => {
                let number = self.ready.offered(&self.caller, country).await?;
                self.buy(who, &number).await?;
                let waiting = format!("{}/v1/purchases?state=pending_approval&limit=1", self.ready.api);
                let waiting = self.caller.get(&waiting, self.ready.bearer("approver")).await?.or_refused()?;
                let decision = json!({ "quote_digest": waiting.text("/items/0/quote_digest") });
                let approve =
                    format!("{}/v1/purchases/{}/approve", self.ready.api, waiting.text("/items/0/id"));
                self.caller.post(&approve, self.ready.bearer("approver"), Some(&decision)).await?;
                // The same call waits for the purchase, and has the number.
                self.buy(who, &number).await?.or_refused().map(drop)
            }
            Event::GetsBack(amount) => {
                let adjustments = format!("{}/v1/spend/adjustments", self.ready.api);
                let refund = json!({
                    "kind": "refund", "amount": amount, "team": "growth", "reason": "credited by ClickSend",
                });
                let keyed = self.ready.bearer("administrator");
                self.caller.post_once(&adjustments, keyed, &refund).await?.or_refused().map(drop)
            }
        }
    }

    async fn buy(&self, who: &str, number: &str) -> Result<super::caller::Answer, CallError> {
        let buy = format!("{}/v3/numbers/buy/{number}", self.ready.api);
        self.caller.post(&buy, self.ready.bearer(who), None).await
    }

    /// Waits until nothing is owed for the months that have turned.
    async fn renewals_are_posted(&self) -> Result<(), CallError> {
        let forecast = format!("{}/v1/spend/forecast", self.ready.api);
        let looks = async {
            loop {
                let seen: As<'_> = self.ready.bearer("finance");
                let told = self.caller.get(&forecast, seen).await?.or_refused()?;
                if told.text("/overdue/amount") == "0.00" {
                    return Ok(());
                }
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        };
        // A month whose renewals come later is booked later: the demo begins all the same.
        tokio::time::timeout(POSTED_WITHIN, looks).await.unwrap_or(Ok(()))
    }
}

async fn set_calendar(caller: &Caller, simulator: &str, at: Timestamp) -> Result<(), CallError> {
    let order = json!({ "now": at.to_string() });
    caller.post(&format!("{simulator}/_simulator/clock"), As::Nobody, Some(&order)).await?.or_refused()?;
    Ok(())
}

/// The midnight that a month began with, so many months before the one of `at`; in UTC.
fn first_of_month(at: Timestamp, months_ago: i32) -> Timestamp {
    let first = at.to_zoned_datetime(TimeZone::UTC).date().first_of_month();
    let earlier = first.saturating_sub(Span::new().months(months_ago));
    earlier.to_zoned_datetime(TimeZone::UTC).map_or(at, |midnight| midnight.timestamp())
}
