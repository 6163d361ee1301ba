//! Records that anyone may send who may write to a topic.

use componentd_capability_kafka::brokers::headers_of;
use rdkafka::Message;

use crate::support::host::{admin, metric, start};
use crate::support::kafka::header;
use crate::support::lanes::{Lanes, OK};
use crate::support::wait::until;

/// A header's name that is no UTF-8, and its value.
const ODD: (&[u8], &[u8]) = (b"\xff\xfe-\x80", b"\x00\x01");

const REJECT: &[u8] = br#"{"do":"reject"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_header_whose_name_is_no_text_ends_no_lane_and_comes_to_the_dead_letters_as_it_was() {
    let lanes = Lanes::create().await;
    let host = lanes.consume("attempts = 2").await;
    lanes.topic.produce_any(0, OK.as_bytes(), &[ODD]).await;
    lanes.topic.produce_any(0, REJECT, &[ODD, (b"plain", b"1")]).await;
    lanes.topic.produce_any(0, br#"{"do":"trap"}"#, &[(b"", b""), ODD]).await;
    let last = lanes.topic.produce(0, OK).await;
    assert_eq!(lanes.until_handled(0, last).await, "0,3", "those that can be handled, and no other");
    assert_eq!(metric(&admin(&host), "componentd_consumer_failures_total{service=\"echo\"}").await, None);
    until("the host is ready", async || (admin(&host).get("/readyz").await.status == 200).then_some(())).await;
    let letters = lanes.letters.wait_for(2).await;
    let rejected = letters.iter().find(|letter| letter.payload() == Some(REJECT)).unwrap();
    let own: Vec<_> = headers_of(rejected).take(2).map(|header| (header.name, header.value.unwrap())).collect();
    assert_eq!(own, [ODD, (b"plain", b"1")]);
    host.stop().await;
}

/// What the host adds to say why it is there makes the letter larger than the record was.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_for_the_dead_letters_holds_up_nothing() {
    let lanes = Lanes::create().await;
    let host = lanes.consume("attempts = 1").await;
    let large = vec![b'x'; (1 << 20) - 100];
    let offset = lanes.topic.produce_any(0, &large, &[(b"plain", b"1")]).await;
    let last = lanes.topic.produce(0, OK).await;
    lanes.until_handled(0, last).await;
    let letters = lanes.letters.wait_for(1).await;
    let told = |name: &str| header(&letters[0], &format!("dead-letter-{name}"));
    assert_eq!((letters[0].payload(), letters[0].key(), told("cut").as_deref()), (None, None, Some("true")));
    assert_eq!((told("offset"), told("topic")), (Some(offset.to_string()), Some(lanes.topic.name.clone())));
    host.stop().await;
}

/// librdkafka takes such a name for a pattern, and that one is none: the consumer ends as soon as it begins.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_fails_is_started_again_and_seen() {
    let lanes = Lanes::create().await;
    let manifest = lanes.manifest("").replace(&format!("\"{}\"", lanes.topic.name), "\"^(\"");
    let host = start(&manifest).await;
    let failures = async || metric(&admin(&host), "componentd_consumer_failures_total{service=\"echo\"}").await;
    until("it has failed twice", async || failures().await.filter(|count| *count >= 2.0)).await;
    let readiness = admin(&host).get("/readyz").await;
    assert!(readiness.status == 503, "{readiness:?}");
    assert!(readiness.text().contains("the consumer of service echo has failed and is started again"), "{readiness:?}");
    host.stop().await;
}

/// A producer chooses how it compresses. What cannot be unpacked is asked for again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_be_unpacked_is_seen_and_holds_up_its_partition_alone() {
    let lanes = Lanes::create().await;
    let host = lanes.consume("").await;
    lanes.topic.produce_zstd(0).await;
    let held = async || admin(&host).get("/readyz").await.text().contains("a batch of records that cannot be unpacked");
    until("it is seen", async || held().await.then_some(())).await;
    let last = lanes.topic.produce(1, OK).await;
    assert_eq!(lanes.until_handled(1, last).await, "0");
    host.stop().await;
}
