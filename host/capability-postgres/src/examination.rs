//! A look at one database from outside a host, for `componentd doctor`. It changes nothing.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::absence::Absence;
use super::client::options;
use super::config::{PostgresBackend, PostgresGrant, Roles};
use super::migration_error::MigrationError;
use super::{ledger, migration, migration_error};

/// How a database is.
pub enum Examination {
    /// It cannot be used just now.
    Absent(Absence),
    /// Its migrations and the files do not fit.
    Unmigratable(MigrationError),
    /// What the host has to make in it, it may not.
    NoRight {
        /// Whom the host is there.
        user: String,
        /// Its name.
        database: String,
    },
    /// It may make no role for a grant.
    NoRoles {
        /// Whom the host is there.
        user: String,
        /// What lets it.
        mend: String,
    },
    /// The host can use it.
    Well {
        /// That of the server.
        version: String,
        /// Migrations that it has.
        applied: usize,
        /// Migrations that the next start applies.
        pending: usize,
    },
}

/// The server's version, and whether we may create a schema, and roles that are let into the database.
const ASK: &str = "
    SELECT current_setting('server_version'), has_database_privilege(current_database(), 'CREATE'),
        rolsuper OR rolcreaterole AND pg_has_role(datdba, 'USAGE')
    FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()";

/// Whether the outbox is there.
const HAS_OUTBOX: &str = "SELECT to_regclass('componentd_host.outbox') IS NOT NULL";

/// Connects as the host would for this service, and looks.
pub async fn examine(
    backend: &PostgresBackend,
    service: &str,
    grant: &PostgresGrant,
    publishes: bool,
    timeout: Duration,
) -> Examination {
    match options(backend, &grant.database, timeout) {
        Err(error) => Examination::Absent(Absence::new(&PgConnectOptions::new().database(&grant.database), &error)),
        Ok(options) => match look(&options, service, grant, publishes, backend.roles).await {
            Ok(examination) => examination,
            Err(error) => Examination::Absent(Absence::new(&options, &error)),
        },
    }
}

async fn look(
    options: &PgConnectOptions,
    service: &str,
    grant: &PostgresGrant,
    publishes: bool,
    roles: Roles,
) -> Result<Examination, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let asked = sqlx::query_as(ASK).fetch_one(&mut connection).await?;
    let (version, may_create, may_make_roles): (String, bool, bool) = asked;
    if roles == Roles::Own && !may_make_roles {
        let user = options.get_username().to_owned();
        let mend = migration_error::may_make_roles(&grant.database, &user);
        return Ok(Examination::NoRoles { user, mend });
    }
    let lacks_ledger = grant.migrations.is_some() && !ledger::has_schema(&mut connection).await?;
    let lacks_outbox = publishes && !sqlx::query_scalar::<_, bool>(HAS_OUTBOX).fetch_one(&mut connection).await?;
    if !may_create && (lacks_ledger || lacks_outbox) {
        let (user, database) = (options.get_username().to_owned(), grant.database.clone());
        return Ok(Examination::NoRight { user, database });
    }
    let progress = match &grant.migrations {
        None => Ok((0, 0)),
        Some(folder) => migration::progress(&mut connection, options, service, folder).await,
    };
    // Closed politely, so that the server's log has no complaint.
    let _ = connection.close().await;
    Ok(match progress {
        Ok((applied, pending)) => Examination::Well { version, applied, pending },
        Err(MigrationError::Unreachable(absence)) => Examination::Absent(absence),
        Err(error) => Examination::Unmigratable(error),
    })
}
