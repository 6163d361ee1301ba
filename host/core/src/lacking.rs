//! What a component imports and this host does not have, all of it, with what comes near.

use componentd_config::reasons::nearest;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

use crate::capability::Package;
use crate::state::State;

/// A line for each import of `component` that `linker` has nothing for.
pub(super) fn lacking(linker: &Linker<State>, offered: &[Package], component: &Component) -> Vec<String> {
    let mut linker = linker.clone();
    let engine = component.engine();
    let component_type = component.component_type();
    let mut imports: Vec<_> = component_type.imports(engine).map(|(name, import)| (name, import.ty)).collect();
    let mut lacking = Vec::new();
    // The linker names one import at a time: that one gets a stand-in, and the next is asked for.
    while let Err(error) = linker.instantiate_pre(component) {
        let said = error.to_string();
        let Some(at) = imports.iter().position(|(name, _)| said.contains(&format!("`{name}`"))) else {
            lacking.push(format!("{error:#}"));
            break;
        };
        let (name, import) = imports.remove(at);
        lacking.push(format!("{name}: {}", explain(offered, name, &import, &error)));
        if stand_in(&mut linker, offered, name, &import).is_err() {
            break;
        }
    }
    lacking
}

fn explain(offered: &[Package], import: &str, item: &ComponentItem, error: &wasmtime::Error) -> String {
    if !matches!(item, ComponentItem::ComponentInstance(_)) {
        return "this host has interfaces only, no functions or types outside one".to_owned();
    }
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let (package, interface) = name.split_once('/').unwrap_or((name, ""));
    let Some(Package { version: has, interfaces, .. }) = offered.iter().find(|offered| offered.name == package) else {
        return nothing_of(offered, package);
    };
    if !interfaces.contains(&interface) {
        let guess = nearest(interface, interfaces).map(|near| format!(", did you mean {near}?")).unwrap_or_default();
        return format!("{package} {has} has no such interface here{guess}; there are: {}", interfaces.join(", "));
    }
    if !is_compatible(version, has) {
        return format!("this host has version {has} of it: build the component against that one");
    }
    format!("the {has} of this host differs: {}", difference(error))
}

fn nothing_of(offered: &[Package], package: &str) -> String {
    let packages: Vec<&str> = offered.iter().map(|package| package.name).collect();
    let guess = nearest(package, &packages).map(|near| format!(", did you mean {near}?")).unwrap_or_default();
    format!("this host has nothing of {package}{guess}; its packages are: {}", packages.join(", "))
}

/// As the linker compares: up to the first number that is not zero, and pre-releases only with themselves.
fn is_compatible(version: &str, has: &str) -> bool {
    let track = |version: &str| {
        let (major, rest) = version.split_once('.')?;
        let (minor, _) = rest.split_once('.')?;
        let is_release = !version.contains('-');
        is_release.then(|| if major == "0" { format!("0.{minor}") } else { major.to_owned() })
    };
    version == has || track(version).is_some_and(|wanted| track(has) == Some(wanted))
}

/// What the linker says below the import's name: which item, and what of it.
fn difference(error: &wasmtime::Error) -> String {
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    causes
        .join(": ")
        .replace("instance export ", "")
        .replace(" has the wrong type: function implementation is missing", " is missing")
}

/// Something under the name of an import, so that the linker goes on to the next.
fn stand_in(
    linker: &mut Linker<State>,
    offered: &[Package],
    name: &str,
    import: &ComponentItem,
) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    let ComponentItem::ComponentInstance(instance) = import else {
        return linker.root().func_new(name, |_, _, _, _| Ok(()));
    };
    for (item, export) in instance.exports(&engine) {
        // What the host has of it stays: other interfaces refer to its resources.
        let is_resource = matches!(export.ty, ComponentItem::Resource(_));
        linker.allow_shadowing(!is_resource);
        let mut there = linker.instance(&own_name(offered, name))?;
        match export.ty {
            ComponentItem::Resource(_) => {
                let _ = there.resource(item, ResourceType::host::<StandIn>(), |_, _| Ok(()));
            }
            ComponentItem::ComponentFunc(_) => there.func_new(item, |_, _, _, _| Ok(()))?,
            _ => {}
        }
    }
    Ok(())
}

struct StandIn;

/// The name by which the linker has the interface, where it has a compatible one.
fn own_name(offered: &[Package], import: &str) -> String {
    let Some((name, version)) = import.split_once('@') else { return import.to_owned() };
    let has = offered.iter().find(|package| {
        name.split_once('/')
            .is_some_and(|(of, interface)| of == package.name && package.interfaces.contains(&interface))
    });
    match has {
        Some(Package { version: has, .. }) if is_compatible(version, has) => format!("{name}@{has}"),
        _ => import.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_compatible;

    #[test]
    fn versions_of_one_track_are_compatible() {
        assert!(is_compatible("0.2.0", "0.2.12") && is_compatible("0.2.99", "0.2.12"));
        assert!(is_compatible("0.1.0-draft", "0.1.0-draft"));
        assert!(!is_compatible("0.3.0", "0.2.12") && !is_compatible("0.2.0-rc.1", "0.2.12"));
        assert!(!is_compatible("", "0.2.12") && !is_compatible("1.2.0", "0.2.12"));
    }
}
