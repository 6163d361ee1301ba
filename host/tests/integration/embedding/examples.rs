//! The examples of the repository do what they say.

use std::time::Duration;

use crate::support::client::Client;
use crate::support::files::guest;

#[path = "../../../../examples/alone.rs"]
mod alone;
#[path = "../../../../examples/clock.rs"]
mod clock;
#[path = "../../../../examples/game_loop.rs"]
mod game_loop;

#[tokio::test(flavor = "multi_thread")]
async fn a_plug_in_asks_for_a_capability_of_its_host_alone() {
    let days = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let greeting = clock::greet(&guest("clock")).await.unwrap();
    // Midnight may pass meanwhile.
    let today_or_tomorrow = [days, days + 1].map(|day| format!("Hello, Ann, on day {day}!"));
    assert!(today_or_tomorrow.contains(&greeting), "{greeting}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_servers_answers() {
    let host = alone::start(&guest("hello")).await.unwrap();
    let client = Client::new(host.address("hello").unwrap());
    assert_eq!(client.get("/").await.expect(200), "Hello, world!\n");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_goes_on_while_its_plug_in_is_swapped() {
    let rounds = 20_000;
    let scored = game_loop::play(rounds, Duration::from_millis(50)).await.unwrap();
    assert_eq!(scored.values().sum::<u32>(), rounds, "each call has an answer: {scored:?}");
    assert!(scored.len() > 1, "the rules have changed meanwhile: {scored:?}");
}
