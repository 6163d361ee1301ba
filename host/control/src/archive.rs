//! The state folder: the last versions of each service, which of them was live, and the history, across restarts.
//!
//! ```text
//! <state>/services/<service>/versions/<digest>.wasm
//! <state>/services/<service>/live.json       which version is live, and which content the component's file had
//! <state>/services/<service>/history.jsonl   one entry a line
//! <state>/services/<service>/schedule.json   how far the schedule of a `cron` trigger is: `componentd_core::kept`
//! ```

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use componentd_core::artifact::{Artifact, Source};
use componentd_core::history::Entry;
use componentd_core::kept::Kept;
use componentd_core::ownership;
use componentd_core::state_folder::{StateFolder, oldest_first, touch};
use serde::{Deserialize, Serialize};

/// What is kept in the state folder, if the manifest names one.
#[derive(Clone, Debug)]
pub struct Archive {
    state: Option<StateFolder>,
    /// So many versions of each service, the live one among them.
    keep: usize,
}

/// What was live when the host ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// `sha256:` and 64 hexadecimal digits.
    pub version: String,
    /// What the component's file held then: if it holds the same now, the live version is the later decision.
    pub file: String,
}

impl Archive {
    /// In the state folder, or in no folder, and then of this process only; it keeps so many versions of each service.
    pub fn new(state: Option<StateFolder>, keep: usize) -> Self {
        Self { state, keep }
    }

    /// Whether versions outlive this process.
    pub fn is_kept(&self) -> bool {
        self.state.is_some()
    }

    fn folder(&self, service: &str) -> Option<PathBuf> {
        Some(self.state.as_ref()?.join("services").join(service))
    }

    /// Where the trigger of a service keeps what it wants to know after a restart.
    pub fn kept(&self, service: &str) -> Kept {
        Kept::new(self.state.clone().zip(self.folder(service)))
    }

    /// Keeps a version, and forgets those that were not used for longest.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn save(&self, service: &str, artifact: &Artifact) -> io::Result<()> {
        let (Some(folder), Some(state)) = (self.folder(service), &self.state) else { return Ok(()) };
        let versions = folder.join("versions");
        ownership::make_folder(&versions)?;
        let file = version_file(&versions, &artifact.digest.full());
        if file.exists() {
            return touch(&file);
        }
        state.write(&file, &artifact.bytes)?;
        let live = self.live(service).map(|live| version_file(&versions, &live.version));
        self.forget_oldest(&versions, |version| *version == file || Some(version) == live.as_ref())
    }

    /// A restart needs what is live, however many versions were tried since.
    fn forget_oldest(&self, versions: &Path, is_needed: impl Fn(&PathBuf) -> bool) -> io::Result<()> {
        let kept = oldest_first(versions, "wasm")?;
        let surplus = kept.len().saturating_sub(self.keep);
        kept.into_iter().filter(|file| !is_needed(file)).take(surplus).try_for_each(fs::remove_file)
    }

    /// A version, if it is kept and whole.
    pub fn version(&self, service: &str, digest: &str) -> Option<Artifact> {
        let bytes = fs::read(version_file(&self.folder(service)?.join("versions"), digest)).ok()?;
        Some(Artifact::new(bytes, Source::Archive)).filter(|artifact| artifact.digest.full() == digest)
    }

    /// The digests of the versions that are kept.
    pub fn versions(&self, service: &str) -> Vec<String> {
        let entries = self.folder(service).and_then(|folder| fs::read_dir(folder.join("versions")).ok());
        let names = entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut digests: Vec<_> =
            names.filter_map(|name| Some(format!("sha256:{}", name.strip_suffix(".wasm")?))).collect();
        digests.sort();
        digests
    }

    /// Remembers what is live; a start that changes nothing of it writes nothing.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn set_live(&self, service: &str, live: &Live) -> io::Result<()> {
        let (Some(folder), Some(state)) = (self.folder(service), &self.state) else { return Ok(()) };
        if self.live(service).as_ref() == Some(live) {
            return Ok(());
        }
        ownership::make_folder(&folder)?;
        state.write(&folder.join("live.json"), &serde_json::to_vec(live)?)
    }

    /// What was live, if that is known.
    pub fn live(&self, service: &str) -> Option<Live> {
        let bytes = fs::read(self.folder(service)?.join("live.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Adds an entry to the history.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn append(&self, service: &str, entry: &Entry) -> io::Result<()> {
        let Some(folder) = self.folder(service) else { return Ok(()) };
        ownership::make_folder(&folder)?;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(folder.join("history.jsonl"))?;
        file.write_all(format!("{}\n", serde_json::to_string(entry)?).as_bytes())
    }

    /// The history as it was kept. A line that a crash has cut off is left out.
    pub fn history(&self, service: &str) -> Vec<Entry> {
        let text = self.folder(service).and_then(|folder| fs::read_to_string(folder.join("history.jsonl")).ok());
        text.unwrap_or_default().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

fn version_file(versions: &Path, digest: &str) -> PathBuf {
    versions.join(format!("{}.wasm", digest.trim_start_matches("sha256:")))
}
