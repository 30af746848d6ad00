//! A calendar that jumps: it calls people, and settles nothing.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use numbers_gateway::clock::{CalendarShift, Clock};
use serde_json::json;

use crate::stage::{Stage, ann};

#[tokio::test]
async fn a_jump_of_the_calendar_makes_no_window_shorter_or_longer() {
    for hours in [-24, 23] {
        let shift = CalendarShift::default();
        let mut stage = Stage::looking_later("").await;
        stage.clock = Clock::shifted(shift.clone());
        stage.start_gateway().await;
        let numbers = stage.numbers_on_sale("AU").await;
        let begun = Instant::now();
        let absent = stage.lose(&ann(), &numbers[0], json!({"fault": "drop_before_sale"})).await;
        shift.set(SignedDuration::from_hours(hours));
        stage.await_state(&absent, &["not_bought"]).await;
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(15), "{hours} h: {took:?}");
        let sold = stage.lose(&ann(), &numbers[1], json!({"fault": "drop_after_sale"})).await;
        shift.set(SignedDuration::ZERO);
        stage.await_state(&sold, &["bought"]).await;
        stage.finish().await;
    }
}
