//! What `token check` shows.

use serde_json::json;

use super::forge::{Door, ED};
use crate::auth::{Reason, Refusal};

#[tokio::test]
async fn a_good_token_is_explained_to_the_end() {
    let door = Door::of(&ED);
    let explanation = door.verifier.explain(&ED.good("k", &json!({}))).await;
    let rules: Vec<_> = explanation.steps.iter().map(|step| step.rule).collect();
    let expected = ["form", "header", "issuer", "key", "signature", "audience", "times", "principal"];
    assert_eq!(rules, expected);
    assert!(explanation.steps.iter().all(|step| step.refused.is_none()));
    assert!(explanation.outcome.is_ok_and(|principal| principal.person.subject == "ann"));
}

#[tokio::test]
async fn a_refused_token_is_explained_to_the_rule_it_broke() {
    let door = Door::of(&ED);
    for (token, reason) in [
        ("x".to_owned(), Reason::Form),
        (ED.good("k", &json!({"iss": "https://other.example"})), Reason::Issuer),
        (ED.good("k", &json!({"aud": "other"})), Reason::Audience),
    ] {
        let explanation = door.verifier.explain(&token).await;
        let refused: Vec<_> = explanation.steps.iter().filter_map(|step| step.refused).collect();
        assert_eq!(refused, [Refusal::Invalid(reason)], "said once");
        assert_eq!(explanation.outcome, Err(Refusal::Invalid(reason)));
    }
}
