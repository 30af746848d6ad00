//! Who sees which page, what stands on it, and how long lists are cut.

use std::collections::BTreeSet;

use super::{Browser, RULES, ben, pending};
use crate::stage::{Stage, ann, somebody};

/// Every page that needs no id.
const PAGES: [&str; 9] = [
    "/console/waiting",
    "/console/requests",
    "/console/purchases",
    "/console/search",
    "/console/search?country=AU",
    "/console/numbers",
    "/console/registrations",
    "/console/budgets",
    "/console/audit",
];

#[tokio::test]
async fn every_role_has_its_pages_and_a_start() {
    let stage = Stage::new().await;
    for (role, start, refused) in [
        ("viewer", "/console/numbers", &["/console/waiting", "/console/audit"][..]),
        ("requester", "/console/requests", &["/console/waiting", "/console/audit"]),
        ("approver", "/console/waiting", &["/console/audit"]),
        ("application", "/console/requests", &["/console/waiting", "/console/audit"]),
        ("finance", "/console/budgets", &["/console/waiting", "/console/audit"]),
        ("auditor", "/console/audit", &["/console/waiting"]),
        ("administrator", "/console/waiting", &[]),
    ] {
        let mut browser = Browser::signed_in(&stage, &somebody("eve", "growth", role)).await;
        let first = browser.get("/console/").await;
        assert_eq!((first.status.as_u16(), first.header("location")), (303, Some(start)), "{role}");
        for path in PAGES {
            let answer = browser.get(path).await;
            let wanted = if refused.contains(&path) { 403 } else { 200 };
            assert_eq!(answer.status, wanted, "{role} {path}: {}", answer.text);
            assert_eq!(answer.text.matches("<h1").count(), 1, "{role} {path}");
            assert!(answer.text.contains("<strong>eve</strong>"), "{role} {path}");
            let offered = answer.text.contains(&format!("<li><a href=\"{path}\""));
            assert!(!offered || wanted == 200, "{role} is offered {path}");
        }
    }
    stage.finish().await;
}

#[tokio::test]
async fn what_another_team_has_is_not_there() {
    let stage = Stage::with(RULES).await;
    let id = pending(&stage, &ann(), "r").await;
    for (who, wanted) in [
        (somebody("eve", "support", "viewer"), 404),
        (somebody("eve", "support", "approver"), 404),
        (somebody("vic", "growth", "viewer"), 200),
        (somebody("olga", "support", "auditor"), 200),
    ] {
        let mut browser = Browser::signed_in(&stage, &who).await;
        assert_eq!(browser.get(&format!("/console/purchases/{id}")).await.status, wanted, "{who:?}");
        let listed = browser.page("/console/purchases").await.contains(&id);
        assert_eq!(listed, wanted == 200, "{who:?}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn html_in_whatever_a_person_writes_is_shown_as_text() {
    const EVIL: &str = "\"'><script>alert(1)</script>&amp;";
    let stage = Stage::with(RULES).await;
    let mut requester = Browser::signed_in(&stage, &ann().called("<script>Ann</script>")).await;
    let number = stage.numbers_on_sale("US").await[0].clone();
    let fields = [("number", number.as_str()), ("reason", EVIL), ("reference", EVIL), ("max_price", EVIL)];
    let refused = requester.post("/console/request", &fields).await;
    assert_eq!(refused.status, 400);
    let fields = [("number", number.as_str()), ("reason", EVIL), ("reference", EVIL)];
    let asked = requester.post("/console/request", &fields).await;
    let path = asked.header("location").unwrap().split('?').next().unwrap().to_owned();
    let mut approver = Browser::signed_in(&stage, &ben().called("<script>Ben</script>")).await;
    assert_eq!(approver.post(&format!("{path}/reject"), &[("comment", EVIL)]).await.status, 303);
    let mut auditor = Browser::signed_in(&stage, &somebody("olga", "growth", "auditor")).await;
    let mut pages = vec![refused.text];
    let escaped = "%22%27%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in [
        path.clone(),
        "/console/requests".to_owned(),
        "/console/purchases".to_owned(),
        format!("/console/search?country=US&contains={escaped}"),
        format!("/console/search?country={escaped}"),
        format!("/console/request?number={}&country={escaped}", number.replace('+', "%2B")),
        format!("/console/requests?state={escaped}"),
        format!("/console/sign-in?to=/console/{escaped}"),
        format!("/console/{escaped}"),
    ] {
        pages.push(requester.get(&path).await.text);
    }
    pages.push(approver.page(&path).await);
    pages.push(auditor.page(&path).await);
    pages.push(auditor.page("/console/audit").await);
    pages.push(auditor.page(&format!("/console/audit?action={escaped}")).await);
    let seen = auditor.page(&path).await;
    assert!(seen.contains("&#34;&#39;&#62;&#60;script&#62;alert(1)"), "{seen}");
    for page in pages {
        assert!(!page.contains("<script") && !page.contains("'><") && !page.contains("\"'>"), "{page}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn every_list_is_turned_page_by_page() {
    let stage = Stage::with(RULES).await;
    let numbers = stage.numbers_on_sale("US").await;
    let mut requester = Browser::signed_in(&stage, &ann()).await;
    for number in numbers.iter().take(27) {
        requester.request(number, "one of many").await;
    }
    let mut approver = Browser::signed_in(&stage, &ben()).await;
    for path in ["/console/waiting", "/console/requests", "/console/purchases?state=pending_approval"] {
        let browser = if path == "/console/requests" { &mut requester } else { &mut approver };
        let first = browser.page(path).await;
        let more = first.split_once("id=\"more\" class=\"button\" href=\"").expect("a further page").1;
        let more = more.split('"').next().unwrap().replace("&#38;", "&");
        let second = browser.page(&more).await;
        let ids = |page: &str| -> BTreeSet<String> {
            page.split("data-id=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        let (first, rest) = (ids(&first), ids(&second));
        assert_eq!((first.len(), rest.len(), first.union(&rest).count()), (25, 2, 27), "{path}");
        assert!(!second.contains("id=\"more\""), "{path}");
    }
    let mut auditor = Browser::signed_in(&stage, &somebody("olga", "growth", "auditor")).await;
    let (mut next, mut seen) = ("/console/audit".to_owned(), Vec::new());
    loop {
        let page = auditor.page(&next).await;
        let rows =
            page.split("data-seq=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap());
        seen.extend(rows.collect::<Vec<u64>>());
        let Some((_, more)) = page.split_once("id=\"more\" class=\"button\" href=\"") else { break };
        next = more.split('"').next().unwrap().replace("&#38;", "&");
    }
    let newest = seen[0];
    assert!(newest > 25, "more than one page: {newest}");
    assert_eq!(seen, (1..=newest).rev().collect::<Vec<_>>(), "every event once, newest first");
    for path in [
        "/console/waiting",
        "/console/requests",
        "/console/numbers",
        "/console/registrations",
        "/console/audit",
    ] {
        let mut auditor = Browser::signed_in(&stage, &ben().with_roles(&["administrator"])).await;
        let odd = auditor.get(&format!("{path}?cursor=%3Cx%3E")).await;
        assert!(odd.status == 400 || path == "/console/numbers", "{path}: {}", odd.status);
    }
    stage.finish().await;
}
