//! The console as a browser without script sees it: pages, forms, cookies, and nothing else.

mod deciding;
mod forms;
mod signing;
mod visiting;

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use crate::stage::{Answer, Somebody, Stage, send, somebody};

const SESSION: &str = "__Host-numbers-gateway";
const FORM: &str = "__Host-numbers-gateway-form";

/// American numbers need one approval, and a reason.
const RULES: &str = r#"
[[policy.rules]]
name = "somebody <i>looks</i>"
when = { action = "buy", countries = ["US"] }
then = { approvals = 1, expires_after = "2h", require = ["reason"] }
"#;

fn ben() -> Somebody {
    somebody("ben", "growth", "approver").called("Ben Ray")
}

/// Somebody's browser: it keeps cookies, and says where its forms come from.
struct Browser<'s> {
    stage: &'s Stage,
    cookies: BTreeMap<String, String>,
}

impl<'s> Browser<'s> {
    fn new(stage: &'s Stage) -> Self {
        Self { stage, cookies: BTreeMap::new() }
    }

    async fn signed_in(stage: &'s Stage, who: &Somebody) -> Self {
        let mut browser = Self::new(stage);
        browser.get("/console/sign-in").await;
        let answer = browser.post("/console/sign-in", &[("token", &stage.token(who))]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        browser
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("sec-fetch-site", "same-origin")], "").await
    }

    /// A page that is there.
    async fn page(&mut self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.text
    }

    /// A form with its token, from a page of the console.
    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.cookies.get(FORM).cloned().unwrap_or_default();
        let fields: Vec<_> = fields.iter().copied().chain([("form_token", token.as_str())]).collect();
        let origin = self.stage.api.clone();
        let headers = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
        self.send(Method::POST, path, &headers, &encoded(&fields)).await
    }

    async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = self.stage.anonymous(method.clone(), path);
        if !self.cookies.is_empty() {
            let cookies: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if method == Method::POST {
            request =
                request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned());
        }
        let answer = send(request).await;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    /// Asks for a number by the form; the page of the purchase.
    async fn request(&mut self, number: &str, reason: &str) -> String {
        let fields = [("number", number), ("country", "US"), ("type", "sms"), ("reason", reason)];
        let asked = self.post("/console/request", &fields).await;
        assert_eq!(asked.status, 303, "{}", asked.text);
        asked.header("location").unwrap().split('?').next().unwrap().to_owned()
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let byte = |byte| format!("%{byte:02X}");
    let escape = |text: &str| text.bytes().map(byte).collect::<String>();
    let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    pairs.join("&")
}

/// The value of a hidden field, of a page that has one of this name.
fn field(page: &str, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    page.split_once(&begin)
        .unwrap_or_else(|| panic!("no field {name} in {page}"))
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

/// Where the purchase of a page stands.
fn state(page: &str) -> &str {
    let article = page.split_once("<article id=\"purchase\"").expect("a page of a purchase").1;
    article.split_once("data-state=\"").unwrap().1.split('"').next().unwrap()
}

/// Asks for the first American number over the API; its id.
async fn pending(stage: &Stage, who: &Somebody, reference: &str) -> String {
    let number = stage.numbers_on_sale("US").await[0].clone();
    let body = json!({"number": number, "reason": "for the spring campaign", "reference": reference});
    let request = stage.request(who, Method::POST, "/v1/purchases").json(&body);
    let asked = send(request.header("Idempotency-Key", "the-only-one")).await.json();
    assert_eq!(asked["state"], "pending_approval", "{asked}");
    asked["id"].as_str().unwrap().to_owned()
}
