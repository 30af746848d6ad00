//! The account behind the credentials. Upstream's answer carries the API key in clear, so five fields are picked out
//! of the text and the rest is never turned into a value that could be logged or kept.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Envelope, currency, integer, object, text};
use crate::clicksend::Account;
use crate::domain::money::Money;

/// The account; identity, currency and balance must be readable, the flags need not.
pub(in crate::clicksend) fn account(envelope: &Envelope<'_>) -> Result<Account, &'static str> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        user_id: Option<&'a RawValue>,
        balance: Option<&'a RawValue>,
        auto_recharge: Option<&'a RawValue>,
        active: Option<&'a RawValue>,
        banned: Option<&'a RawValue>,
        #[serde(rename = "_currency")]
        currency: Option<&'a RawValue>,
    }
    let data = envelope.data.ok_or("the account has no data")?;
    let fields: Fields<'_> = object(data.get()).ok_or("the account has no data")?;
    let currency = currency(fields.currency).and_then(|block| block.currency_name_short);
    Ok(Account {
        user_id: integer(fields.user_id).ok_or("the account has no user_id")?,
        currency: currency.and_then(|short| short.parse().ok()).ok_or("the account has no currency")?,
        balance: text(fields.balance).and_then(|text| balance(&text)).ok_or("the account has no balance")?,
        auto_recharge: flag(fields.auto_recharge),
        active: flag(fields.active),
        banned: flag(fields.banned),
    })
}

/// Cut to the six decimals that money holds: a balance is shown and alarmed on, never booked.
fn balance(text: &str) -> Option<Money> {
    let end = text.find('.').map_or(text.len(), |point| text.len().min(point + 7));
    text.get(..end)?.parse().ok()
}

fn flag(value: Option<&RawValue>) -> Option<bool> {
    match value?.get() {
        "1" | "\"1\"" | "true" => Some(true),
        "0" | "\"0\"" | "false" => Some(false),
        _ => None,
    }
}
