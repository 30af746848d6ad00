//! Forms: sent from a page of this console, small, every field once.
//!
//! A browser sends a cookie with whatever another site makes it send, so a form counts only when it says that it comes
//! from here (`Sec-Fetch-Site`, `Origin`) and brings the value of a cookie that only a page of ours could show.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

use super::page::Failure;
use super::session::FormToken;
use crate::http::authenticate::only;
use crate::http::body;
use crate::http::refusal::{HttpCode, HttpRefusal};
use crate::http::state::Public;
use crate::service::{Code, Refusal};

/// The field that carries the form token.
pub(super) const TOKEN_FIELD: &str = "form_token";
const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The fields of a form that was sent from here.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// A field, trimmed; an empty one is none.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// The same as a text of its own.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(ToOwned::to_owned)
    }
}

impl FromRequest<Public> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, public: &Public) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        check_origin(&parts, &public.settings.hosts)?;
        if only(&parts.headers, &header::CONTENT_TYPE).map(body::essence_of).as_deref() != Some(MEDIA_TYPE) {
            let message = "send the form as application/x-www-form-urlencoded";
            return Err(HttpRefusal::new(HttpCode::UnsupportedMediaType, message).into());
        }
        let bytes = body::bytes(body).await?;
        let form = Self(fields(&bytes)?);
        check_token(&parts, form.find(TOKEN_FIELD))?;
        Ok(form)
    }
}

fn fields(bytes: &[u8]) -> Result<BTreeMap<String, String>, Refusal> {
    let unreadable = || Refusal::new(Code::BadRequest, "the form cannot be read");
    let text = str::from_utf8(bytes).map_err(|_| unreadable())?;
    // The same encoding as a query's, so the same reader.
    let uri: Uri = format!("/?{text}").parse().map_err(|_| unreadable())?;
    let pairs: Vec<(String, String)> = axum::extract::Query::try_from_uri(&uri).map_err(|_| unreadable())?.0;
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        if fields.insert(name.clone(), value).is_some() {
            return Err(Refusal::field(&name, "is given twice."));
        }
    }
    Ok(fields)
}

/// Browsers say where a form comes from, in one header or the other; whatever says neither is none.
fn check_origin(parts: &Parts, hosts: &[String]) -> Result<(), HttpRefusal> {
    let headers = &parts.headers;
    let site = headers.get("sec-fetch-site").map(|site| site == "same-origin");
    let origin = headers.contains_key(header::ORIGIN).then(|| is_ours(parts, hosts));
    let is_from_here = match (site, origin) {
        (None, None) => false,
        (site, origin) => site.unwrap_or(true) && origin.unwrap_or(true),
    };
    if is_from_here {
        return Ok(());
    }
    tracing::info!("a form from another site refused");
    let message = "this form was not sent from a page of the console, so nothing was done";
    Err(Refusal::new(Code::Forbidden, message).into())
}

/// Whether `Origin` names the host that was asked, or one that this gateway is known by.
fn is_ours(parts: &Parts, hosts: &[String]) -> bool {
    let Some((scheme, authority)) =
        only(&parts.headers, &header::ORIGIN).and_then(|text| text.split_once("://"))
    else {
        return false;
    };
    let asked = host(&parts.headers).or_else(|| parts.uri.authority().map(Authority::as_str));
    let is_asked = asked.is_some_and(|asked| asked.eq_ignore_ascii_case(authority));
    let is_known = || {
        let name = authority.parse::<Authority>().ok().map(|authority| authority.host().to_ascii_lowercase());
        name.is_some_and(|name| hosts.contains(&name))
    };
    matches!(scheme, "http" | "https") && (is_asked || is_known())
}

fn host(headers: &HeaderMap) -> Option<&str> {
    only(headers, &header::HOST)
}

fn check_token(parts: &Parts, brought: Option<&str>) -> Result<(), HttpRefusal> {
    let kept = parts.extensions.get::<FormToken>();
    if kept.is_some_and(|kept| !kept.is_new && brought == Some(kept.value.as_str())) {
        return Ok(());
    }
    let message = "the form did not bring its token, so nothing was done: open the page again and send it from \
                   there. The browser must keep cookies, which it does over https and on this machine";
    Err(Refusal::new(Code::Forbidden, message).into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use axum::http::Request;

    use super::{check_origin, fields};

    fn is_accepted(lines: &[(&str, &str)]) -> bool {
        let mut request = Request::post("/console/x").header("host", "numbers.example:8443");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check_origin(&parts, &["console.example".to_owned()]).is_ok()
    }

    #[test]
    fn a_form_must_come_from_here() {
        for (lines, wanted) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("origin", "https://numbers.example:8443")], true),
            (&[("origin", "https://Numbers.example:8443"), ("sec-fetch-site", "same-origin")], true),
            (&[("origin", "https://console.example")], true),
            (&[], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "https://numbers.example")], false),
            (&[("origin", "https://numbers.example:8443.evil.example")], false),
            (&[("origin", "null")], false),
            (&[("origin", "https://numbers.example:8443"), ("origin", "https://evil.example")], false),
            (&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], false),
            (&[("origin", "https://numbers.example:8443"), ("sec-fetch-site", "cross-site")], false),
        ] {
            assert_eq!(is_accepted(lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn a_form_has_every_field_once() {
        let read = fields(b"a=1+2%2B&b=%C3%A9&c=").unwrap();
        assert_eq!(read.into_values().collect::<Vec<_>>(), ["1 2+", "\u{e9}", ""]);
        for bytes in [&b"a=1&a=2"[..], b"\xff", b"a=1 2"] {
            assert!(fields(bytes).is_err(), "{bytes:?}");
        }
    }
}
