//! What is seen while a run is going on.

use crate::load::Shop;
use crate::mails::Mails;
use crate::offsets::Samples;

/// What is seen while a run is going on.
#[derive(Debug, Default)]
pub struct Seen {
    pub shop: Shop,
    pub mails: Mails,
    pub samples: Samples,
}
