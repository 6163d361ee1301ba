//! What keeps a guest's session state from the next borrower of its connection: statements that are refused, the reset
//! of what functions can still do, and the end of a session whose statement nobody waits for.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row as _};

/// The first words of statements that end or begin transactions behind the host's back, outlive the call on the connection,
/// or change the protocol.
const REFUSED: [&str; 24] = [
    "ABORT",
    "BEGIN",
    "CLOSE",
    "COMMIT",
    "COPY",
    "DEALLOCATE",
    "DECLARE",
    "DISCARD",
    "END",
    "EXECUTE",
    "FETCH",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MOVE",
    "PREPARE",
    "RELEASE",
    "RESET",
    "ROLLBACK",
    "SAVEPOINT",
    "SET",
    "SHOW",
    "START",
    "UNLISTEN",
];

/// Undoes everything that `DISCARD ALL` does but for the host's own prepared statements and their plans:
/// <https://www.postgresql.org/docs/current/sql-discard.html>
///
/// Those are counted instead, all of them and those that SQL has prepared, which the host never does.
const RESET: &str = "CLOSE ALL; RESET SESSION AUTHORIZATION; RESET ALL; UNLISTEN *; \
                     SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; \
                     SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE from_sql) \
                     FROM pg_catalog.pg_prepared_statements";

/// Makes a session as new.
///
/// # Errors
/// It cannot be: it is away, or other statements are prepared in it than those that the host knows.
pub(super) async fn reset(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let rows = sqlx::raw_sql(RESET).fetch_all(&mut *connection).await?;
    let counted = rows.last().ok_or(sqlx::Error::RowNotFound)?;
    let (prepared, by_sql): (i64, i64) = (counted.try_get(0)?, counted.try_get(1)?);
    if by_sql == 0 && usize::try_from(prepared) == Ok(connection.cached_statements_size()) {
        return Ok(());
    }
    Err(sqlx::Error::Protocol("its prepared statements are not those of the host".to_owned()))
}

/// One session, as the server knows it: the number of its process, and when it began, for numbers come again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    process: i32,
    began: i64,
}

const WHO: &str = "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_stat_activity
                   WHERE pid = pg_backend_pid()";

/// How many there are of it, and the word to end for each. No statement can go on after that, or catch it.
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE pid = $1 AND (extract(epoch FROM backend_start) * 1000000)::int8 = $2";

/// Between two looks at a session that was told to end.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Identity {
    pub(crate) async fn of(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let (process, began) = sqlx::query_as(WHO).fetch_one(connection).await?;
        Ok(Self { process, began })
    }

    /// Ends the session, and returns when the server has none like it.
    ///
    /// # Errors
    /// The server cannot be told.
    pub(crate) async fn end(self, options: &PgConnectOptions) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect_with(options).await?;
        loop {
            let look = sqlx::query_scalar::<_, i64>(END).bind(self.process).bind(self.began);
            if look.fetch_one(&mut connection).await? == 0 {
                return connection.close().await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Whether the database has functions, operators, rules or views of its own, or expressions that call what changes a session: then
/// no statement's text shows all that it does.
pub(super) const HAS_OWN_CODE: &str = "
    WITH own AS (SELECT oid FROM pg_namespace WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'componentd_api')),
         expression AS (SELECT pg_get_expr(adbin, adrelid) AS text FROM pg_attrdef
                        UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace IN (TABLE own)
                        UNION ALL SELECT pg_get_expr(polqual, polrelid) FROM pg_policy
                        UNION ALL SELECT pg_get_expr(polwithcheck, polrelid) FROM pg_policy)
    SELECT EXISTS (SELECT FROM pg_proc WHERE pronamespace IN (TABLE own))
        OR EXISTS (SELECT FROM pg_operator WHERE oprnamespace IN (TABLE own))
        OR EXISTS (SELECT FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class WHERE relnamespace IN (TABLE own))
        OR EXISTS (SELECT FROM expression WHERE text ~* 'set_config|advisory|query_to|cursor_to')";

/// The statement's first word, if it is one that components must not use.
pub(super) fn refused(sql: &str) -> Option<&'static str> {
    let first = first_word(sql);
    REFUSED.into_iter().find(|word| word.eq_ignore_ascii_case(first))
}

/// Only white space, comments and empty statements can stand before it.
pub(super) fn first_word(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        rest = match (rest.strip_prefix("--"), rest.strip_prefix("/*")) {
            (Some(comment), _) => comment.split_once(['\n', '\r']).map_or("", |(_, after)| after),
            (_, Some(comment)) => after_block(comment),
            _ => break,
        };
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    &rest[..end]
}

/// What follows a block comment; they nest.
fn after_block(comment: &str) -> &str {
    let mut depth = 1;
    let mut rest = comment;
    while depth > 0 {
        let Some(at) = rest.find(['*', '/']) else { return "" };
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("*/") {
            (depth, rest) = (depth - 1, after);
        } else if let Some(after) = rest.strip_prefix("/*") {
            (depth, rest) = (depth + 1, after);
        } else {
            rest = &rest[1..];
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn session_statements_are_seen_behind_comments() {
        for sql in
            ["BEGIN", " begin;", "-- x\ncommit", "/* a /* b */ c */ set x = 1", ";;\tListen a", "/**/prepare p as"]
        {
            assert!(refused(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn plain_statements_pass() {
        for sql in [
            "select 1",
            "update t set a = 1",
            "(select 1)",
            "with x as (select 1) select * from x",
            "setting",
            "",
            "/* begin",
        ] {
            assert_eq!(refused(sql), None, "{sql}");
        }
    }
}
