//! What programs that embed a host have found among the exports of a version: each is looked up once, and not for each call.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::capability::interface_of;
use crate::state::State;

/// Where the functions of a version are.
#[derive(Default)]
pub struct Lookups {
    /// By interface, as it was asked for, and name. Only what there is, so there are no more than the component exports, for
    /// each way to name its interface.
    functions: RwLock<BTreeMap<String, BTreeMap<String, ComponentExportIndex>>>,
    /// What generated bindings know of it, by their types.
    bindings: RwLock<Vec<Arc<dyn Any + Send + Sync>>>,
}

impl Lookups {
    /// Where a function of an interface is, or one of the component itself, if `interface` is empty.
    pub fn function(&self, component: &Component, interface: &str, name: &str) -> Option<ComponentExportIndex> {
        let known = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(interface).and_then(|functions| functions.get(name)) {
            return Some(*found);
        }
        drop(known);
        let found = function(component, interface, name)?;
        let mut functions = self.functions.write().unwrap_or_else(PoisonError::into_inner);
        functions.entry(interface.to_owned()).or_default().insert(name.to_owned(), found);
        Some(found)
    }

    /// What `find` finds, or has found before.
    ///
    /// # Errors
    /// Those of `find`.
    pub fn bindings<I: Send + Sync + 'static>(
        &self,
        linked: &InstancePre<State>,
        find: impl FnOnce(&InstancePre<State>) -> wasmtime::Result<I>,
    ) -> wasmtime::Result<Arc<I>> {
        let known = self.bindings.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find_map(|found| found.clone().downcast().ok());
        drop(known);
        if let Some(found) = found {
            return Ok(found);
        }
        let found = Arc::new(find(linked)?);
        self.bindings.write().unwrap_or_else(PoisonError::into_inner).push(found.clone());
        Ok(found)
    }
}

fn function(component: &Component, interface: &str, name: &str) -> Option<ComponentExportIndex> {
    if interface.is_empty() {
        return is_function(component.get_export(None, name)?);
    }
    let instance = instance(component, interface)?.1;
    is_function(component.get_export(Some(&instance), name)?)
}

fn instance(component: &Component, interface: &str) -> Option<(ComponentItem, ComponentExportIndex)> {
    component.get_export(None, interface).or_else(|| {
        let exports = component.component_type();
        let mut names = exports.exports(component.engine()).map(|(name, _)| name);
        let versioned = names.find(|name| interface_of(name) == interface)?;
        component.get_export(None, versioned)
    })
}

fn is_function((item, index): (ComponentItem, ComponentExportIndex)) -> Option<ComponentExportIndex> {
    matches!(item, ComponentItem::ComponentFunc(_)).then_some(index)
}

/// The names of what an interface of a component has, or of what the component exports if it has no such interface; for those
/// who have looked for something else.
pub fn exports(component: &Component, interface: &str) -> String {
    let (engine, exports) = (component.engine(), component.component_type());
    let names: Vec<String> = match instance(component, interface) {
        Some((ComponentItem::ComponentInstance(instance), _)) => {
            instance.exports(engine).map(|(name, _)| name.to_owned()).collect()
        }
        _ => exports.exports(engine).map(|(name, _)| name.to_owned()).collect(),
    };
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
