//! What a failure of the driver or the server means to a component: its own statement, or the server just now.

use super::wit;

/// `query_canceled`: what `statement_timeout` ends a statement with.
const QUERY_CANCELED: &str = "57014";

/// Classes of SQLSTATE that are about the connection or the server, whatever the statement was: 08 connection exception,
/// 53 insufficient resources (a full disk, no memory), 57 operator intervention (it starts, ends, drops the database), 58
/// system error (reading or writing a file failed), XX internal error (among others what a full disk does to files of its
/// own, and data that is damaged).
///
/// A damaged table (XX001, XX002) does not pass by itself, but neither does another request or a dead letter mend it: the
/// callers wait for whoever looks after the server, as they do for a full disk.
const OF_THE_SERVER: [&str; 5] = ["08", "53", "57", "58", "XX"];

/// Whether the server failed, and not the statement. Not where it was cancelled: the statement took too long, or somebody
/// has ended that one.
pub(super) fn about_the_server(sqlstate: &str) -> bool {
    sqlstate != QUERY_CANCELED && OF_THE_SERVER.iter().any(|class| sqlstate.starts_with(class))
}

pub(super) fn error(error: sqlx::Error) -> wit::Error {
    let sqlx::Error::Database(refusal) = error else { return wit::Error::Unavailable(error.to_string()) };
    let sqlstate = refusal.code().unwrap_or_default().into_owned();
    if sqlstate == QUERY_CANCELED {
        return wit::Error::Timeout(refusal.message().to_owned());
    }
    if about_the_server(&sqlstate) {
        return wit::Error::Unavailable(refusal.message().to_owned());
    }
    let postgres = refusal.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
    wit::Error::Database(wit::DatabaseError {
        sqlstate,
        message: refusal.message().to_owned(),
        constraint: refusal.constraint().map(str::to_owned),
        table: refusal.table().map(str::to_owned),
        column: postgres.and_then(|p| p.column()).map(str::to_owned),
    })
}

/// The same before there is a connection: whatever the server refuses then (a password, a database that is gone), it is not
/// the statement, which it has not seen.
pub(super) fn while_connecting(source: sqlx::Error) -> wit::Error {
    match error(source) {
        wit::Error::Database(refusal) => wit::Error::Unavailable(refusal.message),
        other => other,
    }
}
