//! How much one instance of a component has in it: the components in it may be instantiated many times, and those in them
//! again.

use wasmparser::{
    ComponentAlias, ComponentExternalKind as Kind, ComponentInstance, ComponentOuterAliasKind as Outer, Instance,
    Payload,
};

use super::{Bound, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES, Refused};

const CORE_INSTANCES: Bound = Bound::new("core modules that run in one instance", MAX_CORE_INSTANCES as u64);
const MEMORIES: Bound = Bound::new("linear memories in one instance", MAX_MEMORIES as u64);
const TABLES: Bound = Bound::new("tables in one instance", MAX_TABLES as u64);
/// Definitions, as the compiler meets them: one of a component that is instantiated twice counts twice.
const DEFINITIONS: Bound = Bound::new("definitions in one instance", 200_000);

/// What an instance of a component or of a module has.
#[derive(Clone, Copy, Default)]
struct Weight {
    core_instances: u64,
    memories: u64,
    tables: u64,
    definitions: u64,
}

impl Weight {
    fn add(&mut self, other: Self) -> Result<(), Bound> {
        self.core_instances += other.core_instances;
        self.memories += other.memories;
        self.tables += other.tables;
        self.definitions += other.definitions;
        CORE_INSTANCES.check(self.core_instances)?;
        MEMORIES.check(self.memories)?;
        TABLES.check(self.tables)?;
        DEFINITIONS.check(self.definitions)
    }
}

/// A component or a module of which a part was read.
#[derive(Default)]
struct Level {
    is_module: bool,
    weight: Weight,
    /// What can be instantiated in it, by index; none is known of what is imported.
    modules: Vec<Option<Weight>>,
    components: Vec<Option<Weight>>,
}

impl Level {
    /// The modules or components by index, where these are of that kind.
    fn of_kind(&mut self, kind: Kind) -> Option<&mut Vec<Option<Weight>>> {
        match kind {
            Kind::Module => Some(&mut self.modules),
            Kind::Component => Some(&mut self.components),
            _ => None,
        }
    }

    /// A module or component whose content is not known here.
    fn push_unknown(&mut self, kind: Kind) {
        if let Some(all) = self.of_kind(kind) {
            all.push(None);
        }
    }

    fn define(&mut self, definitions: u32) -> Result<(), Refused> {
        Ok(self.weight.add(Weight { definitions: definitions.into(), ..Weight::default() })?)
    }

    fn instantiate(&mut self, kind: Kind, index: u32) -> Result<(), Refused> {
        let all = if let Kind::Module = kind { &self.modules } else { &self.components };
        match all.get(index as usize) {
            Some(Some(weight)) => Ok(self.weight.add(*weight)?),
            Some(None) => Err(Refused::Invalid(BROUGHT.to_owned())),
            // The compiler says what is wrong with it.
            None => Ok(()),
        }
    }
}

/// What could be anything, and so have anything in it.
const BROUGHT: &str = "it instantiates a module or component that it imports, or takes out of an instance; only those that \
                       it has in itself can be";

/// The component itself, and what in it is being read.
pub(super) struct Nest {
    levels: Vec<Level>,
    /// What an instance of the component itself has, once that was read to its end.
    whole: Weight,
}

impl Nest {
    pub(super) fn new() -> Self {
        Self { levels: vec![Level::default()], whole: Weight::default() }
    }

    /// In one instance of the component, once it was read to its end.
    pub(super) fn memories(&self) -> usize {
        usize::try_from(self.whole.memories).unwrap_or(usize::MAX)
    }

    /// 0 in the component itself.
    pub(super) fn depth(&self) -> u64 {
        self.levels.len().saturating_sub(1) as u64
    }

    pub(super) fn take_in(&mut self, payload: &Payload<'_>) -> Result<(), Refused> {
        match payload {
            Payload::ModuleSection { .. } => self.levels.push(Level { is_module: true, ..Level::default() }),
            Payload::ComponentSection { .. } => self.levels.push(Level::default()),
            Payload::End(_) => self.leave()?,
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.alias(&alias?)?;
                }
            }
            _ => {
                let Some(level) = self.levels.last_mut() else { return Ok(()) };
                level.take_in(payload)?;
            }
        }
        Ok(())
    }

    /// What has been read to its end is one of those that the level above can instantiate.
    fn leave(&mut self) -> Result<(), Refused> {
        let Some(mut ended) = self.levels.pop() else { return Ok(()) };
        let Some(above) = self.levels.last_mut() else {
            self.whole = ended.weight;
            return Ok(());
        };
        if ended.is_module {
            ended.weight.core_instances = 1;
            above.modules.push(Some(ended.weight));
        } else {
            above.components.push(Some(ended.weight));
        }
        above.define(1)
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), Refused> {
        let outer = match alias {
            ComponentAlias::Outer { kind: Outer::CoreModule, count, index } => Some((Kind::Module, count, index)),
            ComponentAlias::Outer { kind: Outer::Component, count, index } => Some((Kind::Component, count, index)),
            _ => None,
        };
        let found = outer.and_then(|(kind, count, index)| {
            let at = self.levels.len().checked_sub(1 + *count as usize)?;
            self.levels[at].of_kind(kind)?.get(*index as usize).copied().flatten()
        });
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        match (outer, alias) {
            (Some((kind, ..)), _) => level.of_kind(kind).into_iter().for_each(|all| all.push(found)),
            (_, ComponentAlias::InstanceExport { kind, .. }) => level.push_unknown(*kind),
            _ => {}
        }
        level.define(1)
    }
}

impl Level {
    fn take_in(&mut self, payload: &Payload<'_>) -> Result<(), Refused> {
        match payload {
            Payload::MemorySection(section) => self.weight.memories += u64::from(section.count()),
            Payload::TableSection(section) => self.weight.tables += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.define(section.count())?,
            Payload::ComponentCanonicalSection(section) => self.define(section.count())?,
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.core_instance(&instance?)?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    self.instance(&instance?)?;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.push_unknown(import?.ty.kind());
                    self.define(1)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    // An export is another index for the same.
                    if let Some(all) = self.of_kind(export.kind) {
                        all.push(all.get(export.index as usize).copied().flatten());
                    }
                    self.define(1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn core_instance(&mut self, instance: &Instance<'_>) -> Result<(), Refused> {
        match instance {
            Instance::Instantiate { module_index, args } => {
                self.define(1 + u32::try_from(args.len()).unwrap_or(u32::MAX))?;
                self.instantiate(Kind::Module, *module_index)
            }
            Instance::FromExports(exports) => self.define(1 + u32::try_from(exports.len()).unwrap_or(u32::MAX)),
        }
    }

    fn instance(&mut self, instance: &ComponentInstance<'_>) -> Result<(), Refused> {
        match instance {
            ComponentInstance::Instantiate { component_index, args } => {
                self.define(1 + u32::try_from(args.len()).unwrap_or(u32::MAX))?;
                self.instantiate(Kind::Component, *component_index)
            }
            ComponentInstance::FromExports(exports) => {
                self.define(1 + u32::try_from(exports.len()).unwrap_or(u32::MAX))
            }
        }
    }
}
