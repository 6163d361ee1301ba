//! Why a command failed, and the exit code that says so.

use componentd_admin::client::AdminError;
use componentd_config::{AccessError, ConfigError};
use componentd_core::error::StartError;

use crate::dead_letters::DeadLetterError;
use crate::explain::ExplainError;
use crate::init::InitError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    NoConsumer(String),
    #[error(transparent)]
    DeadLetters(#[from] DeadLetterError),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error("{wrong} of {of} are wrong")]
    Unwell { wrong: usize, of: usize },
    #[error("not ready: {0}")]
    NotReady(AdminError),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Explain(#[from] ExplainError),
    #[error("denied: {0}")]
    Denied(String),
    #[error("the output cannot be written: {0}")]
    Output(std::io::Error),
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::Start(error.into())
    }
}

impl CommandError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Start(error) => error.exit_code(),
            Self::NoConsumer { .. } | Self::Access(_) | Self::Admin(AdminError::Token | AdminError::Tls(_)) => 64,
            Self::DeadLetters(_)
            | Self::Unwell { .. }
            | Self::NotReady(_)
            | Self::Admin(
                AdminError::Unreachable { .. } | AdminError::Unreadable { .. } | AdminError::Untrusted { .. },
            ) => 69,
            Self::Admin(AdminError::Refused(_)) => 65,
            Self::Init(_) => 73,
            Self::Explain(_) => 64,
            Self::Output(_) => 74,
            Self::Denied(_) => 77,
        }
    }
}
