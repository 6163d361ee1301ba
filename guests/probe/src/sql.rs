//! Any statement with any parameters.
//!
//! It has bindings of its own, besides those of the SDK, whose values are JSON by themselves: a value is
//! `{"type":"int4","value":5}`, its type one of the cases of `value` in the WIT.

use componentd_sdk::http::{Problem, Request, Response};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error;
use bindings::componentd::kafka::types::OutgoingRecord;
use bindings::componentd::postgres::client::{
    Column, Database, Error, IsolationLevel, RowSet, Transaction, TransactionOptions, Value,
};

/// What wit-bindgen generates, with serde's attributes on the types of values.
mod bindings {
    wit_bindgen::generate!({
        inline: "package guest:probe; world sql { import componentd:postgres/client@0.1.0; }",
        path: ["../../wit/kafka", "../../wit/postgres"],
        generate_all,
        additional_type_attributes: {
            "componentd:postgres/client@0.1.0/interval": [#[derive(serde::Serialize, serde::Deserialize)]],
            "componentd:postgres/client@0.1.0/value": [
                #[derive(serde::Serialize, serde::Deserialize)]
                #[serde(tag = "type", content = "value", rename_all = "kebab-case")]
            ],
            "componentd:postgres/client@0.1.0/isolation-level": [
                #[derive(serde::Deserialize)]
                #[serde(rename_all = "kebab-case")]
            ],
        },
        additional_member_attributes: {
            "componentd:postgres/client@0.1.0/value.float4": [#[serde(with = "crate::float::one")]],
            "componentd:postgres/client@0.1.0/value.float8": [#[serde(with = "crate::float::one")]],
            "componentd:postgres/client@0.1.0/value.float4-array": [#[serde(with = "crate::float::array")]],
            "componentd:postgres/client@0.1.0/value.float8-array": [#[serde(with = "crate::float::array")]],
        },
    });
}

/// `{"database":"alias","sql":"select $1","params":[{"type":"int4","value":5}],"mode":"query"}`, answered by
/// `{"rows":[[{"type":"int4","value":5}]]}`, `{"changed":1}` or `{"columns":[{"name":"a","type":"int4"}]}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Statement {
    database: String,
    sql: String,
    #[serde(default)]
    params: Vec<Value>,
    #[serde(default)]
    mode: Mode,
    isolation: Option<IsolationLevel>,
    #[serde(default)]
    read_only: bool,
    /// Statements without parameters that are run in the transaction before it.
    #[serde(default)]
    before: Vec<String>,
    /// Published in the transaction, after the statement.
    #[serde(default)]
    publish: Vec<Publication>,
}

/// `{"topic":"orders","key":"7","payload":"text"}`
#[derive(Debug, Deserialize)]
struct Publication {
    topic: String,
    key: Option<String>,
    payload: String,
}

/// How the statement is run, and what becomes of the transaction that it is run in.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// No transaction; answers rows.
    #[default]
    Query,
    /// Is not run; answers columns.
    Describe,
    /// Is not run, in a transaction that has made the table `own` and is dropped; answers columns.
    DescribeInTransaction,
    /// No transaction; answers how many rows changed, as do those below but for `commit`.
    Execute,
    /// Ended by a commit; answers rows.
    Commit,
    /// Ended by a commit, also where the statement has failed.
    CommitRegardless,
    /// Ended by a rollback.
    Rollback,
    /// Dropped.
    DropTransaction,
    /// Never dropped: its handle is still there when the component has answered.
    LeaveTransaction,
    /// The component traps with the transaction open.
    TrapInTransaction,
}

pub(crate) fn run(request: &Request) -> Result<Response, Problem> {
    let statement: Statement = request.json()?;
    Response::json(200, &statement.run().unwrap_or_else(|error| failed(&error)))
}

impl Statement {
    fn run(&self) -> Result<Json, Error> {
        let database = Database::open(&self.database)?;
        match self.mode {
            Mode::Query => database.query(&self.sql, &self.params).map(rows),
            Mode::Describe => database.describe(&self.sql).map(columns),
            Mode::DescribeInTransaction => self.describe(&self.begin(&database)?),
            Mode::Execute => database.execute(&self.sql, &self.params).map(changed),
            Mode::Commit => self.commit(self.begin(&database)?),
            Mode::CommitRegardless => self.commit_regardless(self.begin(&database)?),
            mode => self.abandon(self.begin(&database)?, mode),
        }
    }

    fn begin(&self, database: &Database) -> Result<Transaction, Error> {
        let isolation = self.isolation.unwrap_or(IsolationLevel::ReadCommitted);
        let transaction = database.begin(TransactionOptions { isolation, read_only: self.read_only })?;
        self.before.iter().try_for_each(|sql| transaction.execute(sql, &[]).map(drop))?;
        Ok(transaction)
    }

    fn describe(&self, transaction: &Transaction) -> Result<Json, Error> {
        transaction.execute("create table own (of_its_own int4)", &[])?;
        transaction.describe(&self.sql).map(columns)
    }

    fn commit(&self, transaction: Transaction) -> Result<Json, Error> {
        let result = transaction.query(&self.sql, &self.params)?;
        self.publish(&transaction)?;
        Transaction::commit(transaction)?;
        Ok(rows(result))
    }

    fn commit_regardless(&self, transaction: Transaction) -> Result<Json, Error> {
        let count = transaction.execute(&self.sql, &self.params).unwrap_or_default();
        Transaction::commit(transaction)?;
        Ok(changed(count))
    }

    fn publish(&self, transaction: &Transaction) -> Result<(), Error> {
        self.publish.iter().try_for_each(|publication| {
            transaction.publish(&OutgoingRecord {
                topic: publication.topic.clone(),
                key: publication.key.clone().map(String::into_bytes),
                headers: Vec::new(),
                payload: Some(publication.payload.clone().into_bytes()),
            })
        })
    }

    fn abandon(&self, transaction: Transaction, mode: Mode) -> Result<Json, Error> {
        let count = transaction.execute(&self.sql, &self.params)?;
        self.publish(&transaction)?;
        match mode {
            Mode::TrapInTransaction => std::process::abort(),
            Mode::LeaveTransaction => std::mem::forget(transaction),
            Mode::Rollback => Transaction::rollback(transaction)?,
            _ => drop(transaction),
        }
        Ok(changed(count))
    }
}

fn changed(count: u64) -> Json {
    json!({ "changed": count })
}

fn rows(result: RowSet) -> Json {
    json!({ "rows": result.rows })
}

fn columns(columns: Vec<Column>) -> Json {
    let columns = columns.iter().map(|column| json!({ "name": column.name, "type": column.type_name }));
    json!({ "columns": columns.collect::<Json>() })
}

fn failed(failure: &Error) -> Json {
    match failure {
        Error::Denied(reason) => error("denied", reason),
        Error::Unavailable(reason) => error("unavailable", reason),
        Error::Timeout(reason) => error("timeout", reason),
        Error::UnsupportedType(reason) => error("unsupported-type", reason),
        Error::Unpublishable(reason) => error("unpublishable", reason),
        Error::ResultTooLarge(reason) => error("result-too-large", reason),
        Error::InvalidParameter(parameter) => json!({ "error": {
            "kind": "invalid-parameter", "position": parameter.position, "reason": parameter.reason,
        } }),
        Error::Database(error) => json!({ "error": {
            "kind": "database", "sqlstate": error.sqlstate, "message": error.message,
            "constraint": error.constraint, "table": error.table, "column": error.column,
        } }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every case of `value`, as JSON.
    const VALUES: &str = r#"[
        {"type":"null"},
        {"type":"boolean","value":true},
        {"type":"int2","value":-32768},
        {"type":"int4","value":2147483647},
        {"type":"int8","value":9223372036854775807},
        {"type":"float4","value":1.5},
        {"type":"float4","value":"NaN"},
        {"type":"float8","value":0.1},
        {"type":"float8","value":"-inf"},
        {"type":"numeric","value":"-12.990"},
        {"type":"text","value":"ä"},
        {"type":"bytea","value":[0,255]},
        {"type":"uuid","value":"67e55044-10b1-426f-9247-bb680e5fe0c8"},
        {"type":"date","value":"2026-11-22"},
        {"type":"time","value":"23:59:59.999999"},
        {"type":"timestamp","value":"2026-11-22T10:15:30.5"},
        {"type":"timestamptz","value":"2026-11-22T10:15:30.5Z"},
        {"type":"json","value":"{}"},
        {"type":"jsonb","value":"{}"},
        {"type":"interval","value":{"months":1,"days":-2,"microseconds":3}},
        {"type":"boolean-array","value":[true,null]},
        {"type":"int2-array","value":[1,null]},
        {"type":"int4-array","value":[1,null]},
        {"type":"int8-array","value":[1,null]},
        {"type":"float4-array","value":[1.5,null,"inf"]},
        {"type":"float8-array","value":[0.1,null,"NaN"]},
        {"type":"numeric-array","value":["1.0",null]},
        {"type":"text-array","value":["a",null]},
        {"type":"uuid-array","value":["67e55044-10b1-426f-9247-bb680e5fe0c8",null]}
    ]"#;

    #[test]
    fn values_are_json_both_ways() {
        let values: Vec<Value> = serde_json::from_str(VALUES).unwrap();
        let expected: Json = serde_json::from_str(VALUES).unwrap();
        assert_eq!(serde_json::to_value(&values).unwrap(), expected);
    }

    #[test]
    fn a_statement_needs_no_more_than_its_text() {
        let statement: Statement = serde_json::from_str(r#"{"database":"a","sql":"select 1"}"#).unwrap();
        assert!(matches!(statement.mode, Mode::Query));
        let modes = [
            "describe",
            "describe-in-transaction",
            "execute",
            "commit",
            "rollback",
            "drop-transaction",
            "leave-transaction",
            "trap-in-transaction",
        ];
        for mode in modes {
            assert!(serde_json::from_value::<Mode>(json!(mode)).is_ok(), "{mode}");
        }
    }
}
