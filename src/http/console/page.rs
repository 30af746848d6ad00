//! What every page is set in: its frame, its headers, and the page that says no.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::session::Visitor;
use crate::domain::principal::Role;
use crate::http::door::Door;
use crate::http::refusal::{HttpCode, HttpRefusal};
use crate::http::v1::problem;
use crate::service::Code;

/// Own files only and nothing inline; nobody may put a page into a frame, and forms go nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// What is around a page: title, navigation, who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) visitor: Option<Guest>,
    pub(super) entries: Vec<Entry>,
}

/// Who is signed in, as the frame shows it.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) name: String,
    pub(super) part: String,
    pub(super) form_token: String,
    pub(super) may_sign_out: bool,
}

/// An entry of the navigation.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) href: &'static str,
    pub(super) label: &'static str,
    pub(super) is_current: bool,
}

/// The places of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Waiting,
    Requests,
    Search,
    Numbers,
    Registrations,
    Budgets,
    Audit,
    Elsewhere,
}

impl Place {
    const fn entry(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Waiting => Some(("/console/waiting", "Waiting")),
            Self::Requests => Some(("/console/requests", "Requests")),
            Self::Search => Some(("/console/search", "Find a number")),
            Self::Numbers => Some(("/console/numbers", "Numbers")),
            Self::Registrations => Some(("/console/registrations", "Registrations")),
            Self::Budgets => Some(("/console/budgets", "Budgets")),
            Self::Audit => Some(("/console/audit", "Audit")),
            Self::Elsewhere => None,
        }
    }
}

impl Frame {
    /// The frame of a page for somebody who is signed in.
    pub(super) fn new(visitor: &Visitor, title: impl Into<String>, place: Place) -> Self {
        let principal = &visitor.principal;
        let places = [
            (Place::Waiting, principal.may_decide()),
            (Place::Requests, principal.may_read()),
            (Place::Search, principal.may_read()),
            (Place::Numbers, principal.may_read()),
            (Place::Registrations, principal.may_read()),
            (Place::Budgets, principal.may_read()),
            (Place::Audit, principal.has(Role::Auditor) || principal.has(Role::Administrator)),
        ];
        let offered = places.into_iter().filter(|(_, offered)| *offered);
        let entries = offered.filter_map(|(of, _)| {
            let (href, label) = of.entry()?;
            Some(Entry { href, label, is_current: of == place })
        });
        let teams = principal.teams.iter().map(ToString::to_string);
        let roles = principal.roles.iter().copied().map(Role::as_str).map(str::to_owned);
        Self {
            title: title.into(),
            entries: entries.collect(),
            visitor: Some(Guest {
                name: principal.name.clone().unwrap_or_else(|| principal.person.subject.clone()),
                part: teams.chain(roles).collect::<Vec<_>>().join(" · "),
                form_token: visitor.form_token.clone(),
                may_sign_out: visitor.by_cookie,
            }),
        }
    }

    /// The frame of a page for anybody.
    pub(super) fn bare(title: impl Into<String>) -> Self {
        Self { title: title.into(), visitor: None, entries: Vec::new() }
    }
}

/// Something that a page says above everything else.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    /// `good` or `bad`.
    pub(super) tone: &'static str,
    pub(super) title: String,
    pub(super) text: String,
    /// What to do next.
    pub(super) remedy: Option<&'static str>,
    /// The word for programs, and for whoever is asked for help.
    pub(super) code: Option<&'static str>,
    /// Which fields, and what is wrong with each.
    pub(super) fields: Vec<(String, String)>,
}

impl Notice {
    /// That something was done.
    pub(super) fn done(title: &str, text: &str) -> Self {
        let (title, text) = (title.to_owned(), text.to_owned());
        Self { tone: "good", title, text, remedy: None, code: None, fields: Vec::new() }
    }

    /// That something was refused, why, and what to do.
    pub(super) fn refused(refusal: &HttpRefusal) -> Self {
        Self {
            tone: "bad",
            title: problem::title(refusal.code),
            text: as_sentence(&refusal.message),
            remedy: Some(remedy(refusal.code)),
            code: Some(refusal.code.as_str()),
            fields: refusal.fields.clone().into_iter().collect(),
        }
    }
}

/// What to do about it on a page, where that is something else than for a program.
fn remedy(code: HttpCode) -> &'static str {
    const ON_A_PAGE: [(HttpCode, &str); 6] = [
        (HttpCode::Unauthorized, "Sign in again."),
        (HttpCode::NotFound, "Begin at the start."),
        (HttpCode::Service(Code::NotFound), "Somebody else may see it: ask whoever sent you here."),
        (HttpCode::Service(Code::TeamRequired), "Choose the team that pays."),
        (HttpCode::Service(Code::TooManyRequests), "Wait a moment, then try again."),
        (HttpCode::Service(Code::PriceChanged), "Look at the price as it stands now, and decide again."),
    ];
    let of_page = ON_A_PAGE.into_iter().find(|(of, _)| *of == code);
    of_page.map_or_else(|| problem::explanation(code).1, |(_, remedy)| remedy)
}

/// "the price moved" as "The price moved."
pub(super) fn as_sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    capitalized(text) + stop
}

pub(super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    first + letters.as_str()
}

#[derive(Template)]
#[template(path = "refused.html", config = "src/http/console/askama.toml")]
struct RefusedPage {
    frame: Frame,
    notice: Notice,
}

/// A failure of a handler of the console.
pub(super) struct Failure(HttpRefusal);

impl<R: Into<HttpRefusal>> From<R> for Failure {
    fn from(refusal: R) -> Self {
        Self(refusal.into())
    }
}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        Door::Console.refuse(&self.0)
    }
}

/// Left on an answer that says no, so that it can be framed for whoever is signed in.
#[derive(Clone, Debug)]
pub(super) struct Refused(pub(super) HttpRefusal);

/// A refusal as a page for anybody.
pub(in crate::http) fn refusal(refusal: &HttpRefusal) -> Response<Body> {
    let notice = Notice::refused(refusal);
    let page = RefusedPage { frame: Frame::bare(notice.title.clone()), notice };
    let mut response = html(refusal.code.status(), &page);
    response.extensions_mut().insert(Refused(refusal.clone()));
    response
}

/// The same for somebody who is signed in, with the headers that it has.
pub(super) fn refused_inside(
    visitor: &Visitor,
    refusal: &HttpRefusal,
    response: Response<Body>,
) -> Response<Body> {
    let notice = Notice::refused(refusal);
    let page = RefusedPage { frame: Frame::new(visitor, notice.title.clone(), Place::Elsewhere), notice };
    let (parts, _) = response.into_parts();
    Response::from_parts(parts, html(refusal.code.status(), &page).into_body())
}

/// A page.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response<Body> {
    let (status, text) = match page.render() {
        Ok(text) => (status, text),
        Err(error) => {
            tracing::error!(%error, "a page of the console could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made.".to_owned())
        }
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    seal(headers);
    response
}

/// What every answer of the console tells the browser. `same-origin` and not `no-referrer`: with that, browsers send
/// forms with `Origin: null`.
pub(super) fn seal(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
