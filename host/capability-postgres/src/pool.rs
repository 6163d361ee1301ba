//! The connections to one database, and what state each is left in between two borrowers.
//!
//! A connection that ran plain statements only goes back at once, without a round trip. Whatever else happened on it is
//! undone first, away from the request; a connection whose answer may still come is closed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, SqlSafeStr};

use super::plain::Shown;
use super::refusal::error;
use super::{session, wit};

/// Past this a connection is replaced: the server's memory for it, its plans and its catalogue cache, only grows. By then it
/// is also known of code that others than the host's migrations have added to the database.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// A connection that was idle for longer is asked first whether it still is one.
const ASK_AFTER: Duration = Duration::from_secs(1);

/// How long that question, and undoing what a borrower has left, may take.
const CARE_TIMEOUT: Duration = Duration::from_secs(5);

/// A pool; it connects with its first use.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pool: managed::Pool<Manager>,
    timeout: Duration,
}

#[derive(Debug)]
pub(super) struct Manager {
    options: PgConnectOptions,
    /// Counts the times that the schema may have changed.
    schema: AtomicU64,
}

/// One connection, and what its borrower leaves.
#[derive(Debug)]
pub(super) struct Session {
    connection: PgConnection,
    opened: Instant,
    /// The count of [`Manager::schema`] when the database was last asked for code of its own.
    schema: u64,
    /// Whether even a plain statement may call what changes the session.
    has_own_code: bool,
    /// Settings, locks or temporary tables may be left.
    is_changed: bool,
    /// A statement may have defined what others call.
    has_defined: bool,
    in_transaction: bool,
    /// A statement was begun, and its answer may still come.
    is_busy: bool,
}

impl Session {
    async fn open(options: &PgConnectOptions, schema: u64) -> Result<Self, sqlx::Error> {
        let connection = PgConnection::connect_with(options).await?;
        let (opened, has_own_code) = (Instant::now(), true);
        let mut session = Self {
            connection,
            opened,
            schema,
            has_own_code,
            is_changed: false,
            has_defined: false,
            in_transaction: false,
            is_busy: false,
        };
        session.look_at_schema(schema).await?;
        Ok(session)
    }

    async fn look_at_schema(&mut self, schema: u64) -> Result<(), sqlx::Error> {
        self.has_own_code = sqlx::query_scalar(session::HAS_OWN_CODE).fetch_one(&mut self.connection).await?;
        self.schema = schema;
        Ok(())
    }

    /// The connection is busy until an answer is there, and for good where none will come, or its future is dropped.
    async fn busy<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut PgConnection) -> Result<T, wit::Error>,
    ) -> Result<T, wit::Error> {
        if self.is_busy {
            return Err(wit::Error::Unavailable("an earlier statement of this transaction was given up".to_owned()));
        }
        self.is_busy = true;
        let result = call(&mut self.connection).await;
        self.is_busy = matches!(result, Err(wit::Error::Unavailable(_)));
        result
    }

    fn is_clean(&self) -> bool {
        !(self.is_busy || self.in_transaction || self.is_changed)
    }

    async fn undo(&mut self) -> Result<(), sqlx::Error> {
        if self.in_transaction {
            sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await?;
        }
        if self.is_changed {
            sqlx::raw_sql(session::RESET).execute(&mut self.connection).await?;
        }
        (self.in_transaction, self.is_changed, self.has_defined) = (false, false, false);
        Ok(())
    }
}

impl managed::Manager for Manager {
    type Type = Session;
    type Error = sqlx::Error;

    /// Boxed, as all that is rare here: the state of a handshake is a hundred kilobytes, which each query would carry.
    async fn create(&self) -> Result<Session, sqlx::Error> {
        Box::pin(Session::open(&self.options, self.schema.load(Ordering::Relaxed))).await
    }

    /// What a borrower has left was undone already; here only time and the schema can have passed.
    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if session.opened.elapsed() > MAX_AGE {
            return Err(RecycleError::message("it is old"));
        }
        let schema = self.schema.load(Ordering::Relaxed);
        if session.schema == schema && metrics.last_used() < ASK_AFTER {
            return Ok(());
        }
        let care = async {
            if session.schema == schema {
                session.connection.ping().await
            } else {
                session.look_at_schema(schema).await
            }
        };
        let cared = Box::pin(tokio::time::timeout(CARE_TIMEOUT, care)).await;
        cared.map_err(|_| RecycleError::message("it does not answer"))?.map_err(RecycleError::Backend)
    }
}

impl Pool {
    /// A pool of at most `size` connections, for one of which a borrower waits at most `timeout`.
    pub(crate) fn new(options: PgConnectOptions, size: u32, timeout: Duration) -> Self {
        let manager = Manager { options, schema: AtomicU64::new(0) };
        let builder = managed::Pool::builder(manager).max_size(size as usize);
        // Whoever was used last needs no question whether it is still there.
        let builder = builder.queue_mode(QueueMode::Lifo);
        Self { pool: builder.build().expect("without timeouts of its own there is nothing to refuse"), timeout }
    }

    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.pool.manager().options
    }

    /// A connection: waited for, asked or made, all within the timeout.
    pub(crate) async fn borrow(&self) -> Result<Borrowed, sqlx::Error> {
        match tokio::time::timeout(self.timeout, self.pool.get()).await {
            Ok(Ok(session)) => Ok(Borrowed(Some(session))),
            Ok(Err(PoolError::Backend(error))) => Err(error),
            Ok(Err(other)) => Err(sqlx::Error::Protocol(other.to_string())),
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    /// Says that there may be functions now that there were not.
    pub(crate) fn schema_has_changed(&self) {
        self.pool.manager().schema.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection on loan. Dropped, it goes back as it must be: clean.
#[derive(Debug)]
pub(super) struct Borrowed(Option<Object<Manager>>);

impl Borrowed {
    fn session(&mut self) -> &mut Session {
        self.0.as_mut().expect("it is there until it is dropped")
    }

    /// Runs a statement of a component. Where its future is dropped, the connection is closed.
    pub(crate) async fn run<T>(
        &mut self,
        shown: Shown,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, wit::Error>,
    ) -> Result<T, wit::Error> {
        let session = self.session();
        session.is_changed |= shown != Shown::Plain || session.has_own_code;
        session.has_defined |= shown == Shown::Definition;
        session.busy(statement).await
    }

    /// Begins, commits or rolls back.
    pub(crate) async fn control(&mut self, statement: impl SqlSafeStr, is_open_after: bool) -> Result<(), wit::Error> {
        let session = self.session();
        session.busy(async |c| sqlx::raw_sql(statement).execute(c).await.map(|_| ()).map_err(error)).await?;
        session.in_transaction = is_open_after;
        Ok(())
    }

    /// Whether the server answers.
    pub(crate) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        let session = self.session();
        session.is_busy = true;
        session.connection.ping().await?;
        session.is_busy = false;
        Ok(())
    }

    /// For the host's own work, after which the session is reset.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        let session = self.session();
        session.is_changed = true;
        &mut session.connection
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let Some(mut session) = self.0.take() else { return };
        if let (true, Some(pool)) = (session.has_defined, Object::pool(&session)) {
            pool.manager().schema.fetch_add(1, Ordering::Relaxed);
        }
        // There is no runtime where it is ending, and the connections with it.
        let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| !session.is_busy);
        match runtime {
            _ if session.is_clean() => {}
            None => drop(Object::take(session)),
            Some(runtime) => drop(runtime.spawn(async move {
                let undone = tokio::time::timeout(CARE_TIMEOUT, session.undo()).await;
                if !matches!(undone, Ok(Ok(()))) {
                    drop(Object::take(session));
                }
            })),
        }
    }
}
