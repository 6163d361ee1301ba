//! The interface, function by function: each is one call of the capability.

use std::time::Duration;

use componentd_capability_kafka::brokers::Record;
use componentd_capability_kafka::types::OutgoingRecord;
use componentd_capability_kafka::{Topics, denied};
use componentd_core::call::{CallError, CallOutcome};
use componentd_core::scope::Scope;
use componentd_core::view::View;
use wasmtime::component::Resource;

use super::client::{Database, Transaction};
use super::databases::Databases;
use super::{NAME, wit};

/// How much longer the host waits than the server is told to: the server's own cancellation keeps the connection usable.
const SERVER_GRACE: Duration = Duration::from_secs(1);

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

/// Past the deadline the connection is closed, since its answer may still come.
fn call<T>(
    scope: &Scope,
    operation: &'static str,
    work: impl Future<Output = Result<T, wit::Error>>,
) -> impl Future<Output = Result<T, wit::Error>> {
    let deadline = scope.limits().call_timeout.0 + SERVER_GRACE;
    scope.call_within(deadline, NAME, operation, work)
}

impl wit::Host for View<'_, Databases> {}

impl wit::HostDatabase for View<'_, Databases> {
    async fn open(&mut self, alias: String) -> Answer<Resource<Database>> {
        let database = self.grant.and_then(|databases| databases.find(&alias));
        match database {
            Some(database) => Ok(Ok(self.table.push(database)?)),
            None => Ok(Err(wit::Error::Denied(format!(
                "there is no grant `grants.postgres.{alias}` for this service in the manifest"
            )))),
        }
    }

    async fn query(&mut self, this: Resource<Database>, sql: String, params: Vec<wit::Value>) -> Answer<wit::RowSet> {
        let database = self.table.get(&this)?;
        Ok(call(self.scope, "query", database.query(sql, params)).await)
    }

    async fn execute(&mut self, this: Resource<Database>, sql: String, params: Vec<wit::Value>) -> Answer<u64> {
        let database = self.table.get(&this)?;
        Ok(call(self.scope, "execute", database.execute(sql, params)).await)
    }

    async fn describe(&mut self, this: Resource<Database>, sql: String) -> Answer<Vec<wit::Column>> {
        let database = self.table.get(&this)?;
        Ok(call(self.scope, "describe", database.describe(sql)).await)
    }

    async fn begin(
        &mut self,
        this: Resource<Database>,
        options: wit::TransactionOptions,
    ) -> Answer<Resource<Transaction>> {
        let database = self.table.get(&this)?.clone();
        match call(self.scope, "begin", database.begin(options)).await {
            Ok(transaction) => Ok(Ok(self.table.push(transaction)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn drop(&mut self, this: Resource<Database>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl wit::HostTransaction for View<'_, Databases> {
    async fn query(
        &mut self,
        this: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> Answer<wit::RowSet> {
        let transaction = self.table.get_mut(&this)?;
        Ok(call(self.scope, "query", transaction.query(sql, params)).await)
    }

    async fn execute(&mut self, this: Resource<Transaction>, sql: String, params: Vec<wit::Value>) -> Answer<u64> {
        let transaction = self.table.get_mut(&this)?;
        Ok(call(self.scope, "execute", transaction.execute(sql, params)).await)
    }

    async fn describe(&mut self, this: Resource<Transaction>, sql: String) -> Answer<Vec<wit::Column>> {
        let transaction = self.table.get_mut(&this)?;
        Ok(call(self.scope, "describe", transaction.describe(sql)).await)
    }

    async fn publish(&mut self, this: Resource<Transaction>, record: OutgoingRecord) -> Answer<()> {
        if !self.scope.grant().is_some_and(|topics: &Topics| topics.has(&record.topic)) {
            return Ok(Err(wit::Error::Denied(denied(&record.topic))));
        }
        let record = Record::from(record);
        let transaction = self.table.get_mut(&this)?;
        Ok(call(self.scope, "publish", transaction.publish(record)).await)
    }

    async fn commit(&mut self, this: Resource<Transaction>) -> Answer<()> {
        let transaction = self.table.delete(this)?;
        Ok(call(self.scope, "commit", transaction.commit()).await)
    }

    async fn rollback(&mut self, this: Resource<Transaction>) -> Answer<()> {
        let transaction = self.table.delete(this)?;
        Ok(call(self.scope, "rollback", transaction.rollback()).await)
    }

    async fn drop(&mut self, this: Resource<Transaction>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl CallError for wit::Error {
    fn timed_out(deadline: Duration) -> Self {
        Self::Timeout(format!("no answer within {deadline:?} (limits.call-timeout)"))
    }

    fn outcome(&self) -> CallOutcome {
        match self {
            Self::Denied(_) => CallOutcome::Denied,
            Self::Unavailable(_) => CallOutcome::Away,
            Self::Timeout(_) => CallOutcome::TimedOut,
            _ => CallOutcome::Refused,
        }
    }
}
