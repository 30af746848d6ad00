//! Registering: decided, sent once, and settled by people where nothing else can tell.

mod crashing;
mod deciding;
mod outcomes;
mod requesting;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Answer, Somebody, Stage, send, somebody};

/// ClickSend's own path.
const PATH: &str = "/v3/numbers/registrations/number-types/10dlc/country/CA";
const OWN_PATH: &str = "/v1/registrations";

/// Every registration needs one approval and a reason.
const ONE_LOOKS: &str = r#"
[[policy.rules]]
name = "somebody looks"
when = { action = "register" }
then = { approvals = 1, expires_after = "2h", require = ["reason"] }
"#;

/// Every registration needs two approvals, from whichever team.
const TWO_LOOK: &str = r#"
[[policy.rules]]
name = "two look"
when = { action = "register" }
then = { approvals = 2, from_team = "any" }
"#;

/// The sweep comes every second.
const SWEPT: &str = "[purchases]\nsweep_every = \"1s\"\n";

fn ben() -> Somebody {
    somebody("ben", "growth", "approver").called("Ben Ray")
}

fn dan() -> Somebody {
    somebody("dan", "growth", "approver")
}

fn root() -> Somebody {
    somebody("root", "support", "administrator")
}

fn form() -> Value {
    json!({
        "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@example.com",
        "website_url": "https://acme.example", "sample_message": "Your code is 1234.",
        "primary_use_case": "One-time codes",
    })
}

/// The same of another company: other content.
fn form_of(company: &str) -> Value {
    let mut form = form();
    form["company_name"] = json!(company);
    form
}

/// Through the gateway's own door.
async fn ask(stage: &Stage, who: &Somebody, key: &str, form: &Value) -> Answer {
    let body =
        json!({"number_type": "10dlc", "country": "CA", "form": form, "reason": "for the spring campaign"});
    ask_with(stage, who, key, &body).await
}

async fn ask_with(stage: &Stage, who: &Somebody, key: &str, body: &Value) -> Answer {
    send(stage.request(who, Method::POST, OWN_PATH).header("Idempotency-Key", key).json(body)).await
}

/// Through ClickSend's door.
async fn ask_clicksend(stage: &Stage, who: &Somebody, form: &Value) -> Answer {
    let request =
        stage.request(who, Method::POST, PATH).header("X-Gateway-Reason", "for the spring campaign");
    send(request.json(form)).await
}

/// A request of somebody's that waits for people.
async fn pending(stage: &Stage, who: &Somebody, form: &Value) -> Value {
    let asked = ask(stage, who, &form.to_string(), form).await;
    assert_eq!((asked.status.as_u16(), &asked.json()["state"]), (202, &json!("pending_approval")));
    asked.json()
}

fn path_of(registration: &Value) -> String {
    format!("{OWN_PATH}/{}", registration["id"].as_str().unwrap())
}

async fn look(stage: &Stage, who: &Somebody, registration: &Value) -> Value {
    let answer = stage.get(who, &path_of(registration)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn decide(stage: &Stage, who: &Somebody, registration: &Value, verb: &str) -> Answer {
    let path = format!("{}/{verb}", path_of(registration));
    let request = stage.request(who, Method::POST, &path).header("Prefer", "wait=10");
    send(request.json(&json!({"digest": registration["form_digest"], "comment": "as we said"}))).await
}

async fn approve(stage: &Stage, who: &Somebody, registration: &Value) -> Answer {
    decide(stage, who, registration, "approve").await
}

async fn say(stage: &Stage, who: &Somebody, registration: &Value, verb: &str, outcome: &str) -> Answer {
    let path = format!("{}/{verb}", path_of(registration));
    stage.post(who, &path, &json!({"outcome": outcome, "comment": "the mail of Monday"})).await
}

/// The registration once it stands in a state.
async fn until(stage: &Stage, registration: &Value, wanted: &str) -> Value {
    let waiting = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let seen = look(stage, &root(), registration).await;
            if seen["state"] == wanted {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    });
    waiting.await.unwrap_or_else(|_| panic!("never {wanted}"))
}

fn actions(registration: &Value) -> Vec<&str> {
    let history = registration["history"].as_array().unwrap().iter();
    history.map(|event| event["action"].as_str().unwrap()).collect()
}

/// A personal value, where the caller may know it.
fn said(registration: &Value, field: &str) -> Option<String> {
    let values = registration.get("personal")?.as_array()?;
    let found = values.iter().find(|value| value["field"] == field)?;
    found["value"].as_str().map(ToOwned::to_owned)
}
