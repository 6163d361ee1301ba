//! Why a file cannot become a version, with what would mend it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::step::Step;

/// Why a file cannot become a version.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the component {path} cannot be read: {source}; {}", mend_reading(source))]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is empty: build the component again, or wait until it is written")]
    Empty { path: PathBuf },
    #[error(
        "{path} is a core module, not a component: build it with `--target wasm32-wasip2`, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule { path: PathBuf },
    #[error(
        "{path} is a WASI 0.3 component, and this host runs WASI 0.2: build it against wasi:…@0.2, which toolchains \
         call `wasip2` (it names {name})"
    )]
    Wasi03 { path: PathBuf, name: String },
    #[error("{path} is no WebAssembly component: {reason}; build it anew, or correct the path")]
    NotAComponent { path: PathBuf, reason: String },
    #[error("{path} does not export {export}, which a service with `{trigger} = …` is called through; {mend}")]
    NoExport { path: PathBuf, export: &'static str, trigger: &'static str, mend: String },
    #[error("{path} imports what the manifest does not grant:{list}")]
    NotGranted { path: PathBuf, list: String },
    #[error("{path} imports what this host does not have; build it without, or with what comes near:{list}")]
    Lacking { path: PathBuf, list: String },
    #[error(
        "{path} exports {export} in another form than this host calls it: {reason}; build it against the WIT of this host"
    )]
    OtherExport { path: PathBuf, export: &'static str, reason: String },
}

fn mend_reading(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "let the user of the host read it and pass through its folders",
        io::ErrorKind::IsADirectory => "name the .wasm file in it",
        _ if [Errno::MFILE, Errno::NFILE].iter().any(|limit| Some(limit.raw_os_error()) == error.raw_os_error()) => {
            "raise the limit of open files, see `ulimit -n`"
        }
        _ => "build it, or correct the path",
    }
}

impl LoadError {
    pub fn lacking(path: &Path, lacking: &[String]) -> Self {
        let list = lacking.iter().map(|import| format!("\n  {import}")).collect();
        Self::Lacking { path: path.to_owned(), list }
    }

    /// The step of a version's life at which it was refused.
    pub fn step(&self) -> Step {
        match self {
            Self::Read { .. } => Step::Found,
            Self::Empty { .. } | Self::CoreModule { .. } | Self::Wasi03 { .. } | Self::NotAComponent { .. } => {
                Step::Compiled
            }
            Self::NoExport { .. } | Self::NotGranted { .. } | Self::Lacking { .. } | Self::OtherExport { .. } => {
                Step::Checked
            }
        }
    }

    /// The key of a service's table that is about it.
    pub fn key(&self) -> &'static str {
        if matches!(self, Self::NotGranted { .. }) { "grants" } else { "component" }
    }
}
