//! Sign-up: who the customers are.
//!
//! `POST /signup` keeps a customer in Postgres and the address in Redis, where `notifications` looks it up.

mod email;
mod password;

use componentd_sdk::http::{Problem, Request, Response, Route};
use componentd_sdk::postgres::{self, Database, Transaction, TransactionOptions, Value};
use componentd_sdk::redis::{self, SetOptions};
use componentd_sdk::{export_http, log};
use serde::{Deserialize, Serialize};

const ROUTES: &[Route] = &[Route::post("/signup", sign_up)];

export_http!(ROUTES);

const INSERT: &str = "insert into users (email, password_hash) values ($1, $2) returning id";

#[derive(Deserialize)]
struct SignUp {
    email: String,
    password: String,
}

#[derive(Serialize)]
struct SignedUp<'a> {
    user_id: i64,
    email: &'a str,
}

fn sign_up(request: &Request) -> Result<Response, Problem> {
    let form: SignUp = request.json()?;
    let email = email::check(&form.email)?;
    password::check(&form.password)?;
    // Slow by intent, so before the transaction: no connection waits for it.
    let hash = password::hash(&form.password)?;
    let user_id = register(email, hash)?;
    Response::json(201, &SignedUp { user_id, email })
}

/// The row and the Redis entry belong together, so the entry is written while the row can still be taken back.
fn register(email: &str, password_hash: String) -> Result<i64, Problem> {
    let transaction = Database::open("users")?.begin(TransactionOptions::read_write())?;
    let user_id = insert(&transaction, email, password_hash)?;
    let key = format!("user:{user_id}:email");
    redis::set(&key, email.as_bytes(), SetOptions::forever()).inspect_err(|_| forget(&key))?;
    Transaction::commit(transaction).inspect_err(|error| {
        // After a lost connection or a timeout the row may be there, and then it needs its entry. Where it is not, the
        // entry that stays does no harm: Postgres never hands out an id of this sequence again.
        if matches!(error, postgres::Error::Database(_)) {
            forget(&key);
        }
    })?;
    Ok(user_id)
}

fn insert(transaction: &Transaction, email: &str, password_hash: String) -> Result<i64, Problem> {
    let parameters = [Value::Text(email.to_owned()), Value::Text(password_hash)];
    match transaction.query(INSERT, &parameters).map_err(refused)?.into_only_row()? {
        [Value::Int8(user_id)] => Ok(user_id),
        row => Err(postgres::unexpected_row(&row)),
    }
}

/// The index decides who was first: a look before the insert would not see a sign-up at the same time.
fn refused(error: postgres::Error) -> Problem {
    if error.is_unique_violation() {
        return Problem::conflict("email", "There is an account with this email already.");
    }
    error.into()
}

/// As far as Redis answers: the request has failed already.
fn forget(key: &str) {
    if let Err(error) = redis::delete(&[key.to_owned()]) {
        log::warn(format!("{key} may be left over: {error}"));
    }
}
