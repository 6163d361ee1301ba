//! Settings: what the manifest says under `config` of a service, as `wasi:config/store`.

use std::sync::Arc;

use componentd_config::ConfigError;
use componentd_core::capability::{About, Capability, Client, HostContext, Package, ServiceContext};
use componentd_core::grant::Grant;
use componentd_core::state::State;
use wasmtime::component::Linker;
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};

/// The capability.
pub struct Settings;

/// The settings of a service.
struct Values(WasiConfigVariables);

impl Capability for Settings {
    fn about(&self) -> About {
        let packages = &[Package { name: "wasi:config", version: "0.2.0-rc.1", interfaces: &["store"] }];
        About { name: "config", packages, needs: None, server: None }
    }

    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wasmtime_wasi_config::add_to_linker(linker, |state: &mut State| {
            let settings: &Values = state.scope().grant().expect("every service has settings, if only none");
            WasiConfig::new(&settings.0)
        })
    }

    fn client(&self, _: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError> {
        Ok(Arc::new(Self))
    }
}

impl Client for Settings {
    fn grant(&self, service: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        let settings = (*service.spec.config).clone().into_iter().collect();
        Ok(Some(Arc::new(Values(settings))))
    }
}

impl Grant for Values {}
