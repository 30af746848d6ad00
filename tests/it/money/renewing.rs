//! The 1st: what it takes, from whom, how often, and what a budget knows of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{GROWTH, Years, money, root};
use crate::stage::{Stage, ann, somebody};

/// The renewals in the database: month, payer, number, micro-units.
fn renewals(stage: &Stage) -> Vec<(String, String, String, i64)> {
    let connection = crate::database::open(&stage.database());
    let sql =
        "SELECT month, team, number, amount_micros FROM ledger WHERE kind = 'renewal' ORDER BY month, number";
    let mut statement = connection.prepare(sql).unwrap();
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn of(month: &str, payer: &str, number: &str, micros: i64) -> (String, String, String, i64) {
    (month.to_owned(), payer.to_owned(), number.to_owned(), micros)
}

impl Years {
    async fn await_renewals(&self, count: usize) {
        self.until("renewals", async || (renewals(&self.stage).len() >= count).then_some(())).await;
    }

    async fn budget(&self, team: &str) -> Value {
        let budgets = self.stage.get(&root(), "/v1/budgets").await.json();
        let items = budgets["items"].as_array().unwrap().iter();
        items.clone().find(|item| item["team"] == team).unwrap().clone()
    }
}

#[tokio::test]
async fn each_number_pays_each_month_once_and_what_was_missed_is_caught_up() {
    let mut years = Years::begin("2027-12-20T09:00:00Z", "", &[]).await;
    let (old, _) = years.sold_elsewhere(json!({"country": "NZ"})).await;
    years.stage.start_gateway().await;
    years.looked().await;
    let bought = years.stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(years.stage.buy(&ann(), &bought).await.verdict(), "200 SUCCESS");
    years.looked().await;
    assert!(renewals(&years.stage).is_empty(), "December is paid");

    years.go_to("2028-01-01T00:00:00Z").await;
    years.await_renewals(2).await;
    years.looked().await;
    let january =
        [of("2028-01", "growth", &bought, 20_710_000), of("2028-01", "(suspense)", &old, 28_350_000)];
    assert_eq!(renewals(&years.stage), january, "once, however often is looked");
    let event = &years.stage.events("number.renewed")[0];
    assert_eq!((&event["details"]["month"], &event["target"]["kind"]), (&json!("2028-01"), &json!("number")));

    years.stage.stop_gateway().await;
    years.go_to("2028-03-15T00:00:00Z").await;
    years.stage.start_gateway().await;
    years.await_renewals(6).await;
    years.looked().await;
    let months: Vec<String> = renewals(&years.stage).into_iter().map(|(month, ..)| month).collect();
    assert_eq!(months, ["2028-01", "2028-01", "2028-02", "2028-02", "2028-03", "2028-03"]);
    let kinds = years.spent(&root(), "group_by=kind&from=2028-01").await;
    assert_eq!(
        (&kinds["items"][0]["kind"], &kinds["items"][0]["charged"]["amount"]),
        (&json!("renewal"), &json!("147.18"))
    );
    years.stage.finish().await;
}

#[tokio::test]
async fn a_budget_counts_its_renewals_from_the_first_day_of_the_month_whoever_is_late() {
    // Months of budgets begin in Sydney, eleven hours before those of bills.
    let changes = [("[budget]\n", "[budget]\ntime_zone = \"Australia/Sydney\"\n")];
    let mut years = Years::start("2027-12-31T12:00:00Z", &changes).await;
    let bought = years.stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(years.stage.buy(&ann(), &bought).await.verdict(), "200 SUCCESS");
    let december = years.budget("growth").await;
    assert_eq!((&december["due"]["amount"], &december["spent"]["amount"]), (&json!("0.00"), &json!("0.67")));

    years.go_to("2027-12-31T13:00:00Z").await;
    let january = years.budget("growth").await;
    let amounts = ["due", "spent", "left"].map(|name| january[name]["amount"].clone());
    assert_eq!(amounts, ["20.71", "0.00", "979.29"].map(|text| json!(text)), "in Sydney it is January");

    years.stage.fault(json!({"operation": "list", "fault": "html_500_before_sale"})).await;
    years.go_to("2028-01-02T00:00:00Z").await;
    assert_eq!(years.budget("growth").await["due"]["amount"], "20.71", "no list shows what is owned");
    assert_eq!(years.forecast(&root()).await["overdue"]["amount"], "20.71");
    years.stage.end_faults().await;
    years.await_renewals(1).await;
    let posted = years.budget("growth").await;
    let amounts = ["due", "spent", "left"].map(|name| posted[name]["amount"].clone());
    assert_eq!(amounts, ["0.00", "20.71", "979.29"].map(|text| json!(text)), "the same, now from the ledger");
    years.stage.finish().await;
}

#[tokio::test]
async fn a_renewal_is_posted_above_a_limit_and_leaves_no_room_for_a_purchase() {
    let tight = r#"budget = { spend_per_month = "25.00", recurring_per_month = "unlimited" }"#;
    let mut years = Years::start("2027-11-30T09:00:00Z", &[(GROWTH, tight)]).await;
    let numbers = years.stage.numbers_on_sale("AU").await;
    assert_eq!(years.stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");
    assert_eq!(years.stage.buy(&ann(), &numbers[1]).await.verdict(), "200 SUCCESS");
    years.go_to("2027-12-01T00:00:00Z").await;
    // Whether it is posted already or not.
    assert_eq!(years.stage.buy(&ann(), &numbers[2]).await.verdict(), "403 BUDGET_EXCEEDED");
    years.await_renewals(2).await;
    let budget = years.budget("growth").await;
    assert_eq!((&budget["spent"]["amount"], &budget["left"]["amount"]), (&json!("41.42"), &json!("-16.42")));
    assert_eq!(years.stage.buy(&ann(), &numbers[2]).await.verdict(), "403 BUDGET_EXCEEDED");
    years.stage.finish().await;
}

#[tokio::test]
async fn what_was_bought_behind_the_gateways_back_is_in_suspense_until_it_is_assigned_and_then_its_teams() {
    let mut years = Years::start("2027-10-05T09:00:00Z", &[]).await;
    let mut orphans = Vec::new();
    for country in ["NZ", "CA", "GB"] {
        orphans.push(years.sold_elsewhere(json!({"country": country})).await.0);
    }
    years.looked().await;
    for number in &orphans {
        let row = years.number(number).await;
        let said = ["number", "team", "origin", "bought", "price_basis"].map(|name| row[name].clone());
        assert_eq!(said, [json!(number), Value::Null, json!("orphan"), json!("elsewhere"), json!("list")]);
        assert!(row["first_seen"].is_string() && row["last_seen"].is_string(), "{row}");
    }
    assert_eq!(years.series("numbers_gateway_alarms_total{alarm=\"orphaned\"}").await, 3);
    assert_eq!(years.forecast(&root()).await["items"][0]["teams"][0]["team"], "(suspense)");
    assert_eq!(years.forecast(&ann()).await["items"][0]["total"]["amount"], "0.00", "not hers to see");

    // One by a command, one by lines, one stays.
    let body = json!({"numbers": [orphans[0]], "team": "growth"});
    let assigned = years.stage.post(&root(), "/v1/numbers/assign", &body).await;
    assert_eq!(assigned.json(), json!({"assigned": 1, "unchanged": 0}));
    let assigned = years.assign_lines(&format!("number,team\n{},support\n", orphans[1])).await;
    assert_eq!(assigned.json(), json!({"assigned": 1, "unchanged": 0}));
    let recurring = |budget: Value| budget["recurring"]["amount"].clone();
    assert_eq!(recurring(years.budget("growth").await), "28.35");
    assert_eq!(recurring(years.budget("support").await), "6.49");
    assert_eq!(recurring(years.stage.get(&root(), "/v1/budgets").await.json()["items"][2].clone()), "49.74");

    years.go_to("2027-11-01T00:00:00Z").await;
    years.await_renewals(3).await;
    let mut wanted = [
        of("2027-11", "growth", &orphans[0], 28_350_000),
        of("2027-11", "support", &orphans[1], 6_490_000),
        of("2027-11", "(suspense)", &orphans[2], 14_900_000),
    ];
    wanted.sort_by(|one, other| one.2.cmp(&other.2));
    assert_eq!(renewals(&years.stage), wanted);
    assert_eq!(years.budget("growth").await["spent"]["amount"], "28.35", "charged from then on");
    let seen = years.spent(&somebody("bob", "support", "viewer"), "group_by=team,type").await;
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    assert_eq!((&seen["items"][0]["team"], &seen["total"]["amount"]), (&json!("support"), &json!("6.49")));
    years.stage.finish().await;
}

#[tokio::test]
async fn what_has_left_the_account_pays_no_more_and_what_comes_back_is_somebody_elses() {
    let mut years = Years::start("2028-02-10T09:00:00Z", &[]).await;
    let numbers = years.stage.numbers_on_sale("AU").await[..2].to_vec();
    for number in &numbers {
        assert_eq!(years.stage.buy(&ann(), number).await.verdict(), "200 SUCCESS");
    }
    years.looked().await;
    years.stage.control("give_up", json!({"number": numbers[0], "offered_again": true})).await;
    years.looked().await;
    assert_eq!(
        years.forecast(&ann()).await["items"][0]["total"]["amount"],
        "41.42",
        "one list frees nothing"
    );
    years.pass(Duration::from_secs(5)).await;
    years.looked().await;
    assert_eq!(years.forecast(&ann()).await["items"][0]["total"]["amount"], "20.71");
    years.sold_elsewhere(json!({"number": numbers[0]})).await;
    years.looked().await;
    assert_eq!(years.number(&numbers[0]).await["origin"], "orphan");
    years.go_to("2028-03-01T00:00:00Z").await;
    years.await_renewals(2).await;
    years.looked().await;
    let mut wanted = [
        of("2028-03", "(suspense)", &numbers[0], 20_710_000),
        of("2028-03", "growth", &numbers[1], 20_710_000),
    ];
    wanted.sort_by(|one, other| one.2.cmp(&other.2));
    assert_eq!(renewals(&years.stage), wanted);
    assert_eq!(years.invoice("2028-03").await.0, money(&json!("41.42")));
    years.stage.finish().await;
}

#[tokio::test]
async fn a_price_that_upstream_changes_is_told_once_and_counts_from_the_next_1st() {
    let mut years = Years::start("2028-02-10T09:00:00Z", &[]).await;
    let number = years.stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(years.stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    years.looked().await;
    let row = years.number(&number).await;
    assert_eq!((&row["price_basis"], &row["monthly"]["amount"]), (&json!("quote"), &json!("20.71")));
    years.stage.control("reprice", json!({"number": number, "monthly": "22.50"})).await;
    years.looked().await;
    let row = years.number(&number).await;
    assert_eq!((&row["price_basis"], &row["monthly"]["amount"]), (&json!("list"), &json!("22.50")));
    let told = years.stage.events("number.price_changed");
    assert_eq!((told.len(), &told[0]["details"]["from"]), (1, &json!("20.71")));
    years.go_to("2028-03-01T00:00:00Z").await;
    years.await_renewals(1).await;
    assert_eq!(renewals(&years.stage), [of("2028-03", "growth", &number, 22_500_000)]);
    assert_eq!(years.invoice("2028-03").await.0, money(&json!("22.50")));
    years.stage.finish().await;
}
