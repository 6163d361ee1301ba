//! The core of a componentd host: it runs components, and knows neither what they may ask for nor who calls them.
//!
//! - [`loader`] makes a version of a component's bytes, with the one [`engine`]; [`world`] checks it against [`trigger`] and
//!   grants.
//! - [`dispatch`] runs one invocation of a [`deployment`] in one of its [`instances`], within [`limits`]; the instance's store
//!   holds a [`state`].
//! - [`capability`] is the seam for what components may ask for, [`trigger`] the one for who calls them.
//! - [`registry`] says which deployment of a service answers.

#![warn(missing_docs, unreachable_pub)]

pub mod admission;
pub mod artifact;
pub mod away;
pub mod cache;
pub mod call;
pub mod calling;
pub mod canary;
pub mod capability;
pub mod clients;
pub mod compiler;
pub mod cpu_meter;
pub mod deadline;
pub mod deployment;
pub mod digest;
pub mod dispatch;
pub mod engine;
pub mod entry_point;
mod epoch;
pub mod error;
mod fair_queue;
pub mod grant;
pub mod granted;
mod guest;
mod guest_call;
pub mod history;
mod huge_pages;
pub mod in_flight;
pub mod instances;
pub mod kept;
mod lacking;
pub mod limits;
pub mod load_error;
pub mod loader;
pub mod log_bounds;
pub mod lookups;
pub mod metrics;
pub mod outgoing;
pub mod output;
pub mod ownership;
pub mod peers;
pub mod registry;
pub mod scope;
pub mod share;
pub mod state;
pub mod state_folder;
pub mod step;
pub mod structure;
pub mod trap;
pub mod trigger;
pub mod troubles;
pub mod verdict;
pub mod view;
pub mod worker_turn;
mod workers;
pub mod world;
