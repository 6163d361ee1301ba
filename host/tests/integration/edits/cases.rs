//! Edits of each kind that could leave something half done.

use serde_json::json;
use tokio::task::JoinHandle;

use super::load::Load;
use super::{Edited, Said, Slot, Slots, slots};
use crate::support::client::Reply;
use crate::support::host::free_port;
use crate::support::wait::until;
use crate::support::wire::Wire;
use crate::swap::versions::Mark;

/// Its reason has all of these.
#[track_caller]
fn is_refused(said: &Said, parts: &[&str]) {
    let Said::Refused(reason) = said else { panic!("{said:?}") };
    assert!(parts.iter().all(|part| reason.contains(part)), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_be_prepared_leaves_the_others_as_they_are() {
    let before = slots(2);
    let mut host = Edited::start(&before).await;
    let mut after = before.clone();
    for slot in after.values_mut() {
        (slot.version, slot.max_body, slot.tag) = (2, 2, 2);
    }
    after.insert("new".to_owned(), Slot { version: 3, ..Slot::new(free_port()) });
    after.insert("z".to_owned(), Slot { version: 666, ..Slot::new(free_port()) });
    let said = host.edit(&after).await;
    is_refused(&said, &["manifest.toml:", "services.z.component", "no WebAssembly component"]);
    assert_eq!(host.differences(&before).await, "");
    assert_eq!(host.outcomes("a").await, [json!("live")]);
    assert_eq!(host.outcomes("b").await, [json!("live")]);
    let state = host.file.folder.path().join("state/services");
    let kept = ["a", "b", "new", "z"].map(|name| state.join(name).join("history.jsonl").exists());
    assert_eq!(kept, [true, true, false, false], "what never ran has no history");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_rejected_takes_the_others_of_its_edit_with_it() {
    let mut before = slots(3);
    before.get_mut("b").unwrap().settings = "swap = { probe = '/' }".to_owned();
    let mut host = Edited::start(&before).await;
    let mut after = before.clone();
    after.get_mut("a").unwrap().tag = 1;
    after.get_mut("b").unwrap().version = 500;
    after.get_mut("c").unwrap().max_body = 4;
    let said = host.edit(&after).await;
    is_refused(&said, &["manifest.toml:", "services.b.swap.probe", "/ answered 500"]);
    assert_eq!(host.differences(&before).await, "");
    let noted = (host.outcomes("a").await.len(), host.outcomes("b").await.len(), host.outcomes("c").await.len());
    assert_eq!(noted, (1, 2, 1), "only what was rejected says so");
    after.get_mut("b").unwrap().version = 2;
    assert_eq!(host.edit(&after).await, Said::Applied);
    assert_eq!(host.differences(&after).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_and_is_put_back_changes_nothing() {
    let before = slots(2);
    let mut host = Edited::start(&before).await;
    let mut after = before.clone();
    after.get_mut("a").unwrap().version = 2;
    after.get_mut("b").unwrap().version = 999;
    is_refused(&host.edit(&after).await, &["services.b.component", "999.wasm"]);
    assert_eq!(host.edit(&before).await, Said::Nothing);
    assert_eq!(host.differences(&before).await, "");
    assert_eq!(host.outcomes("a").await, [json!("live")]);
}

/// An edit with such settings of one service, and another version of its neighbour, is refused as a whole.
async fn nothing_changes_where_settings_are(settings: &str, says: &[&str]) {
    let before = slots(2);
    let mut host = Edited::start(&before).await;
    let mut after = before.clone();
    after.get_mut("a").unwrap().version = 2;
    after.get_mut("b").unwrap().settings = settings.to_owned();
    is_refused(&host.edit(&after).await, says);
    assert_eq!(host.differences(&before).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_cannot_be_read_changes_nothing() {
    let says = ["manifest.toml:", "services.b.limits.timeout"];
    nothing_changes_where_settings_are("limits = { timeout = 'soon' }", &says).await;
}

/// What was checked at the start is checked at each edit.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_of_a_capability_that_there_is_not_is_an_error_also_of_an_edit() {
    let says = ["manifest.toml:", "services.b.grants.postgress", "did you mean `postgres`?"];
    nothing_changes_where_settings_are("grants.postgress.main = { database = 'd' }", &says).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_swap_their_ports() {
    let before = slots(2);
    let mut host = Edited::start(&before).await;
    let load = Load::start(before.values().map(|slot| slot.port));
    let mut after = before.clone();
    after.get_mut("a").unwrap().port = before["b"].port;
    after.get_mut("b").unwrap().port = before["a"].port;
    for slots in [&after, &before, &after] {
        assert_eq!(host.edit(slots).await, Said::Applied);
        assert_eq!(host.differences(slots).await, "");
    }
    let right = ["a", "b"].map(|name| before[name].environment(name).to_string());
    for (port, answers) in load.take() {
        assert!(answers.keys().all(|answer| right.contains(answer)), "{port}: {answers:?}");
        assert!(right.iter().all(|answer| answers.contains_key(answer)), "{port}: {answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_goes_from_a_service_that_ends_to_another() {
    let mut before = slots(2);
    let mut host = Edited::start(&before).await;
    let port = before["b"].port;
    let load = Load::start([port]);
    // Renamed; removed, where another takes its port; and the same for one that is new.
    let renamed = before.remove("b").unwrap();
    before.insert("renamed".to_owned(), renamed);
    assert_eq!(host.edit(&before).await, Said::Applied);
    assert_eq!(host.differences(&before).await, "");
    before.remove("renamed");
    before.get_mut("a").unwrap().port = port;
    assert_eq!(host.edit(&before).await, Said::Applied);
    assert_eq!(host.differences(&before).await, "");
    before.insert("c".to_owned(), before["a"].clone());
    before.remove("a");
    assert_eq!(host.edit(&before).await, Said::Applied);
    assert_eq!(host.differences(&before).await, "");
    let answers = load.take().remove(&port).unwrap();
    assert!(answers.keys().all(|answer| answer.starts_with("{\"NAME\":")), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_process_has_is_named_and_nothing_changes() {
    let before = slots(2);
    let mut host = Edited::start(&before).await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut after = before.clone();
    after.get_mut("a").unwrap().tag = 5;
    after.get_mut("b").unwrap().port = other.local_addr().unwrap().port();
    let taken = format!("cannot listen on {}", other.local_addr().unwrap());
    is_refused(&host.edit(&after).await, &["manifest.toml:", "services.b.http.listen", &taken]);
    assert_eq!(host.differences(&before).await, "");
    drop(other);
    // The same text, saved once more.
    assert_eq!(host.edit(&after).await, Said::Applied);
    assert_eq!(host.differences(&after).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_twice_is_an_error_of_the_manifest() {
    let before = slots(2);
    let mut host = Edited::start(&before).await;
    let mut after = before.clone();
    after.get_mut("b").unwrap().port = before["a"].port;
    is_refused(&host.edit(&after).await, &["services.b.http.listen", "is the port of `a` already"]);
    assert_eq!(host.differences(&before).await, "");
}

/// The service that ended had a place for one client, whose request is not whole: whoever else has connected waits for that,
/// and the port is open so long.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_about_to_be_closed_is_waited_for() {
    let mut both = slots(2);
    both.get_mut("b").unwrap().settings = "http.max-connections = 1\nhttp.body-timeout = \"3s\"".to_owned();
    let mut one = both.clone();
    one.remove("b");
    let mut host = Edited::start(&both).await;
    let mut unfinished = Wire::open(&both["b"].client()).await;
    unfinished.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nx").await;
    let mut waiting = Wire::open(&both["b"].client()).await;
    waiting.write("GET /env HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(host.edit(&one).await, Said::Applied);
    assert_eq!(host.edit(&both).await, Said::Applied);
    assert_eq!(host.differences(&both).await, "");
    assert!(waiting.read_to_end().await.starts_with("HTTP/1.1 200 "), "it had connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_listener_change_again_and_again_and_it_listens_on() {
    let mut slots = slots(1);
    let mut host = Edited::start(&slots).await;
    let port = slots["a"].port;
    let load = Load::start([port]);
    for max_body in [2, 3, 1, 4, 2, 3] {
        slots.get_mut("a").unwrap().max_body = max_body;
        assert_eq!(host.edit(&slots).await, Said::Applied);
        assert_eq!(host.differences(&slots).await, "");
    }
    let answers = load.take().remove(&port).unwrap();
    assert_eq!(answers.keys().collect::<Vec<_>>(), [&slots["a"].environment("a").to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_uploaded_stays_when_something_else_changes() {
    let mut slots = slots(1);
    let mut host = Edited::start(&slots).await;
    upload(&host, 7).await.unwrap().expect(200);
    slots.get_mut("a").unwrap().max_body = 2;
    assert_eq!(host.edit(&slots).await, Said::Applied);
    let client = slots["a"].client();
    assert_eq!(client.get("/").await.expect(200), "0007");
    assert_eq!(host.outcomes("a").await, [json!("live"), json!("live"), json!("live")]);
}

/// Uploads a version from a task of its own.
fn upload(host: &Edited, version: u32) -> JoinHandle<Reply> {
    let admin = host.admin.clone();
    let upload = admin.request(http::Method::POST, "/services/a/versions", Mark::good(version).component());
    tokio::spawn(async move { admin.send(upload).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_waits_for_an_edit_takes_nothing_of_it_back() {
    let mut slots = slots(1);
    slots.get_mut("a").unwrap().settings = "swap.canary = '50% for 1s'".to_owned();
    let mut host = Edited::start(&slots).await;
    let client = slots["a"].client();
    let first = upload(&host, 2);
    until("its canary is there", async || (client.get("/").await.expect(200) == "0002").then_some(())).await;
    slots.get_mut("a").unwrap().tag = 1;
    host.write(&slots);
    host.host.line("the edit waits", |line| line["message"] == "the manifest waits for a swap that is under way").await;
    let second = upload(&host, 3);
    assert_eq!(host.said().await, Said::Applied);
    first.await.unwrap().expect(200);
    second.await.unwrap().expect(200);
    assert_eq!(client.get("/").await.expect(200), "0003");
    assert_eq!(client.get("/env").await.json(), slots["a"].environment("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_has_taken_back_is_what_an_edit_begins_with() {
    let before = slots(1);
    let mut host = Edited::start(&before).await;
    let mut after = before.clone();
    let slot = after.get_mut("a").unwrap();
    (slot.version, slot.tag, slot.max_body) = (500, 1, 2);
    assert_eq!(host.edit(&after).await, Said::Applied);
    let client = after["a"].client();
    until("the version of before is back", async || (client.get("/").await.status == 200).then_some(())).await;
    // Its listener has not failed, and has the settings of the edit.
    let taken_back = Slots::from([("a".to_owned(), Slot { max_body: 2, ..before["a"].clone() })]);
    assert_eq!(host.differences(&taken_back).await, "");
    assert_eq!(host.edit(&before).await, Said::Applied);
    assert_eq!(host.differences(&before).await, "");
}
