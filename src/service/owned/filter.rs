//! ClickSend's own filters, decided here over the table.

use crate::domain::owned::OwnedNumber;

/// What a caller wants to see: `ClickSend`'s own filters.
#[derive(Clone, Debug, Default)]
pub struct OwnedFilter {
    /// `q`: every pair must hold.
    pub all: Vec<(FilterKey, String)>,
    /// `q2`: further message types, any of which does as well.
    pub or_types: Vec<String>,
    /// `excluding_number_type`.
    pub without_number_types: Vec<String>,
    /// `exclude_10dlc_campaign`: upstream alone can tell.
    pub exclude_10dlc_campaign: bool,
}

/// What `q` may ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterKey {
    /// `type`
    MessageType,
    /// `number_type`
    NumberType,
    /// `country`
    Country,
}

impl OwnedFilter {
    pub(super) fn admits(&self, number: &OwnedNumber) -> bool {
        let is = |field: Option<&String>, value: &str| {
            field.is_some_and(|field| field.eq_ignore_ascii_case(value))
        };
        let all = self.all.iter().all(|(key, value)| match key {
            FilterKey::MessageType => {
                is(number.message_type.as_ref(), value)
                    || self.or_types.iter().any(|other| is(number.message_type.as_ref(), other))
            }
            FilterKey::NumberType => is(number.number_type.as_ref(), value),
            FilterKey::Country => is(number.country.as_ref(), value),
        });
        let asks_for_type = self.all.iter().any(|(key, _)| *key == FilterKey::MessageType);
        let or_types = asks_for_type
            || self.or_types.is_empty()
            || self.or_types.iter().any(|value| is(number.message_type.as_ref(), value));
        let excluded = self.without_number_types.iter().any(|value| is(number.number_type.as_ref(), value));
        all && or_types && !excluded
    }
}

#[cfg(test)]
mod tests {
    use super::{FilterKey, OwnedFilter};
    use crate::domain::owned::OwnedNumber;

    fn number(message_type: &str, number_type: &str, country: &str) -> OwnedNumber {
        OwnedNumber {
            dedicated_number: "+61491570156".into(),
            country: Some(country.into()),
            price: None,
            country_name: None,
            notes: None,
            message_type: Some(message_type.into()),
            number_type: Some(number_type.into()),
            number_category: None,
            number_guid: None,
            form_submission_id: None,
            status: None,
        }
    }

    #[test]
    fn q_joins_with_and_q2_adds_types_and_exclusions_exclude() {
        let row = number("mms", "longcode", "AU");
        let with = |all: &[(FilterKey, &str)], or_types: &[&str], without: &[&str]| OwnedFilter {
            all: all.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
            or_types: or_types.iter().map(|text| (*text).to_owned()).collect(),
            without_number_types: without.iter().map(|text| (*text).to_owned()).collect(),
            exclude_10dlc_campaign: false,
        };
        assert!(with(&[], &[], &[]).admits(&row));
        assert!(
            with(&[(FilterKey::Country, "au"), (FilterKey::NumberType, "LongCode")], &[], &[]).admits(&row)
        );
        assert!(!with(&[(FilterKey::Country, "AU"), (FilterKey::MessageType, "sms")], &[], &[]).admits(&row));
        assert!(
            with(&[(FilterKey::Country, "AU"), (FilterKey::MessageType, "sms")], &["mms"], &[]).admits(&row)
        );
        assert!(!with(&[], &["sms"], &[]).admits(&row));
        assert!(!with(&[], &[], &["shortcode", "longcode"]).admits(&row));
    }
}
