//! What happens to the account and the shop without the API: somebody in the dashboard, another customer, the
//! compliance team, a payment.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use super::complaint::Complaint;
use super::control::{Answer, Simulation, read};
use super::countries::Country;
use super::inventory::Number;
use super::money::Micros;
use super::plan::Lateness;
use super::sale::{MessageType, Offer, Registration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SellOrder {
    number: Option<String>,
    country: Option<String>,
    #[serde(rename = "type")]
    message_type: Option<MessageType>,
}

pub(super) async fn sell(State(shared): Simulation, body: Bytes) -> Answer {
    let order: SellOrder = read(&body)?;
    shared.with(|world| {
        let number = match (&order.number, &order.country) {
            (Some(number), None) => parse_number(number)?,
            (None, Some(code)) => {
                let country = Country::by_code(code)
                    .ok_or_else(|| Complaint::new("country", "must be one of: AU, CA, GB, JP, NZ, US"))?;
                world.inventory.first(country).ok_or_else(|| Complaint::new("country", "is sold out"))?
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err(Complaint::new("number", "give number or country"));
            }
        };
        let country = world
            .inventory
            .seller(&number)
            .ok_or_else(|| Complaint::new("number", "is not for sale; GET /v3/numbers/search/{country}"))?;
        let offer = Offer {
            monthly: country.monthly,
            country,
            message_type: order.message_type.unwrap_or(MessageType::Sms),
            registration: Registration::Absent,
            lateness: Lateness::Millis(0),
            request: None,
            number,
        };
        world.inventory.take(&offer.number);
        let sale = world.account.sell(offer, &world.settings, world.clock.now());
        Ok(Json(json!({ "sale": sale })))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NumberOrder {
    number: String,
}

pub(super) async fn take(State(shared): Simulation, body: Bytes) -> Answer {
    let number = parse_number(&read::<NumberOrder>(&body)?.number)?;
    if shared.with(|world| world.inventory.take(&number)) {
        return Ok(Json(json!({ "taken": number })));
    }
    Err(Complaint::new("number", "is not for sale; GET /v3/numbers/search/{country}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GiveUpOrder {
    number: String,
    #[serde(default)]
    offered_again: bool,
}

pub(super) async fn give_up(State(shared): Simulation, body: Bytes) -> Answer {
    let order: GiveUpOrder = read(&body)?;
    let number = parse_number(&order.number)?;
    let given_up = shared.with(|world| {
        if order.offered_again {
            world.inventory.offer_again(&number);
        }
        world.account.give_up(&number)
    });
    if given_up {
        return Ok(Json(json!({ "given_up": number })));
    }
    Err(Complaint::new("number", "is not owned; GET /_simulator/ledger"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusOrder {
    number: String,
    value: u8,
}

pub(super) async fn set_status(State(shared): Simulation, body: Bytes) -> Answer {
    let order: StatusOrder = read(&body)?;
    if order.value > 5 {
        return Err(Complaint::new("value", "must be 0 to 5; fault unknown_status_value shows others"));
    }
    let number = parse_number(&order.number)?;
    if shared.with(|world| world.account.set_status(&number, order.value)) {
        return Ok(Json(json!({ "number": number, "value": order.value })));
    }
    Err(Complaint::new("number", "is not owned; GET /_simulator/ledger"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BalanceOrder {
    balance: Micros,
}

pub(super) async fn set_balance(State(shared): Simulation, body: Bytes) -> Answer {
    let order: BalanceOrder = read(&body)?;
    shared.with(|world| world.account.balance = order.balance);
    Ok(Json(json!({ "balance": order.balance })))
}

fn parse_number(text: &str) -> Result<Number, Complaint> {
    Number::parse(text).ok_or_else(|| Complaint::new("number", "must be like \"+61491570006\""))
}
