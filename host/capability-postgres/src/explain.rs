//! Which databases a service may open, in words.

use componentd_core::verdict::{Right, Verdict};

use crate::PostgresGrant;

/// How actions are written.
pub(crate) const ACTIONS: &[&str] = &["postgres open <alias>"];

pub(crate) fn right(alias: &str, grant: &PostgresGrant) -> Right {
    Right::new("open", format!("{alias}, the database {}", grant.database))
}

/// What statements may do there, the server decides.
pub(crate) fn explain(find: impl Fn(&str) -> Option<String>, action: &[&str]) -> Option<Verdict> {
    let ["open" | "query" | "execute" | "begin", alias] = *action else { return None };
    Some(match find(alias) {
        Some(database) => Verdict::Allowed(format!(
            "`grants.postgres.{alias}` is the database {database:?}; what statements may do there, the server decides by its role"
        )),
        None => Verdict::Denied(format!("there is no grant `grants.postgres.{alias}`")),
    })
}
