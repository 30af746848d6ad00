//! Who may do what, in one table: `matrix.txt`, a row for each route and team, a column for each role.
//!
//! The routes come from the API document, so a route without a row fails, and a row without a route. A new route
//! needs its rows; where its path or body wants something that [`scene`] does not make yet, a line there.

mod scene;

use std::collections::BTreeSet;

use numbers_gateway::http;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::stage::{Answer, send};
use scene::{Scene, Whose};

const MATRIX: &str = include_str!("matrix.txt");

/// Open to everybody, so that nobody's token is asked for.
const OPEN: [&str; 1] = ["GET /problems/{code}"];

/// One line of the table.
struct Row {
    /// `GET /v1/me`.
    route: String,
    whose: Whose,
    /// In the order of [`roles`].
    cells: Vec<&'static str>,
}

fn lines() -> impl Iterator<Item = Vec<&'static str>> {
    let said = MATRIX.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    said.map(|line| line.split_whitespace().collect())
}

/// The heading of the table.
fn roles() -> Vec<&'static str> {
    lines().next().unwrap().split_off(3)
}

fn rows() -> Vec<Row> {
    let row = |words: Vec<&'static str>| {
        let [method, path, whose, ref cells @ ..] = words[..] else { panic!("{words:?}") };
        Row { route: format!("{method} {path}"), whose: whose.parse().unwrap(), cells: cells.to_vec() }
    };
    lines().skip(1).map(row).collect()
}

/// Every route that the API document knows.
fn routes() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&http::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| -> Vec<String> {
        let methods = item.as_object().unwrap().keys();
        let known = ["get", "post", "put", "patch", "delete"];
        let methods = methods.filter(|method| known.contains(&method.as_str()));
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    paths.iter().flat_map(of_path).collect()
}

/// What an answer means for the table.
fn word(answer: &Answer) -> String {
    // 409: let through, and refused for the state that the thing is in. An export is no JSON.
    if answer.status.is_success() || answer.status == StatusCode::CONFLICT {
        return "yes".to_owned();
    }
    match answer.verdict().as_str() {
        "403 FORBIDDEN" => "no".to_owned(),
        "403 TEAM_REQUIRED" => "team".to_owned(),
        "404 NOT_FOUND" => "absent".to_owned(),
        verdict => verdict.replace(' ', "_"),
    }
}

#[test]
fn every_route_has_its_rows_and_every_row_its_route() {
    let rows: BTreeSet<String> = rows().into_iter().map(|row| row.route).collect();
    let open = OPEN.map(str::to_owned);
    let routes: BTreeSet<String> = routes().into_iter().filter(|route| !open.contains(route)).collect();
    let without_row: Vec<_> = routes.difference(&rows).collect();
    assert!(without_row.is_empty(), "without a row in matrix.txt: {without_row:?}");
    let without_route: Vec<_> = rows.difference(&routes).collect();
    assert!(without_route.is_empty(), "rows of matrix.txt without a route: {without_route:?}");
}

#[tokio::test]
async fn the_gateway_does_what_the_matrix_says() {
    let scene = Scene::new().await;
    let mut different = Vec::new();
    for row in rows() {
        assert_eq!(row.cells.len(), roles().len(), "{} has a cell for each role", row.route);
        for (role, cell) in roles().into_iter().zip(&row.cells) {
            let answer = scene.ask(&row.route, row.whose, role).await;
            let found = word(&answer);
            if found != *cell {
                let (route, whose) = (&row.route, row.whose);
                different.push(format!(
                    "{route} {whose} {role}: {cell} in the table, found {found}: {}",
                    answer.text
                ));
            }
        }
    }
    assert!(different.is_empty(), "{} cells differ:\n{}", different.len(), different.join("\n"));
    scene.finish().await;
}

#[tokio::test]
async fn nobody_without_a_token_gets_further_than_the_door() {
    let scene = Scene::new().await;
    for route in routes() {
        let (method, path) = route.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let path = path.replace("{code}", "NOT_FOUND").replace(['{', '}'], "");
        let request = || scene.stage.anonymous(method.clone(), &path);
        let wanted = if OPEN.contains(&route.as_str()) { 200 } else { 401 };
        assert_eq!(send(request()).await.status, wanted, "{route}");
        assert_eq!(send(request().bearer_auth("a.b.c")).await.status, wanted, "{route} with garbage");
    }
    scene.finish().await;
}
