//! Every Redis call.

use componentd_sdk::http::{Problem, Request, Response};
use componentd_sdk::redis::{self, Error, SetOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error;

/// `{"op":"set","key":"a","value":"text","ttl_ms":1000,"if_absent":true}`, answered by `{"value":true}`: what the call
/// returns, whatever that is.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub(crate) enum Command {
    Get {
        key: String,
    },
    GetMany {
        keys: Vec<String>,
    },
    Set {
        key: String,
        value: Bytes,
        ttl_ms: Option<u64>,
        #[serde(default)]
        if_absent: bool,
    },
    Delete {
        keys: Vec<String>,
    },
    Exists {
        key: String,
    },
    Increment {
        key: String,
        delta: i64,
    },
    Expire {
        key: String,
        ttl_ms: u64,
    },
}

/// A value: text, or its bytes as numbers where it is none.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Bytes {
    Text(String),
    Binary(Vec<u8>),
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Binary(error.into_bytes()), Self::Text)
    }
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

pub(crate) fn run(request: &Request) -> Result<Response, Problem> {
    let answer = match execute(request.json()?) {
        Ok(value) => json!({ "value": value }),
        Err(error) => failed(&error),
    };
    Response::json(200, &answer)
}

fn execute(command: Command) -> Result<Value, Error> {
    Ok(match command {
        Command::Get { key } => json!(redis::get(&key)?.map(Bytes::from)),
        Command::GetMany { keys } => many(redis::get_many(&keys)?),
        Command::Set { key, value, ttl_ms, if_absent } => {
            json!(redis::set(&key, value.as_slice(), SetOptions { ttl_ms, if_absent })?)
        }
        Command::Delete { keys } => json!(redis::delete(&keys)?),
        Command::Exists { key } => json!(redis::exists(&key)?),
        Command::Increment { key, delta } => json!(redis::increment(&key, delta)?),
        Command::Expire { key, ttl_ms } => json!(redis::expire(&key, ttl_ms)?),
    })
}

fn many(values: Vec<Option<Vec<u8>>>) -> Value {
    values.into_iter().map(|value| json!(value.map(Bytes::from))).collect()
}

fn failed(failure: &Error) -> Value {
    match failure {
        Error::Denied(reason) => error("denied", reason),
        Error::Unavailable(reason) => error("unavailable", reason),
        Error::Timeout(reason) => error("timeout", reason),
        Error::WrongType(reason) => error("wrong-type", reason),
        Error::TooLarge(reason) => error("too-large", reason),
        Error::Refused(reason) => error("refused", reason),
    }
}
