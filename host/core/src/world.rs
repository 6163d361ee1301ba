//! What a component imports and exports, by name: read from its bytes, before anything is compiled.

use std::path::Path;
use std::sync::Arc;

use wasmparser::{BinaryReaderError, Parser, Payload};

use crate::capability::{Capability, Needs, interface_of};
use crate::clients;
use crate::entry_point::{EntryPoint, EntryPoints};
use crate::granted::Granted;
use crate::load_error::LoadError;
use crate::structure;

/// In bytes, of all names together. A large world has three thousand; they stand in messages, in the log and in the history.
const MAX_NAMES: usize = 64 << 10;

/// The names, with their versions. They are printable, but may still be none that the component model allows.
#[derive(Debug, Default)]
pub struct World {
    /// What it needs of the host, as `wasi:http/types@0.2.0`.
    pub imports: Vec<String>,
    /// What can be called in it.
    pub exports: Vec<String>,
    /// How many linear memories one instance has.
    pub memories: usize,
}

impl World {
    /// The world of a component for WASI 0.2. Its code may still be invalid.
    ///
    /// # Errors
    /// It is none.
    pub fn read(path: &Path, bytes: &[u8]) -> Result<Self, LoadError> {
        look_at(path, bytes)?;
        let memories = structure::check(bytes).map_err(|refused| LoadError::refused(path, refused))?;
        let world = Self::parse(bytes).map_err(|reason| LoadError::NotAComponent { path: path.to_owned(), reason })?;
        let mut names = world.imports.iter().chain(&world.exports);
        if let Some(name) = names.find(|name| name.starts_with("wasi:") && name.contains("@0.3.")) {
            return Err(LoadError::Wasi03 { path: path.to_owned(), name: name.clone() });
        }
        Ok(Self { memories, ..world })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let invalid = |error: BinaryReaderError| error.message().to_owned();
        let (mut world, mut room) = (Self::default(), MAX_NAMES);
        // Within it are core modules, and maybe components with imports and exports of their own.
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        world.imports.push(name(import.map_err(invalid)?.name.name, &mut room)?);
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        world.exports.push(name(export.map_err(invalid)?.name.name, &mut room)?);
                    }
                }
                _ => {}
            }
        }
        Ok(world)
    }

    /// Whether the trigger has something to call; else another one may.
    ///
    /// # Errors
    /// [`LoadError::NoExport`] where it has nothing.
    pub fn check_export(&self, path: &Path, called: &dyn EntryPoint, all: &EntryPoints) -> Result<(), LoadError> {
        let Some(export) = called.export().filter(|export| !self.exports(export)) else { return Ok(()) };
        let (path, mend) = (path.to_owned(), self.other_trigger(all));
        Err(LoadError::NoExport { path, export, trigger: called.key(), mend })
    }

    fn exports(&self, interface: &str) -> bool {
        self.exports.iter().any(|name| interface_of(name) == interface)
    }

    /// What the exports are good for instead.
    fn other_trigger(&self, all: &EntryPoints) -> String {
        if self.exports.is_empty() {
            return "it exports nothing: build it for that interface, see the page on components in the documentation"
                .to_owned();
        }
        let other = all.iter().find(|trigger| trigger.export().is_some_and(|export| self.exports(export)));
        let mend = match other {
            Some(trigger) => format!("give the service `{}` instead", trigger.example()),
            None if self.exports("wasi:cli/run") => {
                "a program for a command line; build it for that interface instead".to_owned()
            }
            None => "build it for that interface".to_owned(),
        };
        format!("it exports {}: {mend}", self.exports.join(", "))
    }

    /// Whether each import that needs a grant has one.
    ///
    /// # Errors
    /// [`LoadError::NotGranted`], with all that have none.
    pub fn check_grants(
        &self,
        path: &Path,
        capabilities: &[Arc<dyn Capability>],
        granted: &Granted,
    ) -> Result<(), LoadError> {
        let mut missing = clients::needed(capabilities, &self.imports);
        missing.retain(|(capability, _)| !granted.has(capability));
        if missing.is_empty() {
            return Ok(());
        }
        let name = granted.service();
        let line = |(_, Needs { interface, example }): &(&str, Needs)| {
            format!("\n  {interface}; add to [services.{name}]: {example}")
        };
        Err(LoadError::NotGranted { path: path.to_owned(), list: missing.iter().map(line).collect() })
    }
}

/// A name that may be shown to people, if there is room for it.
fn name(name: &str, room: &mut usize) -> Result<String, String> {
    // An empty one takes room too.
    let left = room.checked_sub(name.len() + 1);
    *room = left.ok_or_else(|| format!("its imports and exports have more than {MAX_NAMES} bytes of names"))?;
    if name.chars().any(char::is_control) {
        return Err(format!("an import or export is called {}, which is no name", name.escape_default()));
    }
    Ok(name.to_owned())
}

/// What the first bytes show, for a clearer message than the compiler's.
fn look_at(path: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    let path = path.to_owned();
    match bytes {
        [] => Err(LoadError::Empty { path }),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::CoreModule { path }),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        _ => Err(LoadError::NotAComponent { path, reason: "it does not begin as WebAssembly does".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{MAX_NAMES, World};

    fn refused(wat: &str) -> String {
        World::read(Path::new("x.wasm"), &wat::parse_str(wat).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn names_that_fill_memory_and_log_are_refused() {
        let exports: String =
            (0..MAX_NAMES / 200).map(|n| format!("(export \"a:b/c{n:0200}\" (instance $i))")).collect();
        let said = refused(&format!("(component (instance $i) {exports})"));
        assert!(said.contains("more than 65536 bytes of names") && said.len() < 200, "{said}");
    }

    #[test]
    fn a_name_that_would_write_to_a_terminal_is_shown_and_not_obeyed() {
        let said = refused("(component (import \"\\1b[2Jgone\" (func)))");
        assert!(said.contains(r"called \u{1b}[2Jgone, which is no name"), "{said}");
    }

    #[test]
    fn what_is_inside_a_component_is_not_its_own() {
        let bytes = wat::parse_str(
            r#"(component
                (import "a:b/outer@0.1.0" (instance))
                (core module (import "m" "f" (func)) (func (export "x")))
                (component (import "a:b/inner" (func)) (component (import "a:b/innermost" (func))))
                (instance $empty)
                (export "a:b/service" (instance $empty))
            )"#,
        );
        let world = World::read(Path::new("x.wasm"), &bytes.unwrap()).unwrap();
        assert_eq!(world.imports, ["a:b/outer@0.1.0"]);
        assert_eq!(world.exports, ["a:b/service"]);
    }
}
