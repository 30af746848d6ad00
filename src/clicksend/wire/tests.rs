//! Every shape and oddity that was seen or documented, with invented values.
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::{Just, Strategy};

use super::{Envelope, account, offer_page, owned_page};
use crate::clicksend::Account;
use crate::domain::owned::{OwnedPage, RegistrationStatus};
use crate::domain::search::OfferPage;

const ROW: &str = r#"{"country":"AU","country_name":"Australia","dedicated_number":"+61491570156",
    "price_setup":"0.0000","price_monthly":"20.7100","price_total":"20.7100","address_requirement":"local"}"#;
const AUD: &str = r#"{"currency_name_short":"AUD","currency_prefix_d":"$","currency_prefix_c":"c",
    "currency_name_long":"Australian Dollars"}"#;

fn body(rest: &str) -> String {
    format!(r#"{{"http_code":200,"response_code":"SUCCESS","response_msg":"Here.",{rest}}}"#)
}

fn offers(rest: &str) -> Result<OfferPage, &'static str> {
    offer_page(Envelope::of_search(body(rest).as_bytes())?)
}

fn owned(rest: &str) -> Result<OwnedPage, &'static str> {
    owned_page(&Envelope::parse(body(rest).as_bytes())?)
}

fn account_of(data: &str) -> Result<Account, &'static str> {
    account(&Envelope::parse(body(&format!(r#""data":{data}"#)).as_bytes())?)
}

#[test]
fn the_three_shapes_of_a_search_are_one_page() {
    let page = format!(r#""total":1,"per_page":100,"next_page_url":"/?page=2","data":[{ROW}]"#);
    let today = offers(&format!(r#""data":{{{page},"_currency":{AUD}}}"#)).unwrap();
    assert_eq!((today.total, today.offers.len()), (1, 1));
    assert_eq!(today.offers.first().unwrap().terms.address_requirement.as_deref(), Some("local"));
    assert_eq!(today.currency.as_ref().unwrap().currency_name_long.as_deref(), Some("Australian Dollars"));
    assert_eq!(offers(&format!(r#""data":{{{page}}},"_currency":{AUD}"#)).unwrap(), today);
    assert_eq!(offers(&format!(r#""data":[{ROW}],"_currency":{AUD}"#)).unwrap(), today);
}

#[test]
fn an_empty_search_has_many_faces() {
    for data in ["null", "[]", "{}", r#"{"total":0}"#, r#"{"total":"0","data":[],"_currency":null}"#] {
        assert_eq!(offers(&format!(r#""data":{data}"#)).unwrap(), OfferPage::default(), "{data}");
    }
    assert_eq!(offers(r#""_currency":[]"#).unwrap(), OfferPage::default());
}

#[test]
fn what_is_no_search_is_not_taken_for_an_empty_one() {
    for after in ["{}", ",", "}", "null", "x"] {
        let text = format!("{}{after}", body(r#""data":null"#));
        assert!(Envelope::of_search(text.as_bytes()).is_err(), "{after} behind it");
    }
    for data in [r#""Maintenance.""#, "7", "true", r#"{"data":"none"}"#, r#"{"total":1,"total":2}"#] {
        assert!(offers(&format!(r#""data":{data}"#)).is_err(), "{data}");
    }
}

#[test]
fn old_rows_have_one_price_and_their_own_currency() {
    let row = |currency| {
        format!(
            r#"{{"country":"US","country_name":"United States","currency":"{currency}",
            "dedicated_number":"+12025550143","price":"2.80"}}"#
        )
    };
    let page = offers(&format!(r#""data":[{},{}]"#, row("USD"), row("USD"))).unwrap();
    let offer = &page.offers.first().unwrap().terms;
    assert_eq!((offer.price_monthly.as_deref(), offer.price_setup.as_deref()), (Some("2.80"), None));
    assert_eq!(page.currency.unwrap().currency_name_short.as_deref(), Some("USD"));
    assert_eq!(offers(&format!(r#""data":[{},{}]"#, row("USD"), row("AUD"))).unwrap().currency, None);
}

#[test]
fn prices_keep_their_own_digits_whatever_their_json_type() {
    for (written, read) in [
        (r#""20.710000""#, Some("20.710000")),
        ("20.710000", Some("20.710000")),
        ("0.1000000000000000055511151231257827", Some("0.1000000000000000055511151231257827")),
        ("-1", Some("-1")),
        ("0", Some("0")),
        ("null", None),
        ("true", None),
        ("[]", None),
        (r#"{"amount":"1"}"#, None),
    ] {
        let row = ROW.replace(r#""20.7100","price_total""#, &format!(r#"{written},"price_total""#));
        let page = offers(&format!(r#""data":[{row}]"#)).unwrap();
        assert_eq!(page.offers.first().unwrap().terms.price_monthly.as_deref(), read, "{written}");
    }
}

#[test]
fn rows_that_are_no_numbers_are_left_out() {
    let rows = format!(r#"[{ROW},7,null,"+61491570156",[],["+61491570156"],{{}},{{"country":"AU"}},{ROW}]"#);
    let page = offers(&format!(r#""data":{{"total":9,"data":{rows}}}"#)).unwrap();
    assert_eq!((page.total, page.offers.len()), (9, 2));
    let page = owned(&format!(r#""data":{{"total":9,"data":{rows}}}"#)).unwrap();
    assert_eq!((page.total, page.numbers.len()), (9, 2), "the count no longer fits, so no scan is complete");
}

#[test]
fn a_row_that_looks_like_the_one_before_is_read_as_if_it_were_alone() {
    let like = |number: &str| ROW.replace(r#""+61491570156""#, number);
    let twice = ROW.replace(r#""local""#, r#""+61491570156""#);
    let early = ROW.replace("Australia", "+61491570156");
    for next in [
        like(r#""+61491570157""#),
        like(r#""""#),
        like("61491570157"),
        like("null"),
        like(r#""\u002b61491570157""#),
        like(r#""+61\"491570157""#),
        like(r#""+614","price_total":"+615""#),
        like(r#"["+61491570157"]"#),
        twice.replace("+61491570156", "+61491570157"),
        twice.replacen("+61491570156", "+61491570157", 1),
        early.replacen("+61491570156", "+61491570157", 1),
        ROW.replace("20.7100", "20.7101"),
        ROW.replace('{', "{ "),
        ROW.replace("local", "l\\u006fcal"),
    ] {
        let alone = offers(&format!(r#""data":[{next}]"#)).unwrap().offers;
        for before in [ROW, &twice, &early] {
            let after = offers(&format!(r#""data":[{before},{before},{next},{next}]"#)).unwrap().offers;
            assert_eq!(after.get(2..), Some([alone.clone(), alone.clone()].concat().as_slice()), "{next}");
        }
    }
    let both = offers(&format!(r#""data":[{ROW},{}]"#, like(r#""+61491570157""#))).unwrap().offers;
    assert!(std::sync::Arc::ptr_eq(&both.first().unwrap().terms, &both.last().unwrap().terms));
}

#[test]
fn odd_counters_do_not_cost_the_page() {
    let page = format!(
        r#""total":"x","per_page":[],"current_page":null,"last_page":-1,"from":{{}},"next_page_url":5,"data":[{ROW}]"#
    );
    let page = offers(&format!(r#""data":{{{page}}}"#)).unwrap();
    assert_eq!((page.total, page.offers.len()), (1, 1));
}

#[test]
fn an_owned_row_is_read_with_every_field_and_with_four() {
    let row = r#"{"dedicated_number":"+61491570006","country":"AU","price":18.59,"_country_name":"Australia",
        "notes":"front desk","type":"sms","number_type":"longcode","number_category":"standard",
        "number_guid":"0B6D2C1E-4F3A-4C57-9E21-7A90D1F3C644","form_submission_id":77,
        "status":{"value":5,"label":"REGISTERED","description":"…","name":"Registered"}}"#;
    let old =
        r#"{"dedicated_number":"+61491570110","country":"AU","price":"26.94","_country_name":"Australia"}"#;
    let rest = format!(
        r#""data":{{"total":"2","per_page":"100","last_page":"1","data":[{row},{old}],"_currency":{AUD}}}"#
    );
    let page = owned(&rest).unwrap();
    assert_eq!((page.total, page.last_page), (2, 1));
    let expected = serde_json::json!({
        "dedicated_number": "+61491570006",
        "country": "AU",
        "price": "18.59",
        "_country_name": "Australia",
        "notes": "front desk",
        "type": "sms",
        "number_type": "longcode",
        "number_category": "standard",
        "number_guid": "0B6D2C1E-4F3A-4C57-9E21-7A90D1F3C644",
        "form_submission_id": "77",
        "status": "REGISTERED",
    });
    assert_eq!(serde_json::to_value(page.numbers.first().unwrap()).unwrap(), expected);
    assert_eq!(page.numbers.last().unwrap().status, None);
    assert_eq!(page.currency.unwrap().currency_name_short.as_deref(), Some("AUD"));
}

#[test]
fn an_empty_list_comes_without_rows() {
    let page =
        owned(r#""data":{"total":0,"current_page":1,"last_page":0,"next_page_url":null,"_currency":null}"#);
    assert_eq!(page.unwrap(), OwnedPage::default());
}

#[test]
fn a_list_that_does_not_say_how_long_it_is_proves_nothing() {
    for data in
        ["null", "[]", "{}", r#"{"data":[]}"#, r#"{"total":null,"data":[]}"#, r#"{"total":1,"data":7}"#]
    {
        assert!(owned(&format!(r#""data":{data}"#)).is_err(), "{data}");
    }
    assert!(owned(r#""note":1"#).is_err());
    assert_eq!(owned(r#""data":{"total":201,"data":[]}"#).unwrap().last_page, 3, "calculated");
}

#[test]
fn a_status_is_one_of_six_or_nothing() {
    let status = |json: &str| {
        let rest =
            format!(r#""data":{{"total":1,"data":[{{"dedicated_number":"+61491570006","status":{json}}}]}}"#);
        owned(&rest).unwrap().numbers.first().unwrap().status
    };
    for known in RegistrationStatus::ALL {
        assert_eq!(status(&format!(r#"{{"value":{}}}"#, known.value())), Some(known));
        assert_eq!(status(&format!(r#"{{"value":"{}"}}"#, known.value())), Some(known));
        assert_eq!(status(&format!(r#"{{"label":"{}"}}"#, known.label())), Some(known));
    }
    assert_eq!(
        status(r#"{"value":1,"label":"REGISTERED"}"#),
        Some(RegistrationStatus::RegistrationNotInitiated)
    );
    for unknown in [
        r#"{"value":9,"label":"REGISTERED"}"#,
        r#"{"label":"NEW_WORD"}"#,
        "{}",
        "[]",
        "null",
        "5",
        r#""REGISTERED""#,
    ] {
        assert_eq!(status(unknown), None, "{unknown}");
    }
}

#[test]
fn an_account_needs_identity_currency_and_balance() {
    let whole = format!(r#"{{"user_id":"4711","balance":25.5,"banned":false,"_currency":{AUD}}}"#);
    let account = account_of(&whole).unwrap();
    assert_eq!((account.user_id, account.balance.micros()), (4711, 25_500_000));
    assert_eq!((account.active, account.banned, account.auto_recharge), (None, Some(false), None));
    for (from, to) in [(r#""4711""#, "null"), ("25.5", r#""plenty""#), ("25.5", "null"), ("AUD", "dollars")] {
        assert!(account_of(&whole.replace(from, to)).is_err(), "{from} -> {to}");
    }
    assert!(account_of("null").is_err());
}

#[test]
fn deep_and_wide_answers_are_refused_or_read_but_never_followed() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(offers(&format!(r#""note":{deep},"data":null"#)).is_ok());
    assert_eq!(offers(&format!(r#""data":{deep}"#)).map(|page| page.offers.len()), Ok(0));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        r#"[a-z\\"+0-9é]{0,6}"#.prop_map(serde_json::Value::from),
        Just(serde_json::from_str(ROW).unwrap()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            proptest::collection::btree_map("[a-z]{0,5}", inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_envelope(bytes in any::<Vec<u8>>()) {
        prop_assert!(Envelope::parse(&bytes).is_err());
    }

    /// What goes through an answer with a cursor takes what JSON is, and nothing else.
    #[test]
    fn a_search_is_taken_where_its_answer_is_json(
        data in json(), rows in proptest::collection::vec(json(), 0..4), pretty in any::<bool>(),
        at in any::<proptest::sample::Index>(), byte in "[ -~]", damage in any::<bool>(),
    ) {
        let page = serde_json::json!({"total": 3, "data": rows, "more": data.clone()});
        for data in [data, page, serde_json::Value::Array(rows)] {
            let whole = serde_json::json!({"http_code": 200, "response_code": "SUCCESS", "data": data});
            let mut text = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) }.unwrap();
            if damage {
                let at = at.index(text.len());
                if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                    text.replace_range(at..=at, &byte);
                }
            }
            let (ours, theirs) = (Envelope::of_search(text.as_bytes()), Envelope::parse(text.as_bytes()));
            prop_assert_eq!(ours.map(|it| (it.http_code, it.response_code)).ok(),
                theirs.map(|it| (it.http_code, it.response_code)).ok(), "{}", text);
        }
    }

    /// With and without what has to be unescaped.
    #[test]
    fn a_text_is_what_json_says_it_is(text in any::<String>(), raw in r#"[a-z\\"u0-9/]{0,12}"#) {
        for written in [serde_json::to_string(&text).unwrap(), format!("\"{raw}\"")] {
            let Ok(value) = serde_json::from_str::<&serde_json::value::RawValue>(&written) else { continue };
            prop_assert_eq!(super::string(Some(value)), serde_json::from_str(&written).ok());
        }
    }

    #[test]
    fn arbitrary_json_like_text_never_panics(text in r#"[\[\]{}",:0-9eE.+\-a-z\\ ]{0,200}"#) {
        let rest = format!(r#""data":{text}"#);
        let _ = (offers(&rest).is_ok(), owned(&rest).is_ok(), account_of(&text).is_ok());
    }
}
