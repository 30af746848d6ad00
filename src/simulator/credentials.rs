//! Basic credentials, as far as anybody needs to know them, and the key they must carry.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// The account's API key; after a rotation also the one before it, until its grace is over.
#[derive(Clone, Debug)]
pub(super) struct AccountKey {
    current: String,
    before: Option<(String, Timestamp)>,
}

impl AccountKey {
    pub(super) const fn new(current: String) -> Self {
        Self { current, before: None }
    }

    /// Another key from now on. The one before is taken until then; with the same key once more it is taken no more.
    pub(super) fn rotate(&mut self, to: String, until: Timestamp) {
        if self.current == to {
            self.before = None;
            return;
        }
        let before = std::mem::replace(&mut self.current, to);
        self.before = Some((before, until));
    }

    pub(super) fn current(&self) -> &str {
        &self.current
    }

    fn opens(&self, key: &str, now: Timestamp) -> bool {
        let is_before = |(before, until): &(String, Timestamp)| before == key && now < *until;
        self.current == key || self.before.as_ref().is_some_and(is_before)
    }
}

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
    pub(super) fn of(headers: &HeaderMap, username: &str, account: &AccountKey, now: Timestamp) -> Self {
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
        if known && account.opens(key, now) {
            Self::Valid { user }
        } else {
            Self::Invalid { user: Some(user) }
        }
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

    use jiff::Timestamp;

    use super::{AccountKey, Credentials};

    fn basic(pair: &str) -> HeaderMap {
        let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).unwrap();
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    #[test]
    fn credentials_are_split_at_the_first_colon() {
        let key = AccountKey::new("k:e:y".to_owned());
        let read = |pair: &str| Credentials::of(&basic(pair), "me", &key, Timestamp::UNIX_EPOCH);
        assert_eq!(read("me:k:e:y"), Credentials::Valid { user: "me".into() });
        assert_eq!(read("banned:k:e:y"), Credentials::Valid { user: "banned".into() });
        assert_eq!(read("me:wrong"), Credentials::Invalid { user: Some("me".into()) });
        assert_eq!(read("you:k:e:y"), Credentials::Invalid { user: Some("you".into()) });
        assert_eq!(read("nothing"), Credentials::Invalid { user: None });
        let none = Credentials::of(&HeaderMap::new(), "me", &key, Timestamp::UNIX_EPOCH);
        assert_eq!(none, Credentials::Absent);
    }

    #[test]
    fn the_key_before_is_taken_until_its_grace_is_over() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut key = AccountKey::new("old".to_owned());
        key.rotate("new".to_owned(), at(10));
        let opens = |text, second| key.opens(text, at(second));
        assert_eq!(
            [opens("new", 0), opens("old", 9), opens("old", 10), opens("other", 0)],
            [true, true, false, false]
        );
        assert_eq!(key.current(), "new");
    }
}
