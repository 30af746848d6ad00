//! An event of the evidence as a message: what happened, to whom it matters, the figures, and where to go.
//!
//! A message leaves the house, so it has what deciding needs and no more: no reason, no comment, no address of a
//! person, no registration data.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::domain::approval::{ApprovalStage, ApprovalTerms, ApproverTeam};
use crate::domain::chain::RecordedEvent;
use crate::domain::money::{Currency, Money};
use crate::domain::notice::{Kind, Message};
use crate::domain::policy::BudgetLeft;
use crate::domain::principal::TeamId;
use crate::domain::purchase::{Purchase, Requester};
use crate::domain::registration::Registration;
use crate::service::budgets::{self, Purses};
use crate::service::notices::NoticeParts;
use crate::service::teams::Teams;
use crate::store::notices::Notice;
use crate::store::{self, Session, StoreError};

/// What messages are made with, beside the event and its rows.
#[derive(Clone)]
pub(super) struct Composing {
    teams: Arc<Teams>,
    currency: Option<Currency>,
    month: String,
    public_url: Option<String>,
}

impl Composing {
    pub(super) fn of(parts: &NoticeParts) -> Self {
        Self {
            teams: parts.ground.teams.now(),
            currency: parts.currency,
            month: parts.ground.month(),
            public_url: parts.public_url.clone(),
        }
    }

    fn link(&self, path: &str) -> Option<String> {
        self.public_url.as_ref().map(|url| format!("{url}/console/{path}"))
    }

    fn money(&self, amount: Money) -> Value {
        json!({"amount": amount, "currency": self.currency})
    }
}

/// A message under construction.
struct Draft {
    summary: String,
    facts: Vec<(&'static str, String)>,
    path: String,
    data: Map<String, Value>,
}

impl Draft {
    fn new(summary: String, path: impl Into<String>) -> Self {
        Self { summary, facts: Vec::new(), path: path.into(), data: Map::new() }
    }

    fn fact(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.facts.push((label, text.into()));
        self
    }

    fn some_fact(self, label: &'static str, text: Option<impl Into<String>>) -> Self {
        match text {
            Some(text) => self.fact(label, text),
            None => self,
        }
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.data.insert(key.to_owned(), value);
        self
    }
}

/// The message of a notice, with the figures as they stand now. What cannot be read, or was written by a newer version,
/// is told by its event's number rather than not at all: it must not hold up what comes after it.
pub(super) fn message(
    session: &Session<'_>,
    notice: &Notice,
    composing: &Composing,
) -> Result<Message, StoreError> {
    let (at, draft) = match draft(session, notice, composing) {
        Err(StoreError::Corrupt(_)) | Ok(None) => {
            let summary = format!("{}: see event {} of the evidence", notice.kind, notice.key.seq);
            let draft = Draft::new(summary, "").with("event", json!({"seq": notice.key.seq}));
            (notice.created_at, draft)
        }
        Ok(Some(composed)) => composed,
        Err(error) => return Err(error),
    };
    let Draft { summary, facts, path, data } = draft;
    Ok(Message { kind: notice.kind, at, summary, facts, link: composing.link(&path), data })
}

fn draft(
    session: &Session<'_>,
    notice: &Notice,
    composing: &Composing,
) -> Result<Option<(Timestamp, Draft)>, StoreError> {
    let Some(row) = store::audit::after(session, notice.key.seq - 1, 1)?.into_iter().next() else {
        return Ok(None);
    };
    let event: RecordedEvent = serde_json::from_str(&row.link.body)?;
    let draft = match event.target.kind.as_str() {
        "purchase" => of_purchase(session, notice.kind, &event, composing)?,
        "registration" => of_registration(session, notice.kind, &event)?,
        "budget" => of_budget(&event, composing),
        "freeze" => of_freeze(&event),
        "number" => Some(of_orphan(&event)),
        _ => None,
    };
    let told = json!({"seq": event.seq, "action": event.action, "actor": event.actor.word()});
    Ok(draft.map(|draft| (event.at, draft.with("event", told))))
}

fn of_purchase(
    session: &Session<'_>,
    kind: Kind,
    event: &RecordedEvent,
    composing: &Composing,
) -> Result<Option<Draft>, StoreError> {
    let Ok(id) = event.target.id.parse() else { return Ok(None) };
    let Some(purchase) = store::purchases::find(session, id)? else { return Ok(None) };
    let requester = &purchase.requester;
    let (quote, number) = (&purchase.quote, &purchase.number);
    let price = format!("{} {} and {} a month", quote.setup, quote.currency, quote.monthly);
    // The team's own: what all teams have left would tell one what the others have used.
    let left = budgets::left(session, &composing.teams, &requester.team, Purses::Own, &composing.month)?;
    let what = format!("{number} ({}) for {price}", quote.country);
    let summary = sentence(kind, event, &who(requester), &what);
    let told = json!({
        "id": purchase.id.to_string(),
        "number": number,
        "type": purchase.message_type,
        "country": quote.country,
        "state": event.text("state").unwrap_or(purchase.state.as_str()),
        "code": event.text("code"),
        "team": requester.team,
        "requested_by": who(requester),
        "reference": purchase.reference,
        "setup": {"amount": quote.setup, "currency": quote.currency},
        "monthly": {"amount": quote.monthly, "currency": quote.currency},
        "charged": event.text("charged").map(|amount| json!({"amount": amount, "currency": quote.currency})),
        "rule": purchase.rule,
    });
    let draft = Draft::new(summary, format!("purchases/{}", purchase.id))
        .fact("Number", format!("{number} ({}, {})", quote.country, purchase.message_type))
        .fact("Price", price)
        .fact("Team", requester.team.to_string())
        .fact("Requested by", who(requester))
        .some_fact("Team budget left", left_in_words(left, composing.currency))
        .with("purchase", told)
        .with("budget_left", left_as_value(left, composing));
    Ok(Some(waiting(draft, kind, purchase.terms.as_ref(), &requester.team, deadline_of(&purchase))))
}

fn of_registration(
    session: &Session<'_>,
    kind: Kind,
    event: &RecordedEvent,
) -> Result<Option<Draft>, StoreError> {
    let Ok(id) = event.target.id.parse() else { return Ok(None) };
    let found: Option<Registration> = store::registrations::find(session, id)?;
    let Some(registration) = found else { return Ok(None) };
    let requester = &registration.requester;
    let what = format!("the {} registration in {}", registration.number_type, registration.country);
    let told = json!({
        "id": registration.id.to_string(),
        "number_type": registration.number_type,
        "country": registration.country,
        "state": event.text("state").unwrap_or(registration.state.as_str()),
        "code": event.text("code"),
        "team": requester.team,
        "requested_by": who(requester),
        "reference": registration.reference,
        "rule": registration.rule,
    });
    let until = registration.decide_by.or(registration.approved_until);
    let draft = Draft::new(sentence(kind, event, &who(requester), &what), "")
        .fact("Registration", format!("{} in {}", registration.number_type, registration.country))
        .fact("Team", requester.team.to_string())
        .fact("Requested by", who(requester))
        .with("registration", told);
    Ok(Some(waiting(draft, kind, registration.terms.as_ref(), &requester.team, until)))
}

/// Who may decide and until when, while somebody is waited for.
fn waiting(
    draft: Draft,
    kind: Kind,
    terms: Option<&ApprovalTerms>,
    of: &TeamId,
    until: Option<Timestamp>,
) -> Draft {
    if !matches!(kind, Kind::ApprovalWanted | Kind::ExpiresSoon) {
        return draft;
    }
    let stages = terms.map(|terms| terms.stages.as_slice()).unwrap_or_default();
    let in_words: Vec<String> = stages.iter().map(|stage| stage_in_words(stage, of)).collect();
    let told: Vec<Value> = stages
        .iter()
        .map(|stage| json!({"approvals": stage.approvals, "role": stage.role, "team": team_of(stage, of)}))
        .collect();
    draft
        .some_fact("Who may decide", (!in_words.is_empty()).then(|| in_words.join(", and ")))
        .some_fact("Until", until.map(|until| until.to_string()))
        .with("may_decide", told.into())
        .with("until", json!(until))
}

fn of_budget(event: &RecordedEvent, composing: &Composing) -> Option<Draft> {
    let team = event.text("team");
    let whose = team.map_or_else(|| "the organisation".to_owned(), |team| format!("the team {team}"));
    let (percent, month) = (event.int("percent")?, event.text("month")?);
    let (used, limit) = (event.text("used")?, event.text("limit")?);
    let what = match event.text("kind")? {
        "recurring" => "monthly fees",
        _ => "spend",
    };
    let currency = composing.currency.map(|currency| currency.to_string()).unwrap_or_default();
    let summary =
        format!("{whose} has used {percent} % of its budget for {what}: {used} of {limit} {currency}");
    let amount = |text: &str| text.parse().map(|amount| composing.money(amount)).unwrap_or_default();
    let told = json!({
        "team": team,
        "kind": event.text("kind"),
        "month": month,
        "percent": percent,
        "used": amount(used),
        "limit": amount(limit),
    });
    let draft = Draft::new(capitalised(&summary), "budgets").fact("Month", month).with("budget", told);
    Some(draft.fact("Used", format!("{used} {currency}")).fact("Limit", format!("{limit} {currency}")))
}

fn of_freeze(event: &RecordedEvent) -> Option<Draft> {
    let scope = event.text("scope")?;
    let whose = if scope == "all" { "all teams".to_owned() } else { format!("the {scope}") };
    let is_lifted = event.action == "freeze.lifted";
    let summary = if is_lifted {
        format!("Buying goes on for {whose}: the freeze was lifted")
    } else {
        format!("Buying is frozen for {whose}: {}", event.text("why").unwrap_or("no reason was given"))
    };
    let told = json!({
        "id": event.target.id,
        "scope": scope,
        "cause": event.text("cause"),
        "lifted": is_lifted,
    });
    let draft =
        Draft::new(summary, "").fact(if is_lifted { "Lifted by" } else { "Frozen by" }, event.actor.word());
    Some(draft.with("freeze", told))
}

fn of_orphan(event: &RecordedEvent) -> Draft {
    let number = &event.target.id;
    let summary =
        format!("The ClickSend account has {number}, which nobody bought here: assign it to a team");
    Draft::new(summary, "numbers").fact("Number", number.as_str()).with("number", json!({"number": number}))
}

/// What happened to a request, in one sentence.
fn sentence(kind: Kind, event: &RecordedEvent, who: &str, what: &str) -> String {
    let by = event.text("name").map(str::to_owned).or_else(|| Some(event.actor.person()?.subject.clone()));
    let by = by.map(|name| format!(" by {name}")).unwrap_or_default();
    let step = event.action.split_once('.').map_or("", |(_, step)| step);
    let why = event.text("code").map(|code| format!(" ({code})")).unwrap_or_default();
    match (kind, step) {
        (Kind::ApprovalWanted, "price_changed") => {
            format!("The price of {what} has changed: {who}'s request waits for approval again")
        }
        (Kind::ApprovalWanted, _) => format!("{who} asks for {what}: it waits for approval"),
        (Kind::Decided, "expired") => format!("Nobody decided in time about {what}, asked for by {who}"),
        (Kind::Decided, step) => format!("{} was {step}{by}; {who} had asked for it", capitalised(what)),
        (Kind::ExpiresSoon, _) => format!("Time runs out for {what}, asked for by {who}"),
        (Kind::Bought, "bought_late") => {
            format!("{} was bought after all, long after {who}'s request was given up", capitalised(what))
        }
        (Kind::Bought, _) => format!("{} was bought for {who}", capitalised(what)),
        (Kind::Registered, step) => format!("{} was {step}; {who} had asked for it", capitalised(what)),
        (Kind::Failed, _) => format!("{} came to nothing{why}; {who} had asked for it", capitalised(what)),
        (Kind::NeedsAttention, _) => {
            format!(
                "Nobody knows what became of {what}: find out at ClickSend and say so; {who} had asked for it"
            )
        }
        (Kind::Budget | Kind::Orphan | Kind::Frozen, _) => capitalised(what),
    }
}

/// Name, or subject; who an application spoke for is its own words, and stays inside.
fn who(requester: &Requester) -> String {
    requester.name.clone().unwrap_or_else(|| requester.person.subject.clone())
}

const fn deadline_of(purchase: &Purchase) -> Option<Timestamp> {
    match purchase.decide_by {
        Some(decide_by) => Some(decide_by),
        None => purchase.approved_until,
    }
}

fn team_of<'t>(stage: &'t ApprovalStage, of: &'t TeamId) -> Option<&'t TeamId> {
    match &stage.team {
        ApproverTeam::Same => Some(of),
        ApproverTeam::Any => None,
        ApproverTeam::Team(team) => Some(team),
    }
}

fn stage_in_words(stage: &ApprovalStage, of: &TeamId) -> String {
    let team = team_of(stage, of).map_or_else(|| "any team".to_owned(), |team| format!("team {team}"));
    format!("{} with the role {} of {team}", stage.approvals, stage.role)
}

fn left_in_words(left: BudgetLeft, currency: Option<Currency>) -> Option<String> {
    match left {
        BudgetLeft::Amount(amount) => {
            Some(format!("{amount} {}", currency.map(|currency| currency.to_string()).unwrap_or_default()))
        }
        BudgetLeft::Unlimited => None,
    }
}

fn left_as_value(left: BudgetLeft, composing: &Composing) -> Value {
    match left {
        BudgetLeft::Amount(amount) => composing.money(amount),
        BudgetLeft::Unlimited => Value::Null,
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
