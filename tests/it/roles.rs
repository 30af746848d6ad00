//! Who may do what: one test a role over every route, then teams, applications and what is visible to whom.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Answer, Somebody, Stage, ann, send, somebody};

const AU: &str = "+61491570000";
const OTHER: &str = "+61491570001";
const REGISTER: &str = "/v3/numbers/registrations/number-types/10dlc/country/CA";

fn form() -> Value {
    json!({
        "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@example.com",
        "website_url": "https://acme.example", "sample_message": "Your code is 1234.",
        "primary_use_case": "One-time codes",
    })
}

/// What a role may do today. The routes for reading are open to every role.
struct Rights {
    role: &'static str,
    /// Buying and registering through both doors: verdicts.
    buy: &'static str,
    purchase: &'static str,
    register: &'static str,
    sees_all_teams: bool,
}

impl Rights {
    async fn check(self) {
        let stage = Stage::new().await;
        let theirs = bought_by(&stage, &ann(), AU).await;
        let registered = register(&stage, &ann()).await.header("location").unwrap().to_owned();
        let me = somebody("eve", "support", self.role);
        for path in ["/v3/numbers", "/v3/numbers/search/AU", "/v1/me", "/v1/purchases"] {
            assert_eq!(stage.get(&me, path).await.status, 200, "{path}");
        }
        let said = stage.get(&me, "/v1/me").await.json();
        assert_eq!(said["roles"], json!([self.role]));
        assert_eq!(said["may_search"], true);
        assert_eq!(said["may_request"], json!(!self.buy.contains("FORBIDDEN")));
        assert_eq!(said["sees_all_teams"], self.sees_all_teams);

        let seen = if self.sees_all_teams { 200 } else { 404 };
        assert_eq!(stage.get(&me, &format!("/v1/purchases/{theirs}")).await.status, seen);
        assert_eq!(stage.get(&me, &registered).await.status, seen);
        let listed = stage.get(&me, "/v1/purchases").await.json()["items"].as_array().unwrap().len();
        assert_eq!(listed, usize::from(self.sees_all_teams));
        let owned = stage.get(&me, "/v3/numbers").await.json()["data"]["total"].clone();
        assert_eq!(owned, usize::from(self.sees_all_teams));

        assert_eq!(stage.buy(&me, OTHER).await.verdict(), self.buy);
        let purchase = purchase(&stage, &me, json!({"number": OTHER}), "k").await;
        assert_eq!(purchase.verdict().trim(), self.purchase, "{}", purchase.text);
        let other_form = json!({"full_name": "Eve Ray", "company_name": "Acme", "email": "e", "website_url": "w",
            "sample_message": "s", "primary_use_case": "p"});
        let request = stage.request(&me, Method::POST, REGISTER).json(&other_form);
        assert_eq!(send(request).await.verdict(), self.register);
        let (buys, registrations) = (stage.calls("buy").await, stage.calls("register").await);
        let may = usize::from(self.buy.starts_with("200"));
        assert_eq!((buys, registrations), (1 + may, 1 + may), "upstream heard of what was allowed");
        stage.finish().await;
    }
}

async fn bought_by(stage: &Stage, who: &Somebody, number: &str) -> String {
    let bought = stage.buy(who, number).await;
    assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
    bought.header("x-gateway-purchase").unwrap().to_owned()
}

async fn register(stage: &Stage, who: &Somebody) -> Answer {
    let answer = send(stage.request(who, Method::POST, REGISTER).json(&form())).await;
    assert_eq!(answer.verdict(), "200 SUCCESS", "{}", answer.text);
    answer
}

async fn purchase(stage: &Stage, who: &Somebody, body: Value, key: &str) -> Answer {
    let request = stage.request(who, Method::POST, "/v1/purchases").header("idempotency-key", key);
    send(request.json(&body)).await
}

async fn numbers_of(stage: &Stage, who: &Somebody) -> Vec<String> {
    let rows = stage.get(who, "/v3/numbers").await.json()["data"]["data"].clone();
    rows.as_array().unwrap().iter().map(|row| row["dedicated_number"].as_str().unwrap().to_owned()).collect()
}

const FORBIDDEN: &str = "403 FORBIDDEN";

#[tokio::test]
async fn a_viewer_looks() {
    Rights {
        role: "viewer",
        buy: FORBIDDEN,
        purchase: FORBIDDEN,
        register: FORBIDDEN,
        sees_all_teams: false,
    }
    .check()
    .await;
}

#[tokio::test]
async fn a_requester_buys_and_registers_for_the_own_team() {
    Rights {
        role: "requester",
        buy: "200 SUCCESS",
        purchase: "409 ALREADY_OWNED",
        register: "200 SUCCESS",
        sees_all_teams: false,
    }
    .check()
    .await;
}

#[tokio::test]
async fn an_approver_looks_and_does_not_ask() {
    Rights {
        role: "approver",
        buy: FORBIDDEN,
        purchase: FORBIDDEN,
        register: FORBIDDEN,
        sees_all_teams: false,
    }
    .check()
    .await;
}

#[tokio::test]
async fn finance_sees_all_teams_and_does_not_ask() {
    Rights {
        role: "finance",
        buy: FORBIDDEN,
        purchase: FORBIDDEN,
        register: FORBIDDEN,
        sees_all_teams: true,
    }
    .check()
    .await;
}

#[tokio::test]
async fn an_auditor_sees_all_teams_and_does_not_ask() {
    Rights {
        role: "auditor",
        buy: FORBIDDEN,
        purchase: FORBIDDEN,
        register: FORBIDDEN,
        sees_all_teams: true,
    }
    .check()
    .await;
}

#[tokio::test]
async fn an_administrator_sees_all_teams_and_asks() {
    Rights {
        role: "administrator",
        buy: "200 SUCCESS",
        purchase: "409 ALREADY_OWNED",
        register: "200 SUCCESS",
        sees_all_teams: true,
    }
    .check()
    .await;
}

#[tokio::test]
async fn an_application_names_the_person_it_asks_for() {
    let stage = Stage::new().await;
    let crm = somebody("crm-app", "growth", "application");
    for path in ["/v3/numbers", "/v3/numbers/search/AU", "/v1/me", "/v1/purchases"] {
        assert_eq!(stage.get(&crm, path).await.status, 200, "{path}");
    }
    let for_nobody = stage.buy(&crm, AU).await;
    assert_eq!(for_nobody.verdict(), "400 BAD_REQUEST");
    assert!(for_nobody.json()["data"]["on_behalf_of"].is_string(), "{}", for_nobody.text);
    let for_nobody = purchase(&stage, &crm, json!({"number": AU}), "k").await;
    assert!(for_nobody.json()["fields"]["on_behalf_of"].is_string(), "{}", for_nobody.text);
    let registration = || stage.request(&crm, Method::POST, REGISTER).json(&form());
    assert_eq!(send(registration()).await.verdict(), "400 BAD_REQUEST");
    assert_eq!((stage.calls("buy").await, stage.calls("register").await), (0, 0));

    let buy = stage.request(&crm, Method::POST, "/v3/numbers/buy/+61491570000");
    let bought = send(buy.header("x-gateway-on-behalf-of", "ann")).await;
    assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
    let shown = stage.get(&crm, bought.header("location").unwrap()).await.json();
    assert_eq!((&shown["requested_by"], &shown["on_behalf_of"]), (&json!("crm-app"), &json!("ann")));
    let second = purchase(&stage, &crm, json!({"number": OTHER, "on_behalf_of": "bob"}), "k2").await;
    assert_eq!((second.status.as_u16(), &second.json()["on_behalf_of"]), (201, &json!("bob")));
    let registered = send(registration().header("x-gateway-on-behalf-of", "ann")).await;
    assert_eq!(registered.verdict(), "200 SUCCESS");
    stage.finish().await;
}

#[tokio::test]
async fn a_person_asks_for_nobody_else() {
    let stage = Stage::new().await;
    let buy = stage.request(&ann(), Method::POST, "/v3/numbers/buy/+61491570000");
    assert_eq!(send(buy.header("x-gateway-on-behalf-of", "bob")).await.verdict(), FORBIDDEN);
    let body = json!({"number": AU, "on_behalf_of": "bob"});
    assert_eq!(purchase(&stage, &ann(), body, "k").await.verdict(), FORBIDDEN);
    assert_eq!(stage.calls("buy").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn a_token_without_a_role_that_is_known_may_nothing() {
    let stage = Stage::new().await;
    let nobody = ann().with_roles(&[]);
    for path in ["/v3/numbers", "/v3/numbers/search/AU", "/v1/purchases"] {
        assert_eq!(stage.get(&nobody, path).await.verdict(), FORBIDDEN, "{path}");
    }
    let me = stage.get(&nobody, "/v1/me").await.json();
    assert_eq!((&me["may_search"], &me["may_request"]), (&json!(false), &json!(false)));
    assert_eq!(stage.buy(&nobody, AU).await.verdict(), FORBIDDEN);
    assert_eq!(stage.ledger("").await["requests"], json!([]));
    stage.finish().await;
}

#[tokio::test]
async fn several_roles_add_up() {
    let stage = Stage::new().await;
    let both = somebody("eve", "support", "x").with_roles(&["viewer", "auditor", "requester"]);
    let me = stage.get(&both, "/v1/me").await.json();
    assert_eq!((&me["may_request"], &me["sees_all_teams"]), (&json!(true), &json!(true)));
    stage.finish().await;
}

#[tokio::test]
async fn a_write_needs_one_configured_team() {
    let stage = Stage::new().await;
    let nowhere = ann().of_teams(&[]);
    let unknown = ann().of_teams(&["marketing"]);
    let both = ann().of_teams(&["growth", "support"]);
    let administrator = somebody("root", "x", "administrator").of_teams(&[]);
    let buy = |who: &Somebody, team: Option<&str>| {
        let request = stage.request(who, Method::POST, "/v3/numbers/buy/+61491570000");
        send(team.into_iter().fold(request, |request, team| request.header("x-gateway-team", team)))
    };
    for (what, who, team, verdict) in [
        ("no team", &nowhere, None, "403 TEAM_REQUIRED"),
        ("no team, and choosing one", &nowhere, Some("growth"), "403 FORBIDDEN"),
        ("a team that is not configured", &unknown, None, "403 TEAM_UNKNOWN"),
        ("several teams and no choice", &both, None, "403 TEAM_REQUIRED"),
        ("another's team", &ann(), Some("support"), "403 FORBIDDEN"),
        ("a team that cannot be one", &ann(), Some("Support!"), "400 BAD_REQUEST"),
        ("an administrator without a team", &administrator, None, "403 TEAM_REQUIRED"),
        (
            "an administrator and a team that is not configured",
            &administrator,
            Some("sales"),
            "403 TEAM_UNKNOWN",
        ),
    ] {
        assert_eq!(buy(who, team).await.verdict(), verdict, "{what}");
        let search = stage.get(who, "/v3/numbers/search/AU").await;
        assert_eq!(search.verdict(), "200 SUCCESS", "{what}: searching needs no team");
    }
    assert_eq!(stage.calls("buy").await, 0);
    let bought = buy(&both, Some("support")).await;
    assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
    let purchase = stage.get(&both, bought.header("location").unwrap()).await.json();
    assert_eq!(purchase["team"], "support");
    let request = stage.request(&administrator, Method::POST, "/v3/numbers/buy/+61491570001");
    assert_eq!(send(request.header("x-gateway-team", "growth")).await.verdict(), "200 SUCCESS");
    stage.finish().await;
}

#[tokio::test]
async fn another_teams_purchase_is_as_absent_as_one_that_never_was() {
    let stage = Stage::new().await;
    let id = bought_by(&stage, &ann(), AU).await;
    let registration = register(&stage, &ann()).await.header("location").unwrap().to_owned();
    let bob = somebody("bob", "support", "requester");
    let colleague = somebody("cy", "growth", "viewer");
    let absent = "00000000-0000-7000-8000-000000000000";
    for (real, made_up) in [
        (format!("/v1/purchases/{id}"), format!("/v1/purchases/{absent}")),
        (registration, format!("/v1/registrations/{absent}")),
    ] {
        assert_eq!(stage.get(&colleague, &real).await.status, 200, "{real}");
        let (hidden, none) = (stage.get(&bob, &real).await, stage.get(&bob, &made_up).await);
        assert_eq!(hidden.verdict(), "404 NOT_FOUND", "{real}");
        assert_eq!((hidden.status, &hidden.text), (none.status, &none.text));
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&hidden), names(&none), "{real}");
    }
    let items = |answer: Answer| answer.json()["items"].as_array().unwrap().len();
    assert_eq!(items(stage.get(&bob, "/v1/purchases").await), 0);
    assert_eq!(items(stage.get(&bob, "/v1/purchases?team=growth").await), 0);
    assert_eq!(items(stage.get(&colleague, "/v1/purchases?team=growth").await), 1);
    assert_eq!(
        items(stage.get(&somebody("fin", "support", "finance"), "/v1/purchases?team=growth").await),
        1
    );
    // Nor does buying tell who has it: the number is not for sale, that is all.
    let wanted = stage.buy(&bob, AU).await;
    assert_eq!(wanted.verdict(), "409 NUMBER_NOT_AVAILABLE");
    assert_eq!(wanted.header("x-gateway-purchase"), None);
    let never = stage.buy(&bob, "+61491579999").await;
    assert_eq!(wanted.text.replace(AU, ""), never.text.replace("+61491579999", ""));
    stage.finish().await;
}

#[tokio::test]
async fn a_bought_number_is_its_teams_and_one_from_before_is_everybodys() {
    let stage = Stage::new().await;
    let before = stage.control("sell", json!({"country": "NZ"})).await["sale"]["number"].clone();
    let before = before.as_str().unwrap().to_owned();
    bought_by(&stage, &ann(), AU).await;
    let both = vec![AU.to_owned(), before.clone()];
    let sorted = |mut numbers: Vec<String>| {
        numbers.sort();
        numbers
    };
    for (who, numbers) in [
        (ann(), &both),
        (somebody("cy", "growth", "viewer"), &both),
        (somebody("bob", "support", "viewer"), &vec![before.clone()]),
        (somebody("nina", "x", "approver").of_teams(&[]), &vec![before.clone()]),
        (somebody("fin", "support", "finance"), &both),
        (somebody("aud", "x", "auditor").of_teams(&[]), &both),
        (somebody("root", "support", "administrator"), &both),
    ] {
        assert_eq!(sorted(numbers_of(&stage, &who).await), *numbers, "{who:?}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn numbers_from_before_may_be_hidden_until_they_are_assigned() {
    let stage = Stage::with("[purchases]\npreexisting_visible_to = \"all_teams_roles\"\n").await;
    stage.control("sell", json!({"country": "NZ"})).await;
    assert_eq!(numbers_of(&stage, &ann()).await.len(), 0);
    assert_eq!(numbers_of(&stage, &somebody("fin", "support", "finance")).await.len(), 1);
    stage.finish().await;
}
