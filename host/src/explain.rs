//! `componentd explain`: whether a service may do something, and why; and what `componentd check` says of all of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use componentd_capability_http as http;
use componentd_config::reasons::unknown;
use componentd_config::{ConfigError, Manifest, Trigger};
use componentd_core::capability::{About, Capability, ServiceContext};
use componentd_core::clients;
use componentd_core::granted::Granted;
use componentd_core::verdict::{Right, Verdict};
use tokio_util::sync::CancellationToken;

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExplainError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Service(String),
    #[error("{action:?} is no action: write it as one of {}", .forms.join(", "))]
    Action { action: String, forms: Vec<&'static str> },
}

/// The grants of all services of a manifest, by name.
///
/// # Errors
/// One of them is not as it must be.
pub(crate) fn granted(
    manifest: &Manifest,
    capabilities: &[Arc<dyn Capability>],
) -> Result<BTreeMap<String, Granted>, ConfigError> {
    let clients = clients::check(capabilities, manifest)?;
    let services = manifest.services.iter().map(|(name, spec)| ServiceContext { manifest, name, spec });
    let granted =
        |service: ServiceContext<'_>| Ok((service.name.to_owned(), clients.grant(&service, CancellationToken::new())?));
    services.map(granted).collect()
}

/// Whether the service may do what these words say.
///
/// # Errors
/// There is no such service, or no such action.
pub(crate) fn explain(
    manifest: &Manifest,
    capabilities: &[Arc<dyn Capability>],
    service: &str,
    action: &str,
) -> Result<Verdict, ExplainError> {
    let all = granted(manifest, capabilities)?;
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    let granted = all.get(service).ok_or_else(|| ExplainError::Service(unknown("service", service, &names)))?;
    let no_action = || {
        let forms = capabilities.iter().flat_map(|capability| capability.actions()).copied().collect();
        ExplainError::Action { action: action.to_owned(), forms }
    };
    let words: Vec<&str> = action.split_whitespace().collect();
    let (about, rest) = asked(capabilities, &words).ok_or_else(no_action)?;
    if !granted.has(about.name) {
        return Ok(Verdict::Denied(lacking(service, &about)));
    }
    granted.explain(about.name, rest).ok_or_else(no_action)
}

/// Which capability the words are about, and what they say of it.
fn asked<'w, 'a>(capabilities: &[Arc<dyn Capability>], words: &'w [&'a str]) -> Option<(About, &'w [&'a str])> {
    let (first, rest) = words.split_first()?;
    let find = |name: &str| {
        let with_actions = capabilities.iter().filter(|capability| !capability.actions().is_empty());
        with_actions.map(|capability| capability.about()).find(|about| about.name == name)
    };
    find(first).map(|about| (about, rest)).or_else(|| {
        let is_request = first.chars().all(|c| c.is_ascii_uppercase()) && rest.len() == 1;
        // The one whose actions are written as a request is, without its name before them.
        is_request.then(|| find(http::NAME)).flatten().map(|about| (about, words))
    })
}

/// Without a grant, nothing of the capability is allowed.
fn lacking(service: &str, about: &About) -> String {
    let mend = about.needs.map(|needs| format!("; a line such as `{}` would grant some", needs.example));
    format!("`{service}` has no `grants.{}`{}", about.name, mend.unwrap_or_default())
}

/// A line for each thing that a service may do, in columns: service, capability, right, and with what.
pub(crate) fn matrix(all: &BTreeMap<String, Granted>) -> Vec<String> {
    let rows: Vec<[String; 4]> = all.iter().flat_map(|(service, granted)| rows(service, granted)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [width(0), width(1), width(2)];
    let line = |[service, capability, right, of]: &[String; 4]| {
        let [first, second, third] = widths;
        format!("{service:<first$}  {capability:<second$}  {right:<third$}  {of}").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn rows(service: &str, granted: &Granted) -> Vec<[String; 4]> {
    let row = |capability: &str, right: &str, of: &str| [service, capability, right, of].map(str::to_owned);
    let rights = granted
        .rights()
        .flat_map(|(capability, rights)| rights.into_iter().map(move |Right { name, of }| row(capability, name, &of)));
    let mut rows: Vec<[String; 4]> = rights.collect();
    if rows.is_empty() {
        rows.push(row("nothing", "", ""));
    }
    rows
}

/// Services that may call each other in a circle within the host, each circle once, as in `a → b → a`.
pub(crate) fn circles(manifest: &Manifest, all: &BTreeMap<String, Granted>) -> Vec<String> {
    let address = |service: &str| match manifest.services.get(service).map(|spec| spec.trigger()) {
        Some(Trigger::Http(http)) => Some(http.listen),
        _ => None,
    };
    let callees = |caller: &str| -> Vec<&str> {
        let reaches =
            |service: &&String| all.get(caller).is_some_and(|granted| granted.reaches(service, address(service)));
        all.keys().filter(reaches).map(String::as_str).collect()
    };
    let graph = all.keys().map(|name| (name.as_str(), callees(name))).collect();
    all.keys().filter_map(|first| circle(&graph, first)).map(|circle| circle.join(" → ")).collect()
}

/// The shortest way from a service back to itself over others of later names, so that each circle is found once.
fn circle<'a>(graph: &BTreeMap<&'a str, Vec<&'a str>>, first: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![first]]);
    let mut seen = vec![first];
    while let Some(way) = ways.pop_front() {
        for &callee in way.last().and_then(|last| graph.get(last)).into_iter().flatten() {
            if callee == first {
                return Some([&way[..], &[first]].concat());
            }
            if callee > first && !seen.contains(&callee) {
                seen.push(callee);
                ways.push_back([&way[..], &[callee]].concat());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles_of(edges: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut graph = BTreeMap::<_, Vec<_>>::new();
        for (from, to) in edges {
            graph.entry(*from).or_default().push(*to);
            graph.entry(*to).or_default();
        }
        graph.keys().filter_map(|first| circle(&graph, first)).map(|circle| circle.join(" ")).collect()
    }

    #[test]
    fn each_circle_is_said_once() {
        assert_eq!(circles_of(&[("a", "b"), ("b", "c"), ("a", "c")]), [""; 0]);
        assert_eq!(circles_of(&[("a", "a")]), ["a a"]);
        assert_eq!(circles_of(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]), ["a b c a"]);
        assert_eq!(circles_of(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")]), ["a b a", "b c b"]);
    }
}
