//! Services that may call each other in a circle, by what a manifest grants.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use componentd_config::{Manifest, Trigger};
use componentd_core::capability::ServiceContext;
use componentd_core::clients::Clients;
use componentd_core::error::StartError;
use tokio_util::sync::CancellationToken;

/// Which services each one may call.
type Reach<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Each circle, as `a → b → a`.
///
/// # Errors
/// The grants of a service are not as they must be.
pub(crate) fn circles(manifest: &Manifest, clients: &Clients) -> Result<Vec<String>, StartError> {
    let mut reach = Reach::new();
    for (name, spec) in &manifest.services {
        let granted = clients.grant(&ServiceContext { manifest, name, spec }, CancellationToken::new())?;
        let callees = manifest.services.iter().filter(|(callee, spec)| {
            let Trigger::Http(http) = spec.trigger() else { return false };
            granted.reaches(callee, (http.listen.port() != 0).then_some(http.listen))
        });
        reach.insert(name, callees.map(|(callee, _)| callee.as_str()).collect());
    }
    Ok(of(&reach))
}

/// The shortest through each service, once for those that are in it.
fn of(reach: &Reach<'_>) -> Vec<String> {
    let (mut told, mut circles) = (BTreeSet::new(), Vec::new());
    for start in reach.keys() {
        let Some(circle) = shortest(reach, start).filter(|_| !told.contains(start)) else { continue };
        told.extend(circle.iter().copied());
        circles.push(circle.join(" \u{2192} "));
    }
    circles
}

fn shortest<'a>(reach: &Reach<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let (mut ways, mut seen) = (VecDeque::from([vec![start]]), BTreeSet::new());
    while let Some(way) = ways.pop_front() {
        for next in &reach[way[way.len() - 1]] {
            let further = [way.as_slice(), &[next]].concat();
            if *next == start {
                return Some(further);
            }
            if seen.insert(*next) {
                ways.push_back(further);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_circle_is_told_once() {
        let edges = [("a", vec!["b", "c"]), ("b", vec!["c"]), ("c", vec!["a"]), ("d", vec!["d"]), ("e", vec!["a"])];
        let reach: Reach<'_> = edges.into_iter().map(|(from, to)| (from, to.into_iter().collect())).collect();
        assert_eq!(of(&reach), ["a \u{2192} c \u{2192} a", "b \u{2192} c \u{2192} a \u{2192} b", "d \u{2192} d"]);
    }
}
