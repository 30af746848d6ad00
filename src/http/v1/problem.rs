//! Problems (RFC 9457), and the page that each of their types leads to.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::registration::FieldFaults;
use crate::http::document::words;
use crate::http::path::PathParams;
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
    #[schema(value_type = words::Code)]
    code: &'static str,
    /// Which fields, and what is wrong with each.
    #[serde(skip_serializing_if = "FieldFaults::is_empty")]
    #[schema(value_type = BTreeMap<String, String>, required = false)]
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
pub(in crate::http) fn title(code: HttpCode) -> String {
    let words = code.as_str().to_ascii_lowercase().replace('_', " ");
    let (first, rest) = words.split_at(words.len().min(1));
    first.to_ascii_uppercase() + rest
}

/// What a problem means and what to do about it, as a plain page.
#[utoipa::path(get, path = "/problems/{code}", tag = "Gateway", operation_id = "show_problem", security(()),
    params(("code" = String, Path, description = "A code, like POLICY_DENIED")),
    responses(
        (status = 200, description = "Cause and remedy", body = String, content_type = "text/plain"),
    ))]
pub(super) async fn page(PathParams(code): PathParams<String>) -> Result<Response<Body>, Failure> {
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
pub(in crate::http) const fn explanation(code: HttpCode) -> Page {
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
        HttpCode::HeadTooLarge => ("The request has more than 64 headers.", "Send fewer."),
        HttpCode::UnsupportedMediaType => {
            ("The body is not JSON, or is compressed.", "Send application/json without Content-Encoding.")
        }
        HttpCode::Internal => {
            ("A fault of the gateway's own.", "Tell its operator the X-Request-Id. Asking again is safe.")
        }
    }
}

/// Cause and remedy.
pub(in crate::http) type Page = (&'static str, &'static str);

const fn explanation_of_service(code: Code) -> Page {
    match code {
        Code::BadRequest => BAD_REQUEST,
        Code::Forbidden => FORBIDDEN,
        Code::TeamRequired => TEAM_REQUIRED,
        Code::TeamUnknown => TEAM_UNKNOWN,
        Code::PolicyDenied => POLICY_DENIED,
        Code::BudgetExceeded => BUDGET_EXCEEDED,
        Code::DayLimitReached => DAY_LIMIT_REACHED,
        Code::ApprovalRequired => APPROVAL_REQUIRED,
        Code::ApprovalRejected => APPROVAL_REJECTED,
        Code::ApprovalExpired => APPROVAL_EXPIRED,
        Code::AlreadyDecided => ALREADY_DECIDED,
        Code::PurchaseInProgress => PURCHASE_IN_PROGRESS,
        Code::PurchaseOutcomeUnknown => PURCHASE_OUTCOME_UNKNOWN,
        Code::PriceChanged => PRICE_CHANGED,
        Code::NumberNotAvailable => NUMBER_NOT_AVAILABLE,
        Code::AlreadyOwned => ALREADY_OWNED,
        Code::CurrencyMismatch => CURRENCY_MISMATCH,
        Code::IdempotencyKeyReused => IDEMPOTENCY_KEY_REUSED,
        Code::TooManyRequests => TOO_MANY_REQUESTS,
        Code::UpstreamBalance => UPSTREAM_BALANCE,
        Code::UpstreamRefused => UPSTREAM_REFUSED,
        Code::UpstreamCredentialsRefused => UPSTREAM_CREDENTIALS_REFUSED,
        Code::UpstreamUnavailable => UPSTREAM_UNAVAILABLE,
        Code::UpstreamBusy => UPSTREAM_BUSY,
        Code::BuyingFrozen => BUYING_FROZEN,
        Code::AuditUnavailable => AUDIT_UNAVAILABLE,
        Code::NotFound => NOT_FOUND,
    }
}

const BAD_REQUEST: Page =
    ("The request cannot be understood.", "Set right what the fields name, and send it again.");
const FORBIDDEN: Page =
    ("The token's roles do not allow it.", "Ask for the role, or let somebody who has it ask.");
const TEAM_REQUIRED: Page =
    ("A purchase needs one team that pays.", "Name it with X-Gateway-Team, or get a token that names one.");
const TEAM_UNKNOWN: Page = (
    "The token's team is not configured, so it may search and not buy.",
    "The operator adds the team, or maps the issuer's word to it.",
);
const POLICY_DENIED: Page =
    ("A rule says no, or no rule says yes.", "The sentence names the rule; ask whoever owns the policy.");
const BUDGET_EXCEEDED: Page = (
    "What is spent and held leaves no room for setup and one month.",
    "Wait for the next month, or have the budget raised.",
);
const DAY_LIMIT_REACHED: Page =
    ("The day's number of purchases is used up.", "Ask again tomorrow, or have the limit raised.");
const APPROVAL_REQUIRED: Page = (
    "A rule wants other people to approve first.",
    "Have it approved, then send the same request again: it answers with the number.",
);
const APPROVAL_REJECTED: Page =
    ("An approver said no.", "The purchase says who and why; talk to them before asking for the same again.");
const APPROVAL_EXPIRED: Page =
    ("Nobody decided in time, or it was not bought in time after the decision.", "Ask again.");
const ALREADY_DECIDED: Page = (
    "It was decided, withdrawn or sent in the meantime, so this cannot be done any more.",
    "Look at it again: its state and history say what happened.",
);
const PURCHASE_IN_PROGRESS: Page = (
    "The purchase is being sent, or somebody of the team buys this number.",
    "Ask again in a few seconds; nothing is bought twice.",
);
const PURCHASE_OUTCOME_UNKNOWN: Page = (
    "ClickSend's answer to the buy was lost. The number may have been bought.",
    "Do not buy another one. Asking again sends nothing; an administrator looks at ClickSend.",
);
const PRICE_CHANGED: Page = (
    "The live price is above what was agreed to.",
    "Ask again to decide on the new price, or name a higher max_price.",
);
const NUMBER_NOT_AVAILABLE: Page = ("Nobody sells the number now.", "Search, and take another one.");
const ALREADY_OWNED: Page =
    ("The account has the number already.", "List the numbers; there is nothing to buy.");
const CURRENCY_MISMATCH: Page = (
    "ClickSend sells in another currency than the one of the budgets.",
    "The operator sets budget.currency to the account's currency.",
);
const IDEMPOTENCY_KEY_REUSED: Page = (
    "The key came with another request before.",
    "Use a new key for a new request, the old one only to repeat the same.",
);
const TOO_MANY_REQUESTS: Page = ("A limit of the gateway is used up.", "Wait as long as Retry-After says.");
const UPSTREAM_BALANCE: Page = ("The ClickSend account has no money.", "Top it up, then ask again.");
const UPSTREAM_REFUSED: Page = ("ClickSend refused, in its own words.", "The sentence says why.");
const UPSTREAM_CREDENTIALS_REFUSED: Page = (
    "ClickSend does not accept the gateway's credentials.",
    "The operator sets upstream.username and upstream.api_key right.",
);
const UPSTREAM_UNAVAILABLE: Page =
    ("ClickSend could not be asked, and nothing was sent that could not be sent again.", "Ask again later.");
const UPSTREAM_BUSY: Page =
    ("ClickSend's request limit is used up for the moment.", "Ask again in a minute.");
const BUYING_FROZEN: Page =
    ("Buying is switched off.", "The sentence and /readyz say why; the operator switches it on.");
const AUDIT_UNAVAILABLE: Page = (
    "The evidence cannot be written, so nothing is done.",
    "Ask again. The operator looks at the database and its disk.",
);
const NOT_FOUND: Page = ("There is no such thing, or it is not yours to see.", "Check the id and the team.");

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
