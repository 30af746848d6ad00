//! `GET /v3/account`: the balance, and the caller's API key in clear, as upstream really answers it.

use serde_json::json;

use super::answers::{Cent, Envelope, currency};
use super::api::Call;
use super::money::Micros;
use super::state::World;

/// Names and addresses are invented. `ai_enabled` and the text form of `balance_commission` are undocumented and
/// real.
pub(super) fn answer(world: &World, call: &Call<'_>) -> Envelope {
    let user_id = world.settings.user_id;
    let balance = if call.user == "nocredit" { Micros::ZERO } else { world.account.balance };
    let data = json!({
        "user_id": user_id,
        "username": call.user,
        "user_email": "owner@example.com",
        "active": u8::from(call.user != "notactive"),
        "banned": u8::from(call.user == "banned"),
        "balance": balance.text(6),
        "user_phone": "+61491570006",
        "reply_to": "originalemail",
        "delivery_to": null,
        "country": "AU",
        "user_first_name": "Sam",
        "user_last_name": "Example",
        "account_name": "Example Pty Ltd",
        "account_billing_email": "billing@example.com",
        "account_billing_mobile": "+61491570006",
        "timezone": "Australia/Melbourne",
        "on_trial": 0,
        "balance_commission": "0.000000",
        "auto_recharge": u8::from(world.account.auto_recharge),
        "auto_recharge_amount": "20.00",
        "low_credit_amount": "0.00",
        "ai_enabled": 0,
        "_currency": currency(&world.settings, Cent::Letter),
        "_subaccount": {
            "subaccount_id": user_id,
            "api_username": call.user,
            "email": "owner@example.com",
            "phone_number": "+61491570006",
            "first_name": "Sam",
            "last_name": "Example",
            "api_key": world.key.current(),
            "access_users": 1,
            "access_billing": 1,
            "access_reporting": 1,
            "access_contacts": 1,
            "access_settings": 1,
            "access_sms": 1,
            "notes": null,
        },
    });
    Envelope::success("Here's your account.", data)
}
