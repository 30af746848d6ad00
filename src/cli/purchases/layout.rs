//! The gateway's answers as lines of at most 80 columns.
//!
//! What people and ClickSend wrote passes through here on its way to a terminal, so control characters end here.

use serde_json::Value;

const COLUMNS: usize = 80;
/// Where the values of a purchase begin: a digest just fits behind it.
const LABEL: usize = 16;

/// A page of purchases, two lines each: an id alone takes half of a line.
pub(super) fn list(page: &Value) -> String {
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return "no purchases".to_owned();
    }
    let mut lines: Vec<String> = items.iter().flat_map(row).collect();
    if let Some(cursor) = page["next_cursor"].as_str() {
        lines.push(format!("more: --cursor {}", printable(cursor)));
    }
    lines.join("\n")
}

fn row(purchase: &Value) -> [String; 2] {
    let first = format!(
        "{}  {:<18}{}",
        text(purchase, "/id"),
        text(purchase, "/state"),
        time(purchase, "/created_at")
    );
    let who = format!("{}, {}", text(purchase, "/team"), text(purchase, "/requested_by"));
    let second = format!(
        "  {:<17}{}  {:<28}{who}",
        text(purchase, "/number"),
        text(purchase, "/quote/country"),
        price(purchase)
    );
    [shortened(&first), shortened(&second)]
}

/// A purchase with everything that deciding needs, and what happened to it.
pub(super) fn in_full(purchase: &Value) -> String {
    let mut lines = vec![briefing(purchase), field("digest", &text(purchase, "/quote_digest"))];
    for said in elements(purchase, "/personal") {
        lines.push(field(&text(said, "/field"), &text(said, "/value")));
    }
    for event in elements(purchase, "/history") {
        let words = [time(event, "/at"), text(event, "/action"), actor(event)];
        lines.push(field(
            if lines.iter().any(|line| line.starts_with("history")) { "" } else { "history" },
            &words.join("  "),
        ));
    }
    lines.join("\n")
}

/// What is decided about: number, price, budget before and after, rule.
pub(super) fn briefing(purchase: &Value) -> String {
    let mut lines = vec![
        field("purchase", &text(purchase, "/id")),
        field("state", &text(purchase, "/state")),
        field(
            "number",
            &format!(
                "{} ({}, {})",
                text(purchase, "/number"),
                text(purchase, "/quote/country"),
                text(purchase, "/type")
            ),
        ),
        field("price", &price(purchase)),
    ];
    if purchase.pointer("/live_price/changed").and_then(Value::as_bool) == Some(true) {
        let live = [text(purchase, "/live_price/setup/amount"), text(purchase, "/live_price/monthly/amount")];
        lines.push(field(
            "price now",
            &format!("{} a month: approving is refused until it is asked again", live.join(" + ")),
        ));
    }
    lines.push(field("team", &text(purchase, "/team")));
    let mut who = text(purchase, "/requested_by");
    if let Some(other) = purchase["on_behalf_of"].as_str() {
        who = format!("{}, said by {who}", printable(other));
    }
    lines.push(field("requested by", &who));
    lines.push(field("rule", &text(purchase, "/rule")));
    for (label, key) in [("team budget", "/budget"), ("all budgets", "/organisation_budget")] {
        lines.extend(purchase.pointer(key).and_then(budget).map(|left| field(label, &left)));
    }
    let owned = purchase.pointer("/owned_there/count").and_then(Value::as_u64);
    lines.extend(owned.map(|count| field("owned there", &format!("{count} by the team"))));
    lines.extend(waiting(purchase));
    lines.join("\n")
}

/// Who acts next, or why nobody does.
fn waiting(purchase: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(what) = purchase.pointer("/next_action/what").and_then(Value::as_str) {
        let until = match time(purchase, "/next_action/until") {
            until if until.is_empty() => String::new(),
            until => format!(", until {until}"),
        };
        lines.push(field(
            "next",
            &format!("{} {}{until}", text(purchase, "/next_action/who"), printable(what)),
        ));
    }
    if let Some(code) = purchase["code"].as_str() {
        lines.push(field("code", &format!("{}: {}", printable(code), text(purchase, "/explanation"))));
    }
    lines
}

/// What a decision came to.
pub(super) fn outcome(purchase: &Value) -> String {
    let line = format!("{} is {}", text(purchase, "/number"), text(purchase, "/state"));
    std::iter::once(line).chain(waiting(purchase)).collect::<Vec<_>>().join("\n")
}

/// A refusal with its code and what to do next; nothing where the answer is no problem of the gateway.
pub(super) fn refusal(answer: &Value, status: u16) -> Option<String> {
    let code = answer["code"].as_str()?;
    let next = match code {
        "UNAUTHORIZED" => {
            "get a new token into NUMBERS_GATEWAY_TOKEN; `numbers-gateway token check` says what is wrong with one"
        }
        "NOT_FOUND" => "look at `purchases list`: another team's purchases are not shown",
        "PRICE_CHANGED" => "look at it again with `purchases show`, and approve what it shows then",
        "TOO_MANY_REQUESTS" => "wait a minute and ask again",
        "FORBIDDEN" => "ask somebody whom the rule names: `purchases show` says who",
        _ if status >= 500 => "ask again in a minute; nothing is decided twice",
        _ => "see what it is now with `purchases show`",
    };
    let mut message = format!("{}: {}", printable(code), text(answer, "/detail"));
    let fields = answer["fields"].as_object().into_iter().flatten();
    for (name, fault) in fields {
        message.push_str(&format_fault(name, fault.as_str().unwrap_or_default()));
    }
    Some(format!("{message}\nnext: {next}"))
}

fn format_fault(name: &str, fault: &str) -> String {
    format!("\n  {} {}", printable(name), printable(fault))
}

fn price(purchase: &Value) -> String {
    let [setup, monthly] = ["setup", "monthly"].map(|part| text(purchase, &format!("/quote/{part}/amount")));
    format!("{setup} + {monthly} {} a month", text(purchase, "/quote/monthly/currency"))
}

/// Before and after; nothing where there is no limit.
fn budget(position: &Value) -> Option<String> {
    let left = position.pointer("/left/amount").and_then(Value::as_str)?;
    let limit = text(position, "/spend_per_month/amount");
    let currency = text(position, "/left/currency");
    let after = match text(position, "/left_after/amount") {
        after if after.is_empty() => String::new(),
        after => format!(", {after} after this"),
    };
    Some(format!("{} of {limit} {currency} left{after}", printable(left)))
}

fn actor(event: &Value) -> String {
    let person = event.pointer("/actor/person/subject").and_then(Value::as_str);
    person.map_or_else(|| "the gateway".to_owned(), printable)
}

fn elements<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).map(printable).unwrap_or_default()
}

/// `2026-11-23 22:18` of an RFC 3339 time in UTC.
fn time(value: &Value, pointer: &str) -> String {
    text(value, pointer).chars().take(16).map(|letter| if letter == 'T' { ' ' } else { letter }).collect()
}

/// A label and a value, wrapped below itself; a word that is longer than a line is cut.
fn field(label: &str, value: &str) -> String {
    const ROOM: usize = COLUMNS - LABEL;
    let mut lines = vec![String::new()];
    for letter in value.chars() {
        let Some(line) = lines.last_mut() else { break };
        if line.chars().count() < ROOM {
            line.push(letter);
            continue;
        }
        // The word that does not fit moves to the next line, if it does not fill this one alone.
        let word = if letter == ' ' { None } else { line.rsplit_once(' ').map(|(_, word)| word.to_owned()) };
        if let Some(word) = &word {
            line.truncate(line.len() - word.len() - 1);
        }
        let mut next = word.unwrap_or_default();
        next.extend((letter != ' ').then_some(letter));
        lines.push(next);
    }
    let separator = format!("\n{:LABEL$}", "");
    let value = lines.join(&separator);
    if label.len() < LABEL { format!("{label:<LABEL$}{value}") } else { format!("{label}{separator}{value}") }
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= COLUMNS {
        return line.to_owned();
    }
    line.chars().take(COLUMNS - 1).chain(['…']).collect()
}

/// Without control characters, which a terminal would obey, and without those that turn the order of letters.
fn printable(text: &str) -> String {
    let obeyed = |letter: char| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if obeyed(letter) { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture stops the test")]

    use serde_json::{Value, json};

    use super::{briefing, in_full, list, refusal};

    fn purchase() -> Value {
        let amount = |amount: &str| json!({"amount": amount, "currency": "AUD"});
        json!({
            "id": "01935c2e-8f3a-7c2b-9a51-0123456789ab", "number": "+61491570156", "type": "sms",
            "state": "pending_approval", "team": "growth", "requested_by": "Ann\u{1b}[31m \u{202e}Lee",
            "rule": "everything else is looked at", "code": "APPROVAL_REQUIRED",
            "explanation": "The rule \"everything else is looked at\" wants one more person with the role approver.",
            "quote": {"country": "AU", "setup": amount("5.00"), "monthly": amount("20.71")},
            "budget": {"left": amount("100.00"), "left_after": amount("74.29"), "spend_per_month": amount("500.00")},
            "owned_there": {"count": 3}, "created_at": "2026-11-23T22:18:01Z",
            "next_action": {"who": "approver", "what": "approves or rejects it", "until": "2026-11-26T22:18:01Z"},
            "history": [{"at": "2026-11-23T22:18:01Z", "action": "purchase.submitted", "actor": {"person": {"subject": "ann"}}}],
        })
    }

    #[test]
    fn whoever_approves_sees_number_price_budget_and_rule() {
        let shown = briefing(&purchase());
        for line in [
            "number          +61491570156 (AU, sms)",
            "price           5.00 + 20.71 AUD a month",
            "team budget     100.00 of 500.00 AUD left, 74.29 after this",
            "rule            everything else is looked at",
            "next            approver approves or rejects it, until 2026-11-26 22:18",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\nin\n{shown}");
        }
    }

    #[test]
    fn everything_fits_into_80_columns_and_nothing_of_it_moves_the_terminal() {
        let mut long = purchase();
        long["requested_by"] = json!("Ann\u{1b}[2J ".repeat(40));
        long["quote_digest"] = json!("0".repeat(64));
        long["personal"] = json!([{"field": "registration_data", "value": "{".repeat(200)}]);
        let page = json!({"items": [purchase(), long.clone()], "next_cursor": "abc"});
        for shown in [list(&page), in_full(&long)] {
            assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        }
        assert_eq!(list(&json!({"items": []})), "no purchases");
    }

    #[test]
    fn a_refusal_names_its_code_and_the_next_step() {
        let problem = json!({"code": "PRICE_CHANGED", "detail": "the price has changed"});
        let said = refusal(&problem, 409).unwrap();
        assert!(said.starts_with("PRICE_CHANGED: the price has changed\nnext: look at it again"), "{said}");
        assert_eq!(refusal(&json!({"hello": "world"}), 404), None);
    }
}
