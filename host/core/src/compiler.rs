//! Components become machine code: each in a process of its own, which may take so much time and memory, or within this one.
//!
//! What a process of the compiler writes is machine code that this process will run. It comes over a pipe, from a process that
//! this one has started of a program that it trusts as itself.

mod machine_code;
pub mod process;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::Engine;

pub use self::machine_code::CompileError;
use self::machine_code::precompile;
use self::process::Bounds;
use crate::engine;

/// What takes longer than this makes room for others, which are most likely quick.
const QUICK: Duration = Duration::from_secs(3);

/// As many slow compilations at a time as that. More of them keep quick ones waiting.
const SLOW_PLACES: usize = 2;

/// Where components are compiled.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In a process of this program, within bounds: the host's own is `/proc/self/exe`.
    Process(PathBuf, Bounds),
    /// In this process, on threads of low priority. It ends when it ends, and takes what it takes: only what a component is made
    /// of is bounded, see [`structure`](crate::structure).
    Within,
}

/// Compiles for the engines of one configuration. Cheap to clone.
#[derive(Clone)]
pub struct Compilers {
    engine: Engine,
    compiler: Compiler,
    places: Arc<Places>,
}

/// As many compilations at a time as there are processors, besides slow ones.
struct Places {
    quick: Semaphore,
    slow: Semaphore,
}

impl Compilers {
    /// For components that run in `engine`.
    pub fn new(engine: Engine, compiler: Compiler) -> Self {
        // One that takes its time leaves room for another.
        let quick = Semaphore::new(engine::compiler_threads().max(2));
        let places = Arc::new(Places { quick, slow: Semaphore::new(SLOW_PLACES) });
        Self { engine, compiler, places }
    }

    /// The machine code of a component, as [`Engine::precompile_component`] gives it. Dropped before its end, it ends a process
    /// of the compiler; what is compiled within this process goes on.
    ///
    /// # Errors
    /// It is no component, or takes more than it may.
    pub async fn compile(&self, component: Arc<[u8]>) -> Result<Vec<u8>, CompileError> {
        let compiled = async {
            match &self.compiler {
                Compiler::Process(program, bounds) => process::compile(program, *bounds, component).await,
                Compiler::Within => {
                    let engine = self.engine.clone();
                    engine::in_background(move || precompile(&engine, &component)).await
                }
            }
        };
        self.places.run(compiled).await
    }
}

impl Places {
    async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let quick = permit(&self.quick).await;
        let mut work = std::pin::pin!(work);
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(QUICK) => {}
        }
        tokio::select! {
            done = &mut work => done,
            _slow = permit(&self.slow) => {
                drop(quick);
                work.await
            }
        }
    }
}

async fn permit(places: &Semaphore) -> SemaphorePermit<'_> {
    places.acquire().await.expect("these semaphores are never closed")
}
