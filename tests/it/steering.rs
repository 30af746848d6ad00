//! What operators and people steer by: freezes, rehearsal, dry runs, budgets.

use serde_json::{Value, json};

use crate::stage::{Stage, ann, somebody};

/// American numbers need an approval.
const RULES: &str = r#"
[[policy.rules]]
name = "somebody looks"
when = { action = "buy", countries = ["US"] }
then = { approvals = 1 }
"#;

#[tokio::test]
async fn a_freeze_stops_its_scope_and_nobody_but_an_administrator_presses_the_button() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let freeze = json!({"scope": "growth", "reason": "the invoice is being looked at"});
    for role in ["viewer", "requester", "approver", "application", "finance", "auditor"] {
        let who = somebody("eve", "growth", role);
        assert_eq!(stage.post(&who, "/v1/freezes", &freeze).await.verdict(), "403 FORBIDDEN", "{role}");
    }
    let administrator = somebody("root", "support", "administrator");
    let unknown = json!({"scope": "nobody", "reason": "x"});
    assert_eq!(stage.post(&administrator, "/v1/freezes", &unknown).await.verdict(), "400 BAD_REQUEST");
    let made = stage.post(&administrator, "/v1/freezes", &freeze).await;
    assert_eq!(made.status, 201);
    let refused = stage.buy(&ann(), &number).await;
    assert_eq!(refused.verdict(), "503 BUYING_FROZEN");
    assert!(refused.text.contains("the invoice is being looked at"), "{}", refused.text);
    assert_eq!(stage.ops("/readyz").await.status, 200);
    assert!(stage.ops("/readyz").await.text.contains("frozen"));
    let sam = somebody("sam", "support", "requester");
    assert_eq!(stage.buy(&sam, &number).await.verdict(), "200 SUCCESS", "another team goes on");
    let lift = format!("/v1/freezes/{}/lift", made.json()["id"].as_str().unwrap());
    assert_eq!(stage.post(&ann(), &lift, &json!({})).await.verdict(), "403 FORBIDDEN");
    assert_eq!(stage.post(&administrator, &lift, &json!({})).await.status, 200);
    assert_eq!(stage.post(&administrator, &lift, &json!({})).await.verdict(), "409 ALREADY_DECIDED");
    let other = stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(stage.buy(&ann(), &other).await.verdict(), "200 SUCCESS");
    stage.finish().await;
}

#[tokio::test]
async fn a_rehearsal_does_everything_but_the_send() {
    let stage =
        Stage::changed("", &[("[teams.growth]", "[purchases]\nmode = \"rehearsal\"\n[teams.growth]")]).await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let rehearsed = stage.buy(&ann(), &number).await;
    assert_eq!(rehearsed.verdict(), "503 BUYING_FROZEN");
    assert!(rehearsed.text.contains("nothing was sent"), "{}", rehearsed.text);
    let purchase = stage.get(&ann(), rehearsed.header("location").unwrap()).await.json();
    assert_eq!(purchase["state"], "cancelled");
    let actions: Vec<_> =
        purchase["history"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(
        actions,
        [
            "purchase.submitted",
            "purchase.reserved",
            "purchase.intent",
            "purchase.not_sent",
            "purchase.cancelled"
        ]
    );
    assert_eq!(stage.calls("buy").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn an_evaluation_says_what_would_happen_and_does_nothing() {
    let stage = Stage::with(RULES).await;
    let evaluate = |body: Value| {
        let stage = &stage;
        async move { stage.post(&ann(), "/v1/policy/evaluate", &body).await.json() }
    };
    let asked = evaluate(json!({"country": "US", "setup": "1.00", "monthly": "9.00"})).await;
    assert_eq!((&asked["verdict"], &asked["rule"]), (&json!("approvals"), &json!("somebody looks")));
    assert_eq!(asked["approvals"], 1);
    let allowed = evaluate(json!({"country": "AU", "monthly": "25.00"})).await;
    assert_eq!((&allowed["verdict"], &allowed["rule"]), (&json!("allow"), &json!("up to 25")));
    assert_eq!(allowed["rules"][0]["unmet"], json!(["countries"]));
    let dear = evaluate(json!({"country": "AU", "monthly": "25.01"})).await;
    assert_eq!((&dear["verdict"], &dear["rule"]), (&json!("deny"), &Value::Null));
    let beyond = evaluate(json!({"country": "US", "monthly": "1000.01"})).await;
    assert_eq!(beyond["fits_budget"], false);
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let live = evaluate(json!({"number": number})).await;
    assert_eq!(live["verdict"], "allow");
    assert!(live["price"]["total"]["amount"].is_string(), "{live}");
    let both = stage.post(&ann(), "/v1/policy/evaluate", &json!({"number": number, "setup": "1.00"})).await;
    assert_eq!(both.verdict(), "400 BAD_REQUEST");
    let purchases = stage.get(&ann(), "/v1/purchases").await.json();
    assert_eq!(purchases["items"], json!([]));
    stage.finish().await;
}

#[tokio::test]
async fn an_evaluation_tells_nobody_what_the_other_teams_have_left() {
    let rule = r#"
[[policy.rules]]
name = "much is left"
when = { action = "buy", min_budget_left = "500.00" }
then = "allow"
"#;
    let limited = [("currency = \"AUD\"", "currency = \"AUD\"\nspend_per_month = \"300.00\"")];
    let stage = Stage::changed(rule, &limited).await;
    for (who, verdict, fits, unmet) in [
        (ann(), "allow", true, json!([])),
        (somebody("fin", "growth", "finance"), "deny", false, json!(["min_budget_left"])),
    ] {
        let body = json!({"country": "AU", "monthly": "400.00"});
        let tried = stage.post(&who, "/v1/policy/evaluate", &body).await.json();
        assert_eq!((&tried["verdict"], &tried["fits_budget"]), (&json!(verdict), &json!(fits)), "{who:?}");
        assert_eq!(tried["rules"][0]["unmet"], unmet, "{who:?}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn an_evaluation_costs_what_a_write_costs() {
    let writes = ("writes = { per_minute = 1000, burst = 1000 }", "writes = { per_minute = 1, burst = 2 }");
    let stage = Stage::changed("", &[writes]).await;
    for status in [200, 200, 429] {
        let tried = stage.post(&ann(), "/v1/policy/evaluate", &json!({"country": "AU"})).await;
        assert_eq!(tried.status, status, "{}", tried.text);
    }
    stage.finish().await;
}

#[tokio::test]
async fn budgets_are_shown_to_their_teams_and_in_all_to_those_who_see_all() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    let own = stage.get(&ann(), "/v1/budgets").await.json();
    let teams = |list: &Value| -> Vec<Value> {
        list["items"].as_array().unwrap().iter().map(|item| item["team"].clone()).collect()
    };
    assert_eq!(teams(&own), ["growth"]);
    let growth = &own["items"][0];
    let micros = |amount: &Value| {
        amount["amount"].as_str().unwrap().parse::<numbers_gateway::domain::money::Money>().unwrap().micros()
    };
    assert!(micros(&growth["spent"]) > 0 && micros(&growth["held"]) == 0, "{growth}");
    assert_eq!(micros(&growth["left"]), 1_000_000_000 - micros(&growth["spent"]));
    let all = stage.get(&somebody("fin", "support", "finance"), "/v1/budgets").await.json();
    assert_eq!(teams(&all), [json!("growth"), json!("support"), Value::Null]);
    let me = stage.get(&ann(), "/v1/me").await.json();
    assert_eq!(me["teams"][0]["budget"]["left"], growth["left"]);
    assert_eq!(me["purchases_left_today"], 19);
    stage.finish().await;
}
