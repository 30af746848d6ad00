//! Which of ClickSend's operations a method and a path mean.

use axum::http::Method;

use super::inventory::Number;
use super::journal::Operation;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Endpoint(Endpoint),
    WrongMethod,
    NotFound,
}

/// An operation and the parameters in its path, percent signs decoded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    List,
    Search { country: String },
    Buy { number: String },
    Register { number_type: String, country: String },
    Account,
}

impl Route {
    /// A trailing slash is fine, since upstream's own page links carry one; a doubled slash is another path.
    pub(super) fn of(method: &Method, path: &str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<String> = path.split('/').skip(1).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (wanted, endpoint) = match segments.as_slice() {
            ["v3", "numbers"] => (Method::GET, Endpoint::List),
            ["v3", "account"] => (Method::GET, Endpoint::Account),
            ["v3", "numbers", "search", country] => {
                (Method::GET, Endpoint::Search { country: (*country).to_owned() })
            }
            ["v3", "numbers", "buy", number] => {
                (Method::POST, Endpoint::Buy { number: (*number).to_owned() })
            }
            ["v3", "numbers", "registrations", "number-types", number_type, "country", country] => {
                let (number_type, country) = ((*number_type).to_owned(), (*country).to_owned());
                (Method::POST, Endpoint::Register { number_type, country })
            }
            _ => return Self::NotFound,
        };
        if *method == wanted { Self::Endpoint(endpoint) } else { Self::WrongMethod }
    }

    pub(super) const fn operation(&self) -> Operation {
        match self {
            Self::Endpoint(Endpoint::List) => Operation::List,
            Self::Endpoint(Endpoint::Search { .. }) => Operation::Search,
            Self::Endpoint(Endpoint::Buy { .. }) => Operation::Buy,
            Self::Endpoint(Endpoint::Register { .. }) => Operation::Register,
            Self::Endpoint(Endpoint::Account) => Operation::Account,
            Self::WrongMethod | Self::NotFound => Operation::Unknown,
        }
    }

    /// The number that a purchase is about.
    pub(super) fn number(&self) -> Option<Number> {
        if let Self::Endpoint(Endpoint::Buy { number }) = self { Number::parse(number) } else { None }
    }
}

/// Percent signs decoded; a plus stays a plus, as it does in a path.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let byte = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Method, Route, decoded};

    #[test]
    fn a_plus_in_a_path_may_be_raw_or_encoded() {
        let wanted = Route::Endpoint(Endpoint::Buy { number: "+12025550143".into() });
        assert_eq!(Route::of(&Method::POST, "/v3/numbers/buy/%2B12025550143"), wanted);
        assert_eq!(Route::of(&Method::POST, "/v3/numbers/buy/+12025550143/"), wanted);
        assert_eq!(decoded("100%25%2x%"), "100%%2x%");
    }

    #[test]
    fn methods_and_paths_are_told_apart() {
        assert_eq!(Route::of(&Method::GET, "/v3/numbers/"), Route::Endpoint(Endpoint::List));
        assert_eq!(Route::of(&Method::POST, "/v3/numbers"), Route::WrongMethod);
        assert_eq!(Route::of(&Method::GET, "/v3/numbers/buy/+1"), Route::WrongMethod);
        for path in ["/", "/numbers", "//v3/numbers", "/v3/v3/numbers", "/v3/numbers/search", "/v3/sms"] {
            assert_eq!(Route::of(&Method::GET, path), Route::NotFound, "{path}");
        }
    }
}
