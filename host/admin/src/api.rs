//! What the admin API takes and answers: the types that server, command line and document share.
//!
//! Their comments are the descriptions in the document. This file needs nothing else of the host.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The process runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: HealthStatus,
}

/// Whether the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthStatus {
    /// It does.
    Ok,
}

/// Whether every service can be called, every backend answers, and no partition is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether it is ready.
    pub status: ReadinessStatus,
    /// What is missing, each with what mends it; left out where nothing is. Without the token, only how many reasons
    /// there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What works now and may stop soon, each with what mends it. Without the token, as for `missing`.
    pub warnings: Vec<String>,
}

/// How a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadinessStatus {
    /// Nothing is missing.
    Ready,
    /// Something is missing.
    Waiting,
    /// The host was told to stop.
    Stopping,
}

/// One service of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// Its name in the manifest.
    pub name: String,
    /// The version that is live: `sha256:` and 64 hexadecimal digits.
    pub version: String,
    /// The component, as the manifest names it.
    pub component: String,
    /// Whether its trigger can call it.
    pub ready: bool,
    /// How many invocations of the live version have ended.
    pub invocations: u64,
    /// How many of these failed.
    pub failures: u64,
}

/// A component: the bytes of its file.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Component(pub Vec<u8>);

/// The version that was brought to life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Swapped {
    /// The name of the service.
    pub service: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub version: String,
}

/// One line of a service's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// RFC 3339, in UTC.
    #[schema(format = DateTime)]
    pub at: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub version: String,
    /// What asked for it.
    pub by: By,
    /// What came of it.
    pub outcome: Outcome,
}

/// What asked for a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The host has started.
    Start,
    /// The component's file has changed.
    File,
    /// The manifest has changed.
    Manifest,
    /// An upload to the admin API.
    Upload,
    /// A program that embeds the host.
    Program,
    /// A rollback that somebody asked for.
    Rollback,
    /// The host itself, which went back from a version that failed.
    Watch,
}

/// As in JSON.
impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What came of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It has answered.
    Live,
    /// Never live.
    Rejected {
        /// The step that it did not take, such as `checked`, `compiled` or `probed`.
        step: String,
        /// Why, with what mends it.
        reason: String,
    },
    /// Live, and then taken back by the host.
    RolledBack {
        /// Why.
        reason: String,
    },
}

/// How much of the log is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LogsQuery {
    /// `true`: also what is logged from now on, until the host or the client ends it.
    #[serde(default)]
    pub follow: bool,
}

/// Stands in a followed log for lines that came faster than they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// How many lines are missing here.
    pub lost: u64,
}

/// Which version to go back to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RollbackQuery {
    /// Its digest, or how that begins, with or without `sha256:`. Without it, the version that was live before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Why a request was refused, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the status.
    pub title: String,
    /// That of HTTP.
    pub status: u16,
    /// What is wrong, and what mends it.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asked_for_a_version_is_shown_as_in_json_and_in_columns() {
        assert_eq!(format!("{:<8}|", By::Watch), "watch   |");
        assert_eq!(serde_json::to_string(&By::Watch).unwrap(), "\"watch\"");
    }
}
