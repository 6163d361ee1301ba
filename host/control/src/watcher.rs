//! Looks at the component files and the manifest, and has changes carried out.
//!
//! By polling: it is the only way that sees changes on every kind of mounted volume. A file counts once it has stood still
//! from one look to the next, so half-written ones wait; what decides then is its content.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use componentd_config::Manifest;
use componentd_core::artifact::Artifact;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::reconcile::Applied;
use crate::supervisor::Supervisor;

/// How often the files are looked at; a change is carried out after one to two of these.
const POLL: Duration = Duration::from_millis(200);

/// What changes whenever a file does, also when it is renamed over with the old times: inode, size, change time.
type Stamp = (u64, u64, i64, i64);

/// What was last seen of a file.
#[derive(Default)]
struct Seen {
    stamp: Option<Stamp>,
    /// This stamp's content has been read.
    is_read: bool,
    /// Why it could not be read when it was last tried, which is said once. It is tried again at each look: what hinders
    /// may be a folder above it, or the limit of open files, and end without the file's stamp changing.
    unreadable: Option<String>,
}

/// Watches until `stop`.
pub async fn run(supervisor: Arc<Supervisor>, manifest: PathBuf, stop: CancellationToken) {
    let mut files: BTreeMap<(String, PathBuf), Seen> = BTreeMap::new();
    // Read once more: it may have been edited while the host started.
    let mut manifest_seen = Seen { stamp: stamp(&manifest).await, ..Seen::default() };
    let mut reloading = tokio::spawn(async {});
    let mut is_edited = false;
    let mut look = tokio::time::interval(POLL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = stop.cancelled() => return,
        }
        // One that is gone is said as well: the next start would fail.
        if reloading.is_finished() && manifest_seen.settled(&manifest).await {
            let (supervisor, manifest) = (supervisor.clone(), manifest.clone());
            // Not awaited: a canary may take its time, and components are looked at meanwhile.
            reloading = tokio::spawn(async move { reload(&supervisor, &manifest, is_edited).await });
            is_edited = true;
        }
        for (name, path, decided) in supervisor.components() {
            let seen = files.entry((name.clone(), path.clone())).or_default();
            if !seen.settled(&path).await {
                continue;
            }
            let Some(artifact) = seen.read(&name, &path).await else { continue };
            if decided.is_none_or(|decided| decided != artifact.digest) {
                let supervisor = supervisor.clone();
                // Not awaited: another service's file need not wait for this one's compiler.
                tokio::spawn(async move { supervisor.swap(&name, artifact).await });
            }
        }
    }
}

async fn reload(supervisor: &Supervisor, path: &Path, is_edited: bool) {
    let outcome = match Manifest::load(path) {
        Ok(manifest) => supervisor.reconcile(manifest).await.map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(applied) if applied.is_nothing() && !is_edited => {}
        Ok(applied) if applied.is_nothing() => {
            info!(manifest = %path.display(), "the manifest says what runs already; nothing has changed");
        }
        Ok(Applied { started, changed, stopped }) => {
            info!(manifest = %path.display(), ?started, ?changed, ?stopped, "the manifest is applied");
        }
        Err(reason) => warn!(manifest = %path.display(), reason, "the manifest is not applied; nothing has changed"),
    }
}

impl Seen {
    /// Whether the file has changed, or is gone, and stands still again. Says so once for each change.
    async fn settled(&mut self, path: &Path) -> bool {
        let stamp = stamp(path).await;
        if stamp != self.stamp {
            (self.stamp, self.is_read) = (stamp, false);
            return false;
        }
        !std::mem::replace(&mut self.is_read, true)
    }

    /// The content of a component's file. A change of whether it can be read is said.
    async fn read(&mut self, service: &str, path: &Path) -> Option<Artifact> {
        match Artifact::read(path).await {
            Ok(artifact) => {
                if self.unreadable.take().is_some() {
                    info!(service, component = %path.display(), "the component can be read again");
                }
                Some(artifact)
            }
            Err(error) => {
                let reason = error.to_string();
                if self.unreadable.as_ref() != Some(&reason) {
                    warn!(service, reason, "the live version runs on");
                    self.unreadable = Some(reason);
                }
                self.is_read = false;
                None
            }
        }
    }
}

async fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some((metadata.ino(), metadata.size(), metadata.ctime(), metadata.ctime_nsec()))
}
