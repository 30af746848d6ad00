//! `POST /v3/numbers/registrations/number-types/{t}/country/{c}`: mails a compliance team; nothing to read back.

use serde_json::{Map, Value};

use super::answers::Envelope;
use super::api::Call;
use super::buy::barred;
use super::sale::Submission;
use super::settings::RegisterFields;
use super::state::World;

/// Required by page and specification alike.
const SIX: [&str; 6] =
    ["full_name", "company_name", "email", "sample_message", "primary_use_case", "website_url"];

/// Required by the specification, forgotten by the page.
const TWO_MORE: [&str; 2] = ["company_number", "area_code"];

/// Only Canadian 10DLC is known to be taken; that everything else is refused is a guess.
pub(super) fn answer(world: &mut World, call: &Call<'_>, number_type: &str, country: &str) -> Envelope {
    if let Some(refusal) = barred(call.user, &world.settings) {
        return Envelope::refusal(refusal);
    }
    let mut faults = Map::new();
    if !number_type.eq_ignore_ascii_case("10dlc") {
        faults.insert("number_type".to_owned(), "Number type is invalid.".into());
    }
    if !country.eq_ignore_ascii_case("CA") {
        faults.insert("country_code".to_owned(), "Country code is invalid.".into());
    }
    let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
    let more: &[&str] = match world.settings.register_fields {
        RegisterFields::Six => &[],
        RegisterFields::Eight => &TWO_MORE,
    };
    for field in SIX.iter().chain(more) {
        if body.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            faults.insert((*field).to_owned(), required(field).into());
        }
    }
    if !faults.is_empty() {
        return Envelope::invalid(faults);
    }
    world.account.submit(Submission {
        number_type: number_type.to_owned(),
        country: country.to_uppercase(),
        at: world.clock.now(),
        request: call.seq,
        body,
    });
    Envelope::success("Number registration notification sent successfully.", Value::Null)
}

/// `company_name` becomes "Company name field is required."
fn required(field: &str) -> String {
    let words = field.replace('_', " ");
    let (first, rest) = words.split_at(words.len().min(1));
    format!("{}{rest} field is required.", first.to_uppercase())
}
