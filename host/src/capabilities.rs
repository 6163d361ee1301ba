//! The capabilities that componentd comes with, a crate each. Adding one touches nothing else but the list here.

use std::sync::Arc;

pub use componentd_capability_http::Http;
pub use componentd_capability_kafka::Kafka;
pub use componentd_capability_postgres::Postgres;
pub use componentd_capability_redis::Redis;
pub use componentd_capability_wasi::{Logging, Settings, Wasi};
use componentd_core::capability::Capability;

/// All of them.
pub fn default_capabilities() -> Vec<Arc<dyn Capability>> {
    vec![
        Arc::new(Wasi),
        Arc::new(Postgres),
        Arc::new(Redis),
        Arc::new(Kafka),
        Arc::new(Http),
        Arc::new(Settings),
        Arc::new(Logging),
    ]
}

#[cfg(test)]
mod tests {
    use wasmtime::component::Linker;

    use super::default_capabilities;

    #[test]
    fn what_is_offered_is_in_the_linker() {
        let engine = wasmtime::Engine::default();
        let mut linker = Linker::new(&engine);
        let capabilities = default_capabilities();
        capabilities.iter().try_for_each(|capability| capability.add_to_linker(&mut linker)).unwrap();
        for package in capabilities.iter().flat_map(|capability| capability.about().packages) {
            for interface in package.interfaces {
                let name = format!("{}/{interface}@{}", package.name, package.version);
                // Whatever has the name already does not give it away.
                assert!(linker.root().func_new(&name, |_, _, _, _| Ok(())).is_err(), "{name}");
            }
        }
        assert!(linker.root().func_new("wasi:http/types@0.3.0", |_, _, _, _| Ok(())).is_ok());
    }
}
