//! Problems (RFC 9457), and the page that each of their types leads to.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::registration::FieldFaults;
use crate::http::refusal::{HttpCode, HttpRefusal};
use crate::http::v1::Failure;
use crate::service::Code;

/// What went wrong, for programs (`code`, `type`) and for people (`title`, `detail`).
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Problem {
    /// `/problems/<code>`: a page with cause and remedy.
    r#type: String,
    /// The code in words.
    title: String,
    /// The HTTP status once more.
    status: u16,
    /// This case, as a sentence.
    detail: String,
    /// Stable; the same word as on ClickSend's door.
    code: &'static str,
    /// Which fields, and what is wrong with each.
    #[serde(skip_serializing_if = "FieldFaults::is_empty")]
    fields: FieldFaults,
}

/// A refusal as a problem.
pub(in crate::http) fn refusal(refusal: &HttpRefusal) -> Response<Body> {
    let code = refusal.code;
    let problem = Problem {
        r#type: format!("/problems/{}", code.as_str()),
        title: title(code),
        status: code.status().as_u16(),
        detail: refusal.message.clone(),
        code: code.as_str(),
        fields: refusal.fields.clone(),
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code.status();
    let content_type = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// `PURCHASE_IN_PROGRESS` as "Purchase in progress".
fn title(code: HttpCode) -> String {
    let words = code.as_str().to_ascii_lowercase().replace('_', " ");
    let (first, rest) = words.split_at(words.len().min(1));
    first.to_ascii_uppercase() + rest
}

/// What a problem means and what to do about it, as a plain page.
#[utoipa::path(get, path = "/problems/{code}", tag = "Gateway", security(()),
    params(("code" = String, Path, description = "A code, like POLICY_DENIED")),
    responses(
        (status = 200, description = "Cause and remedy", body = String, content_type = "text/plain"),
        (status = 404, description = "No such code", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn page(Path(code): Path<String>) -> Result<Response<Body>, Failure> {
    let known = HttpCode::all().find(|known| known.as_str() == code);
    let code = known.ok_or_else(|| HttpRefusal::new(HttpCode::NotFound, "there is no such problem"))?;
    let (cause, remedy) = explanation(code);
    let text = format!(
        "{}\nHTTP status {}\n\nWhat it means\n  {cause}\n\nWhat to do\n  {remedy}\n",
        code.as_str(),
        code.status().as_u16()
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::OK;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

/// Cause and remedy of each code; exhaustive, so that no problem is without a page.
const fn explanation(code: HttpCode) -> (&'static str, &'static str) {
    match code {
        HttpCode::Service(code) => explanation_of_service(code),
        HttpCode::Unauthorized => (
            "The request brought no token, or one that is not accepted here.",
            "Send a valid token; the operator sees why it was refused with `numbers-gateway token check`.",
        ),
        HttpCode::IssuerUnavailable => (
            "The keys of the token's issuer could not be fetched.",
            "Ask again shortly. The operator looks at the issuer's address and at /readyz.",
        ),
        HttpCode::NotServedHere => (
            "The path belongs to ClickSend's API, but not to its Numbers part.",
            "Ask ClickSend itself for other parts; add /v3 to the base URL if it is missing.",
        ),
        HttpCode::NotFound => {
            ("There is nothing at this path.", "Look into /openapi.json for what there is.")
        }
        HttpCode::MethodNotAllowed => {
            ("The path exists, the method does not.", "Use a method of the Allow header.")
        }
        HttpCode::PayloadTooLarge => ("The body has more than 64 KiB.", "Send less."),
        HttpCode::UnsupportedMediaType => {
            ("The body is not JSON, or is compressed.", "Send application/json without Content-Encoding.")
        }
        HttpCode::Internal => {
            ("A fault of the gateway's own.", "Tell its operator the X-Request-Id. Asking again is safe.")
        }
    }
}

const fn explanation_of_service(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::BadRequest => {
            ("The request cannot be understood.", "Set right what the fields name, and send it again.")
        }
        Code::Forbidden => {
            ("The token's roles do not allow it.", "Ask for the role, or let somebody who has it ask.")
        }
        Code::TeamRequired => (
            "A purchase needs one team that pays.",
            "Name it with X-Gateway-Team, or get a token that names one.",
        ),
        Code::TeamUnknown => (
            "The token's team is not configured, so it may search and not buy.",
            "The operator adds the team, or maps the issuer's word to it.",
        ),
        Code::PolicyDenied => (
            "A rule says no, or no rule says yes.",
            "The sentence names the rule; ask whoever owns the policy.",
        ),
        Code::BudgetExceeded => (
            "What is spent and held leaves no room for setup and one month.",
            "Wait for the next month, or have the budget raised.",
        ),
        Code::DayLimitReached => {
            ("The day's number of purchases is used up.", "Ask again tomorrow, or have it raised.")
        }
        Code::PurchaseInProgress => (
            "The purchase is being sent, or somebody of the team buys this number.",
            "Ask again in a few seconds; nothing is bought twice.",
        ),
        Code::PurchaseOutcomeUnknown => (
            "ClickSend's answer to the buy was lost. The number may have been bought.",
            "Do not buy another one. It is being found out; asking again sends nothing.",
        ),
        Code::PriceChanged => (
            "The live price is above what was agreed to.",
            "Ask again to decide on the new price, or name a higher max_price.",
        ),
        Code::NumberNotAvailable => ("Nobody sells the number now.", "Search, and take another one."),
        Code::AlreadyOwned => {
            ("The account has the number already.", "List the numbers; there is nothing to buy.")
        }
        Code::CurrencyMismatch => (
            "ClickSend sells in another currency than the one of the budgets.",
            "The operator sets budget.currency to the account's currency.",
        ),
        Code::IdempotencyKeyReused => (
            "The key came with another request before.",
            "Use a new key for a new request, the old one only to repeat the same.",
        ),
        Code::TooManyRequests => ("A limit of the gateway is used up.", "Wait as long as Retry-After says."),
        Code::UpstreamBalance => ("The ClickSend account has no money.", "Top it up, then ask again."),
        Code::UpstreamRefused => ("ClickSend refused, in its own words.", "Its sentence says why."),
        Code::UpstreamCredentialsRefused => (
            "ClickSend does not accept the gateway's credentials.",
            "The operator sets upstream.username and upstream.api_key right.",
        ),
        Code::UpstreamUnavailable => (
            "ClickSend could not be asked, and nothing was sent that could not be sent again.",
            "Ask again later.",
        ),
        Code::UpstreamBusy => {
            ("ClickSend's request limit is used up for the moment.", "Ask again in a minute.")
        }
        Code::BuyingFrozen => {
            ("Buying is switched off.", "The sentence and /readyz say why; the operator lifts it.")
        }
        Code::AuditUnavailable => (
            "The evidence cannot be written, so nothing is done.",
            "Ask again. The operator looks at the database and its disk.",
        ),
        Code::NotFound => {
            ("There is no such thing, or it is not yours to see.", "Check the id and the team.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{explanation, title};
    use crate::http::refusal::HttpCode;

    #[test]
    fn every_problem_has_a_page_of_whole_sentences() {
        for code in HttpCode::all() {
            let (cause, remedy) = explanation(code);
            assert!(cause.ends_with('.') && remedy.ends_with('.'), "{}", code.as_str());
        }
    }

    #[test]
    fn a_title_is_the_code_in_words() {
        assert_eq!(title(HttpCode::NotServedHere), "Not served here");
    }
}
