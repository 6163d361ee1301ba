//! What encrypts the connections of a listener.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::kinds as of;

/// TLS on the port: HTTPS with HTTP/1.1 and HTTP/2, by TLS 1.2 or 1.3. The files are PEM. Renewed ones are taken for new
/// connections within some seconds; where they cannot be used, those before stay, and the log says why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tls {
    /// The certificate, followed by those that have signed it.
    #[schemars(with = "of::Path")]
    pub certificate: PathBuf,
    /// Its private key, without a password.
    #[schemars(with = "of::Path")]
    pub key: PathBuf,
    /// Authorities that clients need a certificate of (mTLS). Without it clients need none.
    #[schemars(with = "Option<of::Path>")]
    pub client_ca: Option<PathBuf>,
}

impl Tls {
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        for file in [&mut self.certificate, &mut self.key].into_iter().chain(&mut self.client_ca) {
            *file = folder.join(&*file);
        }
    }
}
