//! `POST /v3/numbers/buy/{dedicated_number}`: a sale, or the reason why not.

use serde_json::{Map, Value, json};

use super::answers::{Cent, Envelope, Parameters, currency};
use super::api::Call;
use super::countries::Country;
use super::inventory::Number;
use super::plan::{Drift, Lateness, Obstacle, OtherNumber};
use super::sale::{MessageType, Offer, Registration, Sale};
use super::settings::{AuRegistration, BodyNumber, Refusal, RepeatBuy, Settings, Voice};
use super::state::World;

/// Sells. The path is the authority; a body may be missing, empty or `{}`, as half of the official SDKs send it.
pub(super) fn answer(world: &mut World, call: &Call<'_>, number: &str) -> Envelope {
    match sold(world, call, number) {
        Ok(sale) => receipt(&sale, call.quirks.other_number.as_ref(), &world.settings),
        Err(NotSold::Refused(refusal)) => Envelope::refusal(&refusal),
        Err(NotSold::Invalid(fields)) => Envelope::invalid(fields),
    }
}

/// Why there is no sale.
enum NotSold {
    Refused(Refusal),
    /// Field to message; empty when the body is no JSON at all.
    Invalid(Map<String, Value>),
}

fn sold(world: &mut World, call: &Call<'_>, number: &str) -> Result<Sale, NotSold> {
    if let Some(refusal) = barred(call.user, &world.settings) {
        return Err(NotSold::Refused(refusal.clone()));
    }
    let gone = NotSold::Refused(world.settings.number_gone.clone());
    let Some(number) = Number::parse(number) else { return Err(gone) };
    let order =
        Order::read(call.body, &call.parameters, &number, &world.settings).map_err(NotSold::Invalid)?;
    if let Some(Obstacle::Gone) = call.quirks.obstacle {
        world.inventory.take(&number);
        return Err(gone);
    }
    let country = seller(world, call, &number)?;
    if country.code == "AU"
        && order.registration == Registration::Absent
        && world.settings.au_registration == AuRegistration::Required
    {
        let refusal = Refusal::new(400, "REGISTRATION_NEEDED", "Registration data is required.");
        return Err(NotSold::Refused(refusal));
    }
    let offer = Offer {
        monthly: Drift::applied(call.quirks.drift, country.monthly),
        country,
        message_type: order.message_type,
        registration: order.registration,
        lateness: call.quirks.lateness.unwrap_or(Lateness::Millis(0)),
        request: Some(call.seq),
        number,
    };
    let now = world.clock.now();
    let price = offer.first_charge(world.settings.first_charge, now);
    let penniless = call.user == "nocredit" || price > world.account.balance;
    let ordered = match call.quirks.obstacle {
        Some(Obstacle::NoCredit { status }) => Some(status),
        Some(Obstacle::Gone) | None => penniless.then_some(None),
    };
    if let Some(status) = ordered {
        let usual = &world.settings.insufficient_balance;
        let refusal = Refusal { status: status.unwrap_or(usual.status), ..usual.clone() };
        return Err(NotSold::Refused(refusal));
    }
    world.inventory.take(&offer.number);
    Ok(world.account.sell(offer, &world.settings, now))
}

/// Users that may read and not write. That reading is allowed is a guess.
pub(super) fn barred<'a>(user: &str, settings: &'a Settings) -> Option<&'a Refusal> {
    match user {
        "notactive" => Some(&settings.not_activated),
        "banned" => Some(&settings.banned),
        _ => None,
    }
}

fn seller(world: &mut World, call: &Call<'_>, number: &Number) -> Result<&'static Country, NotSold> {
    if let Some(owned) = world.account.find(number) {
        return match call.quirks.repeat_buy.unwrap_or(world.settings.repeat_buy) {
            RepeatBuy::ChargeAgain => Ok(owned.country),
            RepeatBuy::Refuse => Err(NotSold::Refused(world.settings.already_owned.clone())),
        };
    }
    world.inventory.seller(number).ok_or_else(|| NotSold::Refused(world.settings.number_gone.clone()))
}

/// Four price fields, two of them under names that no other answer uses, two decimals instead of four.
fn receipt(sale: &Sale, other: Option<&OtherNumber>, settings: &Settings) -> Envelope {
    let number = match other {
        None => sale.number.text().to_owned(),
        Some(OtherNumber(Some(number))) => number.clone(),
        Some(OtherNumber(None)) => neighbour(sale.number.text()),
    };
    let data = json!({
        "dedicated_number": number,
        "country": sale.country,
        "price_total": sale.price_total.text(2),
        "_price_setup": sale.price_setup.text(2),
        "_price_monthly": sale.price_monthly.text(2),
        "_currency": currency(settings, Cent::Sign),
    });
    Envelope::success("Here is your new number.", data)
}

fn neighbour(number: &str) -> String {
    let (stem, last) = number.split_at(number.len().saturating_sub(1));
    format!("{stem}{}", if last == "0" { '1' } else { '0' })
}

/// What a body and a query ask for.
struct Order {
    message_type: MessageType,
    registration: Registration,
}

impl Order {
    fn read(
        body: &[u8],
        parameters: &Parameters,
        number: &Number,
        settings: &Settings,
    ) -> Result<Self, Map<String, Value>> {
        let body: Value = if body.iter().all(u8::is_ascii_whitespace) {
            Value::Null
        } else {
            serde_json::from_slice(body).map_err(|_| Map::new())?
        };
        let mut faults = Map::new();
        let named = body.get("dedicated_number").and_then(Value::as_str).and_then(Number::parse);
        if settings.body_number == BodyNumber::Refuse && named.is_some_and(|named| named != *number) {
            faults.insert("dedicated_number".to_owned(), "The number differs from the path.".into());
        }
        let wanted = body.get("type").and_then(Value::as_str).or_else(|| parameters.text("type"));
        let message_type = message_type(wanted.unwrap_or("sms"), settings.voice);
        if message_type.is_none() {
            faults.insert("type".to_owned(), "Type must be sms or mms.".into());
        }
        let registration = match body.get("registration_data") {
            None | Some(Value::Null) => Registration::Absent,
            Some(given) => {
                faults.extend(registration_faults(given));
                Registration::Present
            }
        };
        match message_type {
            Some(message_type) if faults.is_empty() => Ok(Self { message_type, registration }),
            Some(_) | None => Err(faults),
        }
    }
}

fn message_type(text: &str, voice: Voice) -> Option<MessageType> {
    match (text, voice) {
        ("sms", _) => Some(MessageType::Sms),
        ("mms", _) => Some(MessageType::Mms),
        ("voice", Voice::Accept) => Some(MessageType::Voice),
        _ => None,
    }
}

/// The eight fields with their least and most letters; two have a pattern besides.
const REGISTRATION: [(&str, usize, usize); 8] = [
    ("business_name", 2, 100),
    ("business_address", 5, 150),
    ("suburb", 2, 50),
    ("postcode", 2, 20),
    ("state", 2, 50),
    ("contact_name", 2, 100),
    ("contact_number", 2, 16),
    ("country", 2, 2),
];

fn registration_faults(given: &Value) -> Map<String, Value> {
    let mut faults = Map::new();
    for (field, least, most) in REGISTRATION {
        let text = given.get(field).and_then(Value::as_str).unwrap_or_default();
        let sound = (least..=most).contains(&text.chars().count())
            && match field {
                "contact_number" => is_contact_number(text),
                "country" => text.bytes().all(|letter| letter.is_ascii_uppercase()),
                _ => true,
            };
        if !sound {
            faults.insert(format!("registration_data.{field}"), format!("{field} field is invalid.").into());
        }
    }
    faults
}

/// The documented pattern `^\+?[1-9]\d{1,14}$`: it refuses local numbers, whatever the prose says.
fn is_contact_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (2..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0')
}
