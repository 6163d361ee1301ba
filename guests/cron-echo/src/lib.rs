//! Keeps in Redis what it is told of each run, and then does what `do` of its configuration says.
//!
//! It adds `{scheduled-at}+{missed}` to the list at `runs:{key}`, where `key` is its configuration's: `60+0,180+1`, in
//! seconds.
//!
//! | `do` | what it does |
//! | --- | --- |
//! | `ok`, or none | nothing more |
//! | `fail` | says that the run has failed |
//! | `trap` | stops at an `unreachable` |
//! | `hold` | waits until there is something at `runs:{key}:go`, and then adds `held` to the list |

use std::thread;
use std::time::Duration;

use componentd_sdk::cron::Occurrence;
use componentd_sdk::redis::{self, SetOptions};
use componentd_sdk::{config, export_cron};

export_cron!(run);

fn run(at: Occurrence) -> Result<(), String> {
    let key = format!("runs:{}", config::require("key").map_err(|error| error.to_string())?);
    let what = config::get("do").map_err(|error| error.to_string())?;
    remember(&key, &format!("{}+{}", at.scheduled_at_ms / 1_000, at.missed)).map_err(|error| error.to_string())?;
    match what.as_deref().unwrap_or("ok") {
        "ok" => Ok(()),
        "fail" => Err("asked to fail".to_owned()),
        "trap" => std::process::abort(),
        "hold" => hold(&key).map_err(|error| error.to_string()),
        other => Err(format!("`do` is {other}")),
    }
}

/// Not atomic, and need not be: there is one run at a time.
fn remember(key: &str, what: &str) -> Result<(), redis::Error> {
    let mut list = redis::get(key)?.unwrap_or_default();
    if !list.is_empty() {
        list.push(b',');
    }
    list.extend_from_slice(what.as_bytes());
    redis::set(key, &list, SetOptions::forever()).map(|_| ())
}

fn hold(key: &str) -> Result<(), redis::Error> {
    while redis::get(&format!("{key}:go"))?.is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    remember(key, "held")
}
