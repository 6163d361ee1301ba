//! The trigger `cron`: runs a service by a schedule.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use componentd_core::entry_point::{Entry, EntryPoint};
use componentd_core::error::StartError;
use componentd_core::registry::Service;
use componentd_core::state::State;
use componentd_core::trigger::{Ingress, Preparing, Source, Trigger};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use wasmtime::component::InstancePre;

use super::wit::CronHandlerIndices;
use super::{Clock, Runner, Turn};

/// The trigger itself.
pub struct Cron {
    clock: Clock,
    /// By service: whatever an edit does to it, its runs do not overlap.
    turns: Mutex<BTreeMap<String, Turn>>,
}

impl Cron {
    /// One whose schedules go by this clock.
    pub fn new(clock: Clock) -> Self {
        Self { clock, turns: Mutex::default() }
    }

    fn turn(&self, service: &str) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(service.to_owned()).or_default().clone()
    }
}

impl EntryPoint for Cron {
    fn key(&self) -> &'static str {
        "cron"
    }

    fn example(&self) -> &'static str {
        "cron = { schedule = … }"
    }

    fn export(&self) -> Option<&'static str> {
        Some("componentd:cron/handler")
    }

    fn entry(&self, linked: &InstancePre<State>) -> wasmtime::Result<Entry> {
        let indices = CronHandlerIndices::new(linked)?;
        Ok(Box::new(move |store, instance| Ok(Box::new(indices.load(store, instance)?))))
    }
}

impl Trigger for Cron {
    fn keeps_service(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, preparing: Preparing<'a>) -> BoxFuture<'a, Result<Box<dyn Source>, StartError>> {
        let Preparing { service, spec, kept, metrics, .. } = preparing;
        let settings = spec.cron.as_ref().expect("a service is prepared by its own trigger");
        let runner = Runner {
            service: service.clone(),
            schedule: settings.schedule.clone(),
            clock: self.clock.clone(),
            turn: self.turn(&service.name),
            kept,
            metrics: metrics.clone(),
        };
        ready(Ok(Box::new(runner) as Box<dyn Source>)).boxed()
    }
}

impl Source for Runner {
    fn open(self: Box<Self>, _: &Arc<Service>, ingress: &mut Ingress) {
        ingress.tasks.spawn(self.run(ingress.stop.clone()));
    }
}
