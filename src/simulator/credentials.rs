//! Basic credentials, as far as anybody needs to know them.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Who the caller says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Absent,
    Invalid { user: Option<String> },
    Valid { user: String },
}

/// Users that ClickSend documents for tests. What they are answered is a guess.
pub(super) const SPECIAL_USERS: [&str; 3] = ["nocredit", "notactive", "banned"];

impl Credentials {
    /// Basic only, split at the first colon. The special users come with the account's own key.
    pub(super) fn of(headers: &HeaderMap, username: &str, api_key: &str) -> Self {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Self::Absent };
        let pair = value
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((user, key)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else {
            return Self::Invalid { user: None };
        };
        let known = user == username || SPECIAL_USERS.contains(&user);
        let user = user.to_owned();
        if known && key == api_key { Self::Valid { user } } else { Self::Invalid { user: Some(user) } }
    }

    /// All of them that is ever shown.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Invalid { .. } => "invalid",
            Self::Valid { .. } => "valid",
        }
    }

    /// The user name, right or wrong.
    pub(super) fn user(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Invalid { user } => user.clone(),
            Self::Valid { user } => Some(user.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use axum::http::{HeaderMap, HeaderValue, header};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::Credentials;

    fn basic(pair: &str) -> HeaderMap {
        let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).unwrap();
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    #[test]
    fn credentials_are_split_at_the_first_colon() {
        let read = |pair: &str| Credentials::of(&basic(pair), "me", "k:e:y");
        assert_eq!(read("me:k:e:y"), Credentials::Valid { user: "me".into() });
        assert_eq!(read("banned:k:e:y"), Credentials::Valid { user: "banned".into() });
        assert_eq!(read("me:wrong"), Credentials::Invalid { user: Some("me".into()) });
        assert_eq!(read("you:k:e:y"), Credentials::Invalid { user: Some("you".into()) });
        assert_eq!(read("nothing"), Credentials::Invalid { user: None });
        assert_eq!(Credentials::of(&HeaderMap::new(), "me", "k"), Credentials::Absent);
    }
}
