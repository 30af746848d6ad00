//! Signing in with a token that is pasted once, and signing out.

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode};
use axum::response::{IntoResponse as _, Redirect};

use super::form::Form;
use super::page::{self, Failure, Frame, Notice};
use super::session::{self, FormToken, LONGEST_TOKEN};
use crate::auth;
use crate::http::context::Params;
use crate::http::state::Public;

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/http/console/askama.toml")]
struct SignInPage {
    frame: Frame,
    form_token: String,
    to: String,
    notice: Option<Notice>,
}

/// The page in between for who follows a link from another site.
#[derive(Template)]
#[template(path = "onward.html", config = "src/http/console/askama.toml")]
pub(super) struct Onward {
    pub(super) target: String,
}

impl SignInPage {
    fn new(form_token: FormToken, to: Option<&str>) -> Self {
        let to = to.filter(|to| is_place_of_ours(to)).unwrap_or("/console/").to_owned();
        Self { frame: Frame::bare("Sign in"), form_token: form_token.value, to, notice: None }
    }

    fn refused(self, text: &str) -> Response<Body> {
        let notice = Notice { tone: "bad", ..Notice::done("Not signed in", text) };
        page::html(StatusCode::UNAUTHORIZED, &Self { notice: Some(notice), ..self })
    }
}

/// The page where a token is pasted.
pub(super) async fn show(
    Extension(form_token): Extension<FormToken>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let params = Params::of(&uri)?;
    let mut page = SignInPage::new(form_token, params.find("to"));
    page.notice = params.find("note").and_then(why);
    Ok(page::html(StatusCode::OK, &page))
}

/// Why somebody is here again.
fn why(note: &str) -> Option<Notice> {
    match note {
        "signed-out" => Some(Notice::done("Signed out", "This browser has forgotten the token.")),
        "ended" => {
            let text = "The time of your token is over, or it was taken back. Paste a new one to go on.";
            Some(Notice { tone: "bad", ..Notice::done("Please sign in again", text) })
        }
        _ => None,
    }
}

/// Makes a token into a cookie.
pub(super) async fn sign_in(
    State(public): State<Public>,
    Extension(form_token): Extension<FormToken>,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let page = SignInPage::new(form_token, form.find("to"));
    let Some(token) = form.find("token") else {
        return Ok(page.refused("Paste a token first."));
    };
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim_start();
    if token.len() > LONGEST_TOKEN {
        return Ok(
            page.refused("This token is longer than a browser keeps. Ask for one with fewer groups in it.")
        );
    }
    match public.verifier.verify(token).await {
        Ok(principal) => {
            let mut response = Redirect::to(&page.to).into_response();
            session::begin(&mut response, token, &principal);
            Ok(response)
        }
        Err(auth::Refusal::Invalid(reason)) => {
            public.metrics.token_refused(reason.as_str());
            tracing::info!(reason = reason.as_str(), "token refused");
            Ok(page.refused(
                "This token is not accepted here, or its time is over. Ask for a new one, and paste all of it.",
            ))
        }
        Err(auth::Refusal::IssuerUnavailable) => {
            public.metrics.token_refused("issuer_unavailable");
            Err(session::issuer_unavailable().into())
        }
    }
}

/// Makes the browser forget the token.
pub(super) async fn sign_out(_form: Form) -> Response<Body> {
    let mut response = Redirect::to("/console/sign-in?note=signed-out").into_response();
    session::end(&mut response);
    response
}

/// A path of the console and nothing that a browser might take for another host.
fn is_place_of_ours(to: &str) -> bool {
    to.starts_with("/console/") && !to.contains(['\\', '\n', '\r']) && !to.contains("//")
}
