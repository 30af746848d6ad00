//! How upstream bills a number: a first charge for the rest of the month, then the monthly price on every 1st.
//!
//! Nobody outside knows the formula for sure, so it stands here once, in whole cents and calendar months, and an invoice
//! has the last word. Months turn in one time zone, which is configured.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::domain::money::{Currency, Money};

/// A calendar month: `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(Date);

/// A text that is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a month: write it like 2026-11")]
pub struct MonthError;

impl Month {
    /// The month of a moment, where `zone` turns the days.
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        Self(at.to_zoned_datetime(zone.clone()).date().first_of_month())
    }

    /// Its first day.
    pub const fn first_day(self) -> Date {
        self.0
    }

    /// The moment it begins.
    pub fn begins(self, zone: &TimeZone) -> Timestamp {
        self.0.to_zoned_datetime(zone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }

    /// The one after; the last month that a calendar has is followed by itself.
    #[must_use]
    pub fn next(self) -> Self {
        self.0.last_of_month().tomorrow().map_or(self, Self)
    }

    /// The one before; likewise.
    #[must_use]
    pub fn previous(self) -> Self {
        self.0.yesterday().map_or(self, |day| Self(day.first_of_month()))
    }

    /// So many months that follow this one.
    pub fn following(self, count: usize) -> Vec<Self> {
        std::iter::successors(Some(self.next()), |month| Some(month.next())).take(count).collect()
    }

    /// The months after this one up to `last`, that one included: what somebody owes who has paid this one.
    pub fn owed_until(self, last: Self) -> Vec<Self> {
        let later = |month: Self| Some(month.next()).filter(|next| *next > month);
        std::iter::successors(later(self), |month| later(*month)).take_while(|month| *month <= last).collect()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let is_plain = text.len() == 7 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let day = format!("{text}-01").parse().ok().filter(|_| is_plain);
        day.map(Self).ok_or(MonthError)
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where upstream's months turn, and the one money that budgets count in.
#[derive(Clone, Debug)]
pub struct Billing {
    /// Where upstream's months turn.
    pub zone: TimeZone,
    /// The currency of the budgets; nothing is bought and nothing renews without.
    pub currency: Option<Currency>,
}

impl Billing {
    /// Upstream's month of a moment.
    pub fn month(&self, at: Timestamp) -> Month {
        Month::of(at, &self.zone)
    }

    /// What a 1st takes for a number of this monthly price; nothing can be said in other money than the budgets'.
    pub fn fee(&self, monthly: Money, currency: Currency) -> Option<Money> {
        (self.currency == Some(currency)).then(|| monthly.rounded_to_cents())
    }
}

/// The first charge without its setup part: the days that the month has left, the day of the sale among them, so that
/// both together are whole cents.
pub fn first_period(setup: Money, monthly: Money, sold_at: Timestamp, zone: &TimeZone) -> Money {
    let day = sold_at.to_zoned_datetime(zone.clone()).date();
    let (day, whole) = (day.day().unsigned_abs(), day.days_in_month().unsigned_abs());
    let share = monthly.share(whole.saturating_sub(day) + 1, whole);
    let charged = setup.checked_add(share).unwrap_or(share).rounded_to_cents();
    charged.checked_sub(setup).unwrap_or(share)
}

/// The month that the first charge paid for. Where the month turned while the answer was on its way, the amount tells: a
/// whole month for the new one, a day's share for the old one.
pub fn paid_month(claimed: Month, booked: Month, first_period: Money, monthly: Money) -> Month {
    let is_mostly_a_month = i128::from(first_period.micros()) * 2 >= i128::from(monthly.micros());
    if booked == claimed.next() && is_mostly_a_month { booked } else { claimed }
}

/// What so many rows of one payer cost every month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fees<P> {
    /// Who pays.
    pub payer: P,
    /// The last month that these have paid.
    pub paid: Month,
    /// How many rows.
    pub rows: i64,
    /// Together, a month.
    pub fee: Money,
}

/// What one 1st will take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First<P> {
    /// Of which month.
    pub month: Month,
    /// By payer: how many rows, and how much.
    pub payers: BTreeMap<P, (i64, Money)>,
}

impl<P> First<P> {
    /// What it takes altogether.
    pub fn total(&self) -> Money {
        self.payers.values().map(|(_, amount)| *amount).sum()
    }
}

/// What the `count` 1sts after the month `now` will take, if nothing is bought and nothing given up until then.
pub fn forecast<P: Clone + Ord>(now: Month, fees: &[Fees<P>], count: usize) -> Vec<First<P>> {
    let firsts = now.following(count).into_iter().map(|month| {
        let mut payers: BTreeMap<P, (i64, Money)> = BTreeMap::new();
        for of in fees.iter().filter(|of| of.paid < month) {
            let (rows, amount) = payers.entry(of.payer.clone()).or_default();
            *rows += of.rows;
            *amount = [*amount, of.fee].into_iter().sum();
        }
        First { month, payers }
    });
    firsts.collect()
}

/// How many of these 1sts, one after the other, a balance pays; all of them where they cost nothing.
pub fn firsts_covered(balance: Money, totals: &[Money]) -> usize {
    let mut left = balance;
    let is_paid = |total: &&Money| match left.checked_sub(**total) {
        Some(rest) if rest >= Money::ZERO => {
            left = rest;
            true
        }
        Some(_) | None => false,
    };
    totals.iter().take_while(is_paid).count()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use proptest::sample::select;

    use super::{Billing, Fees, Month, first_period, firsts_covered, forecast, paid_month};
    use crate::domain::money::Money;

    const ZONES: &[&str] = &[
        "UTC",
        "Australia/Sydney",
        "America/New_York",
        "Pacific/Apia",
        "Pacific/Kiritimati",
        "Asia/Kathmandu",
    ];

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn months_are_read_as_they_are_written_and_nothing_else_is() {
        for text in ["2026-11", "2028-02", "0001-01", "9999-12"] {
            assert_eq!(month(text).to_string(), text);
        }
        for text in
            ["", "2026", "2026-1", "2026-13", "2026-00", "26-11-1", "2026/11", "+026-11", "2026-11-01"]
        {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_owed_are_the_months_in_between() {
        let owed = |paid: &str, last: &str| {
            month(paid).owed_until(month(last)).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(owed("2027-12", "2028-03"), ["2028-01", "2028-02", "2028-03"]);
        assert!(owed("2028-03", "2028-03").is_empty() && owed("2028-03", "2028-02").is_empty());
        assert_eq!(month("2026-12").following(12).last().unwrap().to_string(), "2027-12");
        assert_eq!(month("2027-01").previous(), month("2026-12"));
        assert_eq!(
            (month("9999-12").next(), month("9999-12").owed_until(month("9999-12")).len()),
            (month("9999-12"), 0)
        );
    }

    #[test]
    fn a_month_that_turned_while_the_answer_was_under_way_is_told_by_the_amount() {
        let (november, december) = (month("2026-11"), month("2026-12"));
        let of = |first: &str| paid_month(november, december, money(first), money("20.71"));
        assert_eq!((of("0.69"), of("20.71")), (november, december));
        assert_eq!(
            paid_month(november, november, money("20.71"), money("20.71")),
            november,
            "bought on the 1st"
        );
        assert_eq!(
            paid_month(november, month("2027-03"), money("20.71"), money("20.71")),
            november,
            "booked late"
        );
    }

    #[test]
    fn another_money_has_no_fee() {
        let billing = Billing { zone: TimeZone::UTC, currency: Some("AUD".parse().unwrap()) };
        assert_eq!(billing.fee(money("20.715"), "AUD".parse().unwrap()), Some(money("20.72")));
        assert_eq!(billing.fee(money("20.71"), "USD".parse().unwrap()), None);
        let none = Billing { currency: None, ..billing };
        assert_eq!(none.fee(money("20.71"), "AUD".parse().unwrap()), None);
    }

    #[test]
    fn a_balance_covers_whole_firsts() {
        let totals = ["20.71", "20.71", "41.42"].map(money);
        for (balance, months) in
            [("20.70", 0), ("20.71", 1), ("41.42", 2), ("82.83", 2), ("82.84", 3), ("-1.00", 0)]
        {
            assert_eq!(firsts_covered(money(balance), &totals), months, "{balance}");
        }
        assert_eq!(firsts_covered(Money::ZERO, &[Money::ZERO]), 1);
    }

    /// Numbers with what they cost and the month they have paid last, and who pays.
    type Owned = Vec<(u8, i64, usize)>;

    fn owned() -> impl proptest::strategy::Strategy<Value = Owned> {
        proptest::collection::vec((0_u8..4, 0_i64..100_000, 0_usize..15), 0..40)
    }

    proptest! {
        /// A forecast says for each 1st what posting month by month would take on it, however rows are put together.
        #[test]
        fn a_forecast_is_what_posting_month_by_month_will_take(owned in owned(), months in 1_usize..15) {
            let now = month("2027-11");
            let paid = |ahead: usize| now.following(ahead).last().copied().unwrap_or(now);
            let fees: Vec<Fees<u8>> = owned
                .iter()
                .map(|(payer, cents, ahead)| Fees {
                    payer: *payer, paid: paid(*ahead), rows: 1, fee: Money::from_micros(cents * 10_000),
                })
                .collect();
            let mut paid_until: Vec<Month> = fees.iter().map(|of| of.paid).collect();
            for first in forecast(now, &fees, months) {
                let mut taken = Money::ZERO;
                for (of, paid) in fees.iter().zip(&mut paid_until) {
                    for month in paid.owed_until(first.month) {
                        taken = taken.checked_add(of.fee).unwrap();
                        *paid = month;
                    }
                }
                prop_assert_eq!(first.total(), taken, "{}", first.month);
            }
        }
    }

    proptest! {
        /// From 2000 to 2099, in every zone: each moment is in one month, which began before it and ends after it.
        #[test]
        fn every_moment_is_in_the_month_that_began_last(
            second in 946_684_800_i64..4_102_444_800, name in select(ZONES),
        ) {
            let (at, zone) = (Timestamp::from_second(second).unwrap(), zone(name));
            let month = Month::of(at, &zone);
            prop_assert!(month.begins(&zone) <= at && at < month.next().begins(&zone), "{} in {}", at, name);
            prop_assert_eq!(month.next().previous(), month);
            prop_assert_eq!(Month::of(month.begins(&zone), &zone), month);
            let before = month.begins(&zone) - SignedDuration::from_nanos(1);
            prop_assert_eq!(Month::of(before, &zone).next(), month);
        }

        /// However long nobody looked, each month in between is owed once and in order.
        #[test]
        fn catching_up_in_pieces_owes_the_same_as_at_once(months in 0_usize..60, stop in 0_usize..60) {
            let paid = month("2027-11");
            let all = paid.following(months);
            let last = all.last().copied().unwrap_or(paid);
            let halfway = all.get(stop.min(months).saturating_sub(1)).copied().filter(|_| stop > 0).unwrap_or(paid);
            let mut pieces = paid.owed_until(halfway);
            pieces.extend(halfway.owed_until(last));
            prop_assert_eq!(&pieces, &all);
            prop_assert_eq!(paid.owed_until(last), all);
        }

        /// The whole first charge is cents, at most a month, a whole one on the 1st, and less every day.
        #[test]
        fn the_first_charge_is_whole_cents_and_a_month_at_most(
            second in 946_684_800_i64..4_102_444_800, name in select(ZONES),
            setup in 0_i64..50_000, monthly in 0_i64..2_000_000_000,
        ) {
            let (at, zone) = (Timestamp::from_second(second).unwrap(), zone(name));
            let (setup, monthly) = (Money::from_micros(setup * 10_000), Money::from_micros(monthly));
            let first = first_period(setup, monthly, at, &zone);
            prop_assert_eq!(first.micros() % 10_000, 0);
            prop_assert!(first >= Money::ZERO && first <= monthly.rounded_to_cents());
            let month = Month::of(at, &zone);
            prop_assert_eq!(first_period(setup, monthly, month.begins(&zone), &zone), monthly.rounded_to_cents());
            let last_day = month.next().begins(&zone) - SignedDuration::from_secs(1);
            prop_assert!(first >= first_period(setup, monthly, last_day, &zone));
        }
    }
}
