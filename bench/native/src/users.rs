//! Sign-up: `POST /signup` keeps a customer in Postgres and the address in Redis, where `notifications` looks it up.

use std::net::SocketAddr;
use std::thread::available_parallelism;

use ::redis::aio::ConnectionManager;
use anyhow::Result;
use http::{Method, StatusCode};
use serde::Serialize;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::http::{Request, Service, json, serve};
use crate::problem::Problem;
use crate::response::Response;
use crate::signup::SignUp;
use crate::{database, password, redis};

const INSERT: &str = "insert into users (email, password_hash) values ($1, $2) returning id";

#[derive(clap::Args)]
pub struct Settings {
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
    #[command(flatten)]
    database: database::DatabaseSettings,
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis_url: String,
}

struct Users {
    database: PgPool,
    redis: ConnectionManager,
    /// As many hashes at a time as there are cores: more would only wait for each other, each with its 19 MiB.
    hashing: Semaphore,
}

#[derive(Serialize)]
struct SignedUp<'a> {
    user_id: i64,
    email: &'a str,
}

pub async fn run(settings: Settings) -> Result<()> {
    let database = database::open(&settings.database).await?;
    let hashing = Semaphore::new(available_parallelism()?.get());
    serve(settings.listen, Users { database, redis: redis::open(&settings.redis_url)?, hashing }).await
}

impl Service for Users {
    async fn answer(&self, request: Request) -> Result<Response, Problem> {
        match request.path() {
            "/signup" => {
                request.only(&Method::POST, "POST")?;
                self.sign_up(request).await
            }
            _ => Err(Problem::unknown_path()),
        }
    }
}

impl Users {
    async fn sign_up(&self, request: Request) -> Result<Response, Problem> {
        let SignUp { email, password } = request.json::<SignUp>()?.check()?;
        // Slow by intent, so before the transaction: no connection waits for it.
        let hash = self.hash(password).await?;
        let user_id = self.register(&email, hash).await?;
        json(StatusCode::CREATED, &SignedUp { user_id, email: &email })
    }

    async fn hash(&self, password: String) -> Result<String, Problem> {
        let _place = self.hashing.acquire().await.expect("the semaphore is never closed");
        let hash = tokio::task::spawn_blocking(move || password::hash(&password));
        hash.await.map_err(Problem::internal)?.map_err(Problem::internal)
    }

    /// The row and the Redis entry belong together, so the entry is written while the row can still be taken back.
    async fn register(&self, email: &str, password_hash: String) -> Result<i64, Problem> {
        let mut transaction = self.database.begin().await?;
        let insert = sqlx::query_scalar(INSERT).bind(email).bind(password_hash);
        let user_id: i64 = insert.fetch_one(&mut *transaction).await.map_err(refused)?;
        let key = format!("user:{user_id}:email");
        if let Err(error) = self.remember(&key, email).await {
            self.forget(&key).await;
            return Err(error.into());
        }
        match transaction.commit().await {
            Ok(()) => Ok(user_id),
            Err(error) => {
                // After a lost connection the row may be there, and then it needs its entry.
                if matches!(error, sqlx::Error::Database(_)) {
                    self.forget(&key).await;
                }
                Err(error.into())
            }
        }
    }

    async fn remember(&self, key: &str, email: &str) -> ::redis::RedisResult<()> {
        ::redis::cmd("SET").arg(key).arg(email).query_async(&mut self.redis.clone()).await
    }

    /// As far as Redis answers: the request has failed already.
    async fn forget(&self, key: &str) {
        let deleted: ::redis::RedisResult<()> = ::redis::cmd("DEL").arg(key).query_async(&mut self.redis.clone()).await;
        if let Err(error) = deleted {
            eprintln!("{key} may be left over: {error}");
        }
    }
}

/// The index decides who was first: a look before the insert would not see a sign-up at the same time.
fn refused(error: sqlx::Error) -> Problem {
    match error.as_database_error() {
        Some(refusal) if refusal.is_unique_violation() => {
            Problem::new(StatusCode::CONFLICT, "There is an account with this email already.").member("field", "email")
        }
        _ => error.into(),
    }
}
