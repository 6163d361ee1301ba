//! The role of a grant: what a component is to the server. It may read, or read and write, the tables that migrations have
//! made in its database, publish what the service may publish, and nothing else.
//!
//! The host makes it with the right of its own user, keeps its password in the database, where only that user reads it, and
//! sets both again before each version is called: a component can change the password and the settings of its own role.

use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};

use super::config::{Access, PostgresGrant};
use super::{outbox, password};

/// Past this Postgres cuts names off.
const LONGEST_NAME: usize = 63;

/// How many times its pool a role may have sessions: those of other hosts, and of a version that goes while another comes.
const SESSIONS: u32 = 8;

/// One host at a time sets roles in a database.
const TAKE_TURN: &str = "SELECT FROM componentd_host.turns WHERE at = 'roles' FOR UPDATE";

/// Its own rights, once migrations have made what it has rights to.
const GIVE: &str = include_str!("give.sql");

/// The role of one grant.
#[derive(Clone, Debug)]
pub(super) struct Role {
    name: String,
    access: Access,
    connections: u32,
    /// What the service may publish, if anything.
    topics: Vec<String>,
}

impl Role {
    pub(crate) fn new(service: &str, alias: &str, grant: &PostgresGrant, topics: Vec<String>) -> Self {
        let name = name(service, alias, &grant.database);
        Self { name, access: grant.access, connections: grant.connections, topics }
    }

    /// Makes the role, or sets it as it must be: how to connect as it. Its rights to tables are given by [`Role::give`].
    ///
    /// # Errors
    /// The database is away, or does not let us.
    pub(crate) async fn make(
        &self,
        host: &mut PgConnection,
        options: &PgConnectOptions,
    ) -> Result<PgConnectOptions, sqlx::Error> {
        let mut transaction = host.begin().await?;
        sqlx::raw_sql(TAKE_TURN).execute(&mut *transaction).await?;
        sqlx::raw_sql(outbox::CREATE_PUBLISH).execute(&mut *transaction).await?;
        let password = self.password(&mut transaction).await?;
        let is_there = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)";
        let is_there: bool = sqlx::query_scalar(is_there).bind(&self.name).fetch_one(&mut *transaction).await?;
        let database = options.get_database().unwrap_or_default();
        let make = self.statements(is_there, &password::verifier(&password), database);
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *transaction).await?;
        self.register(&mut transaction).await?;
        transaction.commit().await?;
        Ok(options.clone().username(&self.name).password(&password))
    }

    /// The one that is kept, or a new one.
    async fn password(&self, connection: &mut PgConnection) -> Result<String, sqlx::Error> {
        let keep = "INSERT INTO componentd_host.logins VALUES ($1, $2) ON CONFLICT DO NOTHING";
        sqlx::query(keep).bind(&self.name).bind(password::random()).execute(&mut *connection).await?;
        let kept = "SELECT password FROM componentd_host.logins WHERE role = $1";
        sqlx::query_scalar(kept).bind(&self.name).fetch_one(connection).await
    }

    fn statements(&self, is_there: bool, verifier: &str, database: &str) -> String {
        let (role, database) = (quoted(&self.name), quoted(database));
        let verb = if is_there { "ALTER" } else { "CREATE" };
        let sessions = self.connections.saturating_mul(SESSIONS).min(i32::MAX.unsigned_abs());
        let mut sql = format!("{verb} ROLE {role} LOGIN CONNECTION LIMIT {sessions} PASSWORD '{verifier}';");
        for part in [
            // Whatever the component has set for its sessions to come.
            "ALTER ROLE {role} RESET ALL; ALTER ROLE {role} IN DATABASE {database} RESET ALL;",
            // The host ends its sessions.
            "GRANT {role} TO CURRENT_USER;",
            "GRANT CONNECT ON DATABASE {database} TO {role}; REVOKE CONNECT ON DATABASE {database} FROM PUBLIC;",
            "GRANT USAGE ON SCHEMA componentd_api TO {role};",
            "GRANT EXECUTE ON FUNCTION componentd_api.publish TO {role};",
        ] {
            sql.push_str(&part.replace("{role}", &role).replace("{database}", &database));
        }
        sql
    }

    /// What it may publish. Topics that a version of before may publish stay, until that one is gone.
    async fn register(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let add = "INSERT INTO componentd_host.topics SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING";
        sqlx::query(add).bind(&self.name).bind(&self.topics).execute(connection).await.map(|_| ())
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
        let give = GIVE.replace("{role}", &self.name).replace("{of-tables}", of_tables);
        let give = give.replace("{of-sequences}", of_sequences);
        let mut transaction = host.begin().await?;
        sqlx::raw_sql(TAKE_TURN).execute(&mut *transaction).await?;
        sqlx::raw_sql(AssertSqlSafe(give)).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// Leaves it the topics of this grant only.
    pub(crate) async fn forget_topics(&self, host: &mut PgConnection) -> Result<(), sqlx::Error> {
        let forget = "DELETE FROM componentd_host.topics WHERE role = $1 AND topic <> ALL ($2)";
        sqlx::query(forget).bind(&self.name).bind(&self.topics).execute(host).await.map(|_| ())
    }
}

/// Of letters, digits, `_`, `-` and `.`, so that it needs no escape within quotes. Names that do not fit are told apart by
/// a digest of theirs; those that do are read easily in the server's own views.
fn name(service: &str, alias: &str, database: &str) -> String {
    let is_plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let name = format!("componentd.{database}.{service}.{alias}");
    if name.len() <= LONGEST_NAME && [service, alias, database].into_iter().all(is_plain) {
        return name;
    }
    let digest = Sha256::digest([database, service, alias].join("\0"));
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("componentd.{digest}")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_NAME, name};

    #[test]
    fn a_role_has_the_names_of_its_grant() {
        assert_eq!(name("orders", "main", "ordersdb"), "componentd.ordersdb.orders.main");
    }

    #[test]
    fn names_that_do_not_fit_are_told_apart() {
        let names =
            [name("a", "b.c", "d"), name("a", "b", "d.c"), name("a", "b'$give$", "d"), name("a", &"b".repeat(60), "d")];
        for (at, one) in names.iter().enumerate() {
            assert!(one.len() <= LONGEST_NAME && !one.contains(['\'', '$']), "{one}");
            assert!(!names[..at].contains(one), "{one}");
        }
    }
}
