//! Schedules: when each comes next, for whoever wonders whether it means what they have meant.

use std::time::SystemTime;

use componentd_config::{Manifest, Trigger};

use super::finding::Finding;

pub(super) fn look(manifest: &Manifest) -> Vec<Finding> {
    let found = manifest.services.iter().filter_map(|(service, spec)| {
        let Trigger::Cron(settings) = spec.trigger() else { return None };
        let next = settings.schedule.after(SystemTime::now().into())?.to_rfc3339();
        let place = manifest.source.place(&["services", service, "cron", "schedule"]);
        Some(Finding::well(format!("schedule of {service}"), &place, format!("comes next at {next}")))
    });
    found.collect()
}
