//! What one replica buys is in no search that begins there afterwards, nor in one that begins elsewhere a second later.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::Fleet;
use crate::chaos::random::Random;
use crate::chaos::{seed, wanted};
use crate::stage::{ann, send, somebody};
use crate::vanishing::{ENDLESS, NO_DAY_LIMITS, numbers};

const REPLICAS: usize = 3;
const BUYS: usize = 60;
/// Who searches without end at each replica.
const SEARCHERS: usize = 2;
const CACHE: &str = "[cache]\nfresh_for = \"3s\"\nstale_for = \"10m\"\n";
const PAGE: &str = "/v3/numbers/search/US?limit=100";
/// The same question in other letters.
const OTHERWISE: &str = "/v3/numbers/search/US?page=1&limit=100";
/// Until then the others know.
const KNOWN_WITHIN: Duration = Duration::from_secs(1);
/// A search that begins farther from a buy says nothing about the two.
const NEAR: Duration = Duration::from_secs(3);

struct Sale {
    replica: usize,
    answered: Instant,
}

/// What searches and buys tell each other.
#[derive(Default)]
struct Watch {
    sold: Mutex<BTreeMap<String, Sale>>,
    /// When each search began, and where.
    searches: Mutex<Vec<(usize, Instant)>>,
    /// The latest after its sale that a search began elsewhere which still had the number.
    latest: Mutex<Duration>,
    /// Pages that lacked what was sold elsewhere since they were made.
    short: Mutex<usize>,
    is_over: AtomicBool,
}

impl Watch {
    /// Searches until it is over, and looks at each answer.
    async fn search(&self, replica: usize, requests: [RequestBuilder; 2], mut random: Random) {
        while !self.is_over.load(Ordering::Relaxed) {
            let request = requests[random.index(2)].try_clone().unwrap();
            let began = Instant::now();
            let answer = send(request).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            self.look(replica, began, &numbers(&answer));
            tokio::time::sleep(Duration::from_millis(random.below(10))).await;
        }
    }

    fn look(&self, replica: usize, began: Instant, numbers: &[String]) {
        let sold = self.sold.lock().unwrap();
        for number in numbers {
            let Some(sale) = sold.get(number) else { continue };
            let Some(later) = began.checked_duration_since(sale.answered) else { continue };
            assert!(
                replica != sale.replica && later < KNOWN_WITHIN,
                "{number} was bought at replica {} {later:?} before a search at {replica} that shows it",
                sale.replica
            );
            let mut latest = self.latest.lock().unwrap();
            *latest = later.max(*latest);
        }
        *self.short.lock().unwrap() += usize::from(numbers.len() < 100);
        self.searches.lock().unwrap().push((replica, began));
    }

    /// Pairs of a buy and a search near it, before and after it, where the buy was and elsewhere.
    fn interleavings(&self) -> [usize; 4] {
        let (sold, searches) = (self.sold.lock().unwrap(), self.searches.lock().unwrap());
        let mut pairs = [0; 4];
        for sale in sold.values() {
            for (replica, began) in searches.iter() {
                let is_after = *began >= sale.answered;
                let apart = if is_after { *began - sale.answered } else { sale.answered - *began };
                if apart <= NEAR {
                    pairs[usize::from(is_after) + 2 * usize::from(*replica != sale.replica)] += 1;
                }
            }
        }
        pairs
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures of a run")]
async fn what_was_bought_is_in_no_search_that_began_afterwards_or_elsewhere_a_second_later() {
    let Some(mut fleet) = Fleet::of(0, &format!("{CACHE}{NO_DAY_LIMITS}")).await else { return };
    let (buys, seed) = (wanted("VANISHING_BUYS", BUYS), seed());
    println!("vanishing: CHAOS_SEED={seed} VANISHING_BUYS={buys}");
    for (usual, other) in ENDLESS {
        fleet.stage.configure(usual, other);
    }
    for _ in 0..REPLICAS {
        fleet.add().await;
    }
    fleet.stage.control("balance", json!({"balance": "1000000.00"})).await;
    let (watch, mut random) = (Arc::new(Watch::default()), Random(seed));
    let mut searching = tokio::task::JoinSet::new();
    for searcher in 0..REPLICAS * SEARCHERS {
        let (watch, replica) = (Arc::clone(&watch), searcher % REPLICAS);
        let requests = [PAGE, OTHERWISE].map(|target| fleet.at(replica).request(&ann(), Method::GET, target));
        let chance = Random(random.below(u64::MAX));
        searching.spawn(async move { watch.search(replica, requests, chance).await });
    }
    for _ in 0..buys {
        buy(&mut fleet, &watch, &mut random).await;
    }
    // As long as the last sale is watched.
    tokio::time::sleep(KNOWN_WITHIN + Duration::from_millis(500)).await;
    watch.is_over.store(true, Ordering::Relaxed);
    searching.join_all().await;
    let (pairs, short) = (watch.interleavings(), *watch.short.lock().unwrap());
    println!(
        "vanishing: {pairs:?} pairs before and after, there and elsewhere; {short} short pages; known after {:?}",
        watch.latest.lock().unwrap()
    );
    let all: usize = pairs.iter().sum();
    assert!(all >= buys * 150, "{all} pairs of {buys} buys are too few for chance to show anything");
    assert!(pairs.iter().all(|some| *some >= all / 20), "{pairs:?}");
    assert!(short >= watch.searches.lock().unwrap().len() / 10, "{short} pages lacked what was sold");
    fleet.finish().await;
}

/// One number that a replica shows, bought through any one; sometimes by two people at once, through two of them.
async fn buy(fleet: &mut Fleet, watch: &Watch, random: &mut Random) {
    let on_sale = numbers(&fleet.at(random.index(REPLICAS)).get(&ann(), PAGE).await);
    let sold: Vec<String> = watch.sold.lock().unwrap().keys().cloned().collect();
    let on_sale: Vec<_> = on_sale.into_iter().filter(|number| !sold.contains(number)).collect();
    let number = on_sale[random.index(on_sale.len())].clone();
    let path = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
    let mut buyers = vec![(ann(), random.index(REPLICAS))];
    if random.below(3) == 0 {
        buyers.push((somebody("ben", "growth", "requester"), random.index(REPLICAS)));
    }
    let request = |(who, replica): &(_, usize)| send(fleet.at(*replica).request(who, Method::POST, &path));
    let requests: Vec<_> = buyers.iter().map(request).collect();
    let answers = join_all(requests).await;
    let bought: Vec<_> =
        answers.iter().zip(&buyers).filter(|(answer, _)| answer.verdict() == "200 SUCCESS").collect();
    assert_eq!(bought.len(), 1, "{answers:?}");
    let sale = Sale { replica: bought[0].1.1, answered: Instant::now() };
    watch.sold.lock().unwrap().insert(number, sale);
    tokio::time::sleep(Duration::from_millis(random.below(100))).await;
}
