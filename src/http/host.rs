//! `Host`: exactly one, well formed, one of ours, and the same as in an absolute target (RFC 9112 §3.2).
//!
//! A proxy and a server that read different hosts out of one request are an attack's opening. Whoever is refused is
//! sent away: what follows on the connection may not be what it seems.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{self, HeaderValue, Response, Version, header};
use axum::middleware::Next;

use crate::http::door::Door;
use crate::http::state::{EdgeSettings, Public};
use crate::service::Refusal;

/// Lets a request through that names one host of ours.
pub(super) async fn check(State(public): State<Public>, request: Request, next: Next) -> Response<Body> {
    if is_ours(&request, &public.settings) {
        return next.run(request).await;
    }
    let refusal = Refusal::field("host", "is not one that this gateway answers to.");
    let mut response = Door::of(request.uri().path()).refuse(&refusal.into());
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Whether a request names one host, and one that this gateway answers to.
pub(super) fn is_ours<B>(request: &http::Request<B>, settings: &EdgeSettings) -> bool {
    let ours = &settings.hosts;
    name(request).is_some_and(|name| ours.is_empty() || ours.iter().any(|host| *host == name))
}

/// The one host that a request names, in lower case and without its port.
fn name<B>(request: &http::Request<B>) -> Option<Cow<'_, str>> {
    let target = request.uri().authority().map(Authority::as_str);
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok()?,
        // HTTP/2 has an authority instead.
        (None, None) if request.version() == Version::HTTP_2 => target?,
        _ => return None,
    };
    let agrees = target.is_none_or(|target| target.eq_ignore_ascii_case(host));
    if agrees { name_of(host) } else { None }
}

/// `[::1]` of `[::1]:8080`. A user name before the host is none of it.
fn name_of(host: &str) -> Option<Cow<'_, str>> {
    plain_name(host).map(Cow::Borrowed).or_else(|| parsed_name(host).map(Cow::Owned))
}

/// The name of a host that is nothing but small letters, digits, dots and dashes, and maybe a port: nearly every one.
fn plain_name(host: &str) -> Option<&str> {
    let is_plain =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let length = host.bytes().position(|byte| !is_plain(&byte)).unwrap_or(host.len());
    let (name, rest) = host.split_at_checked(length)?;
    (!name.is_empty() && is_end(rest)).then_some(name)
}

fn parsed_name(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    let name = authority.host();
    let is_whole = is_end(host.strip_prefix(name)?);
    (is_whole && !name.is_empty()).then(|| name.to_ascii_lowercase())
}

/// Whether this is what may follow a name: nothing, or a port.
fn is_end(rest: &str) -> bool {
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

    use super::{name_of, parsed_name};

    #[test]
    fn a_host_is_a_name_or_an_address_and_maybe_a_port() {
        for (host, name) in [
            ("Numbers.Example", Some("numbers.example")),
            ("numbers.example:443", Some("numbers.example")),
            ("127.0.0.1:8080", Some("127.0.0.1")),
            ("[::1]", Some("[::1]")),
            ("[::1]:8080", Some("[::1]")),
            ("", None),
            (":80", None),
            ("a:b", None),
            ("a:+80", None),
            ("a:65536", None),
            ("a@a", None),
            ("a@b", None),
            ("a/b", None),
            ("a b", None),
            ("[::1", None),
            ("http://a", None),
        ] {
            assert_eq!(name_of(host).as_deref(), name, "{host}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_short_way_to_a_name_leads_to_the_same(host in "[a-zA-Z0-9.:@\\[-]{0,8}(:[0-9]{0,6})?") {
            prop_assert_eq!(name_of(&host).map(std::borrow::Cow::into_owned), parsed_name(&host));
        }
    }
}
