//! What was swapped in a service, as the API tells it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use componentd_core::history;

use super::Admin;
use super::api::{By, Entry, Outcome, Problem};
use super::extract::Path;
use super::refusal::Refusal;

/// What was swapped, when, by what, and what came of it.
#[utoipa::path(
    get,
    path = "/services/{name}/history",
    params(("name" = String, Path, description = "The service.")),
    responses(
        (status = 200, description = "Oldest first.", body = Vec<Entry>),
        (status = 404, description = "There is no such service.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn history(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
) -> Result<Json<Vec<Entry>>, Refusal> {
    let entries = admin.service(&name)?.history.entries();
    Ok(Json(entries.into_iter().map(Entry::from).collect()))
}

impl From<history::Entry> for Entry {
    fn from(history::Entry { at, version, by, outcome }: history::Entry) -> Self {
        Self { at, version, by: by.into(), outcome: outcome.into() }
    }
}

impl From<history::By> for By {
    fn from(by: history::By) -> Self {
        match by {
            history::By::Start => Self::Start,
            history::By::File => Self::File,
            history::By::Manifest => Self::Manifest,
            history::By::Upload => Self::Upload,
            history::By::Program => Self::Program,
            history::By::Rollback => Self::Rollback,
            history::By::Watch => Self::Watch,
        }
    }
}

impl From<history::Outcome> for Outcome {
    fn from(outcome: history::Outcome) -> Self {
        match outcome {
            history::Outcome::Live => Self::Live,
            history::Outcome::Rejected { step, reason } => Self::Rejected { step: step.to_string(), reason },
            history::Outcome::RolledBack { reason } => Self::RolledBack { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use componentd_core::step::Step;

    #[test]
    fn the_api_tells_it_as_the_archive_keeps_it() {
        use history::{By, Outcome};
        let rejected = Outcome::Rejected { step: Step::Checked, reason: "no".to_owned() };
        for (by, outcome) in [
            (By::Start, Outcome::Live),
            (By::File, rejected.clone()),
            (By::Manifest, Outcome::Live),
            (By::Upload, rejected.clone()),
            (By::Program, rejected),
            (By::Rollback, Outcome::Live),
            (By::Watch, Outcome::RolledBack { reason: "no".to_owned() }),
        ] {
            let kept = history::Entry::now("sha256:0".to_owned(), by, outcome);
            let told = serde_json::to_value(Entry::from(kept.clone())).unwrap();
            assert_eq!(told, serde_json::to_value(&kept).unwrap());
        }
    }
}
