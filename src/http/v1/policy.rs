//! `POST /v1/policy/evaluate`: what would happen, rule by rule, without doing it.

use axum::Json;
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::money::Money;
use crate::domain::policy::{Action, Price, RuleTrace, Verdict};
use crate::http::body;
use crate::http::context;
use crate::http::document::words;
use crate::http::state::{Caller, Public};
use crate::http::v1::budgets::BudgetView;
use crate::http::v1::{Amount, Failure, parsed};
use crate::service::Refusal;
use crate::service::evaluation::{Evaluation, Trial};

/// A request to try.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrialBody {
    /// buy (default) or register.
    #[schema(value_type = Option<words::Action>)]
    action: Option<Action>,
    /// A number on sale: its live price is asked for.
    #[schema(value_type = Option<words::Number>)]
    number: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(value_type = Option<words::Country>)]
    country: Option<String>,
    /// sms (default), mms or voice.
    #[schema(value_type = Option<words::MessageType>)]
    #[serde(rename = "type")]
    message_type: Option<String>,
    /// Of a registration.
    number_type: Option<String>,
    /// The price once, where no number is named.
    #[schema(value_type = Option<words::Decimal>)]
    setup: Option<String>,
    /// The price every month, where no number is named.
    #[schema(value_type = Option<words::Decimal>)]
    monthly: Option<String>,
}

/// What would happen.
#[derive(Serialize, ToSchema)]
pub(super) struct EvaluationView {
    /// allow, approvals or deny.
    verdict: &'static str,
    /// The rule that decides; null when none matches, which refuses.
    rule: Option<String>,
    /// Why, for a refusal.
    why: Option<String>,
    /// How many people would have to approve.
    approvals: u32,
    /// The policy this is said by.
    policy_digest: String,
    /// Every rule in order.
    rules: Vec<RuleView>,
    /// The price it was decided by; null where it is open.
    price: Option<PriceView>,
    /// Whether the budgets that the caller may see would have room.
    fits_budget: bool,
    /// The team's budget, as it stands and with this purchase.
    budget: Option<BudgetView>,
}

/// How one rule relates to the request.
#[derive(Serialize, ToSchema)]
pub(super) struct RuleView {
    /// Its name.
    rule: String,
    /// Whether it decides.
    decides: bool,
    /// Whether no earlier rule decided.
    reached: bool,
    /// The keys of its condition that the request does not meet.
    unmet: Vec<&'static str>,
}

/// A price.
#[derive(Serialize, ToSchema)]
pub(super) struct PriceView {
    /// Once.
    setup: Amount,
    /// Every month.
    monthly: Amount,
    /// Setup and one month.
    total: Amount,
}

/// What would happen to a request: rule by rule, and the budget after it. Nothing is done.
#[utoipa::path(post, path = "/v1/policy/evaluate", tag = "Gateway", operation_id = "evaluate_policy",
    params(("X-Gateway-Team" = Option<String>, Header, description = "The team that would pay, where the token names several")),
    request_body = TrialBody,
    responses(
        (status = 200, description = "What would happen", body = EvaluationView),
    ))]
pub(super) async fn evaluate(
    State(public): State<Public>,
    caller: Caller,
    request: Request,
) -> Result<Json<EvaluationView>, Failure> {
    let team = context::team_header(request.headers())?;
    let fields = body::fields(request).await?;
    let evaluation = public.purchasing.evaluate(&caller.0, Trial { team, ..trial(fields)? }).await?;
    Ok(Json(EvaluationView::of(&evaluation, public.budgets.currency())))
}

fn trial(fields: TrialBody) -> Result<Trial, Refusal> {
    let money =
        |field: &str, text: Option<String>| text.map(|text| parsed::<Money>(field, &text)).transpose();
    let price = match (money("setup", fields.setup)?, money("monthly", fields.monthly)?) {
        (None, None) => None,
        (setup, monthly) => {
            Some(Price { setup: setup.unwrap_or_default(), monthly: monthly.unwrap_or_default() })
        }
    };
    if price.is_some() && fields.number.is_some() {
        return Err(Refusal::field("number", "brings its own price: leave setup and monthly out."));
    }
    Ok(Trial {
        action: fields.action.unwrap_or(Action::Buy),
        number: fields.number.map(|text| parsed("number", &text)).transpose()?,
        team: None,
        country: fields.country.map(|text| parsed("country", &text)).transpose()?,
        message_type: fields.message_type.map(|text| parsed("type", &text)).transpose()?,
        number_type: fields.number_type,
        price,
    })
}

impl EvaluationView {
    fn of(evaluation: &Evaluation, currency: Option<crate::domain::money::Currency>) -> Self {
        let (verdict, why, approvals) = match &evaluation.decision.verdict {
            Verdict::Allow => ("allow", None, 0),
            Verdict::Deny(why) => ("deny", Some(why.clone()), 0),
            Verdict::Approvals(terms) => {
                ("approvals", None, terms.stages.iter().map(|stage| stage.approvals).sum())
            }
        };
        let price = evaluation.case.price.zip(currency);
        let more = evaluation.case.price.map(Price::total).unwrap_or_default();
        Self {
            verdict,
            rule: evaluation.decision.rule.clone(),
            why,
            approvals,
            policy_digest: evaluation.policy_digest.to_string(),
            rules: evaluation.traces.iter().map(RuleView::of).collect(),
            price: price.map(|(price, currency)| PriceView {
                setup: Amount::new(price.setup, currency),
                monthly: Amount::new(price.monthly, currency),
                total: Amount::new(price.total(), currency),
            }),
            fits_budget: evaluation.fits_budget,
            budget: evaluation
                .budget
                .as_ref()
                .zip(currency)
                .map(|(position, currency)| BudgetView::with(position, currency, more)),
        }
    }
}

impl RuleView {
    fn of(trace: &RuleTrace) -> Self {
        Self {
            rule: trace.rule.clone(),
            decides: trace.decides,
            reached: trace.is_reached,
            unmet: trace.unmet.clone(),
        }
    }
}
