//! The databases in the private Postgres.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::error::Result;

/// What Postgres says of a `CREATE DATABASE` for one that is there.
const DUPLICATE_DATABASE: &str = "42P04";
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Whether the server takes connections.
pub async fn answers(url: &str) -> bool {
    matches!(tokio::time::timeout(ANSWERS_WITHIN, PgConnection::connect(url)).await, Ok(Ok(_)))
}

/// Runs the statements of `init_sql`; databases that are there stay as they are.
pub async fn create(url: &str, init_sql: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for statement in statements(init_sql) {
        match connection.execute(AssertSqlSafe(statement)).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(DUPLICATE_DATABASE) => {}
            result => result.map(|_| ())?,
        }
    }
    Ok(connection.close().await?)
}

/// One by one: `CREATE DATABASE` may share neither a transaction nor a message with another statement. Enough for a
/// list of databases, which has no semicolon or `--` within quotes.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<_> = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    code.join("\n").split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn comments_and_blanks_are_no_statements() {
        let sql = "-- one; two\nCREATE DATABASE a; -- the first\n\nCREATE\nDATABASE b;\n";
        assert_eq!(statements(sql), ["CREATE DATABASE a", "CREATE\nDATABASE b"]);
    }
}
