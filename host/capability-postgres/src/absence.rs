//! Why a database cannot be used just now, in the server's own words, and what mends it.

use std::io::ErrorKind;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError};

/// Why a database cannot be used. The same reason has the same text, so that it is said once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database {database:?}: {reason}; {mend}")]
pub struct Absence {
    pub database: String,
    /// What the server or the system says.
    pub reason: String,
    pub mend: String,
}

impl Absence {
    pub(super) fn new(options: &PgConnectOptions, error: &sqlx::Error) -> Self {
        let database = options.get_database().unwrap_or_default().to_owned();
        let server = format!("{}:{}", options.get_host(), options.get_port());
        let user = options.get_username();
        let (reason, mend) = match error {
            sqlx::Error::Database(refusal) => {
                let refusal = refusal.downcast_ref::<PgDatabaseError>();
                let reason = format!("{} (SQLSTATE {})", refusal.message(), refusal.code());
                (reason, of_refusal(refusal.code(), &database, user))
            }
            sqlx::Error::Io(error) => (format!("{server}: {error}"), of_connection(error)),
            sqlx::Error::Tls(error) => (
                format!("{server}: TLS: {error}"),
                "see `sslmode` and `sslrootcert` of `url` under [backends.postgres]".to_owned(),
            ),
            sqlx::Error::PoolTimedOut => (format!("{server}: no answer in time"), HANGS.to_owned()),
            error => (format!("{server}: {error}"), CORRECT_URL.to_owned()),
        };
        Self { database, reason, mend }
    }

    pub(super) fn no_answer(options: &PgConnectOptions) -> Self {
        Self::new(options, &sqlx::Error::PoolTimedOut)
    }
}

const CORRECT_URL: &str = "see `url` under [backends.postgres]";
const HANGS: &str =
    "is a firewall between, does the server hang, or are all connections in use? See `url` under [backends.postgres]";

/// What mends what the server refuses, by its SQLSTATE.
pub(super) fn of_refusal(sqlstate: &str, database: &str, user: &str) -> String {
    match sqlstate {
        "28P01" => "correct user and password in `url` under [backends.postgres]".to_owned(),
        "28000" => format!("let {user} in by pg_hba.conf of the server, or correct `url` under [backends.postgres]"),
        "3D000" => {
            format!("create it: CREATE DATABASE \"{database}\" OWNER \"{user}\", or correct `database` of the grant")
        }
        "42501" => format!("give the right: GRANT CONNECT, CREATE ON DATABASE \"{database}\" TO \"{user}\""),
        "53300" => "raise max_connections of the server, or lower `connections` of the grants".to_owned(),
        "53100" => "make room on the server's disk".to_owned(),
        "57P03" => "it starts or ends; if that lasts, see its log".to_owned(),
        _ => "see the log of the server".to_owned(),
    }
}

fn of_connection(error: &std::io::Error) -> String {
    let mend = match error.kind() {
        ErrorKind::ConnectionRefused => {
            "start Postgres there, or correct host and port of `url` under [backends.postgres]"
        }
        ErrorKind::TimedOut => HANGS,
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => "is it Postgres that listens there? See its log",
        _ if error.to_string().contains("lookup") => {
            "correct the host of `url` under [backends.postgres], or the name in DNS"
        }
        _ => CORRECT_URL,
    };
    mend.to_owned()
}
