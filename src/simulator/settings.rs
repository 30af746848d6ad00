//! The switches: what nobody outside ClickSend knows, so whoever tests decides.
//!
//! Every default is a guess. [`SWITCHES`] says for each what it does and what else it may be; the control index
//! prints it, and a test keeps it complete.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::complaint::Complaint;

/// All switches, as `GET /_simulator/settings` shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) currency: CurrencyCode,
    pub(super) currency_keys: CurrencyKeys,
    pub(super) user_id: u64,
    pub(super) search_price_decimals: usize,
    pub(super) small_limit: SmallLimit,
    pub(super) list_rows: ListRows,
    pub(super) visibility_delay_ms: u64,
    pub(super) first_charge: FirstCharge,
    pub(super) repeat_buy: RepeatBuy,
    pub(super) body_number: BodyNumber,
    pub(super) voice: Voice,
    pub(super) au_registration: AuRegistration,
    pub(super) register_fields: RegisterFields,
    pub(super) auto_recharge: AutoRecharge,
    pub(super) throttle: Throttle,
    pub(super) insufficient_balance: Refusal,
    pub(super) number_gone: Refusal,
    pub(super) already_owned: Refusal,
    pub(super) not_activated: Refusal,
    pub(super) banned: Refusal,
}

/// Name of a switch, and what it does. Every default is a guess.
pub(super) const SWITCHES: &[(&str, &str)] = &[
    ("currency", "AUD, EUR, GBP, NZD or USD: the account's one currency; prices keep their digits"),
    ("currency_keys", "four or six: `_currency` without or with min_recharge_amount and max_recharge_amount"),
    ("user_id", "the account behind the credentials, as GET /v3/account shows it"),
    ("search_price_decimals", "2 to 6 decimals in search prices; the documentation shows 4, others saw 6"),
    ("small_limit", "clamp or honour: what becomes of a limit below 15 (above 100 is always clamped)"),
    (
        "list_rows",
        "one or sms_and_mms: whether an owned number stands in the list twice, as one old example shows",
    ),
    ("visibility_delay_ms", "how long after its sale a number appears in GET /v3/numbers, in simulated time"),
    (
        "first_charge",
        "pro_rated (setup + monthly x days left / days of the month, today counts), pro_rated_from_tomorrow, or quote",
    ),
    ("repeat_buy", "refuse or charge_again: buying a number that the account already owns"),
    ("body_number", "path_wins or refuse: the body names another number than the path"),
    ("voice", "refuse or accept: type voice, which the page lists and no SDK knows"),
    ("au_registration", "optional or required: an AU purchase without registration_data"),
    ("register_fields", "six or eight: how many fields of a registration are required"),
    ("auto_recharge", "turned_on_by_buying or untouched"),
    (
        "throttle",
        "{enabled, limit, window_seconds}: per endpoint and address; live showed 20 per 60 s. Off unless enabled",
    ),
    ("insufficient_balance", "{status, response_code, response_msg} when the charge is above the balance"),
    ("number_gone", "{status, response_code, response_msg} when the number is not for sale"),
    ("already_owned", "{status, response_code, response_msg} for a repeated buy that is refused"),
    ("not_activated", "{status, response_code, response_msg} when user notactive buys or registers"),
    ("banned", "{status, response_code, response_msg} when user banned buys or registers"),
];

impl Default for Settings {
    fn default() -> Self {
        Self {
            currency: CurrencyCode::Aud,
            currency_keys: CurrencyKeys::Four,
            user_id: 100_001,
            search_price_decimals: 4,
            small_limit: SmallLimit::Clamp,
            list_rows: ListRows::One,
            visibility_delay_ms: 0,
            first_charge: FirstCharge::ProRated,
            repeat_buy: RepeatBuy::Refuse,
            body_number: BodyNumber::PathWins,
            voice: Voice::Refuse,
            au_registration: AuRegistration::Optional,
            register_fields: RegisterFields::Six,
            auto_recharge: AutoRecharge::TurnedOnByBuying,
            throttle: Throttle { enabled: false, limit: 20, window_seconds: 60 },
            insufficient_balance: Refusal::new(400, "BAD_REQUEST", "Insufficient Balance."),
            number_gone: Refusal::new(404, "NOT_FOUND", "This number is no longer available."),
            already_owned: Refusal::new(400, "ALREADY_EXISTS", "You already own this number."),
            not_activated: Refusal::new(403, "ACCOUNT_NOT_ACTIVATED", "Your account is not activated."),
            banned: Refusal::new(403, "FORBIDDEN", "Your account is banned."),
        }
    }
}

impl Settings {
    /// These settings with the patch's values in place; fields the patch leaves out stay.
    pub(super) fn patched(&self, patch: &Value) -> Result<Self, Complaint> {
        let mut merged = serde_json::to_value(self).map_err(|error| Complaint::new("", error.to_string()))?;
        merge(&mut merged, patch);
        let settings: Self = serde_path_to_error::deserialize(merged).map_err(Complaint::from)?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Complaint> {
        if !(2..=6).contains(&self.search_price_decimals) {
            return Err(Complaint::new("search_price_decimals", "must be 2 to 6"));
        }
        if self.throttle.limit == 0 || self.throttle.window_seconds == 0 {
            return Err(Complaint::new("throttle", "limit and window_seconds must be at least 1"));
        }
        let refusals = [
            ("insufficient_balance", &self.insufficient_balance),
            ("number_gone", &self.number_gone),
            ("already_owned", &self.already_owned),
            ("not_activated", &self.not_activated),
            ("banned", &self.banned),
        ];
        for (field, refusal) in refusals {
            if !(200..=599).contains(&refusal.status) {
                return Err(Complaint::new(format!("{field}.status"), "must be 200 to 599"));
            }
        }
        Ok(())
    }
}

fn merge(into: &mut Value, patch: &Value) {
    match (into.as_object_mut(), patch.as_object()) {
        (Some(fields), Some(changes)) => {
            for (name, change) in changes {
                merge(fields.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
        (None, _) | (_, None) => *into = patch.clone(),
    }
}

/// What an account without a right or a number without a seller is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) response_code: String,
    pub(super) response_msg: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, response_code: code.to_owned(), response_msg: message.to_owned() }
    }
}

/// `limit` requests per window, endpoint and address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Throttle {
    pub(super) enabled: bool,
    pub(super) limit: u32,
    pub(super) window_seconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum CurrencyCode {
    Aud,
    Eur,
    Gbp,
    Nzd,
    Usd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CurrencyKeys {
    Four,
    Six,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SmallLimit {
    Clamp,
    Honour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ListRows {
    One,
    SmsAndMms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FirstCharge {
    ProRated,
    ProRatedFromTomorrow,
    Quote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RepeatBuy {
    Refuse,
    ChargeAgain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BodyNumber {
    PathWins,
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Voice {
    Refuse,
    Accept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuRegistration {
    Optional,
    Required,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RegisterFields {
    Six,
    Eight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AutoRecharge {
    TurnedOnByBuying,
    Untouched,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use serde_json::json;

    use super::{FirstCharge, SWITCHES, Settings};

    #[test]
    fn every_switch_is_described_and_every_description_has_its_switch() {
        let shown = serde_json::to_value(Settings::default()).unwrap();
        let names: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, SWITCHES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let patched = Settings::default()
            .patched(&json!({"first_charge": "quote", "throttle": {"enabled": true}}))
            .unwrap();
        assert_eq!(patched.first_charge, FirstCharge::Quote);
        assert!(patched.throttle.enabled && patched.throttle.limit == 20);
        assert_eq!(patched.number_gone, Settings::default().number_gone);
    }

    #[test]
    fn a_wrong_patch_is_refused_by_name() {
        for (patch, field) in [
            (json!({"first_charge": "free"}), "first_charge"),
            (json!({"throttle": {"limit": "x"}}), "throttle.limit"),
            (json!({"number_gone": {"status": 99}}), "number_gone.status"),
            (json!({"search_price_decimals": 1}), "search_price_decimals"),
        ] {
            assert_eq!(Settings::default().patched(&patch).unwrap_err().field, field);
        }
        let reason = Settings::default().patched(&json!({"colour": 1})).unwrap_err().reason;
        assert!(reason.contains("unknown field `colour`, expected one of `currency`"), "{reason}");
    }
}
