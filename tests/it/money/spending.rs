//! What people are told about spend, and what an administrator puts right.

use std::time::Duration;

use serde_json::{Value, json};

use super::{GROWTH, Years, money, root};
use crate::stage::{Somebody, ann, somebody};

fn bob() -> Somebody {
    somebody("bob", "support", "requester")
}

fn finance() -> Somebody {
    somebody("fay", "growth", "finance").of_teams(&[])
}

/// Two teams with a number each, and one that nobody has: from November on.
async fn two_teams() -> (Years, [String; 3]) {
    let mut years = Years::start("2027-11-15T09:00:00Z", &[]).await;
    let au = years.stage.numbers_on_sale("AU").await[0].clone();
    let ca = years.stage.numbers_on_sale("CA").await[0].clone();
    assert_eq!(years.stage.buy(&ann(), &au).await.verdict(), "200 SUCCESS");
    assert_eq!(years.stage.buy(&bob(), &ca).await.verdict(), "200 SUCCESS");
    let (orphan, _) = years.sold_elsewhere(json!({"country": "NZ"})).await;
    years.looked().await;
    years.go_to("2027-12-01T00:00:00Z").await;
    years.looked().await;
    (years, [au, ca, orphan])
}

#[tokio::test]
async fn spend_is_cut_as_somebody_asks_and_everybody_sees_their_own() {
    let (years, _) = two_teams().await;
    let all = years.spent(&finance(), "group_by=team,country,type,month,requester,kind").await;
    let row = |team: &str, country: &str, month: &str, requester: &str, kind: &str, charged: &str| {
        let issuer = "(https://test.example)";
        let requester = if requester.is_empty() { String::new() } else { format!("{requester} {issuer}") };
        json!({"team": team, "country": country, "type": if country == "NZ" { "tollfree" } else { "longcode" },
               "month": month, "requester": requester, "kind": kind, "entries": 1,
               "charged": {"amount": charged, "currency": "AUD"}})
    };
    let found: Vec<Value> = all["items"].as_array().unwrap().clone();
    let wanted = [
        row("(suspense)", "NZ", "2027-12", "", "renewal", "28.35"),
        row("growth", "AU", "2027-11", "ann", "first_period", "11.05"),
        row("growth", "AU", "2027-12", "ann", "renewal", "20.71"),
        row("support", "CA", "2027-11", "bob", "first_period", "3.46"),
        row("support", "CA", "2027-11", "bob", "setup", "3.00"),
        row("support", "CA", "2027-12", "bob", "renewal", "6.49"),
    ];
    let without_type = |rows: &[Value]| -> Vec<Value> {
        rows.iter()
            .map(|row| {
                let mut row = row.clone();
                row.as_object_mut().unwrap().remove("type");
                row
            })
            .collect()
    };
    assert_eq!(without_type(&found), without_type(&wanted));
    assert!(found.iter().all(|row| row["type"].as_str().is_some_and(|text| !text.is_empty())), "{found:?}");
    assert_eq!(all["total"]["amount"], "73.06");

    let own = years.spent(&somebody("vic", "support", "viewer"), "group_by=team").await;
    assert_eq!((own["items"].as_array().unwrap().len(), &own["total"]["amount"]), (1, &json!("12.95")));
    let none = years.spent(&somebody("vic", "growth", "viewer").of_teams(&[]), "").await;
    assert_eq!((&none["items"], &none["total"]["amount"]), (&json!([]), &json!("0.00")));
    let december = years.spent(&finance(), "from=2027-12&to=2027-12&group_by=month").await;
    assert_eq!(december["total"]["amount"], "55.55");

    let page = years.spent(&finance(), "group_by=team&limit=2").await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next_cursor"]), (2, &json!("2")));
    let rest = years.spent(&finance(), "group_by=team&limit=2&cursor=2").await;
    assert_eq!((&rest["items"][0]["team"], &rest["next_cursor"]), (&json!("support"), &Value::Null));
    for query in
        ["group_by=colour", "group_by=team,team", "from=2027-13", "from=2028-01&to=2027-12", "cursor=x"]
    {
        let answer = years.stage.get(&finance(), &format!("/v1/spend?{query}")).await;
        assert_eq!(answer.verdict(), "400 BAD_REQUEST", "{query}");
    }
    years.stage.finish().await;
}

#[tokio::test]
async fn tables_are_for_spreadsheets_and_for_nothing_that_they_would_calculate() {
    let (years, [au, ca, orphan]) = two_teams().await;
    let refund = json!({"kind": "refund", "amount": "-1.50", "team": "growth", "reason": "=2+2"});
    assert_eq!(years.adjust(&root(), "r1", &refund).await.status, 201);
    let table = years.stage.get(&finance(), "/v1/spend.csv?group_by=team,kind").await;
    assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(table.header("content-disposition"), Some("attachment; filename=\"spend.csv\""));
    let lines = [
        "team,kind,entries,amount,currency,cost_center",
        "(suspense),renewal,1,28.35,AUD,",
        "growth,first_period,1,11.05,AUD,",
        "growth,refund,1,-1.50,AUD,",
        "growth,renewal,1,20.71,AUD,",
        "support,first_period,1,3.46,AUD,",
        "support,renewal,1,6.49,AUD,",
        "support,setup,1,3.00,AUD,",
        "",
    ];
    assert_eq!(table.text, lines.join("\r\n"));
    let forecast = years.stage.get(&finance(), "/v1/spend/forecast.csv").await.text;
    assert!(
        forecast
            .starts_with("month,date,team,rows,amount,currency\r\n2028-01,2028-01-01,growth,1,20.71,AUD\r\n")
    );
    assert_eq!(forecast.lines().count(), 1 + 12 * 3);
    let idle = years.stage.get(&finance(), "/v1/numbers/idle.csv?days=1").await.text;
    let mut numbers = [&au, &ca, &orphan].map(|number| format!("'{number}"));
    numbers.sort();
    let found: Vec<&str> = idle.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(found, numbers);
    years.stage.finish().await;
}

#[tokio::test]
async fn the_forecast_tells_what_is_owned_what_may_be_and_what_nobody_knows_the_price_of() {
    let (years, [au, ..]) = two_teams().await;
    let forecast = years.forecast(&finance()).await;
    let firsts = forecast["items"].as_array().unwrap();
    let months: Vec<&str> = firsts.iter().map(|first| first["month"].as_str().unwrap()).collect();
    assert_eq!((months.len(), months[0], months[1], months[11]), (12, "2028-01", "2028-02", "2028-12"));
    assert_eq!((&firsts[1]["date"], &firsts[1]["total"]["amount"]), (&json!("2028-02-01"), &json!("55.55")));
    let account = &forecast["account"];
    let left = money(&account["balance"]);
    assert!(left < "100000.00".parse().unwrap() && account["auto_recharge"] == true, "{account}");
    assert_eq!(account["firsts_covered"], 12);
    assert_eq!(years.forecast(&ann()).await["account"], Value::Null, "the account is not hers");

    years.stage.control("balance", json!({"balance": "111.10"})).await;
    years.looked().await;
    assert_eq!(years.forecast(&finance()).await["account"]["firsts_covered"], 2);
    assert_eq!(years.series("numbers_gateway_account_firsts_covered").await, 2);
    assert_eq!(years.series("numbers_gateway_account_auto_recharge").await, 1);

    // What is under way adds to each 1st, and is not part of it before it is bought.
    years.stage.refuse_lists().await;
    let next = years.stage.numbers_on_sale("AU").await[0].clone();
    years.stage.fault(json!({"operation": "buy", "fault": "drop_after_sale", "count": 1})).await;
    assert_eq!(years.stage.buy(&ann(), &next).await.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN");
    let forecast = years.forecast(&ann()).await;
    assert_eq!(
        (&forecast["items"][0]["total"]["amount"], &forecast["under_way"]["amount"]),
        (&json!("20.71"), &json!("20.71"))
    );
    years.stage.end_faults().await;
    years
        .until("its booking", async || {
            (years.forecast(&ann()).await["items"][0]["total"]["amount"] == "41.42").then_some(())
        })
        .await;

    // A list that names no price takes none away; a number that it shows first has none.
    let (unpriced, _) = years.sold_elsewhere(json!({"country": "CA"})).await;
    let mut list = years.stage.upstream_list().await;
    for row in list["data"]["data"].as_array_mut().unwrap() {
        row["price"] = Value::Null;
    }
    let fault = json!({"operation": "list", "fault": "arbitrary", "status": 200, "body": list});
    years.stage.fault(fault).await;
    years.looked().await;
    let forecast = years.forecast(&finance()).await;
    assert_eq!(forecast["unpriced"], json!([{"number": unpriced, "team": "(suspense)"}]));
    assert_eq!(forecast["items"][0]["total"]["amount"], "76.26");
    assert_eq!(years.number(&unpriced).await["monthly"], Value::Null);
    assert_eq!(years.number(&au).await["monthly"]["amount"], "20.71");
    years.stage.finish().await;
}

#[tokio::test]
async fn an_adjustment_is_written_once_for_the_right_reasons_by_the_right_people() {
    let tight = r#"budget = { spend_per_month = "25.00", recurring_per_month = "unlimited" }"#;
    let years = Years::start("2027-11-15T09:00:00Z", &[(GROWTH, tight)]).await;
    let number = years.stage.numbers_on_sale("AU").await[0].clone();
    let bought = years.stage.buy(&ann().with_roles(&["requester", "administrator"]), &number).await;
    let purchase = bought.header("x-gateway-purchase").unwrap().to_owned();
    let refund =
        json!({"kind": "refund", "amount": "-5.00", "purchase": purchase, "reason": "it did not work"});
    let first = years.adjust(&root(), "one", &refund).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let said = ["kind", "month", "team", "purchase", "number"].map(|name| first.json()[name].clone());
    assert_eq!(said, [json!("refund"), json!("2027-11"), json!("growth"), json!(purchase), json!(number)]);
    assert_eq!(first.json()["amount"], json!({"amount": "-5.00", "currency": "AUD"}));
    let again = years.adjust(&root(), "one", &refund).await;
    assert_eq!((again.status.as_u16(), again.text == first.text), (201, true));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let location = first.header("location").unwrap();
    let events = years.stage.get(&root(), location).await.json();
    let details = &events["items"][0]["event"]["details"];
    assert_eq!((&details["why"], &details["above_budget"]), (&json!("it did not work"), &json!(false)));

    let with = |name: &str, value: Value| {
        let mut body = refund.clone();
        body[name] = value;
        body
    };
    let own = ann().with_roles(&["administrator"]);
    for (who, key, body, verdict) in [
        (&root(), "one", with("amount", json!("-6.00")), "422 IDEMPOTENCY_KEY_REUSED"),
        (&own, "two", refund.clone(), "403 FORBIDDEN"),
        (&finance(), "two", refund.clone(), "403 FORBIDDEN"),
        (&root(), "two", with("amount", json!("5.00")), "400 BAD_REQUEST"),
        (&root(), "two", with("amount", json!("0.00")), "400 BAD_REQUEST"),
        (&root(), "two", with("amount", json!("-0.0000001")), "400 BAD_REQUEST"),
        (&root(), "two", with("amount", json!("-1000000000")), "400 BAD_REQUEST"),
        (&root(), "two", with("amount", json!("-9223372036854.775807")), "400 BAD_REQUEST"),
        (&root(), "two", with("month", json!("2027-12")), "400 BAD_REQUEST"),
        (&root(), "two", with("purchase", json!("019ac000-0000-7000-8000-000000000000")), "400 BAD_REQUEST"),
        (&root(), "two", with("number", json!("+61491579999")), "400 BAD_REQUEST"),
        (&root(), "two", with("team", json!("nobody")), "400 BAD_REQUEST"),
        (&root(), "two", with("reason", json!(" ")), "400 BAD_REQUEST"),
        (&root(), "two", json!({"kind": "refund", "amount": "-1.00", "reason": "whose?"}), "400 BAD_REQUEST"),
        (&root(), "two", with("kind", json!("hold")), "400 BAD_REQUEST"),
    ] {
        let answer = years.adjust(who, key, &body).await;
        assert_eq!(answer.verdict(), verdict, "{body}: {}", answer.text);
    }
    let without_key = years.stage.post(&root(), "/v1/spend/adjustments", &refund).await;
    assert_eq!(without_key.verdict(), "400 BAD_REQUEST");

    // What an invoice has more than the ledger is booked, also above a limit, and leaves no room.
    let more = json!({"kind": "adjustment", "amount": "19.00", "team": "growth", "month": "2027-11", "reason": "invoice 7"});
    let above = years.adjust(&root(), "three", &more).await;
    assert_eq!(above.status, 201, "{}", above.text);
    let events = years.stage.get(&root(), above.header("location").unwrap()).await.json();
    assert_eq!(events["items"][0]["event"]["details"]["above_budget"], true);
    let second = years.stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(years.stage.buy(&ann(), &second).await.verdict(), "403 BUDGET_EXCEEDED");
    let mine = json!({"kind": "adjustment", "amount": "1.00", "purchase": purchase, "reason": "more"});
    assert_eq!(years.adjust(&own, "four", &mine).await.status, 201, "above zero it makes no room");
    let suspense =
        json!({"kind": "adjustment", "amount": "2.00", "team": "(suspense)", "reason": "a first charge"});
    assert_eq!(years.adjust(&root(), "five", &suspense).await.json()["team"], "(suspense)");
    let spent = years.spent(&finance(), "group_by=team").await;
    let amounts: Vec<&Value> =
        spent["items"].as_array().unwrap().iter().map(|row| &row["charged"]["amount"]).collect();
    assert_eq!(amounts, [&json!("2.00"), &json!("26.05")], "11.05 - 5 + 19 + 1");
    years.stage.finish().await;
}

#[tokio::test]
async fn numbers_worth_a_look_come_with_a_letter_that_cancels_them() {
    let (mut years, [au, ca, orphan]) = two_teams().await;
    let idle = async |years: &Years, who: &Somebody, query: &str| {
        let answer = years.stage.get(who, &format!("/v1/numbers/idle?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    let young = idle(&years, &finance(), "").await;
    assert_eq!((young["items"].as_array().unwrap().len(), &young["items"][0]["number"]), (1, &json!(orphan)));
    assert_eq!(young["items"][0]["why"], json!(["no_team"]));

    years.pass(Duration::from_hours(24 * 10)).await;
    years.stage.control("status", json!({"number": ca, "value": 3})).await;
    years.looked().await;
    let old = idle(&years, &finance(), "days=5").await;
    let mut wanted = vec![
        (au.clone(), json!(["age", "registration_stuck"])),
        (ca.clone(), json!(["age"])),
        (orphan.clone(), json!(["age", "no_team"])),
    ];
    wanted.sort_by(|one, other| one.0.cmp(&other.0));
    let found: Vec<(String, Value)> = old["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["number"].as_str().unwrap().to_owned(), item["why"].clone()))
        .collect();
    assert_eq!(found, wanted, "a registration that moved just now is not stuck");
    let letter = old["cancellation"].as_str().unwrap();
    assert!(
        letter.contains("user id 100001")
            && [&au, &ca, &orphan].iter().all(|number| letter.contains(*number))
    );
    let own = idle(&years, &bob(), "days=5&limit=1").await;
    assert_eq!((own["items"].as_array().unwrap().len(), own["next_cursor"].is_string()), (1, true));
    assert!(!own["cancellation"].as_str().unwrap().contains(&au));

    years.stage.stop_gateway().await;
    years.stage.configure("[teams.support]", "[teams.desk]");
    years.stage.start_gateway().await;
    let gone = idle(&years, &finance(), "days=1000").await;
    let reasons: Vec<&Value> = gone["items"].as_array().unwrap().iter().map(|item| &item["why"]).collect();
    assert!(reasons.contains(&&json!(["team_gone"])) && reasons.len() == 2, "{reasons:?}");
    years.stage.finish().await;
}
