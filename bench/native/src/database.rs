//! The pool of a service that keeps data, and its migrations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

/// As the host gives a service by default.
const CONNECTIONS: u32 = 10;
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub struct DatabaseSettings {
    /// With the database's name.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: PgConnectOptions,
    /// The folder of the migrations that are applied first.
    #[arg(long, value_name = "DIR")]
    migrations: PathBuf,
}

/// A pool to the migrated database.
///
/// # Errors
/// The database is away, or a migration fails.
pub async fn open(settings: &DatabaseSettings) -> Result<PgPool> {
    let pool = pool(&settings.database_url, CONNECTIONS);
    migrate(&pool, &settings.migrations).await?;
    Ok(pool)
}

/// A pool that connects when it is used.
pub fn pool(options: &PgConnectOptions, connections: u32) -> PgPool {
    let timeout = TIMEOUT.as_millis().to_string();
    let options = options.clone().application_name("native").options([("statement_timeout", timeout)]);
    // A ping before each use would double the round trips; a connection that broke fails one request.
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(TIMEOUT).test_before_acquire(false);
    pool.connect_lazy_with(options)
}

async fn migrate(pool: &PgPool, folder: &Path) -> Result<()> {
    let migrator = Migrator::new(folder).await.with_context(|| format!("cannot read {}", folder.display()))?;
    let mut connection = pool.acquire().await.context("the database cannot be reached")?;
    migrator.run_direct(None, &mut *connection, false).await.context("a migration failed")
}
