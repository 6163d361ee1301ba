//! A part of a manifest that a capability reads: its server under `[backends]`, or the grant of one service.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::manifest::{Manifest, Tables};
use super::place::{Place, Source};
use super::{ConfigError, reasons};

/// A value of a manifest, with variables replaced, and where it stands.
#[derive(Clone)]
pub struct Section<'m> {
    source: &'m Source,
    key: Vec<String>,
    value: &'m toml::Value,
}

impl Manifest {
    /// What `[backends]` says of a server.
    pub fn backend(&self, name: &str) -> Option<Section<'_>> {
        let value = self.backends.get(name)?;
        Some(Section { source: &self.source, key: vec!["backends".to_owned(), name.to_owned()], value })
    }

    /// What `grants` of a service says of a capability.
    pub fn grant(&self, service: &str, name: &str) -> Option<Section<'_>> {
        let value = self.services.get(service)?.grants.get(name)?;
        let key = ["services", service, "grants", name].map(str::to_owned).to_vec();
        Some(Section { source: &self.source, key, value })
    }

    /// Whether all tables are of servers and of grants that there are.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check_names(&self, servers: &[&str], grants: &[&str]) -> Result<(), ConfigError> {
        self.check_keys(&["backends"], &self.backends, servers)?;
        let mut services = self.services.iter();
        services.try_for_each(|(name, spec)| self.check_keys(&["services", name, "grants"], &spec.grants, grants))
    }

    fn check_keys(&self, table: &[&str], tables: &Tables, known: &[&str]) -> Result<(), ConfigError> {
        let Some(name) = tables.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
        let place = self.source.place(&[table, &[name]].concat());
        Err(ConfigError { place, reason: reasons::unknown_key(name, known) })
    }
}

impl Section<'_> {
    /// The value as a type.
    ///
    /// # Errors
    /// It does not fit; the message says where, and what would.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        serde_path_to_error::deserialize(self.value.clone()).map_err(|e| {
            let key = [self.key.clone(), super::place::key_of(e.path())].concat();
            let reason = self.source.without_secrets(reasons::explain(e.inner().message()));
            ConfigError { place: self.source.place_of(&key), reason }
        })
    }

    /// Where a key of it stands.
    pub fn place(&self, key: &[&str]) -> Place {
        let own = self.key.iter().map(String::as_str);
        self.source.place(&own.chain(key.iter().copied()).collect::<Vec<_>>())
    }

    /// What is wrong with a key of it, and how to mend it.
    pub fn error(&self, key: &[&str], reason: impl Into<String>) -> ConfigError {
        ConfigError { place: self.place(key), reason: self.source.without_secrets(reason.into()) }
    }

    /// The folder of the manifest, which relative paths are taken from.
    pub fn folder(&self) -> &Path {
        self.source.folder()
    }
}
