//! Log lines of components: `wasi:logging`. Those of stdout and stderr are in `output.rs`.
//!
//! They are events of the invocation's span, which carries service, version and request id.

use std::sync::Arc;

use componentd_config::ConfigError;
use componentd_core::capability::{About, Capability, Client, HostContext, Package, ServiceContext};
use componentd_core::grant::Grant;
use componentd_core::output::Output;
use componentd_core::state::State;
use tracing::{Level, debug, enabled, error, info, trace, warn};
use wasmtime::component::{HasData, Linker};

use self::bindings::wasi::logging::logging as wit;

/// The Rust side of `wit/logging`.
mod bindings {
    wasmtime::component::bindgen!({
        path: ["../../wit/logging"],
        inline: "
            package componentd:host;
            world logging {
                import wasi:logging/logging@0.1.0-draft;
            }
        ",
        world: "componentd:host/logging",
        imports: { default: async | trappable },
    });
}

/// The capability.
pub struct Logging;

impl Capability for Logging {
    fn about(&self) -> About {
        let packages = &[Package { name: "wasi:logging", version: "0.1.0-draft", interfaces: &["logging"] }];
        About { name: "logging", packages, needs: None, server: None }
    }

    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, Self>(linker, log)
    }

    fn client(&self, _: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError> {
        Ok(Arc::new(Self))
    }
}

impl Client for Logging {
    fn grant(&self, _: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        Ok(None)
    }
}

/// Who logs is all that it needs to know.
impl HasData for Logging {
    type Data<'a> = &'a Output;
}

fn log(state: &mut State) -> &Output {
    &state.output
}

impl wit::Host for &Output {
    async fn log(&mut self, level: wit::Level, context: String, message: String) -> wasmtime::Result<()> {
        // What nobody wants to read costs the component nothing of what it may log.
        let is_wanted = match level {
            wit::Level::Trace => enabled!(target: "guest", Level::TRACE),
            wit::Level::Debug => enabled!(target: "guest", Level::DEBUG),
            wit::Level::Info => enabled!(target: "guest", Level::INFO),
            wit::Level::Warn => enabled!(target: "guest", Level::WARN),
            wit::Level::Error | wit::Level::Critical => enabled!(target: "guest", Level::ERROR),
        };
        if !is_wanted {
            return Ok(());
        }
        Output::log(self, context.len() + message.len(), || match level {
            wit::Level::Trace => trace!(target: "guest", context, "{message}"),
            wit::Level::Debug => debug!(target: "guest", context, "{message}"),
            wit::Level::Info => info!(target: "guest", context, "{message}"),
            wit::Level::Warn => warn!(target: "guest", context, "{message}"),
            wit::Level::Error | wit::Level::Critical => error!(target: "guest", context, "{message}"),
        });
        Ok(())
    }
}
