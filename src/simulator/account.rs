//! The account: its money, its numbers, and what was charged for them.
//!
//! On every 1st each number pays a full month. That it happens at midnight UTC is a guess.

use jiff::{SignedDuration, Timestamp};
use uuid::Builder;

use super::clock::Month;
use super::countries::{Country, NumberType, scramble};
use super::inventory::Number;
use super::money::Micros;
use super::plan::Lateness;
use super::sale::{Charge, ChargeKind, MessageType, Offer, Registration, Sale, Submission};
use super::settings::{AutoRecharge, Settings};

/// What a new account has.
const OPENING_BALANCE: Micros = Micros::cents(100_000);

/// A number of the account.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub(super) number: Number,
    pub(super) country: &'static Country,
    pub(super) message_type: MessageType,
    pub(super) number_type: NumberType,
    pub(super) monthly: Micros,
    pub(super) guid: String,
    /// One of the six that are documented, by value.
    pub(super) status: u8,
    visible: Visible,
    /// The last month it was charged for.
    paid_for: Month,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visible {
    From(Timestamp),
    WhenReleased,
}

impl Owned {
    pub(super) fn is_visible(&self, now: Timestamp) -> bool {
        match self.visible {
            Visible::From(at) => at <= now,
            Visible::WhenReleased => false,
        }
    }
}

/// Everything the account has and had.
#[derive(Debug)]
pub(super) struct Account {
    seed: u64,
    guids: u64,
    pub(super) balance: Micros,
    pub(super) auto_recharge: bool,
    pub(super) owned: Vec<Owned>,
    pub(super) sales: Vec<Sale>,
    pub(super) charges: Vec<Charge>,
    pub(super) submissions: Vec<Submission>,
}

impl Account {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            seed,
            guids: 0,
            balance: OPENING_BALANCE,
            auto_recharge: false,
            owned: Vec::new(),
            sales: Vec::new(),
            charges: Vec::new(),
            submissions: Vec::new(),
        }
    }

    pub(super) fn find(&self, number: &Number) -> Option<&Owned> {
        self.owned.iter().find(|owned| owned.number == *number)
    }

    /// Sells. The balance is not asked; it may go below zero.
    pub(super) fn sell(&mut self, offer: Offer, settings: &Settings, now: Timestamp) -> Sale {
        let earlier = self.find(&offer.number).map(|owned| owned.guid.clone());
        let sale = Sale {
            country: offer.country.code,
            message_type: offer.message_type,
            price_setup: offer.country.setup,
            price_monthly: offer.monthly,
            price_total: offer.first_charge(settings.first_charge, now),
            at: now,
            registration_data_present: offer.registration == Registration::Present,
            guid: earlier.clone().unwrap_or_else(|| self.new_guid()),
            request: offer.request,
            repeat: earlier.is_some(),
            number: offer.number.clone(),
        };
        self.charge(Charge {
            at: now,
            number: offer.number.clone(),
            kind: ChargeKind::Purchase,
            amount: sale.price_total,
        });
        if settings.auto_recharge == AutoRecharge::TurnedOnByBuying {
            self.auto_recharge = true;
        }
        if !sale.repeat {
            self.own(offer, sale.guid.clone(), settings, now);
        }
        self.sales.push(sale.clone());
        sale
    }

    fn own(&mut self, offer: Offer, guid: String, settings: &Settings, now: Timestamp) {
        let number_type = offer.country.type_of(&offer.number);
        let visible_after = |ms| {
            let delay = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
            Visible::From(now.saturating_add(delay).unwrap_or(Timestamp::MAX))
        };
        self.owned.push(Owned {
            number_type,
            guid,
            status: first_status(&offer, number_type),
            visible: match offer.lateness {
                Lateness::Millis(ms) => visible_after(ms.max(settings.visibility_delay_ms)),
                Lateness::UntilReleased => Visible::WhenReleased,
            },
            paid_for: Month::of(now),
            number: offer.number,
            country: offer.country,
            message_type: offer.message_type,
            monthly: offer.monthly,
        });
    }

    /// Takes what has fallen due: every number pays for every month once, however the clock is moved.
    pub(super) fn renew(&mut self, now: Timestamp) {
        let mut due = Vec::new();
        for owned in &mut self.owned {
            while owned.paid_for.next().start() <= now {
                owned.paid_for = owned.paid_for.next();
                due.push(Charge {
                    at: owned.paid_for.start(),
                    number: owned.number.clone(),
                    kind: ChargeKind::Renewal,
                    amount: owned.monthly.rounded_to_cents(),
                });
            }
        }
        due.sort_by_key(|charge| charge.at);
        for charge in due {
            self.charge(charge);
        }
    }

    fn charge(&mut self, charge: Charge) {
        self.balance = self.balance - charge.amount;
        self.charges.push(charge);
    }

    /// Shows every number that waited for its release; says how many did.
    pub(super) fn reveal(&mut self, now: Timestamp) -> usize {
        let waiting = self.owned.iter_mut().filter(|owned| owned.visible == Visible::WhenReleased);
        waiting.map(|owned| owned.visible = Visible::From(now)).count()
    }

    /// A registration was handed in: the numbers it is for change from unregistered to pending. A guess.
    pub(super) fn submit(&mut self, submission: Submission) {
        for owned in &mut self.owned {
            let meant = owned.country.code == submission.country
                && owned.number_type.text().eq_ignore_ascii_case(&submission.number_type);
            if meant && owned.status == UNREGISTERED {
                owned.status = PENDING;
            }
        }
        self.submissions.push(submission);
    }

    /// The compliance team decides; false where the number is not owned.
    pub(super) fn set_status(&mut self, number: &Number, status: u8) -> bool {
        let meant = self.owned.iter_mut().filter(|owned| owned.number == *number);
        meant.map(|owned| owned.status = status).count() > 0
    }

    /// The number costs something else from the next 1st on; false where it is not owned.
    pub(super) fn reprice(&mut self, number: &Number, monthly: Micros) -> bool {
        let meant = self.owned.iter_mut().filter(|owned| owned.number == *number);
        meant.map(|owned| owned.monthly = monthly).count() > 0
    }

    /// The number is given up in ClickSend's dashboard; false where it is not owned.
    pub(super) fn give_up(&mut self, number: &Number) -> bool {
        let before = self.owned.len();
        self.owned.retain(|owned| owned.number != *number);
        self.owned.len() < before
    }

    fn new_guid(&mut self) -> String {
        self.guids += 1;
        let high = scramble(self.seed ^ self.guids);
        let bits = (u128::from(high) << 64) | u128::from(scramble(high));
        Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string().to_uppercase()
    }
}

const UNREGISTERED: u8 = 1;
const PENDING: u8 = 2;

/// A guess: Australia and 10DLC want a registration; with its data it is under way, without it is not.
fn first_status(offer: &Offer, number_type: NumberType) -> u8 {
    let wanted = offer.country.code == "AU" || number_type == NumberType::TenDlc;
    match (wanted, offer.registration) {
        (false, _) => 0,
        (true, Registration::Present) => PENDING,
        (true, Registration::Absent) => UNREGISTERED,
    }
}
