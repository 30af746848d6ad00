//! When an operation is left alone, and how it comes back. Time stands still but for what a test lets pass.

use std::time::Duration;

use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use tokio::time::advance;

use crate::clicksend::circuit::Meaning::{Answered, Failed, Nothing};
use crate::clicksend::circuit::{Circuit, Meaning};
use crate::clicksend::{CircuitState, Operation};

const SECOND: Duration = Duration::from_secs(1);

fn circuit() -> Circuit {
    Circuit::new(Operation::Search)
}

fn calls(circuit: &Circuit, meanings: &[Meaning]) {
    for meaning in meanings {
        circuit.admit().ok().unwrap().settle(*meaning);
    }
}

/// One that has just opened.
fn open() -> Circuit {
    let circuit = circuit();
    calls(&circuit, &[Failed; 5]);
    assert_eq!(circuit.state(), CircuitState::Open);
    circuit
}

#[tokio::test(start_paused = true)]
async fn it_opens_when_half_of_five_calls_failed_and_not_before() {
    let circuit = circuit();
    calls(&circuit, &[Failed, Failed, Failed, Failed]);
    assert_eq!(circuit.state(), CircuitState::Closed, "four calls prove nothing");
    calls(&circuit, &[Answered]);
    assert_eq!(circuit.state(), CircuitState::Open, "four of five");
    let circuit = self::circuit();
    calls(&circuit, &[Answered, Answered, Answered, Failed, Failed]);
    assert_eq!(circuit.state(), CircuitState::Closed, "two of five");
    calls(&circuit, &[Failed]);
    assert_eq!(circuit.state(), CircuitState::Open, "three of six");
}

#[tokio::test(start_paused = true)]
async fn only_the_last_thirty_seconds_count_and_what_means_nothing_never_does() {
    let circuit = circuit();
    calls(&circuit, &[Failed, Failed, Failed, Failed]);
    advance(30 * SECOND).await;
    calls(&circuit, &[Failed, Failed, Failed, Failed, Nothing, Nothing]);
    assert_eq!(circuit.state(), CircuitState::Closed);
    advance(30 * SECOND).await;
    calls(&circuit, &[Answered, Answered, Answered, Failed]);
    advance(29 * SECOND).await;
    calls(&circuit, &[Failed]);
    assert_eq!(circuit.state(), CircuitState::Closed, "two of five");
    calls(&circuit, &[Failed]);
    assert_eq!(circuit.state(), CircuitState::Open, "three of six");
}

#[tokio::test(start_paused = true)]
async fn after_five_seconds_one_call_at_a_time_finds_out() {
    let circuit = open();
    assert_eq!(circuit.admit().err(), Some(5 * SECOND));
    advance(5 * SECOND).await;
    assert_eq!(circuit.state(), CircuitState::HalfOpen);
    let probe = circuit.admit().ok().unwrap();
    assert!(probe.is_probe() && circuit.check().is_err());
    assert_eq!(circuit.admit().err(), Some(SECOND), "one at a time");
    probe.settle(Answered);
    assert_eq!(circuit.state(), CircuitState::Closed);
    calls(&circuit, &[Failed, Failed, Failed, Failed]);
    assert_eq!(circuit.state(), CircuitState::Closed, "what was before is forgotten");
}

#[tokio::test(start_paused = true)]
async fn each_probe_that_fails_doubles_the_pause_up_to_a_minute() {
    let circuit = open();
    for pause in [5, 10, 20, 40, 60, 60] {
        assert_eq!(circuit.admit().err(), Some(pause * SECOND));
        advance(pause * SECOND).await;
        calls(&circuit, &[Failed]);
    }
    advance(60 * SECOND).await;
    calls(&circuit, &[Answered, Failed, Failed, Failed, Failed, Failed]);
    assert_eq!(circuit.admit().err(), Some(5 * SECOND), "the next time begins anew");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_dropped_or_means_nothing_is_given_back() {
    let circuit = open();
    advance(5 * SECOND).await;
    drop(circuit.admit().ok().unwrap());
    calls(&circuit, &[Nothing]);
    assert_eq!(circuit.state(), CircuitState::HalfOpen);
    assert!(circuit.admit().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_it_opened_neither_closes_it_nor_keeps_it_open() {
    let circuit = circuit();
    let late = [circuit.admit().ok().unwrap(), circuit.admit().ok().unwrap()];
    calls(&circuit, &[Failed; 5]);
    let [first, second] = late;
    first.settle(Answered);
    assert_eq!(circuit.state(), CircuitState::Open);
    advance(5 * SECOND).await;
    second.settle(Failed);
    assert_eq!(circuit.state(), CircuitState::HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_is_told_of_the_opening_and_comes_after_the_callers() {
    let circuit = circuit();
    assert_eq!(circuit.away_for(), None);
    let ((), ()) = tokio::join!(circuit.tripped(), async { calls(&circuit, &[Failed; 5]) });
    assert_eq!(circuit.away_for(), Some(5 * SECOND));
    advance(5 * SECOND).await;
    assert_eq!(circuit.away_for(), Some(SECOND));
}

#[derive(Clone, Debug)]
enum Deed {
    Read,
    Write,
    End(usize, Meaning),
    Wait(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let meaning = prop_oneof![4 => Just(Failed), 1 => Just(Answered), 1 => Just(Nothing)];
    prop_oneof![
        4 => Just(Deed::Read),
        1 => Just(Deed::Write),
        4 => (0..20_usize, meaning).prop_map(|(which, meaning)| Deed::End(which, meaning)),
        1 => (0..20_000_u64).prop_map(Deed::Wait),
    ]
}

proptest! {
    /// Whatever comes in whatever order: while it is open nothing goes, half open one thing at a time; and a write
    /// changes nothing.
    #[test]
    fn at_most_one_probe_is_under_way(deeds in proptest::collection::vec(deed(), 1..200)) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let circuit = circuit();
            let mut under_way = Vec::new();
            for deed in deeds {
                let before = circuit.state();
                match deed {
                    Deed::Read => match circuit.admit() {
                        Ok(permit) => {
                            prop_assert!(before != CircuitState::Open);
                            prop_assert_eq!(permit.is_probe(), before == CircuitState::HalfOpen);
                            under_way.push(permit);
                        }
                        Err(wait) => prop_assert!(before != CircuitState::Closed && !wait.is_zero()),
                    },
                    Deed::Write => {
                        let was = circuit.check();
                        prop_assert_eq!(circuit.away_for().is_none(), before == CircuitState::Closed);
                        prop_assert_eq!((before, was), (circuit.state(), circuit.check()));
                    }
                    Deed::End(which, meaning) if !under_way.is_empty() => {
                        under_way.swap_remove(which % under_way.len()).settle(meaning);
                    }
                    Deed::End(..) => {}
                    Deed::Wait(milliseconds) => advance(Duration::from_millis(milliseconds)).await,
                }
                prop_assert!(under_way.iter().filter(|permit| permit.is_probe()).count() <= 1);
            }
            Ok(())
        })?;
    }
}
