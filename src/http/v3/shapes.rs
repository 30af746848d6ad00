//! The JSON of this door, to the letter of ClickSend's newest SDKs: every price a string, every count an integer.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::order::Receipt;
use crate::domain::owned::{OwnedNumber, RegistrationStatus};
use crate::domain::purchase::Purchase;
use crate::domain::search::{CurrencyBlock, Offer};

/// The paging block around rows.
#[expect(clippy::struct_field_names, reason = "ClickSend's names")]
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// Rows in all.
    total: u64,
    /// Rows on a page.
    per_page: u32,
    /// This page, from 1.
    current_page: u32,
    /// The last page; 0 where there are no rows.
    last_page: u64,
    /// Where the next page is.
    next_page_url: Option<String>,
    /// Where the page before is.
    prev_page_url: Option<String>,
    /// Number of the first row here.
    from: Option<u64>,
    /// Number of the last row here.
    to: Option<u64>,
    /// The rows.
    data: Vec<T>,
    /// The currency of the prices.
    #[serde(rename = "_currency")]
    #[schema(value_type = Option<Currency>)]
    currency: Option<CurrencyBlock>,
}

impl<T> Page<T> {
    /// A page of rows. `link` makes the address of another page; ours, never upstream's own.
    pub(super) fn new(
        total: u64,
        paging: (u32, u32),
        data: Vec<T>,
        currency: Option<CurrencyBlock>,
        link: impl Fn(u32) -> String,
    ) -> Self {
        let count = data.len();
        Self { data, ..Self::around(total, paging, count, currency, link) }
    }

    /// What stands around so many rows, and none of them.
    pub(super) fn around(
        total: u64,
        (page, limit): (u32, u32),
        count: usize,
        currency: Option<CurrencyBlock>,
        link: impl Fn(u32) -> String,
    ) -> Self {
        let last_page = total.div_ceil(u64::from(limit.max(1)));
        let first = u64::from(page.saturating_sub(1)) * u64::from(limit) + 1;
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            total,
            per_page: limit,
            current_page: page,
            last_page,
            next_page_url: (u64::from(page) < last_page).then(|| link(page.saturating_add(1))),
            prev_page_url: (page > 1).then(|| link(page - 1)),
            from: (count > 0).then_some(first),
            to: (count > 0).then_some(first + count.saturating_sub(1)),
            data: Vec::new(),
            currency,
        }
    }
}

/// A number on sale.
#[derive(Serialize, ToSchema)]
pub(super) struct OfferRow<'a> {
    /// Two letters.
    country: Option<&'a str>,
    /// In words.
    country_name: Option<&'a str>,
    /// E.164.
    dedicated_number: &'a str,
    /// Once; a decimal.
    price_setup: Option<&'a str>,
    /// Every month; a decimal.
    price_monthly: Option<&'a str>,
    /// What the first charge would be; a decimal.
    price_total: Option<&'a str>,
    /// `local`, or null.
    address_requirement: Option<&'a str>,
}

impl<'a> From<&'a Offer> for OfferRow<'a> {
    fn from(offer: &'a Offer) -> Self {
        let terms = &*offer.terms;
        Self {
            country: terms.country.as_deref(),
            country_name: terms.country_name.as_deref(),
            dedicated_number: &offer.dedicated_number,
            price_setup: terms.price_setup.as_deref(),
            price_monthly: terms.price_monthly.as_deref(),
            price_total: terms.price_total.as_deref(),
            address_requirement: terms.address_requirement.as_deref(),
        }
    }
}

/// An owned number.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnedRow {
    /// E.164.
    dedicated_number: String,
    /// Two letters.
    country: Option<String>,
    /// Every month; a decimal.
    price: Option<String>,
    /// The country in words.
    #[serde(rename = "_country_name")]
    country_name: Option<String>,
    /// The account's notes.
    notes: Option<String>,
    /// sms or mms.
    #[serde(rename = "type")]
    message_type: Option<String>,
    /// longcode, tollfree, shortcode, 10DLC …
    number_type: Option<String>,
    /// ClickSend's category.
    number_category: Option<String>,
    /// ClickSend's identity of the row.
    number_guid: Option<String>,
    /// The registration form.
    form_submission_id: Option<String>,
    /// The registration status.
    status: Option<Status>,
}

/// A registration status, from ClickSend's closed list.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    /// 0 to 5.
    value: u8,
    /// In capitals.
    label: &'static str,
    /// For people.
    description: &'static str,
    /// For people, in short.
    name: &'static str,
}

impl From<OwnedNumber> for OwnedRow {
    fn from(owned: OwnedNumber) -> Self {
        Self {
            dedicated_number: owned.dedicated_number,
            country: owned.country,
            price: owned.price,
            country_name: owned.country_name,
            notes: owned.notes,
            message_type: owned.message_type,
            number_type: owned.number_type,
            number_category: owned.number_category,
            number_guid: owned.number_guid,
            form_submission_id: owned.form_submission_id,
            status: owned.status.map(Status::from),
        }
    }
}

impl From<RegistrationStatus> for Status {
    fn from(status: RegistrationStatus) -> Self {
        Self {
            value: status.value(),
            label: status.label(),
            description: status.description(),
            name: status.name(),
        }
    }
}

/// A bought number.
#[derive(Serialize, ToSchema)]
pub(super) struct BoughtNumber {
    /// E.164.
    dedicated_number: String,
    /// Two letters.
    country: Option<String>,
    /// What was charged now; a decimal.
    price_total: Option<String>,
    /// Once; a decimal.
    #[serde(rename = "_price_setup")]
    price_setup: Option<String>,
    /// Every month; a decimal.
    #[serde(rename = "_price_monthly")]
    price_monthly: Option<String>,
    /// The currency of the three.
    #[serde(rename = "_currency")]
    #[schema(value_type = Option<Currency>)]
    currency: Option<CurrencyBlock>,
}

impl BoughtNumber {
    /// Upstream's receipt, the same bytes for every repeat; what was quoted where none was kept.
    pub(super) fn of(purchase: &Purchase) -> Self {
        let receipt = purchase.receipt.clone().unwrap_or_else(|| Receipt {
            dedicated_number: purchase.number.to_string(),
            country: Some(purchase.quote.country.to_string()),
            price_total: Some(purchase.quote.price().total().to_string()),
            price_setup: Some(purchase.quote.setup.to_string()),
            price_monthly: Some(purchase.quote.monthly.to_string()),
            currency: None,
        });
        Self {
            dedicated_number: receipt.dedicated_number,
            country: receipt.country,
            price_total: receipt.price_total,
            price_setup: receipt.price_setup,
            price_monthly: receipt.price_monthly,
            currency: receipt.currency,
        }
    }
}

/// ClickSend's currency block, as the document describes it.
#[derive(ToSchema)]
#[expect(clippy::struct_field_names, reason = "ClickSend's names")]
#[expect(dead_code, reason = "stands in the API document for the domain's block, which knows no documents")]
pub(in crate::http) struct Currency {
    /// ISO 4217.
    currency_name_short: Option<String>,
    /// The sign before dollars.
    currency_prefix_d: Option<String>,
    /// The sign before cents.
    currency_prefix_c: Option<String>,
    /// In words.
    currency_name_long: Option<String>,
}
