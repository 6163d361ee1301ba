//! What the migrator says of a failure, as an error in the words of whoever wrote the files.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgErrorPosition};

use super::absence::{Absence, of_refusal};
use super::ledger::Unclear;
use super::migration_error::{At, MigrationError};
use super::migration_files;
use super::refusal::about_the_server;

/// How a file begins that is not to run in a transaction, for sqlx.
const NO_TRANSACTION: &str = "-- no-transaction";

/// A connection that broke meanwhile, or a server that is
/// ending or full, is no fault of a migration.
pub(super) fn explain(options: &PgConnectOptions, folder: &Path, error: MigrateError) -> MigrationError {
    let (database, folder) = (options.get_database().unwrap_or_default().to_owned(), folder.to_owned());
    let files = migration_files::read(&folder).unwrap_or_default();
    if let MigrateError::Source(source) = &error
        && let Some(Unclear(version)) = source.downcast_ref()
        && let Some(file) = files.get(version)
    {
        return MigrationError::Unclear { file: file.clone(), database };
    }
    match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) if may_pass(&source) => {
            MigrationError::Unreachable(Absence::new(options, &source))
        }
        MigrateError::ExecuteMigration(sqlx::Error::Database(refusal), version) if files.contains_key(&version) => {
            sql(&files[&version], refusal.downcast_ref::<PgDatabaseError>(), database)
        }
        MigrateError::Execute(sqlx::Error::Database(refusal)) => {
            let refusal = refusal.downcast_ref::<PgDatabaseError>();
            let mend = of_refusal(refusal.code(), &database, options.get_username());
            MigrationError::Refused { database, refusal: Box::new(refusal.into()), mend }
        }
        MigrateError::VersionMismatch(version) if files.contains_key(&version) => {
            MigrationError::Edited { file: files[&version].clone(), database }
        }
        MigrateError::VersionMissing(version) => MigrationError::Gone { version, folder, database },
        source => MigrationError::Failed { database, folder, source },
    }
}

/// Past the deadline. Without a file it has waited for another host, or the server did not say what it has ended.
pub(super) fn took_too_long(
    options: &PgConnectOptions,
    folder: &Path,
    limit: Duration,
    error: Option<&MigrateError>,
) -> MigrationError {
    let database = options.get_database().unwrap_or_default().to_owned();
    let mut files = migration_files::read(folder).unwrap_or_default();
    let file = match error {
        Some(MigrateError::ExecuteMigration(_, version)) => files.remove(version),
        _ => None,
    };
    MigrationError::TooLong { what: file.unwrap_or_else(|| folder.to_owned()), limit, database }
}

fn sql(file: &Path, error: &PgDatabaseError, database: String) -> MigrationError {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let position = match error.position() {
        Some(PgErrorPosition::Original(position)) => Some(line_and_column(&text, position)),
        // Within a function or a statement that the file has only built.
        Some(PgErrorPosition::Internal { .. }) | None => None,
    };
    let done = if text.starts_with(NO_TRANSACTION) {
        "it runs without a transaction, so what stands before may have been applied"
    } else {
        "nothing of this file was applied"
    };
    MigrationError::Sql { at: At { file: file.to_owned(), position }, refusal: Box::new(error.into()), database, done }
}

/// Postgres counts characters, and from 1.
fn line_and_column(text: &str, position: usize) -> (usize, usize) {
    let before: String = text.chars().take(position.saturating_sub(1)).collect();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|sqlstate| about_the_server(&sqlstate)),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::line_and_column;

    #[test]
    fn positions_are_lines_and_columns_of_characters() {
        let text = "create table a ();\n-- ü\ncreate tabel b ();\n";
        let at = text.chars().count() - "tabel b ();\n".len() + 1;
        assert_eq!(line_and_column(text, at), (3, 8));
        assert_eq!(line_and_column(text, 1), (1, 1));
        assert_eq!(line_and_column("", 5), (1, 1));
    }
}
