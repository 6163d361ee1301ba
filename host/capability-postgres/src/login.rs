//! A role that the host makes: with a random password, which the database keeps where only the host's user reads it.

use sha2::{Digest as _, Sha256};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::password;

/// Past this Postgres cuts names off.
const LONGEST_NAME: usize = 63;

/// Who may connect to a database is said for each role: `PUBLIC` is everybody on the server. Of those that the host owns all
/// are closed, so that no grant reaches the database of another one that is prepared later.
const CLOSE: &str = "
    DO $close$
    DECLARE
        one record;
    BEGIN
        FOR one IN
            SELECT datname FROM pg_database
            WHERE pg_has_role(datdba, 'USAGE') AND EXISTS (
                SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
                WHERE grantee = 0 AND privilege_type IN ('CONNECT', 'TEMPORARY'))
        LOOP
            EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', one.datname);
        END LOOP;
    END $close$";

/// A role, before or after it is made.
#[derive(Clone, Debug)]
pub(super) struct Login {
    /// Of letters, digits, `_`, `-` and `.`, so that it needs no escape within quotes.
    pub name: String,
    /// How many sessions it may have, on all hosts together.
    pub sessions: u32,
}

impl Login {
    /// Makes the role, or sets it as it must be: how to connect as it. Both have no right but to connect to this database.
    ///
    /// # Errors
    /// The database is away, or does not let us.
    pub(crate) async fn make(
        &self,
        transaction: &mut PgConnection,
        host: &PgConnectOptions,
    ) -> Result<PgConnectOptions, sqlx::Error> {
        let password = self.password(transaction).await?;
        let is_there = "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)";
        let is_there: bool = sqlx::query_scalar(is_there).bind(&self.name).fetch_one(&mut *transaction).await?;
        let database = host.get_database().unwrap_or_default();
        let make = self.statements(is_there, &password::verifier(&password), database);
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *transaction).await?;
        Ok(host.clone().username(&self.name).password(&password))
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
        let sessions = self.sessions.min(i32::MAX.unsigned_abs());
        let mut sql = format!("{verb} ROLE {role} LOGIN CONNECTION LIMIT {sessions} PASSWORD '{verifier}';");
        for part in [
            // Whatever it has set itself for its sessions to come.
            "ALTER ROLE {role} RESET ALL; ALTER ROLE {role} IN DATABASE {database} RESET ALL;",
            // The host ends its sessions, and gives what it owns.
            "GRANT {role} TO CURRENT_USER;",
            "GRANT CONNECT ON DATABASE {database} TO {role};",
        ] {
            sql.push_str(&part.replace("{role}", &role).replace("{database}", &database));
        }
        sql
    }
}

/// Takes the databases of the host from `PUBLIC`.
pub(super) async fn close_databases(transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(CLOSE).execute(transaction).await.map(|_| ())
}

/// The name of a role, from those of what it is for. Names that do not fit are told apart by a digest of theirs; those that
/// do are read easily in the server's own views.
pub(super) fn name(parts: &[&str]) -> String {
    let is_plain = |part: &&str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let name = format!("componentd.{}", parts.join("."));
    if name.len() <= LONGEST_NAME && parts.iter().all(is_plain) {
        return name;
    }
    let digest = Sha256::digest(parts.join("\0"));
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("componentd.{digest}")
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_NAME, name};

    #[test]
    fn a_role_has_the_names_of_its_grant() {
        assert_eq!(name(&["ordersdb", "orders", "main"]), "componentd.ordersdb.orders.main");
        assert_eq!(name(&["ordersdb"]), "componentd.ordersdb");
    }

    #[test]
    fn names_that_do_not_fit_are_told_apart() {
        let long = "b".repeat(60);
        let names = [["d", "a", "b.c"], ["d.c", "a", "b"], ["d", "a", "b'$give$"], ["d", "a", &long]];
        let names = names.map(|parts| name(&parts));
        for (at, one) in names.iter().enumerate() {
            assert!(one.len() <= LONGEST_NAME && !one.contains(['\'', '$']), "{one}");
            assert!(!names[..at].contains(one), "{one}");
        }
    }
}
