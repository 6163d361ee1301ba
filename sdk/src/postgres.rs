//! Postgres: the host's capability, and what its errors mean to a client of the component.

use crate::http::Problem;
pub use crate::wit::componentd::postgres::client::{
    Column, Database, DatabaseError, Error, Interval, IsolationLevel, ParameterError, RowSet, Transaction,
    TransactionOptions, Value,
};

/// What most writes need: Postgres's own default isolation, and writing allowed.
impl TransactionOptions {
    pub fn read_write() -> Self {
        Self { isolation: IsolationLevel::ReadCommitted, read_only: false }
    }
}

impl Error {
    /// Whether a unique index refused the row.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Error::Database(error) if error.sqlstate == "23505")
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) | Error::Timeout(_) => Problem::unavailable(error),
            _ => Problem::internal(error),
        }
    }
}

impl RowSet {
    /// The only row of a statement that returns exactly one, with as many values as the caller expects.
    pub fn into_only_row<const N: usize>(mut self) -> Result<[Value; N], Problem> {
        match (self.rows.pop(), self.rows.len()) {
            (Some(row), 0) => row.try_into().map_err(|row: Vec<Value>| unexpected_row(&row)),
            (row, others) => Err(Problem::internal(format!("expected one row, got {}", others + row.iter().len()))),
        }
    }
}

/// A row that is not what its statement should return: a fault of ours, told to the log.
pub fn unexpected_row(row: &[Value]) -> Problem {
    Problem::internal(format!("unexpected row: {row:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database_error(sqlstate: &str) -> Error {
        Error::Database(DatabaseError {
            sqlstate: sqlstate.to_owned(),
            message: "Key (email)=(secret@example.com) already exists.".to_owned(),
            constraint: None,
            table: None,
            column: None,
        })
    }

    #[test]
    fn what_passes_is_503_and_the_rest_500() {
        assert_eq!(Problem::from(Error::Unavailable(String::new())).status(), 503);
        assert_eq!(Problem::from(Error::Timeout(String::new())).status(), 503);
        assert_eq!(Problem::from(database_error("23514")).status(), 500);
        assert_eq!(Problem::from(Error::Denied(String::new())).status(), 500);
    }

    #[test]
    fn a_backends_message_stays_inside() {
        let response = Problem::from(database_error("23505")).into_response();
        assert!(!String::from_utf8_lossy(&response.body).contains("secret@example.com"));
    }

    #[test]
    fn only_23505_is_a_unique_violation() {
        assert!(database_error("23505").is_unique_violation());
        assert!(!database_error("23503").is_unique_violation());
    }
}
