//! What was sold is in no search that began afterwards, whatever searches and buys do at the same time: chance decides when
//! each search begins, what it asks for, when upstream answers a buy, and which older page is still on its way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::CACHE_CONTROL;
use serde_json::json;
use tokio::task::JoinSet;

use crate::chaos::random::Random;
use crate::chaos::{seed, wanted};
use crate::stage::{Answer, Somebody, Stage, ann, send, somebody};

/// Buys, each among as many searches as follow: 10,000 pairs that chance interleaves. `VANISHING_BUYS` asks for more or less,
/// and `CHAOS_SEED` repeats a run.
const BUYS: usize = 250;
const SEARCHES: usize = 40;
/// Forms of one question: hits that were kept whole, pages that are cut anew, pages that are read by two calls.
const FORMS: [&str; 5] = [
    "/v3/numbers/search/US?limit=100",
    "/v3/numbers/search/US?page=1&limit=100",
    "/v3/numbers/search/US?limit=90",
    "/v3/numbers/search/US?page=2&limit=60",
    "/v3/numbers/search/US?search=20&search_type=1&limit=100",
];
/// Those that show a page of upstream's as it is.
const WHOLE_PAGES: [&str; 2] = [FORMS[0], FORMS[1]];
/// Answers grow stale and go while the test runs.
const CACHE: &str = "[cache]\nfresh_for = \"1s\"\nstale_for = \"2s\"\n";
/// A page that comes in pieces is older than everything that is kept when it has come.
const PIECES: [u64; 3] = [5, 40, 450];
/// Searches that a round leaves under way, at most. Each has a connection, and where the machine is slow they outlast many
/// rounds: with those of the next one they stay below the places of one address.
const LEFT_UNDER_WAY: usize = 4 * SEARCHES;
/// Questions whose page came in pieces, of which the last are asked again.
const REMEMBERED: usize = 8;

/// What upstream received is waited for and not read.
const NO_ROWS: &str = "after=1000000000";

/// Money and limits that nothing comes to the end of.
pub const ENDLESS: [(&str, &str); 6] = [
    ("requests_per_minute = 6000", "requests_per_minute = 1000000"),
    ("read_timeout = \"3s\"", "read_timeout = \"30s\""),
    (
        "budget = { spend_per_month = \"1000.00\", recurring_per_month = \"1000.00\" }",
        "budget = { spend_per_month = \"unlimited\", recurring_per_month = \"unlimited\" }",
    ),
    ("per_minute = 1000, burst = 1000 }\nwrites", "per_minute = 100000, burst = 100000 }\nwrites"),
    ("writes = { per_minute = 1000, burst = 1000 }", "writes = { per_minute = 100000, burst = 100000 }"),
    ("per_second = 1000, burst = 1000", "per_second = 100000, burst = 100000"),
];
pub const NO_DAY_LIMITS: &str = "[limits.purchases_per_day]\nsubject = 100000\nteam = 100000\n";

/// A search of a round, or of none: the page that comes in pieces.
struct Seen {
    round: Option<usize>,
    target: String,
    began: Instant,
    ended: Instant,
    numbers: Vec<String>,
}

/// When a round's number was sold, and when the buyer knew.
struct Round {
    sold: Instant,
    answered: Instant,
}

/// How searches lay to the buy of their round.
#[derive(Debug, Default)]
struct Figures {
    /// Over before upstream sold.
    before: usize,
    /// Begun before and answered after.
    across: usize,
    /// Begun when upstream had sold and not yet answered.
    meanwhile: usize,
    /// Begun when the buyer had his answer.
    afterwards: usize,
    /// Begun after the sale and answered from an older page.
    left_out: usize,
}

struct Shop {
    stage: Stage,
    random: Random,
    /// Since when each number is sold.
    sold: BTreeMap<String, Instant>,
    /// Questions whose pages come in pieces, and the last of them.
    asked: BTreeSet<String>,
    in_pieces: Vec<String>,
    /// What a buy took the last time: as long as searches are spread over, twice.
    took: Duration,
    searching: JoinSet<Seen>,
    rounds: Vec<Round>,
    figures: Figures,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures of a run")]
async fn what_was_sold_is_in_no_search_that_began_afterwards() {
    let (buys, seed) = (wanted("VANISHING_BUYS", BUYS), seed());
    println!("vanishing: CHAOS_SEED={seed} VANISHING_BUYS={buys}");
    let began = Instant::now();
    let extra = format!("{CACHE}{NO_DAY_LIMITS}");
    let mut shop = Shop {
        stage: Stage::changed(&extra, &ENDLESS).await,
        random: Random(seed),
        sold: BTreeMap::new(),
        asked: BTreeSet::new(),
        in_pieces: Vec::new(),
        took: Duration::from_millis(50),
        searching: JoinSet::new(),
        rounds: Vec::new(),
        figures: Figures::default(),
    };
    shop.stage.control("balance", json!({"balance": "1000000.00"})).await;
    for _ in 0..buys {
        shop.round().await;
    }
    while let Some(seen) = shop.searching.join_next().await {
        shop.look(&seen.unwrap());
    }
    let Figures { before, across, meanwhile, afterwards, left_out } = shop.figures;
    println!("vanishing: {:?}, in {:.0} s", shop.figures, began.elapsed().as_secs_f64());
    let all = before + across + meanwhile + afterwards;
    assert_eq!(all, buys * SEARCHES);
    for (some, of) in [(before, 10), (across, 100), (meanwhile, 20), (afterwards, 10), (left_out, 20)] {
        assert!(some >= all / of, "{some} of {all} are too few for chance to show anything");
    }
    shop.stage.finish().await;
}

impl Shop {
    /// One buy of a number that stands on a page, and searches from before it until after it.
    async fn round(&mut self) {
        let number = self.number_on_a_page().await;
        if self.random.below(3) == 0 {
            self.begin_in_pieces(&number).await;
        }
        self.stage.fault(json!({"operation": "buy", "fault": "hold", "at": "after_sale", "count": 1})).await;
        self.begin_searches();
        let began = Instant::now();
        let buying = self.begin_buys(&number);
        self.stage.ledger(&format!("{NO_ROWS}&wait_held=1&timeout_ms=60000")).await;
        let sold = Instant::now();
        self.sold.insert(number.clone(), sold);
        tokio::time::sleep(self.part_of(self.took)).await;
        self.stage.control("release", json!({})).await;
        assert_one_bought(buying).await;
        let answered = Instant::now();
        self.took = (answered - began).min(Duration::from_millis(500));
        self.rounds.push(Round { sold, answered });
        while let Some(seen) = self.next_answered().await {
            self.look(&seen);
        }
    }

    /// Waits for it only where too many are under way.
    async fn next_answered(&mut self) -> Option<Seen> {
        let next = if self.searching.len() > LEFT_UNDER_WAY {
            self.searching.join_next().await
        } else {
            self.searching.try_join_next()
        };
        next.map(Result::unwrap)
    }

    /// One of those that the first page shows just now.
    async fn number_on_a_page(&mut self) -> String {
        let numbers = numbers(&self.stage.get(&ann(), FORMS[0]).await);
        numbers[self.random.index(numbers.len())].clone()
    }

    /// A search for numbers like this one whose page upstream makes now, and gives away in pieces.
    async fn begin_in_pieces(&mut self, number: &str) {
        let digits = number.trim_start_matches('+');
        let length = 4 + self.random.index(digits.len() - 4);
        let target = format!("/v3/numbers/search/US?search={}&search_type=0&limit=100", &digits[..length]);
        if !self.asked.insert(target.clone()) {
            return;
        }
        let (which, every) = (format!("operation=search&{NO_ROWS}"), PIECES[self.random.index(PIECES.len())]);
        let received = self.stage.ledger(&which).await["requests_received"].as_u64().unwrap();
        let pieces =
            json!({"operation": "search", "fault": "drip", "bytes": 5000, "every_ms": every, "count": 1});
        self.stage.fault(pieces).await;
        let request = self.stage.request(&ann(), Method::GET, &target);
        self.searching.spawn(search(request, target.clone(), None, Duration::ZERO));
        // The next one to ask upstream is the buy's price.
        self.stage.ledger(&format!("{which}&wait_requests={}&timeout_ms=60000", received + 1)).await;
        self.in_pieces.push(target);
        if self.in_pieces.len() > REMEMBERED {
            self.in_pieces.remove(0);
        }
    }

    fn begin_searches(&mut self) {
        for _ in 0..SEARCHES {
            let later = self.part_of(self.took * 2);
            let target = match self.random.below(3) {
                0 if !self.in_pieces.is_empty() => {
                    self.in_pieces[self.random.index(self.in_pieces.len())].clone()
                }
                _ => FORMS[self.random.index(FORMS.len())].to_owned(),
            };
            let mut request = self.stage.request(&self.random.person(), Method::GET, &target);
            if self.random.below(4) == 0 {
                request = request.header(CACHE_CONTROL, "no-cache");
            }
            self.searching.spawn(search(request, target, Some(self.rounds.len()), later));
        }
    }

    /// Ann's, and sometimes another of the same team's at once.
    fn begin_buys(&mut self, number: &str) -> JoinSet<Answer> {
        let path = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
        let ben = somebody("ben", "growth", "requester");
        let people: &[Somebody] = if self.random.below(4) == 0 { &[ann(), ben] } else { &[ann()] };
        people.iter().map(|who| send(self.stage.request(who, Method::POST, &path))).collect()
    }

    fn part_of(&mut self, whole: Duration) -> Duration {
        Duration::from_micros(self.random.below(u64::try_from(whole.as_micros()).unwrap() + 1))
    }

    /// Nothing in it was sold when it began.
    fn look(&mut self, seen: &Seen) {
        for number in &seen.numbers {
            let since = self.sold.get(number).filter(|since| **since <= seen.began);
            if let Some(since) = since {
                let later = seen.began - *since;
                panic!(
                    "{number} was sold {later:?} before {} was asked for, and is in the answer",
                    seen.target
                );
            }
        }
        if let Some(round) = seen.round {
            self.count(seen, round);
        }
    }

    fn count(&mut self, seen: &Seen, round: usize) {
        let (Round { sold, answered }, figures) = (&self.rounds[round], &mut self.figures);
        let where_it_lies = match () {
            () if seen.ended < *sold => &mut figures.before,
            () if seen.began < *sold => &mut figures.across,
            () if seen.began < *answered => &mut figures.meanwhile,
            () => &mut figures.afterwards,
        };
        *where_it_lies += 1;
        // Upstream's page is full, so what is missing was sold after it was made.
        let is_short = WHOLE_PAGES.contains(&&*seen.target) && seen.numbers.len() < 100;
        figures.left_out += usize::from(seen.began >= *sold && is_short);
    }
}

async fn search(
    request: reqwest::RequestBuilder,
    target: String,
    round: Option<usize>,
    later: Duration,
) -> Seen {
    tokio::time::sleep(later).await;
    let began = Instant::now();
    let answer = send(request).await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.text);
    Seen { round, target, began, ended: Instant::now(), numbers: numbers(&answer) }
}

async fn assert_one_bought(mut buying: JoinSet<Answer>) {
    let mut bought = 0;
    while let Some(answer) = buying.join_next().await {
        bought += usize::from(answer.unwrap().verdict() == "200 SUCCESS");
    }
    assert_eq!(bought, 1);
}

/// The numbers of a page. Not by a whole reading of its JSON, which takes longer than the search.
pub fn numbers(answer: &Answer) -> Vec<String> {
    let rows = answer.text.split("\"dedicated_number\":\"").skip(1);
    rows.map(|row| row.split_once('"').unwrap().0.to_owned()).collect()
}
