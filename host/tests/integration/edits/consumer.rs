//! Edits that make a consumer of a listener, give it other settings, and make it a listener again.

use tokio::net::TcpStream;

use super::{Edited, Said, slots};
use crate::support::files::guest;
use crate::support::kafka::Topic;
use crate::support::lanes::handled;
use crate::support::servers::{kafka, redis};
use crate::support::unique;
use crate::support::wait::until;

const OK: &str = r#"{"do":"ok"}"#;

struct Lane {
    topic: Topic,
    letters: Topic,
    group: String,
}

impl Lane {
    /// The table of a service that handles the topic.
    fn table(&self, name: &str, attempts: u32) -> String {
        let (topic, letters, group) = (&self.topic.name, &self.letters.name, &self.group);
        format!(
            "[services.{name}]\ncomponent = \"{}\"\n\
             kafka = {{ topic = \"{topic}\", group = \"{group}\", dead-letter = \"{letters}\", attempts = {attempts} }}\n\
             grants.redis = {{ read = [\"handled:*\"], write = [\"handled:*\"] }}\n",
            guest("kafka-echo")
        )
    }

    async fn is_handled(&self, list: &str) {
        until(&format!("{list} are handled"), async || {
            (handled(redis().await, &self.topic, 0).await == list).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_becomes_a_consumer_and_a_listener_again() {
    let (kafka, redis) = (kafka().await, redis().await);
    let (topic, letters) = (Topic::create(kafka, "edited").await, Topic::create(kafka, "letters").await);
    let lane = Lane { topic, letters, group: unique("group") };
    let brokers = kafka.brokers();
    let backends = format!("[backends]\nredis = {{ url = \"{redis}\" }}\nkafka = {{ brokers = \"{brokers}\" }}");
    let both = slots(2);
    let mut host = Edited::start_with(&backends, &both).await;
    lane.topic.produce(0, OK).await;

    let mut rest = both.clone();
    let port = rest.remove("a").unwrap().port;
    let mut impossible = rest.clone();
    impossible.get_mut("b").unwrap().version = 666;
    host.others = lane.table("a", 3);
    assert!(matches!(host.edit(&impossible).await, Said::Refused(_)));
    assert_eq!(host.differences(&both).await, "");
    assert_eq!(handled(redis, &lane.topic, 0).await, "", "nothing has read the topic");

    assert_eq!(host.edit(&rest).await, Said::Applied);
    lane.is_handled("0").await;
    until("its port is closed", async || TcpStream::connect(("127.0.0.1", port)).await.err()).await;

    host.others = lane.table("a", 4);
    assert_eq!(host.edit(&rest).await, Said::Applied);
    for _ in 0..3 {
        lane.topic.produce(0, OK).await;
    }
    lane.is_handled("0,1,2,3").await;

    host.others.clear();
    assert_eq!(host.edit(&both).await, Said::Applied);
    assert_eq!(host.differences(&both).await, "");
    assert_eq!(host.outcomes("a").await.len(), 4, "its history is that of all that had its name");
}
