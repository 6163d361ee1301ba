//! Log lines of components: `wasi:logging`. Those of stdout and stderr are in `output.rs`.
//!
//! They are events of the invocation's span, which carries service, version and request id.

use std::sync::Arc;

use componentd_config::ConfigError;
use componentd_core::capability::{About, Capability, Client, HostContext, Package, ServiceContext};
use componentd_core::grant::Grant;
use componentd_core::state::State;
use tracing::{Span, debug, error, info, trace, warn};
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
    type Data<'a> = Log<'a>;
}

/// The span of one invocation.
pub struct Log<'a>(&'a Span);

fn log(state: &mut State) -> Log<'_> {
    Log(&state.scope().span)
}

impl wit::Host for Log<'_> {
    async fn log(&mut self, level: wit::Level, context: String, message: String) -> wasmtime::Result<()> {
        self.0.in_scope(|| match level {
            wit::Level::Trace => trace!(target: "guest", context, "{message}"),
            wit::Level::Debug => debug!(target: "guest", context, "{message}"),
            wit::Level::Info => info!(target: "guest", context, "{message}"),
            wit::Level::Warn => warn!(target: "guest", context, "{message}"),
            wit::Level::Error | wit::Level::Critical => error!(target: "guest", context, "{message}"),
        });
        Ok(())
    }
}
