//! Why a database could not be made ready: which file, which line, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError};

use super::absence::Absence;

/// Why a database could not be made ready.
#[derive(Debug)]
pub enum MigrationError {
    Unreachable(Absence),
    NoFolder {
        folder: PathBuf,
        source: io::Error,
    },
    Misnamed {
        file: PathBuf,
    },
    Twice {
        version: i64,
        one: PathBuf,
        other: PathBuf,
    },
    Edited {
        file: PathBuf,
        database: String,
    },
    /// A host up to version 0.1 has applied one like it, and nothing tells whether it was this service's.
    Unclear {
        file: PathBuf,
        database: String,
    },
    Gone {
        version: i64,
        folder: PathBuf,
        database: String,
    },
    Sql {
        at: At,
        refusal: Box<Refusal>,
        database: String,
        done: &'static str,
    },
    /// A file, or a folder where it is not known which of its files.
    TooLong {
        what: PathBuf,
        limit: Duration,
        database: String,
    },
    Refused {
        database: String,
        refusal: Box<Refusal>,
        mend: String,
    },
    Failed {
        database: String,
        folder: PathBuf,
        source: MigrateError,
    },
}

impl std::error::Error for MigrationError {}

impl fmt::Display for MigrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.reason(), self.mend())
    }
}

impl MigrationError {
    /// What is wrong.
    pub fn reason(&self) -> String {
        match self {
            Self::Unreachable(Absence { database, reason, .. }) => format!("the database {database:?}: {reason}"),
            Self::NoFolder { folder, source } => {
                format!("the migrations' folder {} cannot be read: {source}", folder.display())
            }
            Self::Misnamed { file } => format!("{} would never be applied", file.display()),
            Self::Twice { version, one, other } => {
                format!("{} and {} are both migration {version}", one.display(), other.display())
            }
            Self::Edited { file, database } => {
                format!("{} was changed after it was applied to the database {database:?}", file.display())
            }
            Self::Unclear { file, database } => format!(
                "{} has the number and the name of a migration that an older host has applied to the database \
                 {database:?}, and another content",
                file.display()
            ),
            Self::Gone { version, folder, database } => format!(
                "the database {database:?} has migration {version} applied, which {} does not have",
                folder.display()
            ),
            Self::Sql { at, refusal, database, done } => {
                format!("{at}: {refusal}; {done} to the database {database:?}")
            }
            Self::TooLong { what, limit, database } => format!(
                "{} was not applied to the database {database:?} within {limit:?} (migration-timeout), and was ended",
                what.display()
            ),
            Self::Refused { database, refusal, .. } => format!("the database {database:?}: {refusal}"),
            Self::Failed { database, folder, source } => {
                format!("the migrations in {} failed on the database {database:?}: {source}", folder.display())
            }
        }
    }

    /// What mends it.
    pub fn mend(&self) -> &str {
        match self {
            Self::Unreachable(Absence { mend, .. }) | Self::Refused { mend, .. } => mend,
            Self::NoFolder { .. } => "make it, or correct the path",
            Self::Misnamed { .. } => "name it NNNN_what_it_does.sql, as in 0001_users.sql",
            Self::Twice { .. } => "give the later one the next number",
            Self::Edited { .. } => {
                "undo the change, and put it into a new file with the next number, because no migration runs twice"
            }
            Self::Unclear { .. } => {
                "if it was edited, undo the change, and put it into a new file with the next number; if it is another \
                 service's that was never applied, give it another name"
            }
            Self::Gone { .. } => "bring the file back, or use the database of this version of the service",
            Self::TooLong { .. } => {
                "see what it waits for (pg_stat_activity), do it in smaller steps, or raise `migration-timeout` of the grant"
            }
            Self::Sql { .. } => "correct the file, and start again",
            Self::Failed { .. } => "correct the files, and start again",
        }
    }
}

impl MigrationError {
    /// The host could not make the role of a grant, or give it its rights.
    pub(super) fn no_role(options: &PgConnectOptions, error: sqlx::Error) -> Self {
        let sqlx::Error::Database(refusal) = &error else { return Self::Unreachable(Absence::new(options, &error)) };
        let refusal = refusal.downcast_ref::<PgDatabaseError>();
        if refusal.code() != INSUFFICIENT_PRIVILEGE {
            return Self::Unreachable(Absence::new(options, &error));
        }
        let (database, user) = (options.get_database().unwrap_or_default().to_owned(), options.get_username());
        let mend = may_make_roles(&database, user);
        Self::Refused { database, refusal: Box::new(refusal.into()), mend }
    }
}

const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// What lets a user make the roles of its grants.
pub(super) fn may_make_roles(database: &str, user: &str) -> String {
    format!(
        "let it make the roles of grants: ALTER ROLE \"{user}\" CREATEROLE; ALTER DATABASE \"{database}\" OWNER TO \
         \"{user}\"; and in that database, where another user has made what is in it, REASSIGN OWNED BY <that user> TO \
         \"{user}\"; or write `roles = \"shared\"` under [backends.postgres]"
    )
}

/// A place in a file; the line and the column where Postgres names a position.
#[derive(Debug)]
pub struct At {
    pub file: PathBuf,
    pub position: Option<(usize, usize)>,
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
