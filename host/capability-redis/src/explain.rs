//! What a service may do with keys, in words.

use componentd_config::KeyPattern;
use componentd_core::verdict::{Right, Verdict};

use crate::RedisGrant;

/// How actions are written.
pub(crate) const ACTIONS: &[&str] = &["redis get <key>", "redis set <key>"];

pub(crate) fn rights(grant: &RedisGrant) -> Vec<Right> {
    let of = |name, patterns: &[KeyPattern]| patterns.iter().map(|key| Right::new(name, key)).collect::<Vec<_>>();
    [of("read", &grant.read), of("write", &grant.write)].concat()
}

/// By the name of a function of the interface, or of the right that it needs.
pub(crate) fn explain(grant: &RedisGrant, action: &[&str]) -> Option<Verdict> {
    let [function, key] = *action else { return None };
    let (right, patterns) = match function {
        "read" | "get" | "get-many" | "exists" => ("read", &grant.read),
        "write" | "set" | "delete" | "increment" | "expire" => ("write", &grant.write),
        _ => return None,
    };
    Some(match patterns.iter().find(|pattern| pattern.matches(key)) {
        Some(pattern) => Verdict::Allowed(format!("\"{pattern}\" in `grants.redis.{right}` covers {key:?}")),
        None => Verdict::Denied(format!("no pattern in `grants.redis.{right}` covers {key:?}")),
    })
}
