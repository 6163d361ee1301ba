//! The role that owns what is in a database: migrations run as it. It may make and change anything there, and reaches no
//! other database, nor the server, nor what the host keeps. It cannot be the host's user, who makes roles and reads their
//! passwords: a migration comes with a component.

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::login::{Login, name};

/// Sessions at the same time: hosts migrate one after the other, and end what was given up.
const SESSIONS: u32 = 8;

/// Its rights, and what the host's user has made in the database: as hosts up to version 0.2 did, or by hand.
const GIVE: &str = include_str!("owner.sql");

/// The owner of one database.
#[derive(Clone, Debug)]
pub(super) struct Owner(Login);

impl Owner {
    pub(crate) fn new(database: &str) -> Self {
        Self(Login { name: name(&[database]), sessions: SESSIONS })
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Makes the role, or sets it as it must be, and gives it what is in the database: how to connect as it.
    ///
    /// # Errors
    /// The database is away, or does not let us.
    pub(crate) async fn make(
        &self,
        transaction: &mut PgConnection,
        host: &PgConnectOptions,
    ) -> Result<PgConnectOptions, sqlx::Error> {
        let options = self.0.make(transaction, host).await?;
        let give = GIVE.replace("{owner}", self.name());
        sqlx::raw_sql(AssertSqlSafe(give)).execute(&mut *transaction).await?;
        Ok(options)
    }
}
