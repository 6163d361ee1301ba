//! Pools, statements and transactions: what a call does once it is known to be granted.

use std::sync::Arc;
use std::time::Duration;

use componentd_capability_kafka::brokers::Record;
use componentd_config::Limits;
use futures_util::TryStreamExt;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgStatement};
use sqlx::{AssertSqlSafe, Connection as _, Either, Executor, SqlSafeStr, Statement};
use tokio::sync::Notify;

use super::absence::Absence;
use super::bounds::{Bounds, milliseconds};
use super::config::{PostgresBackend, PostgresGrant, Roles};
use super::migration;
use super::migration_error::MigrationError;
use super::plain::{self, Shown};
use super::pool::{Borrowed, Pool};
use super::refusal::{error, while_connecting};
use super::role::Role;
use super::{arguments, rows, wit};
use crate::outbox;

/// Prepared statements kept per connection. A service has tens of statements; the server keeps a plan for each.
const STATEMENT_CACHE: usize = 256;

/// How often the server looks, while it is at a statement, whether there still is somebody to answer.
const CLIENT_IS_THERE: Duration = Duration::from_secs(5);

/// A pool of connections to one database, and the bounds of each call.
#[derive(Clone, Debug)]
#[allow(unreachable_pub, reason = "the bindings of the interface name it as public")]
pub struct Database {
    pool: Pool,
    bounds: Bounds,
    shown: Arc<plain::Looks>,
    /// Woken after each commit that published something.
    published: Arc<Notify>,
    /// The one of components; none where they are the host's user.
    role: Option<Arc<Role>>,
}

/// A transaction on a connection of its own. Dropped before its end, it is rolled back before the pool hands the connection
/// to anyone else.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the bindings of the interface name it as public")]
pub struct Transaction {
    session: Borrowed,
    bounds: Bounds,
    shown: Arc<plain::Looks>,
    has_published: bool,
    roles: Roles,
    /// A statement was refused, so that Postgres can only roll back, and would call a commit well done.
    has_failed: bool,
    published: Arc<Notify>,
}

/// How one database is connected to.
pub(super) fn options(
    backend: &PostgresBackend,
    database: &str,
    timeout: Duration,
) -> Result<PgConnectOptions, sqlx::Error> {
    let options: PgConnectOptions = backend.url.as_str().parse()?;
    Ok(options.database(database).application_name("componentd").statement_cache_capacity(STATEMENT_CACHE).options([
        ("statement_timeout", milliseconds(timeout).to_string()),
        // Ends what a host that was killed has left.
        ("client_connection_check_interval", milliseconds(CLIENT_IS_THERE).to_string()),
    ]))
}

impl Database {
    /// A pool that connects when it is used.
    pub(crate) fn new(backend: &PostgresBackend, grant: &PostgresGrant, limits: &Limits, role: Option<Role>) -> Self {
        let bounds = Bounds::new(limits);
        let options = options(backend, &grant.database, bounds.timeout).expect("the URL was tried before");
        let pool = Pool::new(options.clone(), grant.connections, bounds.timeout);
        if role.is_none() {
            pool.connect_as(bounds.guest(options));
        }
        Self { pool, bounds, shown: Arc::default(), published: Arc::default(), role: role.map(Arc::new) }
    }

    fn roles(&self) -> Roles {
        if self.role.is_some() { Roles::Own } else { Roles::Shared }
    }

    /// A connection for its relay, and what wakes it. The connection is one besides those of the service: the relay holds it
    /// while the brokers are away, and the service goes on.
    pub(crate) fn outbox(&self) -> (PgPool, Arc<Notify>) {
        let own = PgPoolOptions::new().max_connections(1).acquire_timeout(self.bounds.timeout);
        // Functions of others are not for the host to call.
        let options = self.pool.host().clone().options([("search_path", "pg_catalog")]);
        (own.connect_lazy_with(options), self.published.clone())
    }

    /// Why it does not answer within `timeout`, if it does not.
    pub(crate) async fn absent(&self, timeout: Duration) -> Option<Absence> {
        let options = self.pool.host();
        match tokio::time::timeout(timeout, self.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Absence::new(options, &error)),
            Err(_) => Some(Absence::no_answer(options)),
        }
    }

    async fn ping(&self) -> Result<(), sqlx::Error> {
        if self.pool.is_ready() {
            return self.pool.borrow().await?.ping().await;
        }
        PgConnection::connect_with(self.pool.host()).await?.close().await
    }

    /// Takes from the role what it was let publish, and may not any more. Called when nothing runs that still may.
    pub(crate) async fn forget_topics(&self) -> Result<(), sqlx::Error> {
        let Some(role) = &self.role else { return Ok(()) };
        let mut connection = PgConnection::connect_with(self.pool.host()).await?;
        role.forget_topics(&mut connection).await?;
        connection.close().await
    }

    /// Returns when no session is left on the server that this host has given up.
    pub(crate) async fn quiet(&self) {
        self.pool.quiet().await;
    }

    /// Connects, makes the role of components where they have one, applies the service's migrations that the database has
    /// not seen, and makes the outbox where one is used.
    ///
    /// # Errors
    /// The database is away, or a migration fails; those before it stay applied.
    pub(crate) async fn migrate(
        &self,
        service: &str,
        grant: &PostgresGrant,
        publishes: bool,
    ) -> Result<(), MigrationError> {
        let options = self.pool.host();
        let unreachable = |error| MigrationError::Unreachable(Absence::new(options, &error));
        let connect = tokio::time::timeout(self.bounds.timeout, PgConnection::connect_with(options));
        let mut connection = connect.await.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(unreachable)?;
        let applied = match &self.role {
            Some(role) => self.migrate_as_owner(&mut connection, role, service, grant).await,
            None => migration::apply(&mut connection, None, options, service, grant).await,
        };
        // Those before one that failed stay applied.
        self.pool.schema_has_changed();
        applied?;
        if self.role.is_none() && publishes {
            outbox::create(&mut connection).await.map_err(unreachable)?;
        }
        // What was to be done is done, however it ends.
        let _ = connection.close().await;
        Ok(())
    }

    /// Makes the roles, runs what is to run as the owner, and gives the component its rights to what is there then.
    async fn migrate_as_owner(
        &self,
        host: &mut PgConnection,
        role: &Role,
        service: &str,
        grant: &PostgresGrant,
    ) -> Result<(), MigrationError> {
        let options = self.pool.host();
        let no_role = |error| MigrationError::no_role(options, error);
        outbox::create(host).await.map_err(no_role)?;
        let made = role.make(host, options).await.map_err(no_role)?;
        self.pool.connect_as(self.bounds.guest(made.guest));
        if grant.migrations.is_some() {
            let mut owner = PgConnection::connect_with(&made.owner).await.map_err(no_role)?;
            let keeper = migration::Keeper { connection: host, owner: role.owner() };
            migration::apply(&mut owner, Some(keeper), options, service, grant).await?;
            let _ = owner.close().await;
        }
        role.give(host).await.map_err(no_role)
    }

    pub(super) async fn query(&self, sql: String, params: Vec<wit::Value>) -> Result<wit::RowSet, wit::Error> {
        let shown = permitted(&self.shown, &sql)?;
        query(&mut self.borrow().await?, shown, sql, params, self.bounds).await
    }

    pub(super) async fn execute(&self, sql: String, params: Vec<wit::Value>) -> Result<u64, wit::Error> {
        let shown = permitted(&self.shown, &sql)?;
        execute(&mut self.borrow().await?, shown, sql, params).await
    }

    pub(super) async fn describe(&self, sql: String) -> Result<Vec<wit::Column>, wit::Error> {
        let shown = permitted(&self.shown, &sql)?;
        describe(&mut self.borrow().await?, shown, sql).await
    }

    pub(super) async fn begin(&self, options: wit::TransactionOptions) -> Result<Transaction, wit::Error> {
        let mut session = self.borrow().await?;
        let begin = session.control(AssertSqlSafe(begin_statement(options)), true);
        begin.await?;
        let (shown, published, roles) = (self.shown.clone(), self.published.clone(), self.roles());
        Ok(Transaction {
            session,
            bounds: self.bounds,
            shown,
            has_published: false,
            roles,
            has_failed: false,
            published,
        })
    }

    async fn borrow(&self) -> Result<Borrowed, wit::Error> {
        self.pool.borrow().await.map_err(while_connecting)
    }
}

impl Transaction {
    pub(super) async fn query(&mut self, sql: String, params: Vec<wit::Value>) -> Result<wit::RowSet, wit::Error> {
        let shown = permitted(&self.shown, &sql)?;
        let ended = query(&mut self.session, shown, sql, params, self.bounds).await;
        self.noted(ended)
    }

    pub(super) async fn execute(&mut self, sql: String, params: Vec<wit::Value>) -> Result<u64, wit::Error> {
        let shown = permitted(&self.shown, &sql)?;
        let ended = execute(&mut self.session, shown, sql, params).await;
        self.noted(ended)
    }

    pub(super) async fn describe(&mut self, sql: String) -> Result<Vec<wit::Column>, wit::Error> {
        let shown = permitted(&self.shown, &sql)?;
        let ended = describe(&mut self.session, shown, sql).await;
        self.noted(ended)
    }

    fn noted<T>(&mut self, result: Result<T, wit::Error>) -> Result<T, wit::Error> {
        self.has_failed |= matches!(result, Err(wit::Error::Database(_) | wit::Error::Timeout(_)));
        result
    }

    pub(super) async fn publish(&mut self, record: Record) -> Result<(), wit::Error> {
        if !outbox::fits(&record) {
            return Err(wit::Error::Unpublishable("it is larger than a broker accepts".to_owned()));
        }
        self.has_published = true;
        let roles = self.roles;
        let insert = async |c: &mut PgConnection| outbox::insert(c, record, roles).await.map_err(error);
        let inserted = self.session.run(Shown::Plain, insert).await;
        self.noted(inserted)
    }

    pub(super) async fn commit(mut self) -> Result<(), wit::Error> {
        if self.has_failed {
            self.rollback().await?;
            return Err(wit::Error::Database(failed_transaction()));
        }
        let committed = self.session.control("COMMIT", false).await;
        if self.has_published {
            self.published.notify_one();
        }
        committed
    }

    pub(super) async fn rollback(mut self) -> Result<(), wit::Error> {
        self.session.control("ROLLBACK", false).await
    }
}

/// What Postgres says of any other statement of such a transaction: `in_failed_sql_transaction`.
fn failed_transaction() -> wit::DatabaseError {
    wit::DatabaseError {
        sqlstate: "25P02".to_owned(),
        message: "a statement of this transaction has failed, so it was rolled back".to_owned(),
        constraint: None,
        table: None,
        column: None,
    }
}

fn begin_statement(options: wit::TransactionOptions) -> String {
    let isolation = match options.isolation {
        wit::IsolationLevel::ReadCommitted => "READ COMMITTED",
        wit::IsolationLevel::RepeatableRead => "REPEATABLE READ",
        wit::IsolationLevel::Serializable => "SERIALIZABLE",
    };
    let access = if options.read_only { "READ ONLY" } else { "READ WRITE" };
    format!("BEGIN ISOLATION LEVEL {isolation} {access}")
}

async fn query(
    session: &mut Borrowed,
    shown: Shown,
    sql: String,
    params: Vec<wit::Value>,
    bounds: Bounds,
) -> Result<wit::RowSet, wit::Error> {
    let query = async |connection: &mut PgConnection| {
        let statement = prepare(connection, sql).await?;
        let arguments = bind(&statement, params)?;
        let mut result = rows::Collector::new(statement.columns(), bounds)?;
        let mut stream = statement.query_with(arguments).fetch(connection);
        let mut refused = Ok(());
        while let Some(row) = stream.try_next().await.map_err(error)? {
            // Past the limits the rest is read all the same: the next borrower of the connection must not get it.
            if refused.is_ok() {
                refused = result.push(&row);
            }
        }
        refused.map(|()| result.finish())
    };
    session.run(shown, query).await
}

async fn execute(
    session: &mut Borrowed,
    shown: Shown,
    sql: String,
    params: Vec<wit::Value>,
) -> Result<u64, wit::Error> {
    let execute = async |connection: &mut PgConnection| {
        let statement = prepare(connection, sql).await?;
        let arguments = bind(&statement, params)?;
        let done = statement.query_with(arguments).execute(connection).await.map_err(error)?;
        Ok(done.rows_affected())
    };
    session.run(shown, execute).await
}

async fn describe(session: &mut Borrowed, shown: Shown, sql: String) -> Result<Vec<wit::Column>, wit::Error> {
    let describe = async |connection: &mut PgConnection| {
        let statement = prepare(connection, sql).await?;
        Ok(statement.columns().iter().map(rows::describe).collect())
    };
    session.run(shown, describe).await
}

/// What a statement's text shows of it.
///
/// # Errors
/// It is not for components.
fn permitted(looks: &plain::Looks, sql: &str) -> Result<Shown, wit::Error> {
    match looks.at(sql) {
        shown @ (Shown::Plain | Shown::Unknown | Shown::Definition) => Ok(shown),
        Shown::Refused(word) => {
            Err(wit::Error::Denied(format!("{word} is for the host; transactions begin with `begin`")))
        }
        Shown::Shared(function) => {
            let reason = format!("{function} may show another invocation's number; use RETURNING");
            Err(wit::Error::Denied(reason))
        }
    }
}

async fn prepare(connection: &mut PgConnection, sql: String) -> Result<PgStatement, wit::Error> {
    connection.prepare(AssertSqlSafe(sql).into_sql_str()).await.map_err(error)
}

/// The parameters, as the types that the statement expects.
fn bind(statement: &PgStatement, params: Vec<wit::Value>) -> Result<PgArguments, wit::Error> {
    let expected = match statement.parameters() {
        Some(Either::Left(types)) => types,
        _ => &[],
    };
    arguments::encode(params, expected).map_err(wit::Error::InvalidParameter)
}
