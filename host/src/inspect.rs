//! `componentd inspect`: what a component imports and exports, and which grants it would need.

use std::fmt::Write as _;
use std::sync::Arc;

use componentd_core::capability::{Capability, Needs};
use componentd_core::clients;
use componentd_core::digest::Digest;
use componentd_core::world::World;

/// The report for people; `lacking` is what this host does not have of the imports.
pub(crate) fn report(
    capabilities: &[Arc<dyn Capability>],
    World { imports, exports, .. }: World,
    digest: &Digest,
    lacking: Vec<String>,
) -> String {
    let needed = clients::needed(capabilities, &imports);
    let grants = needed.iter().map(|(_, Needs { interface, example })| format!("{example}  ({interface})")).collect();
    let mut report = format!("version {}\n", digest);
    section(&mut report, "imports", imports);
    section(&mut report, "exports", exports);
    section(&mut report, "needs in the manifest", grants);
    if !lacking.is_empty() {
        section(&mut report, "needs what this host does not have", lacking);
    }
    report
}

fn section(report: &mut String, title: &str, mut lines: Vec<String>) {
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    let _ = writeln!(report, "{title}");
    for line in lines {
        let _ = writeln!(report, "  {line}");
    }
}
