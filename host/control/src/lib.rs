//! What runs in a host, and how that changes: versions are brought up, swapped, watched and taken back, and an edited manifest
//! is applied as a whole or not at all.
//!
//! - [`supervisor`] has the services that run; [`reconcile`] makes them what a manifest says.
//! - [`upcoming`] is a version on its way: the steps before it is live, the same at a start, an edit and a swap.
//! - [`swap`] is the life of a version from then on; [`archive`] keeps versions and history.
//! - [`watcher`] looks at the manifest and the components' files.

#![warn(missing_docs, unreachable_pub)]

pub mod archive;
pub mod events;
pub mod migration_turns;
pub mod reconcile;
pub mod rejected;
pub mod rollback;
pub mod startup;
mod stop_at;
pub mod supervisor;
pub mod swap;
pub mod swapper;
pub mod upcoming;
pub mod watch;
pub mod watcher;
