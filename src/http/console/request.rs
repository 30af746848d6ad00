//! Asking for a number: what would happen, and the form.

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode};
use axum::response::{IntoResponse as _, Redirect};
use std::time::Duration;

use super::form::Form;
use super::page::{self, Failure, Frame, Notice, Place, as_sentence};
use super::session::Visitor;
use super::words;
use crate::domain::policy::{Action, Verdict};
use crate::domain::principal::TeamId;
use crate::domain::purchase::MessageType;
use crate::http::context::{Params, escaped};
use crate::http::refusal::HttpRefusal;
use crate::http::state::Public;
use crate::http::v1::{bounded, parsed};
use crate::service::Refusal;
use crate::service::evaluation::{Evaluation, Trial};
use crate::service::purchasing::PurchaseRequest;

/// How long somebody waits to see the number bought, where no approval is wanted.
const WAIT: Duration = Duration::from_secs(10);

#[derive(Template)]
#[template(path = "request.html", config = "src/http/console/askama.toml")]
struct RequestPage {
    frame: Frame,
    form_token: String,
    notice: Option<Notice>,
    typed: Typed,
    /// Where the token names several teams, one has to be chosen.
    teams: Vec<(String, String)>,
    currency: String,
    forecast: Option<Forecast>,
    /// To other numbers of the same country.
    others: String,
}

/// What stands in the form.
#[derive(Clone, Debug, Default)]
struct Typed {
    number: String,
    country: String,
    message_type: String,
    team: String,
    reason: String,
    reference: String,
    max_price: String,
}

/// What the rules would say.
struct Forecast {
    tone: &'static str,
    text: String,
    price: Option<(String, String)>,
}

impl RequestPage {
    fn new(public: &Public, visitor: &Visitor, typed: Typed) -> Self {
        let principal = &visitor.principal;
        let teams = principal.teams.iter().filter(|_| principal.teams.len() > 1);
        Self {
            frame: Frame::new(visitor, "Ask for a number", Place::Search),
            form_token: visitor.form_token.clone(),
            notice: None,
            others: format!("/console/search?country={}", escaped(&typed.country)),
            typed,
            teams: teams.map(|team| (team.to_string(), words::team(team, &public.teams.now()))).collect(),
            currency: public.budgets.currency().map(|currency| currency.to_string()).unwrap_or_default(),
            forecast: None,
        }
    }
}

/// The form, with what would happen to the request.
pub(super) async fn show(
    State(public): State<Public>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let params = Params::of(&uri)?;
    let text = |name: &str| params.find(name).unwrap_or_default().to_owned();
    let typed = Typed { number: text("number"), country: text("country"), ..Typed::default() };
    let mut page = RequestPage::new(&public, &visitor, typed);
    let trial = Trial {
        action: Action::Buy,
        number: Some(parsed("number", &page.typed.number)?),
        team: None,
        country: params.find("country").map(|country| parsed("country", country)).transpose()?,
        message_type: None,
        number_type: None,
        price: None,
    };
    // A forecast that cannot be had keeps nobody from asking: the request itself is judged again.
    page.forecast = match public.purchasing.evaluate(&visitor.principal, trial).await {
        Ok(evaluation) => Some(Forecast::of(&evaluation, &public)),
        Err(refusal) => Some(Forecast { tone: "bad", text: as_sentence(&refusal.message), price: None }),
    };
    Ok(page::html(StatusCode::OK, &page))
}

/// Asks for the number. Sending the form twice finds the first request.
pub(super) async fn send(
    State(public): State<Public>,
    visitor: Visitor,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let asked = match purchase_request(&form) {
        Ok(request) => public.purchasing.request(&visitor.principal, request).await,
        Err(refusal) => Err(refusal),
    };
    let refusal: HttpRefusal = match asked {
        Ok(answered) => {
            let page = format!("/console/purchases/{}?note=requested", answered.purchase.id);
            return Ok(Redirect::to(&page).into_response());
        }
        Err(refusal) => refusal.into(),
    };
    let text = |name: &str| form.text(name).unwrap_or_default();
    let typed = Typed {
        number: text("number"),
        country: text("country"),
        message_type: text("type"),
        team: text("team"),
        reason: text("reason"),
        reference: text("reference"),
        max_price: text("max_price"),
    };
    let notice = Some(Notice::refused(&refusal));
    let page = RequestPage { notice, ..RequestPage::new(&public, &visitor, typed) };
    Ok(page::html(refusal.code.status(), &page))
}

fn purchase_request(form: &Form) -> Result<PurchaseRequest, Refusal> {
    Ok(PurchaseRequest {
        number: parsed("number", form.find("number").unwrap_or_default())?,
        message_type: form.find("type").map_or(Ok(MessageType::Sms), |text| parsed("type", text))?,
        country: form.find("country").map(|text| parsed("country", text)).transpose()?,
        team: form.find("team").map(|text| parsed::<TeamId>("team", text)).transpose()?,
        reason: bounded("reason", form.text("reason"), 500)?,
        reference: bounded("reference", form.text("reference"), 100)?,
        on_behalf_of: None,
        max_price: form.find("max_price").map(|text| parsed("max_price", text)).transpose()?,
        registration_data: None,
        // The same person and number find the same purchase, also from a form that was changed in between.
        idempotency: None,
        wait: Some(WAIT),
    })
}

impl Forecast {
    fn of(evaluation: &Evaluation, public: &Public) -> Self {
        let (tone, text) = match &evaluation.decision.verdict {
            Verdict::Allow if evaluation.fits_budget => {
                ("good", "A rule allows this: the number is bought as soon as you ask.".to_owned())
            }
            Verdict::Approvals(terms) if evaluation.fits_budget => {
                let who = words::approvers(terms, &evaluation.case.team);
                ("wait", format!("Others decide about this first: {who}."))
            }
            Verdict::Allow | Verdict::Approvals(_) => {
                ("bad", "The budget has no room for this at the moment.".to_owned())
            }
            Verdict::Deny(why) => ("bad", format!("The rules say no: {}", as_sentence(why))),
        };
        let price = evaluation.case.price.zip(public.budgets.currency()).map(|(price, currency)| {
            (words::money(price.monthly, currency), words::money(price.setup, currency))
        });
        Self { tone, text, price }
    }
}
