//! Which of the versions that are kept somebody means who goes back.

use componentd_core::artifact::Artifact;
use componentd_core::digest::short;
use componentd_core::registry::Service;

use crate::rejected::Rejected;
use crate::supervisor::Supervisor;

/// Why a service does not go back to a version.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// There is no such version.
    #[error(transparent)]
    NotKept(#[from] NotKept),
    /// A step refused it.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

/// Why it is not known to which version.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// The host has no state folder.
    #[error("no versions are kept: set `state` under [host] in the manifest, and restart the host")]
    Nothing,
    /// Nothing was live before.
    #[error(
        "no other version of {service} was live before {live}, so there is nothing to go back to: bring another one to life \
         with `componentd swap {service} <file>`"
    )]
    NothingBefore {
        /// The name of the service.
        service: String,
        /// The first digits of the version that is live.
        live: String,
    },
    /// No version that is kept is called so.
    #[error("no version {wanted} of {service} is kept: name one of those that are: {kept}")]
    Absent {
        /// The name of the service.
        service: String,
        /// What was asked for.
        wanted: String,
        /// Those that there are, by their first digits.
        kept: String,
    },
    /// Several versions begin so.
    #[error("{count} versions of {service} begin with {prefix}: {candidates}; write more digits")]
    Several {
        /// The name of the service.
        service: String,
        /// What was asked for.
        prefix: String,
        /// How many begin so.
        count: usize,
        /// Which, by their first digits.
        candidates: String,
    },
}

impl Supervisor {
    /// The version whose digest begins so, or the one before the live one.
    ///
    /// # Errors
    /// There is none, or several.
    pub fn kept(&self, service: &Service, asked: Option<&str>) -> Result<Artifact, NotKept> {
        let (name, archive) = (&service.name, &self.swapper.archive);
        if !archive.is_kept() {
            return Err(NotKept::Nothing);
        }
        let kept: Vec<String> = archive.versions(name);
        let digest = match asked {
            Some(prefix) => the_only(name, prefix, &kept)?,
            None => before(service)?,
        };
        archive.version(name, &digest).ok_or_else(|| absent(name, &digest, &kept))
    }
}

fn before(service: &Service) -> Result<String, NotKept> {
    let live = service.live().version.digest().clone();
    let before = service.history.before(&live.full());
    before.ok_or_else(|| NotKept::NothingBefore { service: service.name.clone(), live: live.to_string() })
}

/// The one version whose digest begins so.
fn the_only(name: &str, prefix: &str, kept: &[String]) -> Result<String, NotKept> {
    let prefix = format!("sha256:{}", prefix.strip_prefix("sha256:").unwrap_or(prefix));
    let found: Vec<&String> = kept.iter().filter(|digest| digest.starts_with(&prefix)).collect();
    match found.as_slice() {
        // No digits name nothing, also where only one version is kept.
        [digest] if prefix != "sha256:" => Ok((*digest).clone()),
        [] => Err(absent(name, &prefix, kept)),
        several => {
            let candidates = shortened(several.iter().copied());
            Err(NotKept::Several { service: name.to_owned(), prefix, count: several.len(), candidates })
        }
    }
}

fn absent(name: &str, wanted: &str, kept: &[String]) -> NotKept {
    NotKept::Absent { service: name.to_owned(), wanted: short(wanted).to_owned(), kept: shortened(kept.iter()) }
}

fn shortened<'a>(digests: impl Iterator<Item = &'a String>) -> String {
    digests.map(|digest| short(digest)).collect::<Vec<_>>().join(", ")
}
