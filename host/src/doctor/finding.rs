//! What the doctor found about one thing that the manifest names.

use componentd_config::Place;
use serde::Serialize;

/// One thing, and how it is.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// What it is about: `database usersdb`.
    pub about: String,
    /// Where the manifest names it.
    pub place: String,
    pub well: bool,
    /// What was seen.
    pub seen: String,
    /// What mends it; none where it is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Finding {
    pub(crate) fn well(about: impl Into<String>, place: &Place, seen: impl Into<String>) -> Self {
        Self { about: about.into(), place: place.to_string(), well: true, seen: seen.into(), mend: None }
    }

    pub(crate) fn wrong(
        about: impl Into<String>,
        place: &Place,
        seen: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { about: about.into(), place: place.to_string(), well: false, seen: seen.into(), mend: Some(mend.into()) }
    }
}
