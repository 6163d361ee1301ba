//! Why a file cannot become a version, with what would mend it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::compiler::CompileError;
use crate::step::Step;
use crate::structure::{Bound, Refused};

/// Why a file cannot become a version.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the component {path} cannot be read: {source}; {}", mend_reading(source))]
    Read {
        /// As the manifest or the command line names it.
        path: PathBuf,
        /// What the system says of it.
        source: io::Error,
    },
    /// The file has no bytes, as one that is being written.
    #[error("{path} is empty: build the component again, or wait until it is written")]
    Empty {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
    },
    /// It is WebAssembly, but a module that was never made a component.
    #[error(
        "{path} is a core module, not a component: build it with `--target wasm32-wasip2`, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
    },
    /// It imports or exports an interface of WASI 0.3.
    #[error(
        "{path} is a WASI 0.3 component, and this host runs WASI 0.2: build it against wasi:…@0.2, which toolchains \
         call `wasip2` (it names {name})"
    )]
    Wasi03 {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
        /// The first such interface, with its version.
        name: String,
    },
    /// Its bytes are no component that this host can compile.
    #[error("{path} is no WebAssembly component: {reason}; build it anew, or correct the path")]
    NotAComponent {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
        /// What the parser or the compiler says of it.
        reason: String,
    },
    /// It is made of more than a component may be made of.
    #[error(
        "{path} has {bound}, which no component may have: build it smaller, optimised and without what it does not use, or \
         make two services of it"
    )]
    Beyond {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
        /// What it has too many of.
        bound: Bound,
    },
    /// One instance of it takes more places of the pool than its service has.
    #[error(
        "{path} has {memories} linear memories, and its service has {places} places for them; let `limits.concurrency` be \
         {memories} at the least"
    )]
    NoPlaces {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
        /// Of one instance.
        memories: usize,
        /// What `limits.concurrency` says.
        places: usize,
    },
    /// The compiler does not come to an end with it.
    #[error("{path} is not compiled: {source}; {}", mend_compiling(source))]
    NotCompiled {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
        /// What it has run into.
        source: CompileError,
    },
    /// It lacks the interface that the trigger of its service calls.
    #[error("{path} does not export {export}, which a service with `{trigger} = …` is called through; {mend}")]
    NoExport {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
        /// The interface, without a version.
        export: &'static str,
        /// The trigger's key in the table of the service.
        trigger: &'static str,
        /// What it exports, and the trigger that would call that.
        mend: String,
    },
    /// It imports interfaces that need a grant, and the service has none.
    #[error("{path} imports what the manifest does not grant:{list}")]
    NotGranted {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
        /// A line for each: the interface, and the line of the manifest that would grant it.
        list: String,
    },
    /// It imports what no capability of this host offers.
    #[error("{path} imports what this host does not have; build it without, or with what comes near:{list}")]
    Lacking {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
        /// A line for each import, with what comes near.
        list: String,
    },
    /// It exports the interface that the trigger calls, but with other functions or types.
    #[error(
        "{path} exports {export} in another form than this host calls it: {reason}; build it against the WIT of this host"
    )]
    OtherExport {
        /// Names the component, as [`Source::name`](crate::artifact::Source::name) does.
        path: PathBuf,
        /// The interface, without a version.
        export: &'static str,
        /// What differs, as Wasmtime says it.
        reason: String,
    },
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

fn mend_compiling(error: &CompileError) -> &'static str {
    match error {
        CompileError::Time(_) | CompileError::Memory(_) => "build it smaller, or write more there",
        CompileError::Invalid(_) | CompileError::Failed(_) => {
            "build it anew, and look whether the machine has memory left"
        }
    }
}

impl LoadError {
    /// Why its bytes go no further.
    pub fn refused(path: &Path, refused: Refused) -> Self {
        let path = path.to_owned();
        match refused {
            Refused::Beyond(bound) => Self::Beyond { path, bound },
            Refused::Invalid(reason) => Self::NotAComponent { path, reason },
        }
    }

    /// Why there is no machine code of it.
    pub fn compile(path: &Path, error: CompileError) -> Self {
        let path = path.to_owned();
        match error {
            CompileError::Invalid(reason) => Self::NotAComponent { path, reason },
            source => Self::NotCompiled { path, source },
        }
    }

    /// [`LoadError::Lacking`], of a line for each import.
    pub fn lacking(path: &Path, lacking: &[String]) -> Self {
        let list = lacking.iter().map(|import| format!("\n  {import}")).collect();
        Self::Lacking { path: path.to_owned(), list }
    }

    /// The step of a version's life at which it was refused.
    pub fn step(&self) -> Step {
        match self {
            Self::Read { .. } => Step::Found,
            Self::Empty { .. }
            | Self::CoreModule { .. }
            | Self::Wasi03 { .. }
            | Self::NotAComponent { .. }
            | Self::Beyond { .. }
            | Self::NotCompiled { .. } => Step::Compiled,
            Self::NoPlaces { .. }
            | Self::NoExport { .. }
            | Self::NotGranted { .. }
            | Self::Lacking { .. }
            | Self::OtherExport { .. } => Step::Checked,
        }
    }

    /// The key of a service's table that is about it.
    pub fn key(&self) -> &'static str {
        if matches!(self, Self::NotGranted { .. }) { "grants" } else { "component" }
    }
}
