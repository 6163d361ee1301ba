//! Why a program that embeds a host has got no result of a service.

use componentd_core::deployment::Deployment;
use componentd_core::dispatch::InvocationError;

/// Why a call has no result: whether that is for the service, the export, the limits or the component to mend.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The service: there is none of this name, or no longer.
    #[error("{0}")]
    NoService(String),
    /// The service cannot be called yet.
    #[error("{service} is not ready: {reason}; call it again later")]
    NotReady {
        /// Its name.
        service: String,
        /// What it waits for.
        reason: String,
    },
    /// The host has been told to stop.
    #[error("the host stops: no service can be called any more")]
    Stopping,
    /// The export: the version that was to answer has none of this name.
    #[error(
        "{service} ({version}) has no {wanted}; it exports {exports}: name one of them, or build the component with it"
    )]
    NoExport {
        /// The name of the service.
        service: String,
        /// The first digits of its version.
        version: String,
        /// What was looked for.
        wanted: String,
        /// What there is.
        exports: String,
    },
    /// The export has other parameters or results than those of the call.
    #[error(
        "{service} ({version}) has {export} in another form: {reason}; call it with the types of its WIT, or build the \
         component against yours"
    )]
    OtherForm {
        /// The name of the service.
        service: String,
        /// The first digits of its version.
        version: String,
        /// What was called.
        export: String,
        /// What differs.
        reason: String,
    },
    /// The limits: as many invocations wait as may. Nothing has been called.
    #[error("{service} is busy: {reason}; call it again later, or raise what is named")]
    Busy {
        /// The name of the service.
        service: String,
        /// The bound that was met.
        reason: String,
    },
    /// The limits: the component ran into one, and its instance has ended.
    #[error("{service} ({version}) was ended: {reason}; raise what is named, or let the component do less")]
    Limit {
        /// The name of the service.
        service: String,
        /// The first digits of its version.
        version: String,
        /// The bound that was met.
        reason: String,
    },
    /// The component: it trapped, and its instance has ended.
    #[error("{service} ({version}) failed: {reason}; mend the component")]
    Trapped {
        /// The name of the service.
        service: String,
        /// The first digits of its version.
        version: String,
        /// The trap, or the message of the panic before it.
        reason: String,
        /// The calls that led to it, the last one first, a line each.
        backtrace: Option<String>,
    },
    /// The version has been replaced, and the call took longer than the drain of what is replaced may.
    #[error("{service} ({version}) was replaced, and the call has outlasted `swap.drain`; call it again")]
    Cut {
        /// The name of the service.
        service: String,
        /// The first digits of its version.
        version: String,
    },
}

impl ServiceError {
    /// Why an invocation of a deployment has no result.
    pub(crate) fn of(error: &InvocationError, deployment: &Deployment) -> Self {
        let (service, version) = (deployment.name.clone(), deployment.version.digest().to_string());
        let reason = error.to_string();
        match error {
            InvocationError::Saturated | InvocationError::NoPlace => Self::Busy { service, reason },
            InvocationError::TimedOut(_) | InvocationError::CallerTimedOut(_) | InvocationError::LimitExceeded(_) => {
                Self::Limit { service, version, reason }
            }
            InvocationError::Trapped(_) => Self::Trapped { service, version, reason, backtrace: error.backtrace() },
            InvocationError::Cut => Self::Cut { service, version },
        }
    }
}
