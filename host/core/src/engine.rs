//! The Wasmtime engine that every component of the host shares: compiler settings, the instance pool, the compiler's threads.

use std::sync::OnceLock;

use componentd_config::MAX_MEMORY;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::structure::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use crate::{epoch, huge_pages};

/// What an instance that ends leaves in memory for the next one of its slot: a slot that is reset in place costs no page
/// faults. Most requests write less, and what they write beyond is given back to the system.
const KEEP_MEMORY: usize = 512 << 10;
const KEEP_TABLE: usize = 64 << 10;
const KEEP_STACK: usize = 64 << 10;

/// Builds the engine, with a pool of so many instances, whose guests the epoch clock interrupts until it ends.
///
/// # Errors
/// The address space for the pool cannot be reserved, or the processor lacks what Cranelift needs.
pub fn start(instances: u32) -> wasmtime::Result<Engine> {
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    let engine = Engine::new(&config)?;
    huge_pages::ask(instances as usize * MAX_MEMORY);
    epoch::drive(engine.weak());
    Ok(engine)
}

/// An engine that only compiles, for engines that were started.
///
/// # Errors
/// The processor lacks what Cranelift needs.
pub(crate) fn compiling() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// What machine code depends on.
fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config
}

/// In it each instance has room for all that a component may have, but for one linear memory only, which takes 4 GiB of address
/// space. An invocation of a component with more of them takes more of the places of its service, see
/// [`Deployment`](crate::deployment::Deployment).
fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * MAX_CORE_INSTANCES)
        .total_memories(instances)
        .total_tables(instances * MAX_TABLES)
        .total_stacks(instances)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_memory_size(MAX_MEMORY)
        // Each version keeps the slot that has its memory image mapped, however many versions take turns.
        .max_unused_warm_slots(instances)
        .linear_memory_keep_resident(KEEP_MEMORY)
        .table_keep_resident(KEEP_TABLE)
        .async_stack_keep_resident(KEEP_STACK)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The niceness of the compiler's threads: requests go first, long ones too ([`crate::workers`]).
pub(crate) const COMPILER_NICENESS: i32 = 15;

/// Runs `work` on threads of low priority, and waits for it.
pub async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = tokio::sync::oneshot::channel();
    background().spawn(move || {
        // Whoever asked may be gone.
        let _ = done.send(work());
    });
    result.await.expect("the compiler does not panic")
}

/// How many threads compile.
pub fn compiler_threads() -> usize {
    background().current_num_threads()
}

/// Wasmtime compiles the functions of a component in parallel on the pool that it is called from.
fn background() -> &'static rayon::ThreadPool {
    static POOL: OnceLock<rayon::ThreadPool> = OnceLock::new();
    POOL.get_or_init(|| {
        let pool = rayon::ThreadPoolBuilder::new().thread_name(|n| format!("compiler-{n}"));
        pool.start_handler(|_| lower_priority(COMPILER_NICENESS)).build().expect("threads can be started")
    })
}

/// On Linux a niceness is a thread's own. Where it cannot be set, the thread only competes more.
pub(crate) fn lower_priority(niceness: i32) {
    let _ = rustix::process::nice(niceness);
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    use super::*;

    #[test]
    fn what_one_compiles_the_other_runs() {
        let compatibility = |engine: Engine| {
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(compatibility(compiling().unwrap()), compatibility(start(1).unwrap()));
    }
}
