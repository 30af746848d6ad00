//! One registration, and the decision about it.

use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode};
use axum::response::{IntoResponse as _, Redirect};

use super::form::Form;
use super::history::{self, Happening};
use super::page::{self, Failure, Frame, Notice, Place};
use super::registrations::Row;
use super::session::Visitor;
use super::words::{self, When};
use crate::domain::registration::{Registration, RegistrationId};
use crate::http::context::Params;
use crate::http::path::PathParams;
use crate::http::refusal::HttpRefusal;
use crate::http::state::Public;
use crate::http::v1::bounded;
use crate::service::registrations::{AllowedAction, Deciding};
use crate::service::{Code, Refusal};

/// How long an approver waits to see that ClickSend took it.
const WAIT: Duration = Duration::from_secs(10);

#[derive(Template)]
#[template(path = "registration.html", config = "src/http/console/askama.toml")]
struct RegistrationPage {
    frame: Frame,
    form_token: String,
    notice: Option<Notice>,
    registration: Row,
    reference: Option<String>,
    reason: Option<String>,
    digest: String,
    approvers: Option<String>,
    approved_by: Vec<(String, When)>,
    missing: usize,
    rule: String,
    may_approve: bool,
    may_reject: bool,
    may_withdraw: bool,
    comment: String,
    history: Vec<Happening>,
}

impl RegistrationPage {
    async fn read(public: &Public, visitor: &Visitor, id: RegistrationId) -> Result<Self, Refusal> {
        let principal = &visitor.principal;
        let registration = public.registrations.show(principal, id).await?;
        let events = public.registrations.history(principal, id).await?;
        let briefing = public.registrations.brief(principal, &registration).await?;
        let said = public.evidence.personal_of_registration(principal, &registration).await?;
        let zone = &public.settings.time_zone;
        let may = |action| briefing.allowed.contains(&action);
        let row = Row::of(&registration, public);
        let approvals = briefing.approvals.iter().map(|approval| {
            let by = approval.name.clone().unwrap_or_else(|| approval.person.subject.clone());
            (by, When::new(approval.at, zone))
        });
        let team = &registration.requester.team;
        Ok(Self {
            frame: Frame::new(visitor, format!("Registration: {}", row.kind), Place::Elsewhere),
            form_token: visitor.form_token.clone(),
            notice: None,
            reference: registration.reference.clone(),
            reason: history::reason(said.as_deref()),
            digest: registration.form_digest.to_string(),
            approvers: registration.terms.as_ref().map(|terms| words::approvers(terms, team)),
            approved_by: approvals.collect(),
            missing: briefing.missing,
            rule: registration.rule.clone(),
            may_approve: may(AllowedAction::Approve),
            may_reject: may(AllowedAction::Reject),
            may_withdraw: may(AllowedAction::Withdraw),
            comment: String::new(),
            history: history::read(&events, said.as_deref(), zone),
            registration: row,
        })
    }
}

/// The page.
pub(super) async fn show(
    State(public): State<Public>,
    visitor: Visitor,
    PathParams(id): PathParams<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let mut page = RegistrationPage::read(&public, &visitor, registration_id(&id)?).await?;
    page.notice = match Params::of(&uri)?.find("note") {
        Some("approved") => Some(Notice::done("Approval counted", "The page shows what became of it.")),
        Some("rejected") => Some(Notice::done("Rejected", "Whoever asked sees your decision.")),
        Some("withdrawn") => Some(Notice::done("Withdrawn", "Nothing was sent to ClickSend.")),
        Some(_) | None => None,
    };
    Ok(page::html(StatusCode::OK, &page))
}

/// Approves for the form that the page showed.
pub(super) async fn approve(
    State(public): State<Public>,
    visitor: Visitor,
    PathParams(id): PathParams<String>,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let deciding = deciding(&id, &form)?;
    let decided = public.registrations.approve(&visitor.principal, deciding.clone(), WAIT).await;
    answer(&public, &visitor, deciding, decided, "approved").await
}

/// Says no, for everybody.
pub(super) async fn reject(
    State(public): State<Public>,
    visitor: Visitor,
    PathParams(id): PathParams<String>,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let deciding = deciding(&id, &form)?;
    let decided = public.registrations.reject(&visitor.principal, deciding.clone()).await;
    answer(&public, &visitor, deciding, decided, "rejected").await
}

/// Takes a request back.
pub(super) async fn withdraw(
    State(public): State<Public>,
    visitor: Visitor,
    PathParams(id): PathParams<String>,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let deciding = deciding(&id, &form)?;
    let decided = public.registrations.withdraw(&visitor.principal, deciding.clone()).await;
    answer(&public, &visitor, deciding, decided, "withdrawn").await
}

fn registration_id(text: &str) -> Result<RegistrationId, Refusal> {
    text.parse().map_err(|_| Refusal::new(Code::NotFound, "there is no such registration"))
}

fn deciding(id: &str, form: &Form) -> Result<Deciding, Refusal> {
    let digest = form.find("digest").map(str::parse).transpose();
    Ok(Deciding {
        id: registration_id(id)?,
        form_digest: digest.map_err(|_| Refusal::field("digest", "is 64 hexadecimal digits."))?,
        comment: bounded("comment", form.text("comment"), 500)?,
    })
}

/// On to the page as it stands now; after a refusal the same page says why and keeps what was typed.
async fn answer(
    public: &Public,
    visitor: &Visitor,
    deciding: Deciding,
    decided: Result<Registration, Refusal>,
    note: &str,
) -> Result<Response<Body>, Failure> {
    let id = deciding.id;
    let refusal: HttpRefusal = match decided {
        Ok(_) => return Ok(Redirect::to(&format!("/console/registrations/{id}?note={note}")).into_response()),
        Err(refusal) if refusal.code == Code::NotFound => return Err(refusal.into()),
        Err(refusal) => refusal.into(),
    };
    let mut page = RegistrationPage::read(public, visitor, id).await?;
    page.notice = Some(Notice::refused(&refusal));
    page.comment = deciding.comment.unwrap_or_default();
    Ok(page::html(refusal.code.status(), &page))
}
