//! The connections to one database, and what state each is left in between two borrowers.
//!
//! A connection that ran plain statements only goes back at once, without a round trip. Whatever else happened on it is
//! undone first, away from the request. Where an answer may still come, the server is told to end the session, and its place
//! in the pool is free when it is gone: a service never has more sessions on the server than its grant says.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, SqlSafeStr};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::plain::Shown;
use super::refusal::error;
use super::session::Identity;
use super::{session, wit};

/// Past this a connection is replaced: the server's memory for it, its plans and its catalogue cache, only grows. By then it
/// is also known of code that others than the host's migrations have added to the database.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// A connection that was idle for longer is asked first whether it still is one.
const ASK_AFTER: Duration = Duration::from_secs(1);

/// How long that question, undoing what a borrower has left, and the end of a session may take.
const CARE_TIMEOUT: Duration = Duration::from_secs(5);

/// Until the next try to end a session, where the server has no place for whoever would say so, or does not answer.
const END_AGAIN: Duration = Duration::from_millis(500);

/// What the server says where it has no more places: `too_many_connections`.
const NO_PLACE: &str = "53300";

/// A pool; it connects with its first use.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pool: managed::Pool<Manager>,
    timeout: Duration,
}

#[derive(Debug)]
pub(super) struct Manager {
    /// As the host's own user.
    host: PgConnectOptions,
    /// As whom components are, once that is known.
    guest: OnceLock<PgConnectOptions>,
    /// Counts the times that the schema may have changed.
    schema: AtomicU64,
    /// Sessions are ended one after the other, so that this takes one connection besides those of the pool.
    ending: Mutex<()>,
    /// What was not undone or ended yet.
    care: TaskTracker,
}

/// One connection, and what its borrower leaves.
#[derive(Debug)]
pub(super) struct Session {
    connection: PgConnection,
    identity: Identity,
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
    /// The connection is lost, or the server cannot serve it.
    is_broken: bool,
}

impl Session {
    async fn open(options: &PgConnectOptions, schema: u64) -> Result<Self, sqlx::Error> {
        let mut connection = PgConnection::connect_with(options).await?;
        let identity = Identity::of(&mut connection).await?;
        let (opened, has_own_code) = (Instant::now(), true);
        let mut session = Self {
            connection,
            identity,
            opened,
            schema,
            has_own_code,
            is_changed: false,
            has_defined: false,
            in_transaction: false,
            is_busy: false,
            is_broken: false,
        };
        session.look_at_schema(schema).await?;
        Ok(session)
    }

    async fn look_at_schema(&mut self, schema: u64) -> Result<(), sqlx::Error> {
        self.has_own_code = sqlx::query_scalar(session::HAS_OWN_CODE).fetch_one(&mut self.connection).await?;
        self.schema = schema;
        Ok(())
    }

    /// The connection is busy until an answer is there, and for good where its future is dropped.
    async fn busy<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut PgConnection) -> Result<T, wit::Error>,
    ) -> Result<T, wit::Error> {
        if self.is_busy || self.is_broken {
            return Err(wit::Error::Unavailable("an earlier statement of this transaction was given up".to_owned()));
        }
        self.is_busy = true;
        let result = call(&mut self.connection).await;
        self.is_busy = false;
        self.is_broken = matches!(result, Err(wit::Error::Unavailable(_)));
        result
    }

    fn is_clean(&self) -> bool {
        !(self.is_busy || self.is_broken || self.in_transaction || self.is_changed)
    }

    /// Whether it is as new, and may go back to the pool.
    async fn put_right(&mut self, manager: &Manager) -> bool {
        if self.is_busy {
            manager.end(self.identity).await;
        }
        if self.is_busy || self.is_broken {
            return false;
        }
        match tokio::time::timeout(CARE_TIMEOUT, self.undo()).await {
            Ok(undone) => undone.is_ok(),
            Err(_) => {
                manager.end(self.identity).await;
                false
            }
        }
    }

    async fn undo(&mut self) -> Result<(), sqlx::Error> {
        if self.in_transaction {
            sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await?;
        }
        if self.is_changed {
            session::reset(&mut self.connection).await?;
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
        let not_made = || sqlx::Error::Protocol("the role of this grant is not made yet".to_owned());
        let options = self.guest.get().ok_or_else(not_made)?;
        Box::pin(Session::open(options, self.schema.load(Ordering::Relaxed))).await
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

impl Manager {
    /// Ends a session that may still be at work. Returns when it is gone, or the server itself is.
    async fn end(&self, session: Identity) {
        let _one_by_one = self.ending.lock().await;
        loop {
            match tokio::time::timeout(CARE_TIMEOUT, session.end(&self.host)).await {
                Ok(Ok(())) => return,
                Ok(Err(sqlx::Error::Database(refusal))) if refusal.code().is_some_and(|code| code == NO_PLACE) => {}
                Ok(Err(error)) => {
                    warn!(%error, "the server could not be told to end a session that nobody waits for");
                    return;
                }
                Err(_) => {}
            }
            tokio::time::sleep(END_AGAIN).await;
        }
    }
}

impl Pool {
    /// A pool of at most `size` connections, for one of which a borrower waits at most `timeout`. It has none before it is
    /// told as whom to connect.
    pub(crate) fn new(host: PgConnectOptions, size: u32, timeout: Duration) -> Self {
        let (ending, care) = (Mutex::default(), TaskTracker::new());
        care.close();
        let manager = Manager { host, guest: OnceLock::new(), schema: AtomicU64::new(0), ending, care };
        let builder = managed::Pool::builder(manager).max_size(size as usize);
        // Whoever was used last needs no question whether it is still there.
        let builder = builder.queue_mode(QueueMode::Lifo);
        Self { pool: builder.build().expect("without timeouts of its own there is nothing to refuse"), timeout }
    }

    /// How the host itself connects.
    pub(crate) fn host(&self) -> &PgConnectOptions {
        &self.pool.manager().host
    }

    /// As whom components are. It does not change, so the first answer is kept.
    pub(crate) fn connect_as(&self, guest: PgConnectOptions) {
        let _ = self.pool.manager().guest.set(guest);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.pool.manager().guest.get().is_some()
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

    /// Waits until all that borrowers have left is undone, and what was given up has ended on the server.
    pub(crate) async fn quiet(&self) {
        self.pool.manager().care.wait().await;
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
        let answer = session.connection.ping().await;
        (session.is_busy, session.is_broken) = (false, answer.is_err());
        answer
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let Some(mut session) = self.0.take() else { return };
        let pool = Object::pool(&session);
        if let (true, Some(pool)) = (session.has_defined, &pool) {
            pool.manager().schema.fetch_add(1, Ordering::Relaxed);
        }
        if session.is_clean() {
            return;
        }
        // There is no runtime where it is ending, and the connections with it.
        let (Some(pool), Ok(runtime)) = (pool, tokio::runtime::Handle::try_current()) else {
            return drop(Object::take(session));
        };
        let care = pool.manager().care.clone();
        let put_right = async move {
            if !session.put_right(pool.manager()).await {
                drop(Object::take(session));
            }
        };
        care.spawn_on(put_right, &runtime);
    }
}
