//! The trigger `none`: nothing calls the service but whoever embeds the host.

use std::sync::Arc;

use componentd_core::entry_point::{Entry, EntryPoint};
use componentd_core::error::StartError;
use componentd_core::registry::Service;
use componentd_core::state::State;
use componentd_core::trigger::{Ingress, Preparing, Source, Trigger};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use wasmtime::component::InstancePre;

/// The trigger itself, which is also its source.
pub(crate) struct Nothing;

impl EntryPoint for Nothing {
    fn key(&self) -> &'static str {
        "none"
    }

    fn example(&self) -> &'static str {
        "trigger = \"none\""
    }

    /// Whatever the component exports.
    fn export(&self) -> Option<&'static str> {
        None
    }

    fn entry(&self, _: &InstancePre<State>) -> wasmtime::Result<Entry> {
        Ok(Box::new(|_, _| Ok(Box::new(()))))
    }
}

impl Trigger for Nothing {
    fn keeps_service(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, _: Preparing<'a>) -> BoxFuture<'a, Result<Box<dyn Source>, StartError>> {
        ready(Ok(Box::new(Self) as Box<dyn Source>)).boxed()
    }
}

impl Source for Nothing {
    fn open(self: Box<Self>, service: &Arc<Service>, ingress: &mut Ingress) {
        if service.has_databases() {
            service.set_ready(true);
        } else {
            ingress.tasks.spawn(service.clone().ready_with_databases(ingress.stop.clone()));
        }
    }
}
