//! `componentd doctor`: connects to everything that a manifest names, and says what is wrong and what mends it. It changes
//! nothing anywhere.

mod components;
mod databases;
mod finding;
mod kafka;
mod origins;
mod redis;
mod report;
mod schedules;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use componentd_config::{Manifest, Place};
use componentd_core::capability::Capability;
use componentd_core::clients::Clients;
use futures_util::future::join_all;

use self::finding::Finding;
pub(crate) use self::report::Report;

/// How long one server may take to answer. A look at a component takes what its compilation takes.
const PATIENCE: Duration = Duration::from_secs(5);

type Look<'m> = Pin<Box<dyn Future<Output = Vec<Finding>> + Send + 'm>>;

/// Looks at everything at once.
pub(crate) async fn examine(manifest: &Manifest, capabilities: &[Arc<dyn Capability>], clients: &Clients) -> Report {
    let mut looks: Vec<Look<'_>> = vec![
        Box::pin(components::look(manifest, capabilities, clients)),
        Box::pin(databases::look(manifest)),
        Box::pin(redis::look(manifest)),
        Box::pin(kafka::look(manifest)),
    ];
    looks.push(Box::pin(async { schedules::look(manifest) }));
    looks.push(Box::pin(origins::look(manifest)));
    Report::new(join_all(looks).await.into_iter().flatten().collect())
}

/// Something that did not answer in time.
fn no_answer(about: String, place: &Place) -> Finding {
    let mend = "does it hang, or is a firewall between?";
    Finding::wrong(about, place, format!("no answer within {PATIENCE:?}"), mend)
}
