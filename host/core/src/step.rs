//! The steps of a version's life, by the names that the log, the history and the admin port show.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A step that a version has taken, or was refused at. In the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// There is a service for it, and its bytes can be read.
    Found,
    /// It exports what the trigger calls, and imports only what is granted.
    Checked,
    /// It is machine code.
    Compiled,
    /// The state folder has it.
    Archived,
    /// The databases are as it needs them.
    Migrated,
    /// An instance of it starts.
    Instantiated,
    /// It answers its probe as the manifest expects.
    Probed,
    /// It got a share of the requests, and too few of them failed to matter.
    Canary,
    /// It answers.
    Live,
}

impl Step {
    /// The name that the log, the history and the admin port show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Checked => "checked",
            Self::Compiled => "compiled",
            Self::Archived => "archived",
            Self::Migrated => "migrated",
            Self::Instantiated => "instantiated",
            Self::Probed => "probed",
            Self::Canary => "canary",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn the_history_has_the_names_that_the_log_has() {
        for step in [Step::Found, Step::Checked, Step::Compiled, Step::Archived, Step::Migrated, Step::Instantiated]
            .into_iter()
            .chain([Step::Probed, Step::Canary, Step::Live])
        {
            assert_eq!(serde_json::to_value(step).unwrap(), step.name());
        }
    }
}
