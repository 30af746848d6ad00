//! A page of owned numbers. It is evidence: a purchase is written off because this list did not hold its number.
//!
//! So what decides over completeness is not guessed. A page without a readable `total` is no page; a row that is
//! left out makes the count differ from `total`, and the scan is thrown away by whoever counts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Envelope, check_page_size, currency, integer, object, string, tell_left_out, text};
use crate::domain::owned::{OwnedNumber, OwnedPage, RegistrationStatus};
use crate::domain::search::UPSTREAM_ROWS;

/// The page in `data`. On an empty list upstream leaves the rows out; an unreadable `last_page` is calculated.
pub(in crate::clicksend) fn owned_page(envelope: &Envelope<'_>) -> Result<OwnedPage, &'static str> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        total: Option<&'a RawValue>,
        per_page: Option<&'a RawValue>,
        last_page: Option<&'a RawValue>,
        data: Option<Vec<&'a RawValue>>,
        #[serde(rename = "_currency")]
        currency: Option<&'a RawValue>,
    }
    let data = envelope.data.ok_or("the list has no page")?;
    let fields: Fields<'_> = object(data.get()).ok_or("the list has no page of rows")?;
    let total: u64 = integer(fields.total).ok_or("the list has no total")?;
    check_page_size(fields.per_page);
    let rows = fields.data.unwrap_or_default();
    let numbers: Vec<_> = rows.iter().filter_map(|row| owned_number(row)).collect();
    tell_left_out(rows.len() - numbers.len(), rows.len());
    Ok(OwnedPage {
        total,
        last_page: integer(fields.last_page).unwrap_or_else(|| pages_for(total)),
        numbers,
        currency: currency(fields.currency),
    })
}

fn pages_for(total: u64) -> u32 {
    u32::try_from(total.div_ceil(u64::from(UPSTREAM_ROWS))).unwrap_or(u32::MAX)
}

fn owned_number(value: &RawValue) -> Option<OwnedNumber> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        dedicated_number: Option<&'a RawValue>,
        country: Option<&'a RawValue>,
        price: Option<&'a RawValue>,
        #[serde(rename = "_country_name")]
        country_name: Option<&'a RawValue>,
        notes: Option<&'a RawValue>,
        #[serde(rename = "type")]
        message_type: Option<&'a RawValue>,
        number_type: Option<&'a RawValue>,
        number_category: Option<&'a RawValue>,
        number_guid: Option<&'a RawValue>,
        form_submission_id: Option<&'a RawValue>,
        status: Option<&'a RawValue>,
    }
    let fields: Fields<'_> = object(value.get())?;
    Some(OwnedNumber {
        dedicated_number: text(fields.dedicated_number)?,
        country: string(fields.country),
        price: text(fields.price),
        country_name: string(fields.country_name),
        notes: string(fields.notes),
        message_type: string(fields.message_type),
        number_type: string(fields.number_type),
        number_category: string(fields.number_category),
        number_guid: text(fields.number_guid),
        form_submission_id: text(fields.form_submission_id),
        status: fields.status.and_then(registration_status),
    })
}

/// By `value`, and by `label` only where there is no value. What is not one of the six becomes nothing: ClickSend's
/// own SDKs throw the whole list away over one unknown word.
fn registration_status(status: &RawValue) -> Option<RegistrationStatus> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        value: Option<&'a RawValue>,
        label: Option<&'a RawValue>,
    }
    let known = object::<Fields<'_>>(status.get()).and_then(|fields| {
        let value: Option<u8> = integer(fields.value);
        let label = string(fields.label).filter(|_| fields.value.is_none());
        RegistrationStatus::ALL
            .into_iter()
            .find(|known| value == Some(known.value()) || label.as_deref() == Some(known.label()))
    });
    if known.is_none() && status.get() != "[]" {
        tracing::warn!("a registration status that is not one of the six");
    }
    known
}
