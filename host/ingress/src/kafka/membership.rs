//! How far a consumer is in joining its group, as librdkafka's statistics tell it.

use std::time::Duration;

use componentd_config::KafkaTrigger;
use serde::Deserialize;

/// After this time without a sign of life, the coordinator takes a member for dead.
pub(super) const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// The part of the statistics that is about the group.
#[derive(Deserialize)]
struct Statistics {
    cgrp: Group,
}

#[derive(Deserialize)]
struct Group {
    /// Whether the coordinator is known and connected: then it is `up`.
    state: String,
    join_state: String,
}

/// What a consumer waits for that has no partitions yet; none where it has, or does not try to.
pub(super) fn waits_for(statistics: &[u8], trigger: &KafkaTrigger) -> Option<String> {
    let Statistics { cgrp } = serde_json::from_slice(statistics).ok()?;
    let KafkaTrigger { group, topic, .. } = trigger;
    match (cgrp.state.as_str(), cgrp.join_state.as_str()) {
        ("init" | "term", _) | (_, "steady") => None,
        ("up", "wait-join") => Some(format!(
            "it waits until the group {group} takes it in: a member of it that died leaves it after its session timeout, \
             {} s where it was a host",
            SESSION_TIMEOUT.as_secs()
        )),
        ("up", _) => Some(format!("it waits for partitions of the topic {topic}, which the group {group} shares out")),
        _ => Some(format!("it waits for the coordinator of the group {group}, a broker that does not answer yet")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(state: &str, join_state: &str) -> Option<String> {
        let trigger = r#"topic = "orders"
            group = "mails"
            dead-letter = "letters""#;
        let statistics =
            format!(r#"{{"name":"x","cgrp":{{"state":"{state}","stateage":1,"join_state":"{join_state}"}}}}"#);
        waits_for(statistics.as_bytes(), &toml::from_str(trigger).unwrap())
    }

    #[test]
    fn each_step_is_named() {
        let coordinator = "it waits for the coordinator of the group mails, a broker that does not answer yet";
        for state in ["query-coord", "wait-coord", "wait-broker", "wait-broker-transport"] {
            assert_eq!(says(state, "init").as_deref(), Some(coordinator));
        }
        let join = says("up", "wait-join").unwrap();
        assert!(join.contains("takes it in") && join.contains("6 s"), "{join}");
        assert!(says("up", "wait-sync").unwrap().contains("partitions of the topic orders"));
    }

    #[test]
    fn a_member_with_partitions_waits_for_nothing() {
        assert_eq!(says("up", "steady"), None);
        assert_eq!(says("init", "init"), None, "nor does one that has not begun");
        assert_eq!(waits_for(b"{}", &toml::from_str("topic='a'\ngroup='b'\ndead-letter='c'").unwrap()), None);
    }
}
