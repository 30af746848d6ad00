//! Every quirk that is known of ClickSend (clicksend.md), as a table: what upstream does, what is asked, and what
//! comes out below.
//!
//! A row is data; [`play`] is all there is to run it, on a stage of its own. Whatever a row expects, its answers
//! must be ones that every SDK reads ([`models`]). A row that fails does not keep the others from running.

mod buying;
mod models;
mod owned;
mod registering;
mod search;
mod spelling;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Stage, ann, send};

/// Numbers that the simulator's usual seed sells.
const AU: &str = "+61491570000";
const US: &str = "+12025550100";

/// One quirk.
struct Row {
    name: &'static str,
    configuration: &'static str,
    /// Replaced in the usual configuration.
    changes: &'static [(&'static str, &'static str)],
    /// Controls of the simulator and what they are told, before anything is asked.
    upstream: Vec<(&'static str, Value)>,
    asks: Vec<Ask>,
    /// How many calls of an operation upstream gets.
    calls: Vec<(&'static str, usize)>,
    /// What the last call of an operation says: operation, JSON pointer into the journal's record, value.
    sent: Vec<(&'static str, &'static str, Value)>,
}

/// One request and its answer.
struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
    verdict: &'static str,
    /// JSON pointer, value.
    facts: Vec<(&'static str, Value)>,
    /// Names in the map of faults.
    faulty: Vec<&'static str>,
    answer_headers: Vec<(&'static str, &'static str)>,
}

fn row(name: &'static str) -> Row {
    Row {
        name,
        configuration: "",
        changes: &[],
        upstream: Vec::new(),
        asks: Vec::new(),
        calls: Vec::new(),
        sent: Vec::new(),
    }
}

impl Row {
    fn configured(self, configuration: &'static str) -> Self {
        Self { configuration, ..self }
    }

    fn changed(self, changes: &'static [(&'static str, &'static str)]) -> Self {
        Self { changes, ..self }
    }

    /// Upstream is told something before.
    fn control(mut self, control: &'static str, order: Value) -> Self {
        self.upstream.push((control, order));
        self
    }

    /// A fault of the simulator's, with its parameters.
    fn fault(self, operation: &str, fault: &str, mut parameters: Value) -> Self {
        parameters["operation"] = json!(operation);
        parameters["fault"] = json!(fault);
        self.control("faults", parameters)
    }

    /// Upstream answers exactly this, without doing anything.
    fn answered(self, operation: &str, status: u16, body: Value) -> Self {
        self.fault(operation, "arbitrary", json!({ "status": status, "body": body }))
    }

    /// The account has this many numbers.
    fn owning(self, country: &str, count: usize) -> Self {
        (0..count).fold(self, |row, _| row.control("sell", json!({ "country": country })))
    }

    fn ask(mut self, method: Method, path: impl Into<String>, verdict: &'static str) -> Self {
        self.asks.push(Ask {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            verdict,
            facts: Vec::new(),
            faulty: Vec::new(),
            answer_headers: Vec::new(),
        });
        self
    }

    fn get(self, path: impl Into<String>, verdict: &'static str) -> Self {
        self.ask(Method::GET, path, verdict)
    }

    fn post(self, path: impl Into<String>, verdict: &'static str) -> Self {
        self.ask(Method::POST, path, verdict)
    }

    /// A buy without a body, as most SDKs send it.
    fn buy(self, number: &str, verdict: &'static str) -> Self {
        self.post(format!("/v3/numbers/buy/{}", number.replace('+', "%2B")), verdict)
    }

    fn last(&mut self) -> &mut Ask {
        self.asks.last_mut().unwrap()
    }

    /// The last request with a header.
    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.last().headers.push((name, value.into()));
        self
    }

    /// The last request with a body and no Content-Type.
    fn body(mut self, text: impl ToString) -> Self {
        self.last().body = Some(text.to_string());
        self
    }

    /// Something the last answer says.
    fn fact(mut self, pointer: &'static str, value: impl Into<Value>) -> Self {
        self.last().facts.push((pointer, value.into()));
        self
    }

    /// The last answer's map of faults has this field.
    fn has_field(mut self, field: &'static str) -> Self {
        self.last().faulty.push(field);
        self
    }

    /// A header of the last answer.
    fn answers_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.last().answer_headers.push((name, value));
        self
    }

    fn calls(mut self, operation: &'static str, count: usize) -> Self {
        self.calls.push((operation, count));
        self
    }

    fn sent(mut self, operation: &'static str, pointer: &'static str, value: impl Into<Value>) -> Self {
        self.sent.push((operation, pointer, value.into()));
        self
    }

    async fn play(self) {
        let stage = Stage::changed(self.configuration, self.changes).await;
        for (control, order) in &self.upstream {
            stage.control(control, order.clone()).await;
        }
        for ask in &self.asks {
            ask.play(&stage).await;
        }
        for (operation, count) in self.calls {
            assert_eq!(stage.calls(operation).await, count, "calls of {operation}");
        }
        for (operation, pointer, expected) in self.sent {
            let ledger = stage.ledger(&format!("operation={operation}")).await;
            let mut call = ledger["requests"].as_array().unwrap().last().cloned().unwrap();
            call["body"] = serde_json::from_str(call["body"].as_str().unwrap()).unwrap_or_default();
            assert_eq!(call.pointer(pointer).unwrap_or(&Value::Null), &expected, "{pointer} of {call}");
        }
        stage.finish().await;
    }
}

impl Ask {
    async fn play(&self, stage: &Stage) {
        let request = if self.headers.iter().any(|(name, _)| *name == "authorization") {
            stage.anonymous(self.method.clone(), &self.path)
        } else {
            stage.request(&ann(), self.method.clone(), &self.path)
        };
        let token = stage.token(&ann());
        let request = self
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, value.replace("{token}", &token)));
        let request = match &self.body {
            Some(body) => request.body(body.clone()),
            None => request,
        };
        let answer = send(request).await;
        let what = format!("{} {} answered {}", self.method, self.path, answer.text);
        assert_eq!(answer.verdict(), self.verdict, "{what}");
        models::check(&self.path, &answer);
        let json = answer.json();
        for (pointer, expected) in &self.facts {
            assert_eq!(json.pointer(pointer), Some(expected), "{pointer}: {what}");
        }
        for field in &self.faulty {
            assert!(json["data"][field].is_string(), "{field}: {what}");
        }
        for (name, expected) in &self.answer_headers {
            assert_eq!(answer.header(name), Some(*expected), "{name}: {what}");
        }
    }
}

/// Plays every row, and then says which failed.
async fn play(rows: Vec<Row>) {
    let mut failed = Vec::new();
    for row in rows {
        let name = row.name;
        if AssertUnwindSafe(row.play()).catch_unwind().await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "rows that failed, in the order of the panics above: {failed:#?}");
}

/// ClickSend's envelope around a success.
fn success(data: Value) -> Value {
    json!({ "http_code": 200, "response_code": "SUCCESS", "response_msg": "Here.", "data": data })
}

/// ClickSend's envelope around an error.
fn error(status: u16, code: &str, message: &str) -> Value {
    json!({ "http_code": status, "response_code": code, "response_msg": message, "data": null })
}

/// A page of all rows, as upstream writes it.
fn page(rows: Value) -> Value {
    let count = rows.as_array().unwrap().len();
    json!({
        "total": count, "per_page": 100, "current_page": 1, "last_page": 1, "next_page_url": null,
        "prev_page_url": null, "from": 1, "to": count, "data": rows,
        "_currency": {
            "currency_name_short": "AUD", "currency_prefix_d": "$", "currency_prefix_c": "c",
            "currency_name_long": "Australian Dollars",
        },
    })
}

/// The same object with some fields otherwise; a field that becomes `json!("absent")` is taken out.
fn but(mut object: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        if *value == json!("absent") {
            object.as_object_mut().unwrap().shift_remove(*name);
        } else {
            object[*name] = value.clone();
        }
    }
    object
}
