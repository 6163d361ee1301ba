//! The table in which a database keeps which migrations of one service it has seen.
//!
//! Each service has its own, so that services that share a database may number their migrations as they like. Up to version
//! 0.1 there was one for all, sqlx's default; what a service finds of its own there is taken over.

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

/// A schema of their own, so that a table can have the service's name, which may be as long as Postgres's names are.
const SCHEMA: &str = "componentd_migrations";

/// Where sqlx keeps them by default: the first of that name on the search path.
const OLD_TABLE: &str = "_sqlx_migrations";

/// A row is the service's own where version and checksum are. Where some are, one with the version and the name of another
/// is that migration before it was edited: it comes along, so that the migrator refuses the edit instead of running it.
const TAKE_OVER: &str = "
    WITH own AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[]) AS own (version, description, checksum)),
         seen AS (SELECT old.*, old.checksum = own.checksum AS same, old.description = own.description AS same_name
                  FROM _sqlx_migrations AS old JOIN own USING (version))
    SELECT version, description, installed_on, success, checksum, execution_time
    FROM seen WHERE same OR (same_name AND EXISTS (SELECT FROM seen WHERE same))";

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
    if exists(&mut transaction, OLD_TABLE).await? {
        take_over(&mut transaction, table, own).await?;
    }
    Ok(transaction.commit().await?)
}

/// What a service has applied, as far as there is a table of its own.
pub(super) async fn applied(
    connection: &mut PgConnection,
    service: &str,
) -> Result<Vec<AppliedMigration>, MigrateError> {
    let table = table(service);
    if !exists(connection, &table).await? {
        return Ok(Vec::new());
    }
    connection.list_applied_migrations(&table).await
}

async fn exists(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table).fetch_one(connection).await
}

pub(super) async fn has_schema(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL").bind(SCHEMA).fetch_one(connection).await
}

async fn take_over(connection: &mut PgConnection, table: &str, own: &Migrator) -> Result<(), sqlx::Error> {
    let own = || own.iter().filter(|migration| !migration.migration_type.is_down_migration());
    let versions: Vec<i64> = own().map(|migration| migration.version).collect();
    let descriptions: Vec<&str> = own().map(|migration| &*migration.description).collect();
    let checksums: Vec<&[u8]> = own().map(|migration| &*migration.checksum).collect();
    let statement = format!("INSERT INTO {table} {TAKE_OVER}");
    let insert = sqlx::query(AssertSqlSafe(statement)).bind(versions).bind(descriptions).bind(checksums);
    connection.execute(insert).await.map(|_| ())
}
