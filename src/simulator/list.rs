//! `GET /v3/numbers`: the account's own numbers, and the filters on them.

use serde_json::{Map, Value, json};

use super::account::Owned;
use super::answers::{Cent, Envelope, Page, Parameters, currency};
use super::api::Call;
use super::credentials::SPECIAL_USERS;
use super::plan::StatusForm;
use super::settings::ListRows;
use super::state::World;

/// The special users own nothing.
pub(super) fn answer(world: &World, call: &Call<'_>) -> Envelope {
    let now = world.clock.now();
    let filter = Filter::of(&call.parameters);
    let nobody = SPECIAL_USERS.contains(&call.user);
    let owned = world.account.owned.iter().filter(|owned| !nobody && owned.is_visible(now));
    let rows = owned
        .flat_map(|owned| message_types(owned, world.settings.list_rows).map(move |kind| (owned, kind)))
        .filter(|(owned, kind)| filter.takes(owned, kind));
    let page = Page::of(&call.parameters, &world.settings);
    let (mut total, rows) = page.cut(rows);
    let mut rows: Vec<Value> =
        rows.into_iter().map(|(owned, kind)| row(owned, kind, call.quirks.status)).collect();
    if let Some(lie) = call.quirks.lie {
        rows.drain(..lie.omit.min(rows.len()));
        total = total.saturating_add_signed(lie.total_off);
    }
    // The typo is upstream's.
    let message = "Here are you dedicated numbers.";
    if total == 0 {
        return Envelope::success(message, nothing());
    }
    let mut block = page.block(total, rows, link);
    block.insert("_currency".to_owned(), currency(&world.settings, Cent::Letter));
    Envelope::success(message, block.into())
}

/// As observed live: no inner `data` at all, and a null currency.
fn nothing() -> Value {
    json!({
        "total": 0,
        "current_page": 1,
        "last_page": 0,
        "next_page_url": null,
        "from": null,
        "to": null,
        "_currency": null,
    })
}

/// Absolute, a slash before the query, and the limit forgotten: as upstream writes it.
fn link(page: u64) -> String {
    format!("https://rest.clicksend.com/v3/numbers/?page={page}")
}

fn message_types(owned: &Owned, rows: ListRows) -> impl Iterator<Item = &'static str> {
    let (first, second) = match rows {
        ListRows::One => (owned.message_type.text(), None),
        ListRows::SmsAndMms => ("sms", Some("mms")),
    };
    std::iter::once(first).chain(second)
}

fn row(owned: &Owned, message_type: &str, form: StatusForm) -> Value {
    json!({
        "dedicated_number": owned.number.text(),
        "country": owned.country.code,
        "price": owned.monthly.text(2),
        "_country_name": owned.country.name,
        "notes": null,
        "type": message_type,
        "number_type": owned.number_type.text(),
        "number_category": null,
        "number_guid": owned.guid,
        "form_submission_id": null,
        "status": status(owned.status, form),
    })
}

fn status(value: u8, form: StatusForm) -> Value {
    let (label, name, description) = match value {
        0 => ("REGISTRATION_NOT_REQUIRED", "Ready to use", "Your number is ready to go."),
        1 => ("REGISTRATION_NOT_INITIATED", "Unregistered", "This number cannot send to some countries."),
        2 => {
            ("REGISTRATION_INITIATED", "Decision Pending", "Registration is in progress, we will email you.")
        }
        3 => ("CUST_ACTION_REQUIRED", "Action Required", "We need something from you."),
        4 => ("REGISTRATION_SUBMITTED", "Limited Availability", "Sending may be restricted for now."),
        _ => ("REGISTERED", "Registered", "Your number is registered."),
    };
    match form {
        StatusForm::Known => {
            json!({ "value": value, "label": label, "description": description, "name": name })
        }
        StatusForm::Unknown(value) => {
            json!({ "value": value, "label": "UNHEARD_OF", "description": "", "name": "Unheard of" })
        }
        StatusForm::Null => Value::Null,
    }
}

/// `q`, `q2`, `excluding_number_type` and `exclude_10dlc_campaign`.
///
/// What they mean together is a guess: a row passes when all of `q` or all of `q2` holds, and no exclusion does.
/// Unknown keys are ignored, letters may be large or small.
#[derive(Debug)]
struct Filter {
    any_of: Vec<Map<String, Value>>,
    without: Vec<String>,
}

impl Filter {
    fn of(parameters: &Parameters) -> Self {
        let groups = ["q", "q2"].into_iter().filter_map(|name| parameters.text(name));
        let mut without: Vec<String> =
            parameters.text("excluding_number_type").unwrap_or_default().split(',').map(normal).collect();
        if parameters.text("exclude_10dlc_campaign").is_some_and(|text| normal(text) == "true") {
            without.push("10dlc".to_owned());
        }
        Self { any_of: groups.map(conditions).filter(|group| !group.is_empty()).collect(), without }
    }

    fn takes(&self, owned: &Owned, message_type: &str) -> bool {
        let number_type = normal(owned.number_type.text());
        let country = normal(owned.country.code);
        let holds = |(key, wanted): (&String, &Value)| match key.as_str() {
            "type" => wanted == message_type,
            "number_type" => *wanted == number_type,
            "country" => *wanted == country,
            _ => true,
        };
        let passes = self.any_of.is_empty() || self.any_of.iter().any(|group| group.iter().all(holds));
        passes && !self.without.contains(&number_type)
    }
}

fn conditions(text: &str) -> Map<String, Value> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once(':'));
    pairs.map(|(key, value)| (normal(key), normal(value).into())).collect()
}

fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}
