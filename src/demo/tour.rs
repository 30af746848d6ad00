//! The tour: a story in sixteen steps, each played for real and shown with its answer.
//!
//! Every answer is compared with what the story needs, so a tour that ends well is a small proof.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::caller::{Answer, As, CallError, Caller};
use super::ready::{Ready, campaign};
use crate::app::{EvidenceSource, StartError, verify_evidence};

/// Time to read a call and its answer.
const USUAL_PACE: Duration = Duration::from_millis(2_500);

/// A list is looked into within a second of the loss; a busy machine takes longer.
const FOUND_WITHIN: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Why the story broke off.
#[derive(Debug, thiserror::Error)]
pub enum TourError {
    /// No answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The evidence could not be read.
    #[error(transparent)]
    Evidence(#[from] StartError),
    /// Another answer than the story has.
    #[error("the tour expected {expected} and got {got}; it needs a data directory of its own")]
    Answer {
        /// What it should have been.
        expected: String,
        /// What it was.
        got: String,
    },
}

/// The story, ready to be played.
pub struct Tour {
    caller: Caller,
    ready: Ready,
    pace: Duration,
}

impl Tour {
    pub(super) const fn new(caller: Caller, ready: Ready) -> Self {
        Self { caller, ready, pace: USUAL_PACE }
    }

    /// The same story, told with other pauses.
    #[must_use]
    pub fn paced(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// Plays it. `show` gets a call with its answer at a time.
    pub async fn play(&self, mut show: impl FnMut(&str)) -> Result<(), TourError> {
        self.searching(&mut show).await?;
        self.buying(&mut show).await?;
        self.asking_somebody(&mut show).await?;
        self.losing_an_answer(&mut show).await?;
        self.being_refused(&mut show).await?;
        self.registering(&mut show).await?;
        self.checking_the_evidence(&mut show).await
    }

    async fn searching(&self, show: &mut impl FnMut(&str)) -> Result<(), TourError> {
        let search = Call::get("requester", "/v3/numbers/search/AU?search=570");
        let miss = self.expect(&search, 200, "SUCCESS").await?;
        let told = |answer: &Answer| {
            let cache = answer.cache.as_deref().unwrap_or_default();
            format!("{} numbers, Cache-Status: {cache}", answer.count("/data/total"))
        };
        self.tell(
            show,
            "Rita of team growth looks for Australian numbers. ClickSend is asked.",
            &search,
            &miss,
            &told(&miss),
        )
        .await;
        let hit = self.expect(&search, 200, "SUCCESS").await?;
        self.tell(show, "She looks again. Nobody is asked.", &search, &hit, &told(&hit)).await;
        Ok(())
    }

    async fn buying(&self, show: &mut impl FnMut(&str)) -> Result<(), TourError> {
        let before = self.buys_received().await?;
        let number = self.ready.offered(&self.caller, "AU").await?;
        let buy = Call::post("requester", format!("/v3/numbers/buy/{number}"));
        let bought = self.expect(&buy, 200, "SUCCESS").await?;
        self.tell(show, "She buys the first one.", &buy, &bought, &number).await;
        let again = self.expect(&buy, 200, "SUCCESS").await?;
        self.expect_buys(before + 1).await?;
        let seen = "from the books; ClickSend was asked to sell once";
        self.tell(show, "Her program calls again, to be sure.", &buy, &again, seen).await;
        Ok(())
    }

    async fn losing_an_answer(&self, show: &mut impl FnMut(&str)) -> Result<(), TourError> {
        let before = self.buys_received().await?;
        let fault = json!({ "operation": "buy", "fault": "drop_after_sale", "count": 1 });
        let faults = format!("{}/_simulator/faults", self.ready.simulator);
        self.caller.post(&faults, As::Nobody, Some(&fault)).await?.or_refused()?;
        let number = self.ready.offered(&self.caller, "AU").await?;
        let buy = Call::post("requester", format!("/v3/numbers/buy/{number}"));
        let unknown = "PURCHASE_OUTCOME_UNKNOWN";
        let lost = self.expect(&buy, 409, unknown).await?;
        let title = "ClickSend sells the next one, and the connection breaks before it says so.";
        self.tell(show, title, &buy, &lost, "the money is held, nothing is guessed, nothing is sent again")
            .await;
        let newest = self.answer(&Call::get("requester", "/v1/purchases?limit=1")).await?;
        let look = Call::get("requester", format!("/v1/purchases/{}", newest.text("/items/0/id")));
        let found = self.until_bought(&look).await?;
        let title = "The gateway looks into ClickSend's list of owned numbers, and finds it.";
        self.tell(show, title, &look, &found, found.text("/state")).await;
        let again = self.expect(&buy, 200, "SUCCESS").await?;
        self.expect_buys(before + 1).await?;
        let title = "She calls again, and has it.";
        self.tell(show, title, &buy, &again, "ClickSend was asked to sell once").await;
        Ok(())
    }

    async fn asking_somebody(&self, show: &mut impl FnMut(&str)) -> Result<(), TourError> {
        let before = self.buys_received().await?;
        let american = self.ready.offered(&self.caller, "US").await?;
        let buy = Call::post("requester", format!("/v3/numbers/buy/{american}"));
        let asked = self.expect(&buy, 409, "APPROVAL_REQUIRED").await?;
        self.tell(show, "An American number has to be approved.", &buy, &asked, message(&asked)).await;
        let waiting = Call::get("approver", "/v1/purchases?state=pending_approval&limit=1");
        let waiting = self.answer(&waiting).await?;
        let (id, digest) = (waiting.text("/items/0/id"), waiting.text("/items/0/quote_digest"));
        let look = Call::get("approver", format!("/v1/purchases/{id}"));
        let seen = self.answer(&look).await?;
        let left = |key: &str| seen.text(&format!("/budget/{key}/amount")).to_owned();
        let note = format!(
            "{} a month for {}; the budget has {} left, {} with it",
            seen.text("/live_price/monthly/amount"),
            seen.text("/requested_by"),
            left("left"),
            left("left_after")
        );
        self.tell(show, "Ann, who approves, looks at it: who, what, how much.", &look, &seen, &note).await;
        let approve = Call {
            body: Some(json!({ "quote_digest": digest })),
            ..Call::post("approver", format!("/v1/purchases/{id}/approve"))
        };
        let approved = self.answer(&approve).await?;
        let title = "She approves that number at that price. Her own request nobody could approve.";
        self.tell(show, title, &approve, &approved, approved.text("/state")).await;
        let bought = self.expect(&buy, 200, "SUCCESS").await?;
        self.expect_buys(before + 1).await?;
        let title = "Rita's program makes the same call again, and has the number.";
        self.tell(show, title, &buy, &bought, &american).await;
        Ok(())
    }

    async fn being_refused(&self, show: &mut impl FnMut(&str)) -> Result<(), TourError> {
        let before = self.buys_received().await?;
        let british = self.ready.offered(&self.caller, "GB").await?;
        let buy = Call::post("requester", format!("/v3/numbers/buy/{british}"));
        let denied = self.expect(&buy, 403, "POLICY_DENIED").await?;
        self.tell(show, "She tries a British number. A rule says no.", &buy, &denied, message(&denied)).await;

        self.expect_buys(before).await?;

        let number = self.ready.offered(&self.caller, "AU").await?;
        let buy = Call::post("other_team_requester", format!("/v3/numbers/buy/{number}"));
        let bought = self.expect(&buy, 200, "SUCCESS").await?;
        self.tell(show, "Sam of team support has 30.00 a month. He buys one, too.", &buy, &bought, &number)
            .await;
        let number = self.ready.offered(&self.caller, "AU").await?;
        let buy = Call::post("other_team_requester", format!("/v3/numbers/buy/{number}"));
        let refused = self.expect(&buy, 403, "BUDGET_EXCEEDED").await?;
        self.expect_buys(before + 1).await?;
        self.tell(show, "A second one would be too much.", &buy, &refused, message(&refused)).await;
        Ok(())
    }

    async fn registering(&self, show: &mut impl FnMut(&str)) -> Result<(), TourError> {
        let register = Call {
            body: Some(campaign()),
            ..Call::post("requester", "/v3/numbers/registrations/number-types/10dlc/country/CA")
        };
        let registered = self.expect(&register, 200, "SUCCESS").await?;
        let title = "Rita registers Acme for Canadian 10DLC numbers.";
        self.tell(show, title, &register, &registered, message(&registered)).await;
        Ok(())
    }

    /// Looks at a purchase until a list has shown its number.
    async fn until_bought(&self, look: &Call) -> Result<Answer, TourError> {
        let asked = tokio::time::Instant::now();
        loop {
            let seen = self.answer(look).await?;
            let state = seen.text("/state");
            if state == "bought" {
                return Ok(seen);
            }
            if asked.elapsed() > FOUND_WITHIN {
                return Err(TourError::Answer { expected: "bought".to_owned(), got: state.to_owned() });
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn checking_the_evidence(&self, show: &mut impl FnMut(&str)) -> Result<(), TourError> {
        let folder = self.ready.data_dir.clone();
        let checking = tokio::task::spawn_blocking(move || {
            let (database, head) = (folder.join("gateway.db"), folder.join("audit-head"));
            verify_evidence(EvidenceSource::Database(&database.as_path().into()), Some(&head))
        });
        let report = checking.await.map_err(|error| StartError::Internal(error.to_string()))??;
        if !report.whole {
            let got = format!("{} faults", report.faults_found);
            return Err(TourError::Answer { expected: "whole evidence".to_owned(), got });
        }
        show(&format!(
            "At last somebody who trusts nothing checks all of it, beside the running gateway.\n  \
             numbers-gateway audit verify --database {}/gateway.db --head {0}/audit-head\n  \
             whole: {} events, {} purchases, {} entries of the ledger",
            self.ready.data_dir.display(),
            report.events,
            report.purchases,
            report.ledger_entries
        ));
        Ok(())
    }

    /// Makes a call that has to work.
    async fn answer(&self, call: &Call) -> Result<Answer, TourError> {
        Ok(self.call(call).await?.or_refused()?)
    }

    async fn call(&self, call: &Call) -> Result<Answer, CallError> {
        let url = format!("{}{}", self.ready.api, call.path);
        let who = self.ready.bearer(call.who);
        self.caller.call(call.method.clone(), &url, who, call.body.as_ref()).await
    }

    /// Makes a call that has to end like this.
    async fn expect(&self, call: &Call, status: u16, code: &str) -> Result<Answer, TourError> {
        let answer = self.call(call).await?;
        let got = (answer.status, answer.text("/response_code"));
        if got == (status, code) {
            return Ok(answer);
        }
        Err(TourError::Answer { expected: format!("{status} {code}"), got: format!("{} {}", got.0, got.1) })
    }

    /// How many requests to sell the simulator has received.
    async fn buys_received(&self) -> Result<u64, TourError> {
        let url = format!("{}/_simulator/ledger?operation=buy", self.ready.simulator);
        Ok(self.caller.get(&url, As::Nobody).await?.or_refused()?.count("/requests_received"))
    }

    async fn expect_buys(&self, expected: u64) -> Result<(), TourError> {
        match self.buys_received().await? {
            got if got == expected => Ok(()),
            got => Err(TourError::Answer {
                expected: format!("{expected} requests to sell"),
                got: got.to_string(),
            }),
        }
    }

    async fn tell(&self, show: &mut impl FnMut(&str), title: &str, call: &Call, answer: &Answer, note: &str) {
        let Call { method, path, .. } = call;
        let code = answer.text("/response_code");
        let word = if code.is_empty() { String::new() } else { format!(" {code}") };
        show(&format!("{title}\n  {method} {path}\n  {}{word}: {note}", answer.status));
        tokio::time::sleep(self.pace).await;
    }
}

/// What somebody asks.
struct Call {
    who: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Call {
    fn get(who: &'static str, path: impl Into<String>) -> Self {
        Self { who, method: Method::GET, path: path.into(), body: None }
    }

    fn post(who: &'static str, path: impl Into<String>) -> Self {
        Self { method: Method::POST, ..Self::get(who, path) }
    }
}

fn message(answer: &Answer) -> &str {
    answer.text("/response_msg")
}
