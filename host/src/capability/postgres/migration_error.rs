//! Why a database could not be made ready: which file, which line, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgErrorPosition};

use super::absence::{Absence, of_refusal};
use super::migration_files;
use super::refusal::about_the_server;

/// Why a database could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error(transparent)]
    Unreachable(Absence),
    #[error("the migrations' folder {folder} cannot be read: {source}; make it, or correct the path")]
    NoFolder { folder: PathBuf, source: io::Error },
    #[error("{file} would never be applied: name it NNNN_what_it_does.sql, as in 0001_users.sql")]
    Misnamed { file: PathBuf },
    #[error("{one} and {other} are both migration {version}: give the later one the next number")]
    Twice { version: i64, one: PathBuf, other: PathBuf },
    #[error(
        "{file} was changed after it was applied to the database {database:?}: undo the change, and put it into a new \
         file with the next number, because no migration runs twice"
    )]
    Edited { file: PathBuf, database: String },
    #[error(
        "the database {database:?} has migration {version} applied, which {folder} does not have: bring the file back, or \
         use the database of this version of the service"
    )]
    Gone { version: i64, folder: PathBuf, database: String },
    #[error("{at}: {refusal}; {done} to the database {database:?}: correct it, and start again")]
    Sql { at: At, refusal: Box<Refusal>, database: String, done: &'static str },
    #[error("the database {database:?}: {refusal}; {mend}")]
    Refused { database: String, refusal: Box<Refusal>, mend: String },
    #[error("the migrations in {folder} failed on the database {database:?}: {source}")]
    Failed { database: String, folder: PathBuf, source: MigrateError },
}

/// How a file begins that is not to run in a transaction, for sqlx.
const NO_TRANSACTION: &str = "-- no-transaction";

/// A place in a file; the line and the column where Postgres names a position.
#[derive(Debug)]
pub struct At {
    file: PathBuf,
    position: Option<(usize, usize)>,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.position.map_or(Ok(()), |(line, column)| write!(f, ":{line}:{column}"))
    }
}

/// What Postgres says, with its own hints.
#[derive(Debug)]
pub struct Refusal {
    message: String,
    sqlstate: String,
    notes: Vec<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)?;
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

impl From<&PgDatabaseError> for Refusal {
    fn from(error: &PgDatabaseError) -> Self {
        let notes = [error.detail(), error.hint(), error.r#where()].into_iter().flatten();
        let notes = notes.map(|note| note.trim_end_matches('.').replace('\n', " ")).collect();
        Self { message: error.message().to_owned(), sqlstate: error.code().to_owned(), notes }
    }
}

/// What the migrator says, in the words of whoever wrote the files. A connection that broke meanwhile, or a server that is
/// ending or full, is no fault of a migration.
pub(super) fn explain(options: &PgConnectOptions, folder: &Path, error: MigrateError) -> MigrationError {
    let (database, folder) = (options.get_database().unwrap_or_default().to_owned(), folder.to_owned());
    let files = migration_files::read(&folder).unwrap_or_default();
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
