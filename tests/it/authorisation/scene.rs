//! What the matrix needs to ask its questions: a gateway, things to ask about, and a good request for each route.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Answer, Somebody, Stage, send, somebody};

/// Of NZ everything waits for an approval, and so do US forms: that is how things to decide about come to be.
const WAITING: &str = r#"
[[policy.rules]]
name = "NZ is looked at"
when = { action = "buy", countries = ["NZ"] }
then = { approvals = 1, from_role = "approver", from_team = "same", expires_after = "72h" }
[[policy.rules]]
name = "US forms are looked at"
when = { action = "register", countries = ["US"] }
then = { approvals = 1, from_role = "approver", from_team = "same", expires_after = "72h" }
"#;

/// Whose the thing is that a request is about, or the team that it is for, as the caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The caller's own: the same person asked for it.
    Mine,
    /// Of a colleague in the caller's team.
    Team,
    /// Of another team; a request that is for a team names it by its header.
    Other,
    /// The caller has no team.
    Teamless,
}

impl FromStr for Whose {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "mine" => Ok(Self::Mine),
            "team" => Ok(Self::Team),
            "other" => Ok(Self::Other),
            "teamless" => Ok(Self::Teamless),
            _ => Err(format!("{text}: mine, team, other or teamless")),
        }
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Mine => "mine",
            Self::Team => "team",
            Self::Other => "other",
            Self::Teamless => "teamless",
        };
        out.write_str(word)
    }
}

/// A gateway and what is on sale.
pub struct Scene {
    pub stage: Stage,
    of_au: RefCell<Vec<String>>,
    of_nz: RefCell<Vec<String>>,
}

impl Scene {
    pub async fn new() -> Self {
        let generous = "writes = { per_minute = 100000, burst = 100000 }\n\
            decisions = { per_minute = 100000, burst = 100000 }\n\
            purchases_per_day = { subject = 100000, team = 100000 }";
        let changes = [
            ("writes = { per_minute = 1000, burst = 1000 }", generous),
            (
                r#"budget = { spend_per_month = "1000.00", recurring_per_month = "1000.00" }"#,
                r#"budget = { spend_per_month = "unlimited", recurring_per_month = "unlimited" }"#,
            ),
        ];
        let stage = Stage::changed(WAITING, &changes).await;
        stage.control("balance", json!({"balance": "100000.00"})).await;
        let (mut of_au, mut of_nz) = (Vec::new(), Vec::new());
        for page in 1..=3 {
            of_au.extend(stage.page_on_sale("AU", page).await);
            of_nz.extend(stage.page_on_sale("NZ", page).await);
        }
        Self { stage, of_au: RefCell::new(of_au), of_nz: RefCell::new(of_nz) }
    }

    pub async fn finish(self) {
        self.stage.finish().await;
    }

    /// Asks a route about such a thing, as somebody with this role and no other.
    pub async fn ask(&self, route: &str, whose: Whose, role: &str) -> Answer {
        let (method, pattern) = route.split_once(' ').unwrap();
        let roles: &[&str] = if role == "nobody" { &[] } else { &[role] };
        let team = if whose == Whose::Other { "support" } else { "growth" };
        let teams: &[&str] = if whose == Whose::Teamless { &[] } else { &[team] };
        let caller = somebody("eve", team, "viewer").with_roles(roles).of_teams(teams);
        let requester = somebody(if whose == Whose::Mine { "eve" } else { "ann" }, "growth", "requester");

        let path = self.path(pattern, &requester).await;
        let method: Method = method.parse().unwrap();
        let mut request = self.stage.request(&caller, method.clone(), &path);
        if method == Method::POST {
            let mut body = self.body(route, &path).await;
            if role == "application" && (route == "POST /v1/purchases" || route == "POST /v1/registrations") {
                body["on_behalf_of"] = json!("bob");
            }
            request = request.json(&body).header("idempotency-key", uuid::Uuid::new_v4().to_string());
        }
        if whose == Whose::Other && is_for_a_team(route) {
            request = request.header("x-gateway-team", "growth");
        }
        if role == "application" && route.starts_with("POST /v3/") {
            request = request.header("x-gateway-on-behalf-of", "bob");
        }
        send(request).await
    }

    /// The path of something that was just made for this question.
    async fn path(&self, pattern: &str, requester: &Somebody) -> String {
        let id = match pattern.split('/').nth(2) {
            Some("purchases") if pattern.contains("{id}") => self.pending_purchase(requester).await,
            Some("registrations") if pattern.contains("{id}") => self.pending_registration(requester).await,
            Some("freezes") if pattern.contains("{id}") => self.freeze().await,
            Some("notices") => "1:nobody".to_owned(),
            _ => String::new(),
        };
        let number = if pattern.contains("{dedicated_number}") { self.number_of_au() } else { String::new() };
        let path = pattern
            .replace("{id}", &id)
            .replace("{dedicated_number}", &number.replace('+', "%2B"))
            .replace("{number_type}", "10dlc")
            .replace("{country_code}", "CA")
            .replace("{country}", "AU");
        assert!(!path.contains('{'), "{pattern}: say here what stands in its braces");
        path
    }

    /// What a good request of this route says.
    async fn body(&self, route: &str, path: &str) -> Value {
        let thing = path.rsplit_once('/').map_or("", |(thing, _)| thing);
        match route {
            "POST /v3/numbers/registrations/number-types/{number_type}/country/{country_code}" => form(),
            "POST /v1/purchases" => json!({"number": self.number_of_au()}),
            "POST /v1/purchases/{id}/approve" => {
                json!({"quote_digest": self.digest(thing, "quote_digest").await})
            }
            "POST /v1/purchases/{id}/resolve" => json!({"outcome": "bought", "comment": "seen on the page"}),
            "POST /v1/policy/evaluate" => json!({"country": "AU", "setup": "1.00", "monthly": "1.00"}),
            // Nobody buys for support here.
            "POST /v1/freezes" => json!({"scope": "support", "reason": "a try"}),
            "POST /v1/numbers/assign" => json!({"all": true, "team": "growth"}),
            "POST /v1/spend/adjustments" => {
                json!({"kind": "adjustment", "amount": "0.01", "team": "support", "reason": "a try"})
            }
            "POST /v1/registrations" => registration("CA"),
            "POST /v1/registrations/{id}/approve" => {
                json!({"digest": self.digest(thing, "form_digest").await})
            }
            "POST /v1/registrations/{id}/outcome" => json!({"outcome": "accepted"}),
            "POST /v1/registrations/{id}/resolve" => {
                json!({"outcome": "submitted", "comment": "they said so"})
            }
            _ => json!({}),
        }
    }

    fn number_of_au(&self) -> String {
        self.of_au.borrow_mut().pop().expect("there are more numbers on sale")
    }

    async fn pending_purchase(&self, requester: &Somebody) -> String {
        let number = self.of_nz.borrow_mut().pop().expect("there are more numbers on sale");
        let request = self.stage.request(requester, Method::POST, "/v1/purchases");
        let body = json!({"number": number, "reason": "a try"});
        let asked = send(request.header("idempotency-key", &number).json(&body)).await;
        assert_eq!(asked.json()["state"], "pending_approval", "{}", asked.text);
        asked.json()["id"].as_str().unwrap().to_owned()
    }

    async fn pending_registration(&self, requester: &Somebody) -> String {
        let request = self.stage.request(requester, Method::POST, "/v1/registrations");
        let key = uuid::Uuid::new_v4().to_string();
        let asked = send(request.header("idempotency-key", key).json(&registration("US"))).await;
        assert_eq!(asked.json()["state"], "pending_approval", "{}", asked.text);
        asked.json()["id"].as_str().unwrap().to_owned()
    }

    async fn freeze(&self) -> String {
        let body = json!({"scope": "support", "reason": "a try"});
        let made = self.stage.post(&administrator(), "/v1/freezes", &body).await;
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// What an approver would have read before approving.
    async fn digest(&self, thing: &str, name: &str) -> Value {
        self.stage.get(&administrator(), thing).await.json()[name].clone()
    }
}

fn administrator() -> Somebody {
    somebody("root", "growth", "administrator")
}

/// Requests that are for a team, and may be for a person.
fn is_for_a_team(route: &str) -> bool {
    let buys = route.starts_with("POST /v3/") || route == "POST /v1/purchases";
    buys || route == "POST /v1/registrations" || route == "POST /v1/policy/evaluate"
}

fn form() -> Value {
    // No two alike: an equal form is an equal registration.
    json!({
        "full_name": format!("Ann {}", uuid::Uuid::new_v4()), "company_name": "Acme", "email": "ann@example.com",
        "website_url": "https://acme.example", "sample_message": "Your code is 1234.",
        "primary_use_case": "One-time codes",
    })
}

fn registration(country: &str) -> Value {
    json!({"number_type": "10dlc", "country": country, "form": form()})
}
