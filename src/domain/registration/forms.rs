//! The two forms, checked as ClickSend describes them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A map from field to what is wrong with it, in ClickSend's own form of validation errors.
pub type FieldFaults = BTreeMap<String, String>;

/// The eight fields that ClickSend wants for Australian SMS and MMS numbers; lengths are its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationData {
    /// 2–100 characters.
    pub business_name: String,
    /// 5–150 characters.
    pub business_address: String,
    /// 2–50 characters.
    pub suburb: String,
    /// 2–20 characters.
    pub postcode: String,
    /// 2–50 characters.
    pub state: String,
    /// 2–100 characters.
    pub contact_name: String,
    /// 6–20 of digits, space, `+ ( ) -`. ClickSend's prose allows local numbers and its pattern does not; the
    /// gateway follows the prose and passes the text on as given.
    pub contact_number: String,
    /// Two capital letters.
    pub country: String,
}

impl RegistrationData {
    /// Every field that is out of bounds, with what would be valid.
    pub fn faults(&self) -> FieldFaults {
        let lengths = [
            ("business_name", &self.business_name, 2, 100),
            ("business_address", &self.business_address, 5, 150),
            ("suburb", &self.suburb, 2, 50),
            ("postcode", &self.postcode, 2, 20),
            ("state", &self.state, 2, 50),
            ("contact_name", &self.contact_name, 2, 100),
        ];
        let mut faults: FieldFaults = lengths
            .into_iter()
            .filter(|(_, value, least, most)| !(*least..=*most).contains(&value.chars().count()))
            .map(|(field, _, least, most)| {
                (field.to_owned(), format!("must have {least} to {most} characters."))
            })
            .collect();
        if !is_contact_number(&self.contact_number) {
            faults.insert(
                "contact_number".to_owned(),
                "must have 6 to 20 of digits, space, + ( ) -.".to_owned(),
            );
        }
        if self.country.len() != 2 || !self.country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            faults.insert("country".to_owned(), "must be two capital letters, like AU.".to_owned());
        }
        faults
    }
}

fn is_contact_number(text: &str) -> bool {
    (6..=20).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b" +()-".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// The kinds of number that a registration names in its path; ClickSend takes `10dlc` today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NumberType {
    /// Ten-digit long code.
    #[serde(rename = "10dlc")]
    TenDlc,
    /// Toll-free.
    #[serde(rename = "tollfree")]
    TollFree,
    /// Short code.
    #[serde(rename = "shortcode")]
    ShortCode,
    /// Long code.
    #[serde(rename = "longcode")]
    LongCode,
}

/// A text that names no number type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number type: 10dlc, tollfree, shortcode or longcode")]
pub struct NumberTypeError;

impl NumberType {
    /// The word in ClickSend's path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TenDlc => "10dlc",
            Self::TollFree => "tollfree",
            Self::ShortCode => "shortcode",
            Self::LongCode => "longcode",
        }
    }
}

impl FromStr for NumberType {
    type Err = NumberTypeError;

    /// Takes any case: ClickSend itself writes `10dlc` in one place and `10DLC` in another.
    fn from_str(text: &str) -> Result<Self, NumberTypeError> {
        [Self::TenDlc, Self::TollFree, Self::ShortCode, Self::LongCode]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or(NumberTypeError)
    }
}

impl fmt::Display for NumberType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The body of a registration. The first six fields are required by every source, the other two only by the
/// newest; texts are kept verbatim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationForm {
    /// The person's whole name; must differ from the company's.
    pub full_name: String,
    /// The company.
    pub company_name: String,
    /// Where ClickSend's answer goes.
    pub email: String,
    /// The company's site.
    pub website_url: String,
    /// An example of what will be sent.
    pub sample_message: String,
    /// What the number is for.
    pub primary_use_case: String,
    /// A support telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_number: Option<String>,
    /// The three area codes that are wanted most, as one text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_code: Option<String>,
}

impl RegistrationForm {
    /// The names of all fields.
    pub const FIELDS: [&str; 8] = [
        "full_name",
        "company_name",
        "email",
        "website_url",
        "sample_message",
        "primary_use_case",
        "company_number",
        "area_code",
    ];

    /// Every field that is missing or cannot be, in ClickSend's words.
    pub fn faults(&self) -> FieldFaults {
        let required = [
            ("full_name", &self.full_name, "Full name"),
            ("company_name", &self.company_name, "Company name"),
            ("email", &self.email, "Email"),
            ("website_url", &self.website_url, "Website url"),
            ("sample_message", &self.sample_message, "Sample message"),
            ("primary_use_case", &self.primary_use_case, "Primary use case"),
        ];
        let mut faults: FieldFaults = required
            .into_iter()
            .filter(|(_, value, _)| value.trim().is_empty())
            .map(|(field, _, words)| (field.to_owned(), format!("{words} field is required.")))
            .collect();
        if faults.is_empty() && self.full_name == self.company_name {
            faults.insert("full_name".to_owned(), "Full name must differ from company name.".to_owned());
        }
        faults
    }

    /// The fields that ClickSend's newest description wants and this form lacks: worth a warning, no refusal.
    pub fn missing_newest(&self) -> Vec<&'static str> {
        [("company_number", &self.company_number), ("area_code", &self.area_code)]
            .into_iter()
            .filter(|(_, value)| value.is_none())
            .map(|(field, _)| field)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{RegistrationData, RegistrationForm};

    fn acme() -> RegistrationData {
        RegistrationData {
            business_name: "Acme".into(),
            business_address: "1 Example Street".into(),
            suburb: "Perth".into(),
            postcode: "6000".into(),
            state: "WA".into(),
            contact_name: "Ann Lee".into(),
            contact_number: "(08) 5550 1234".into(),
            country: "AU".into(),
        }
    }

    #[test]
    fn a_local_contact_number_is_taken_as_the_prose_says() {
        assert!(acme().faults().is_empty());
        assert!(RegistrationData { contact_number: "0412345678".into(), ..acme() }.faults().is_empty());
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let bad = RegistrationData {
            business_name: "A".into(),
            contact_number: "call me".into(),
            country: "au".into(),
            ..acme()
        };
        assert_eq!(bad.faults().keys().collect::<Vec<_>>(), ["business_name", "contact_number", "country"]);
    }

    #[test]
    fn six_fields_are_required_and_names_must_differ() {
        assert_eq!(RegistrationForm::default().faults().len(), 6);
        let twice = "Acme".to_owned();
        let form = RegistrationForm {
            full_name: twice.clone(),
            company_name: twice.clone(),
            email: twice.clone(),
            website_url: twice.clone(),
            sample_message: twice.clone(),
            primary_use_case: twice,
            ..RegistrationForm::default()
        };
        assert_eq!(form.faults().keys().collect::<Vec<_>>(), ["full_name"]);
        assert_eq!(form.missing_newest(), ["company_number", "area_code"]);
    }
}
