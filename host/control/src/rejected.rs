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
    /// Nothing has this name.
    #[error("there is no service {0}")]
    NoService(String),
    /// The bytes are no component, or none for this service.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It could not be kept.
    #[error("{0}; make room in the state folder, and see that the user of the host may write it")]
    Archive(#[source] io::Error),
    /// What it needs could not be made ready, as its migrations.
    #[error(transparent)]
    Unprepared(#[from] Unprepared),
    /// Servers that the version needs are away, and why.
    #[error("{0}")]
    Away(String),
    /// It has no instance.
    #[error(transparent)]
    Instance(InvocationError),
    /// In the words of the trigger, which knows what was asked.
    #[error("{0}")]
    Probe(Box<dyn Error + Send + Sync>),
    /// Too many of the requests that it got failed.
    #[error(transparent)]
    Canary(TooManyFailures),
    /// Whoever has asked for it does not wait for it any more.
    #[error("who had asked for it was gone before it was compiled")]
    GivenUp,
    /// Its service is gone.
    #[error("the service was stopped meanwhile")]
    Stopped,
}

impl Rejected {
    /// The step that it did not take.
    pub fn step(&self) -> Step {
        match self {
            Self::NoService(_) => Step::Found,
            Self::Load(error) => error.step(),
            Self::GivenUp => Step::Compiled,
            Self::Archive(_) => Step::Archived,
            Self::Unprepared(_) | Self::Away(_) => Step::Migrated,
            Self::Instance(_) => Step::Instantiated,
            Self::Probe(_) => Step::Probed,
            Self::Canary(_) => Step::Canary,
            Self::Stopped => Step::Live,
        }
    }
}
