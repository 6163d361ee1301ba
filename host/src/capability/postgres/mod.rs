//! Postgres: the databases that a service is granted, as `componentd:postgres/client`.

mod absence;
mod arguments;
mod bounds;
mod calendar;
mod client;
mod examination;
mod ledger;
mod migration;
mod migration_error;
mod migration_failure;
pub mod migration_files;
mod numeric;
mod plain;
mod pool;
mod refusal;
mod rows;
mod session;
mod sql_type;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

pub use self::client::{Database, Databases, Transaction};
pub use self::examination::{Examination, examine};
pub use self::migration_error::{MigrationError, Unmigrated};
use crate::bindings::componentd::kafka::types::OutgoingRecord;
use crate::bindings::componentd::postgres::client as wit;
use crate::capability::away::BackendAway;
use crate::config;
use crate::state::State;

/// What one invocation sees of Postgres.
pub struct View<'a> {
    pub databases: &'a Databases,
    pub table: &'a mut ResourceTable,
    /// What may be published.
    pub kafka: Option<&'a config::KafkaGrant>,
    pub away: &'a BackendAway,
}

/// Ties [`View`] to the linker.
struct Postgres;

impl HasData for Postgres {
    type Data<'a> = View<'a>;
}

/// Offers the interface to components.
///
/// # Errors
/// It is offered already.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wit::add_to_linker::<State, Postgres>(linker, State::postgres)
}

impl View<'_> {
    /// Notes where the server was away, for those who decide whether to try again.
    fn noted<T>(&self, result: Result<T, wit::Error>) -> Result<T, wit::Error> {
        if matches!(result, Err(wit::Error::Unavailable(_) | wit::Error::Timeout(_))) {
            self.away.note();
        }
        result
    }
}

impl wit::Host for View<'_> {}

impl wit::HostDatabase for View<'_> {
    async fn open(&mut self, alias: String) -> wasmtime::Result<Result<Resource<Database>, wit::Error>> {
        match self.databases.open(&alias) {
            Ok(database) => Ok(Ok(self.table.push(database)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn query(
        &mut self,
        this: Resource<Database>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> wasmtime::Result<Result<wit::RowSet, wit::Error>> {
        let rows = self.table.get(&this)?.query(sql, params).await;
        Ok(self.noted(rows))
    }

    async fn execute(
        &mut self,
        this: Resource<Database>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> wasmtime::Result<Result<u64, wit::Error>> {
        let changed = self.table.get(&this)?.execute(sql, params).await;
        Ok(self.noted(changed))
    }

    async fn describe(
        &mut self,
        this: Resource<Database>,
        sql: String,
    ) -> wasmtime::Result<Result<Vec<wit::Column>, wit::Error>> {
        let columns = self.table.get(&this)?.describe(sql).await;
        Ok(self.noted(columns))
    }

    async fn begin(
        &mut self,
        this: Resource<Database>,
        options: wit::TransactionOptions,
    ) -> wasmtime::Result<Result<Resource<Transaction>, wit::Error>> {
        let begun = self.table.get(&this)?.begin(options).await;
        match self.noted(begun) {
            Ok(transaction) => Ok(Ok(self.table.push(transaction)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn drop(&mut self, this: Resource<Database>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl wit::HostTransaction for View<'_> {
    async fn query(
        &mut self,
        this: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> wasmtime::Result<Result<wit::RowSet, wit::Error>> {
        let rows = self.table.get_mut(&this)?.query(sql, params).await;
        Ok(self.noted(rows))
    }

    async fn execute(
        &mut self,
        this: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> wasmtime::Result<Result<u64, wit::Error>> {
        let changed = self.table.get_mut(&this)?.execute(sql, params).await;
        Ok(self.noted(changed))
    }

    async fn describe(
        &mut self,
        this: Resource<Transaction>,
        sql: String,
    ) -> wasmtime::Result<Result<Vec<wit::Column>, wit::Error>> {
        let columns = self.table.get_mut(&this)?.describe(sql).await;
        Ok(self.noted(columns))
    }

    async fn publish(
        &mut self,
        this: Resource<Transaction>,
        record: OutgoingRecord,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        if !self.kafka.is_some_and(|grant| grant.produce.contains(&record.topic)) {
            let reason = format!("`grants.kafka.produce` does not name the topic {:?}", record.topic);
            return Ok(Err(wit::Error::Denied(reason)));
        }
        let published = self.table.get_mut(&this)?.publish(record).await;
        Ok(self.noted(published))
    }

    async fn commit(&mut self, this: Resource<Transaction>) -> wasmtime::Result<Result<(), wit::Error>> {
        let committed = self.table.delete(this)?.commit().await;
        Ok(self.noted(committed))
    }

    async fn rollback(&mut self, this: Resource<Transaction>) -> wasmtime::Result<Result<(), wit::Error>> {
        Ok(self.table.delete(this)?.rollback().await)
    }

    async fn drop(&mut self, this: Resource<Transaction>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
