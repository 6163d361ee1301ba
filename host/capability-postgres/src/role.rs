//! The role of a grant: what a component is to the server. It may read, or read and write, the tables that migrations have
//! made in its database, publish what the service may publish, and nothing else.
//!
//! The host makes it with the right of its own user, and sets it again before each version is called: a component can change
//! the password and the settings of its own role.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};

use super::config::{Access, PostgresGrant};
use super::login::{Login, close_databases, name, quoted};
use super::outbox;
use super::owner::Owner;

/// How many times its pool a role may have sessions: those of other hosts, and of a version that goes while another comes.
const SESSIONS: u32 = 8;

/// One host at a time sets roles in a database. Whoever owns a schema may have functions there, which none of ours is taken
/// for.
const TAKE_TURN: &str =
    "SET LOCAL search_path = pg_catalog; SELECT FROM componentd_host.turns WHERE at = 'roles' FOR UPDATE";

/// Its own rights, once migrations have made what it has rights to.
const GIVE: &str = include_str!("give.sql");

/// How often it is tried again where another host has changed the same just then: databases are one list for all.
const TRIES: u32 = 10;

/// What the server says of that: `internal_error`, for a row of its own tables that has changed; `deadlock_detected`.
const CHANGED_MEANWHILE: [&str; 2] = ["XX000", "40P01"];

/// The role of one grant, and the owner of its database.
#[derive(Clone, Debug)]
pub(super) struct Role {
    login: Login,
    owner: Owner,
    access: Access,
    /// What the service may publish, if anything.
    topics: Vec<String>,
}

/// How to connect as the roles that are made.
pub(super) struct Made {
    pub guest: PgConnectOptions,
    pub owner: PgConnectOptions,
}

impl Role {
    pub(crate) fn new(service: &str, alias: &str, grant: &PostgresGrant, topics: Vec<String>) -> Self {
        let name = name(&[&grant.database, service, alias]);
        let login = Login { name, sessions: grant.connections.saturating_mul(SESSIONS) };
        Self { login, owner: Owner::new(&grant.database), access: grant.access, topics }
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Makes both roles, or sets them as they must be. The rights to tables are given by [`Role::give`].
    ///
    /// # Errors
    /// The database is away, or does not let us.
    pub(crate) async fn make(&self, host: &mut PgConnection, options: &PgConnectOptions) -> Result<Made, sqlx::Error> {
        let mut tries = 1;
        loop {
            match self.try_to_make(host, options).await {
                Err(sqlx::Error::Database(refusal))
                    if tries < TRIES && refusal.code().is_some_and(|code| CHANGED_MEANWHILE.contains(&&*code)) =>
                {
                    tries += 1;
                }
                made => return made,
            }
        }
    }

    async fn try_to_make(&self, host: &mut PgConnection, options: &PgConnectOptions) -> Result<Made, sqlx::Error> {
        close_databases(host).await?;
        let mut transaction = host.begin().await?;
        sqlx::raw_sql(TAKE_TURN).execute(&mut *transaction).await?;
        let owner = self.owner.make(&mut transaction, options).await?;
        let guest = self.login.make(&mut transaction, options).await?;
        sqlx::raw_sql(outbox::CREATE_PUBLISH).execute(&mut *transaction).await?;
        let publish = format!(
            "GRANT USAGE ON SCHEMA componentd_api TO {role}; GRANT EXECUTE ON FUNCTION componentd_api.publish TO {role}",
            role = quoted(&self.login.name)
        );
        sqlx::raw_sql(AssertSqlSafe(publish)).execute(&mut *transaction).await?;
        self.register(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Made { guest, owner })
    }

    /// What it may publish. Topics that a version of before may publish stay, until that one is gone.
    async fn register(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let add = "INSERT INTO componentd_host.topics SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING";
        sqlx::query(add).bind(&self.login.name).bind(&self.topics).execute(connection).await.map(|_| ())
    }

    /// Gives it its rights to what migrations have made.
    ///
    /// # Errors
    /// As [`Role::make`].
    pub(crate) async fn give(&self, host: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (of_tables, of_sequences) = match self.access {
            Access::Read => ("SELECT", "SELECT"),
            Access::Write => ("DELETE, INSERT, SELECT, UPDATE", "SELECT, USAGE"),
        };
        let give = GIVE.replace("{role}", &self.login.name).replace("{owner}", self.owner.name());
        let give = give.replace("{of-tables}", of_tables).replace("{of-sequences}", of_sequences);
        let mut transaction = host.begin().await?;
        sqlx::raw_sql(TAKE_TURN).execute(&mut *transaction).await?;
        sqlx::raw_sql(AssertSqlSafe(give)).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// Leaves it the topics of this grant only.
    pub(crate) async fn forget_topics(&self, host: &mut PgConnection) -> Result<(), sqlx::Error> {
        let forget = "DELETE FROM componentd_host.topics WHERE role = $1 AND topic <> ALL ($2)";
        sqlx::query(forget).bind(&self.login.name).bind(&self.topics).execute(host).await.map(|_| ())
    }
}
