//! The table in which a database keeps which migrations of one service it has seen.
//!
//! Each service has its own, so that services that share a database may number their migrations as they like. Up to version
//! 0.1 there was one for all, sqlx's default; what a service finds of its own there is taken over.

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

/// A schema of their own, so that a table can have the service's name, which may be as long as Postgres's names are.
const SCHEMA: &str = "componentd_migrations";

/// Whether sqlx's default is there, the first of that name on the search path, and reading it runs nothing: it may be another user's than the host's, and of a kind that calls
/// functions.
const HAS_OLD_TABLE: &str = "SELECT count(*) = 1 FROM pg_class
    WHERE oid = to_regclass('_sqlx_migrations') AND relkind = 'r' AND NOT relrowsecurity";

const OLD_ROWS: &str = "SELECT version, description, checksum FROM _sqlx_migrations ORDER BY version";

/// The tables of all services, of which another user may have some.
const TABLES: &str = "
    SELECT relname::text FROM pg_class
    WHERE relnamespace = to_regnamespace('componentd_migrations') AND relkind = 'r' AND has_table_privilege(oid, 'SELECT')";

/// The old table has a migration with this version and the name of the service's own, and nothing tells whether it is that
/// one before it was edited, or another service's.
#[derive(Debug, thiserror::Error)]
#[error("migration {0} may have been edited")]
pub(super) struct Unclear(pub i64);

/// The table of a service, whose name has neither quotes nor dots.
pub(super) fn table(service: &str) -> String {
    format!("{SCHEMA}.\"{service}\"")
}

/// Makes the table where it is not there yet, in one step with what it takes over. The caller holds the migrator's lock.
pub(super) async fn open(connection: &mut PgConnection, table: &str, own: &Migrator) -> Result<(), MigrateError> {
    if exists(connection, table).await? {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    // Asked first, because `IF NOT EXISTS` needs the right to create one also where it is there.
    if !has_schema(&mut transaction).await? {
        transaction.create_schema_if_not_exists(SCHEMA).await?;
    }
    transaction.ensure_migrations_table(table).await?;
    let inherited = inherited(&mut transaction, own).await?;
    if !inherited.is_empty() {
        take_over(&mut transaction, table, &inherited).await?;
    }
    Ok(transaction.commit().await?)
}

/// Lets the owner of the database add to it, and not change what was applied.
pub(super) async fn give(connection: &mut PgConnection, table: &str, owner: &str) -> Result<(), sqlx::Error> {
    let give = format!("GRANT SELECT, INSERT, UPDATE (execution_time) ON {table} TO \"{owner}\"");
    connection.execute(AssertSqlSafe(give)).await.map(|_| ())
}

/// What a service has applied; before it has a table of its own, what that would begin with. Changes nothing.
pub(super) async fn applied(
    connection: &mut PgConnection,
    service: &str,
    own: &Migrator,
) -> Result<Vec<AppliedMigration>, MigrateError> {
    let table = table(service);
    if !exists(connection, &table).await? {
        return inherited(connection, own).await;
    }
    connection.list_applied_migrations(&table).await
}

async fn exists(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table).fetch_one(connection).await
}

pub(super) async fn has_schema(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL").bind(SCHEMA).fetch_one(connection).await
}

/// What of the old table is a service's own: rows with the version and the checksum of its files. Where there are some, one
/// with the version and the name of another file is that migration before it was edited: it comes along, so that the
/// migrator refuses the edit instead of running it.
async fn inherited(connection: &mut PgConnection, own: &Migrator) -> Result<Vec<AppliedMigration>, MigrateError> {
    if !sqlx::query_scalar::<_, bool>(HAS_OLD_TABLE).fetch_one(&mut *connection).await? {
        return Ok(Vec::new());
    }
    let old: Vec<(i64, String, Vec<u8>)> = sqlx::query_as(OLD_ROWS).fetch_all(&mut *connection).await?;
    let (mut is_owner, mut alike) = (false, Vec::new());
    for (version, description, checksum) in old {
        let own = own.iter().filter(|own| !own.migration_type.is_down_migration());
        let Some(own) = own.into_iter().find(|own| own.version == version) else { continue };
        let is_same = *own.checksum == checksum;
        is_owner |= is_same;
        if is_same || own.description == description {
            alike.push(AppliedMigration { version, checksum: checksum.into() });
        }
    }
    if is_owner { Ok(alike) } else { all_of_others(connection, alike).await }
}

/// Rows of which none has the content of a file. They are of no concern where the tables of other services have them.
async fn all_of_others(
    connection: &mut PgConnection,
    alike: Vec<AppliedMigration>,
) -> Result<Vec<AppliedMigration>, MigrateError> {
    let mut unclear = alike;
    let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut *connection).await?;
    for service in tables {
        let known = connection.list_applied_migrations(&table(&service)).await?;
        unclear.retain(|row| !known.iter().any(|known| known.version == row.version && known.checksum == row.checksum));
    }
    match unclear.first() {
        None => Ok(unclear),
        Some(row) => Err(MigrateError::Source(Box::new(Unclear(row.version)))),
    }
}

async fn take_over(connection: &mut PgConnection, table: &str, rows: &[AppliedMigration]) -> Result<(), sqlx::Error> {
    let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
    let statement = format!(
        "INSERT INTO {table} (version, description, installed_on, success, checksum, execution_time)
         SELECT version, description, installed_on, success, checksum, execution_time
         FROM _sqlx_migrations WHERE version = ANY($1)"
    );
    connection.execute(sqlx::query(AssertSqlSafe(statement)).bind(versions)).await.map(|_| ())
}
