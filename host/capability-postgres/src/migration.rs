//! Migrations: the steps of a service's own schema, applied before it is called.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor};
use tracing::warn;

use super::bounds::milliseconds;
use super::config::PostgresGrant;
use super::ledger;
use super::migration_error::MigrationError;
use super::migration_failure::{explain, took_too_long};
use super::migration_files;
use super::owner::Owner;

/// Applies those of a service that the database has not seen. Several hosts and services may do this at once: a
/// lock on the database is held from before the first look.
///
/// # Errors
/// The database is away, or a migration fails; those before it stay applied.
pub(super) async fn apply(
    connection: &mut PgConnection,
    keeper: Option<Keeper<'_>>,
    options: &PgConnectOptions,
    service: &str,
    grant: &PostgresGrant,
) -> Result<(), MigrationError> {
    let (Some(folder), limit) = (&grant.migrations, grant.migration_timeout.0) else { return Ok(()) };
    let wrong = |error| explain(options, folder, error);
    let server = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection).await;
    let server = server.map_err(|error| wrong(error.into()))?;
    let mut applying = pin!(apply_from(connection, keeper, options, service, folder, limit));
    if let Ok(applied) = tokio::time::timeout(limit, &mut applying).await {
        return applied.map_err(wrong);
    }
    end(options, server, "SELECT pg_cancel_backend($1)").await;
    match tokio::time::timeout(GRACE, applying).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(took_too_long(options, folder, limit, Some(&error))),
        Err(_) => {
            end(options, server, "SELECT pg_terminate_backend($1)").await;
            Err(took_too_long(options, folder, limit, None))
        }
    }
}

/// Who keeps which migrations were applied, where that is not whoever runs them: the host, for the owner of the database.
pub(super) struct Keeper<'a> {
    pub connection: &'a mut PgConnection,
    pub owner: &'a Owner,
}

/// How long the server may take to end a statement, and to say so.
const GRACE: Duration = Duration::from_secs(5);

/// Tells the server to end what it does for that connection, or the connection itself where that is caught. Where it cannot
/// be told, its own `statement_timeout` remains.
async fn end(options: &PgConnectOptions, server: i32, how: &'static str) {
    let tell = async {
        let mut connection = PgConnection::connect_with(options).await?;
        sqlx::query(how).bind(server).execute(&mut connection).await?;
        connection.close().await
    };
    if !matches!(tokio::time::timeout(GRACE, tell).await, Ok(Ok(()))) {
        warn!(server, "the server could not be told to end a migration that takes too long");
    }
}

/// But others queue up behind a migration that waits for a table, so it does so no longer than a call may take.
const NO_LONG_WAIT_FOR_TABLES: &str =
    "SELECT set_config('lock_timeout', reset_val, false) FROM pg_settings WHERE name = 'statement_timeout'";

/// After an error the lock is still held, and the limits are still those of a migration, until the connection is reset or
/// closed.
async fn apply_from(
    connection: &mut PgConnection,
    keeper: Option<Keeper<'_>>,
    options: &PgConnectOptions,
    service: &str,
    folder: &Path,
    limit: Duration,
) -> Result<(), MigrateError> {
    let migrator = Migrator::new(folder).await?;
    // What a call of a component may take is no limit here. The server ends also what nobody waits for any more.
    connection.execute(AssertSqlSafe(format!("SET statement_timeout = {}", milliseconds(limit)))).await?;
    match keeper {
        None => apply_as_host(connection, service, migrator).await,
        Some(keeper) => {
            // A component can take any advisory lock, but locks no row of the host's.
            let _turn = turn(options, limit).await?;
            apply_as_owner(connection, keeper, service, &migrator).await
        }
    }
}

async fn apply_as_host(
    connection: &mut PgConnection,
    service: &str,
    mut migrator: Migrator,
) -> Result<(), MigrateError> {
    let table = ledger::table(service);
    connection.lock().await?;
    connection.execute(NO_LONG_WAIT_FOR_TABLES).await?;
    ledger::open(connection, &table, &migrator).await?;
    migrator.set_locking(false).dangerous_set_table_name(table);
    migrator.run_direct(None, connection, false).await?;
    connection.unlock().await
}

/// One by one, because the migrator would first make the table of what was applied, which an owner may not.
async fn apply_as_owner(
    connection: &mut PgConnection,
    keeper: Keeper<'_>,
    service: &str,
    migrator: &Migrator,
) -> Result<(), MigrateError> {
    let table = ledger::table(service);
    connection.execute(NO_LONG_WAIT_FOR_TABLES).await?;
    ledger::open(keeper.connection, &table, migrator).await?;
    ledger::give(keeper.connection, &table, keeper.owner.name()).await?;
    if let Some(version) = connection.dirty_version(&table).await? {
        return Err(MigrateError::Dirty(version));
    }
    let applied = compare(connection, service, migrator).await?;
    let is_applied = |version| applied.iter().any(|applied| applied.version == version);
    let up = migrator.iter().filter(|migration| !migration.migration_type.is_down_migration());
    for migration in up.filter(|migration| !is_applied(migration.version)) {
        connection.apply(&table, migration).await?;
    }
    Ok(())
}

/// A connection that has the lock of migrations, for as long as it is open.
async fn turn(options: &PgConnectOptions, limit: Duration) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let take = format!(
        "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = 0; BEGIN;
         SELECT FROM componentd_host.turns WHERE at = 'migrations' FOR UPDATE",
        milliseconds(limit)
    );
    sqlx::raw_sql(AssertSqlSafe(take)).execute(&mut connection).await?;
    Ok(connection)
}

/// How far a service's migrations are in a database: how many are applied, and how many are to come. Changes nothing.
///
/// # Errors
/// One was edited or removed after it was applied, or the files cannot be read, or the database cannot.
pub(super) async fn progress(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
    service: &str,
    folder: &Path,
) -> Result<(usize, usize), MigrationError> {
    let files = migration_files::read(folder)?;
    let compared = async { compare(connection, service, &Migrator::new(folder).await?).await };
    let applied = compared.await.map_err(|error| explain(options, folder, error))?.len();
    Ok((applied, files.len() - applied))
}

/// What was applied, which the files still have as it was.
async fn compare(
    connection: &mut PgConnection,
    service: &str,
    own: &Migrator,
) -> Result<Vec<AppliedMigration>, MigrateError> {
    let applied = ledger::applied(connection, service, own).await?;
    for applied in &applied {
        let migration =
            own.iter().find(|own| own.version == applied.version && !own.migration_type.is_down_migration());
        match migration {
            None => return Err(MigrateError::VersionMissing(applied.version)),
            Some(own) if own.checksum != applied.checksum => {
                return Err(MigrateError::VersionMismatch(applied.version));
            }
            Some(_) => {}
        }
    }
    Ok(applied)
}
