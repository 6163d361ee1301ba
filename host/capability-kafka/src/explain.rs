//! What a service may do with topics, in words.

use componentd_core::verdict::{Right, Verdict};

use crate::{KafkaGrant, denied};

/// How actions are written.
pub(crate) const ACTIONS: &[&str] = &["kafka produce <topic>"];

pub(crate) fn rights(grant: &KafkaGrant) -> Vec<Right> {
    grant.produce.iter().map(|topic| Right::new("produce", topic)).collect()
}

/// The same holds for a record that is sent at once and for one that a transaction publishes.
pub(crate) fn explain(grant: &KafkaGrant, action: &[&str]) -> Option<Verdict> {
    let ["produce" | "send" | "publish", topic] = *action else { return None };
    let is_granted = grant.produce.iter().any(|granted| granted == topic);
    Some(if is_granted {
        Verdict::Allowed(format!("`grants.kafka.produce` names the topic {topic:?}"))
    } else {
        Verdict::Denied(denied(topic))
    })
}
