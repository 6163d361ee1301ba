//! Why a version did not go live.

use std::error::Error;
use std::io;

use componentd_core::dispatch::InvocationError;
use componentd_core::grant::Unprepared;
use componentd_core::load_error::LoadError;
use componentd_core::step::Step;

use crate::watch::TooManyFailures;

/// Why a version did not go live. Which step refused it follows from the reason.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    #[error("there is no service {0}")]
    NoService(String),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{0}; make room in the state folder, and see that the user of the host may write it")]
    Archive(#[source] io::Error),
    #[error(transparent)]
    Unprepared(#[from] Unprepared),
    /// Servers that the version needs are away, and why.
    #[error("{0}")]
    Away(String),
    #[error(transparent)]
    Instance(InvocationError),
    /// In the words of the trigger, which knows what was asked.
    #[error("{0}")]
    Probe(Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Canary(TooManyFailures),
    #[error("the service was stopped meanwhile")]
    Stopped,
}

impl Rejected {
    /// The step that it did not take.
    pub fn step(&self) -> Step {
        match self {
            Self::NoService(_) => Step::Found,
            Self::Load(error) => error.step(),
            Self::Archive(_) => Step::Archived,
            Self::Unprepared(_) | Self::Away(_) => Step::Migrated,
            Self::Instance(_) => Step::Instantiated,
            Self::Probe(_) => Step::Probed,
            Self::Canary(_) => Step::Canary,
            Self::Stopped => Step::Live,
        }
    }
}
