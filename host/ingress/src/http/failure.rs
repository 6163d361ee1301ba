//! Why a request has no response of the component's own.

use componentd_core::deployment::Deployment;
use componentd_core::dispatch::InvocationError;
use componentd_core::metrics::Outcome;
use tracing::error;

/// Why there is no response, or only a part of one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Invocation(#[from] InvocationError),
    #[error("the component ended without an answer")]
    NoAnswer,
    #[error("the component answered with an error: {0}")]
    Refused(String),
    #[error("the component has not finished its response (`outgoing-body.finish`)")]
    Unfinished,
    #[error("the response is larger than {0} bytes (limits.response)")]
    TooLarge(usize),
}

impl Failure {
    /// Says it in the log, and counts it.
    pub(super) fn note(&self, deployment: &Deployment) {
        match self {
            Self::Invocation(error) => error.log(),
            other => error!("{other}"),
        }
        deployment.outcomes.note(self.outcome());
    }

    /// Where a trap was.
    pub(super) fn backtrace(&self) -> Option<String> {
        if let Self::Invocation(error) = self { error.backtrace() } else { None }
    }

    /// What it is among the measurements.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Invocation(error) => error.outcome(),
            Self::TooLarge(_) => Outcome::Response,
            Self::NoAnswer | Self::Refused(_) => Outcome::NoAnswer,
            Self::Unfinished => Outcome::Incomplete,
        }
    }
}
