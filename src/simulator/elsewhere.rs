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
use super::inventory::{FullDigits, Number, Pattern, Place};
use super::money::Micros;
use super::plan::Lateness;
use super::sale::{MessageType, Offer, Registration, Sale};
use super::state::{Shared, World};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SellOrder {
    number: Option<String>,
    country: Option<String>,
    #[serde(rename = "type")]
    message_type: Option<MessageType>,
    count: Option<usize>,
}

/// Sales of one call at most: a country has no more.
const MOST_SOLD: usize = 20_000;

pub(super) async fn sell(State(shared): Simulation, body: Bytes) -> Answer {
    let order: SellOrder = read(&body)?;
    if let Some(count) = order.count {
        return sell_many(&shared, &order, count);
    }
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
        Ok(Json(json!({ "sale": sell_one(world, &order, country, number) })))
    })
}

/// The first so many of a country, and invented ones once it is sold out: an account may have more than a shop.
fn sell_many(shared: &Shared, order: &SellOrder, count: usize) -> Answer {
    let country = order.country.as_deref().filter(|_| order.number.is_none()).and_then(Country::by_code);
    let country =
        country.ok_or_else(|| Complaint::new("country", "count goes with AU, CA, GB, JP, NZ or US"))?;
    if count > MOST_SOLD {
        return Err(Complaint::new("count", "must be at most 20000"));
    }
    shared.with(|world| {
        let all = Pattern { digits: String::new(), place: Place::Anywhere, full_digits: FullDigits::Found };
        let mut numbers: Vec<Number> = world.inventory.matching(country, &all).take(count).cloned().collect();
        let missing = count.saturating_sub(numbers.len());
        let invented = (0..missing).map(|index| format!("+{}{index:09}", country.calling_code));
        numbers.extend(invented.filter_map(|text| Number::parse(&text)));
        let sold = numbers.len();
        for number in numbers {
            sell_one(world, order, country, number);
        }
        Ok(Json(json!({ "sold": sold })))
    })
}

fn sell_one(world: &mut World, order: &SellOrder, country: &'static Country, number: Number) -> Sale {
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
    world.account.sell(offer, &world.settings, world.clock.now())
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
struct PriceOrder {
    number: String,
    monthly: Micros,
}

pub(super) async fn reprice(State(shared): Simulation, body: Bytes) -> Answer {
    let order: PriceOrder = read(&body)?;
    let number = parse_number(&order.number)?;
    if shared.with(|world| world.account.reprice(&number, order.monthly)) {
        return Ok(Json(json!({ "number": number, "monthly": order.monthly })));
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
