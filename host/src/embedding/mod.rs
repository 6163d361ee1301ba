//! What programs call that embed a host: they build it, call its services, swap their versions, and hear what comes of that.

mod bindings;
mod builder;
mod call;
mod error;
mod service;

pub use self::bindings::Bindings;
pub use self::builder::HostBuilder;
pub use self::error::ServiceError;
pub use self::service::ServiceHandle;
