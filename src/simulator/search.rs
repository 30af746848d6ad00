//! `GET /v3/numbers/search/{country}`: what is for sale.

use serde_json::{Value, json};

use super::answers::{Cent, Envelope, Page, currency};
use super::api::Call;
use super::countries::Country;
use super::inventory::{Number, Pattern, Place};
use super::plan::{Drift, SearchShape};
use super::state::World;

/// A country nobody sells in is an empty page; so is a pattern that nothing matches. Both are guesses.
pub(super) fn answer(world: &mut World, call: &Call<'_>, country: &str) -> Envelope {
    let page = Page::of(&call.parameters, &world.settings);
    let pattern = pattern(call);
    let decimals = world.settings.search_price_decimals;
    let (total, rows) = match Country::by_code(country) {
        Some(country) => {
            let (total, numbers) = page.cut(world.inventory.matching(country, &pattern));
            let row = |number: &Number| row(number, country, call.quirks.drift, decimals);
            (total, numbers.into_iter().map(row).collect())
        }
        None => (0, Vec::new()),
    };
    let currency = currency(&world.settings, Cent::Letter);
    let message = "Here are some numbers.";
    match call.quirks.search_shape {
        SearchShape::BareList => Envelope::success(message, rows.into()).with_currency(currency),
        SearchShape::PageAndTopCurrency => {
            Envelope::success(message, page.block(total, rows, link).into()).with_currency(currency)
        }
        SearchShape::Page => {
            let mut block = page.block(total, rows, link);
            block.insert("_currency".to_owned(), currency);
            Envelope::success(message, block.into())
        }
    }
}

/// The useless link that the live service really gives.
fn link(page: u64) -> String {
    format!("/?page={page}")
}

/// Guesses: everything but digits is ignored, on both sides; without a search type, or with an unknown one, the
/// digits may stand anywhere.
fn pattern(call: &Call<'_>) -> Pattern {
    let search = call.parameters.text("search").unwrap_or_default();
    Pattern {
        digits: search.chars().filter(char::is_ascii_digit).collect(),
        place: match call.parameters.integer("search_type") {
            Some(0) => Place::Start,
            Some(2) => Place::End,
            _ => Place::Anywhere,
        },
        full_digits: call.quirks.full_digits,
    }
}

fn row(number: &Number, country: &Country, drift: Option<Drift>, decimals: usize) -> Value {
    let monthly = Drift::applied(drift, country.monthly);
    json!({
        "country": country.code,
        "country_name": country.name,
        "dedicated_number": number.text(),
        "price_setup": country.setup.text(decimals),
        "price_monthly": monthly.text(decimals),
        "price_total": (country.setup + monthly).text(decimals),
        "address_requirement": country.address_requirement,
    })
}
