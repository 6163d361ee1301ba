//! What a component may be made of: counted in its bytes, before anything looks at it that takes more time or memory than
//! reading them does.
//!
//! Components of common toolchains have a tenth of each bound or less. What stays within them may still be slow to compile:
//! that is bounded while it is compiled.

mod nest;
mod types;

use wasmparser::{BinaryReaderError, Parser, Payload};

use self::nest::Nest;

/// The largest component, in bytes: twice one of Python with its interpreter.
pub const MAX_BYTES: u64 = 128 << 20;

/// Linear memories of one instance. A component of common toolchains has one, and one that is composed of others has one for
/// each of them.
pub const MAX_MEMORIES: u32 = 4;

/// Tables of one instance: one for each core module.
pub const MAX_TABLES: u32 = 20;

/// Core modules that run in one instance. Components of common toolchains have one to four.
pub const MAX_CORE_INSTANCES: u32 = 20;

/// What there is a bound for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {most} {what}")]
pub struct Bound {
    /// In words that follow a number.
    pub what: &'static str,
    /// As many of them as there may be.
    pub most: u64,
}

impl Bound {
    const fn new(what: &'static str, most: u64) -> Self {
        Self { what, most }
    }

    /// Whether there may be so many.
    fn check(self, count: u64) -> Result<(), Self> {
        if count > self.most { Err(self) } else { Ok(()) }
    }
}

/// Of the file.
pub const BYTES: Bound = Bound::new("bytes", MAX_BYTES);
/// What is composed of composed components is three deep.
const DEPTH: Bound = Bound::new("components within each other", 10);
const COMPONENTS: Bound = Bound::new("components in it", 500);
const MODULES: Bound = Bound::new("core modules", 100);
/// An interpreter with its libraries has thirty thousand.
const FUNCTIONS: Bound = Bound::new("functions", 200_000);
/// The time that the compiler takes for a function can grow with the square of its size. The loop of CPython's interpreter has
/// 150 KiB.
const FUNCTION_BYTES: Bound = Bound::new("bytes in one function", 512 << 10);
/// Of the component itself: all interfaces of WASI are thirty.
const IMPORTS: Bound = Bound::new("imports", 500);
const EXPORTS: Bound = Bound::new("exports", 500);
/// Of all that is in it: each function of an interface is one to its core module.
const INNER_NAMES: Bound = Bound::new("imports and exports of what is in it", 100_000);
const TYPES: Bound = Bound::new("types", 100_000);
const DATA: Bound = Bound::new("data and element segments", 50_000);
const GLOBALS: Bound = Bound::new("globals", 20_000);

/// Whether a component is made of no more than it may be, and how many linear memories an instance of it has.
///
/// # Errors
/// The first bound that it exceeds, or that it cannot be read.
pub fn check(bytes: &[u8]) -> Result<usize, Refused> {
    BYTES.check(bytes.len() as u64)?;
    let (mut found, mut nest) = (Found::default(), Nest::new());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        found.count(bytes, &payload, nest.depth())?;
        nest.take_in(&payload)?;
        DEPTH.check(nest.depth())?;
    }
    Ok(nest.memories())
}

/// Why a component goes no further.
#[derive(Debug)]
pub enum Refused {
    /// It is made of more than it may be.
    Beyond(Bound),
    /// It cannot be read, and this is why.
    Invalid(String),
}

impl From<Bound> for Refused {
    fn from(bound: Bound) -> Self {
        Self::Beyond(bound)
    }
}

impl From<BinaryReaderError> for Refused {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid(error.message().to_owned())
    }
}

/// How much of it was found so far.
#[derive(Default)]
struct Found {
    components: u64,
    modules: u64,
    functions: u64,
    imports: u64,
    exports: u64,
    inner_names: u64,
    types: u64,
    data: u64,
    globals: u64,
}

/// Counts more of something.
fn add(count: &mut u64, more: u32, bound: Bound) -> Result<(), Refused> {
    *count += u64::from(more);
    Ok(bound.check(*count)?)
}

impl Found {
    fn count(&mut self, bytes: &[u8], payload: &Payload<'_>, depth: u64) -> Result<(), Refused> {
        match payload {
            Payload::ModuleSection { .. } => add(&mut self.modules, 1, MODULES),
            Payload::ComponentSection { .. } => add(&mut self.components, 1, COMPONENTS),
            Payload::FunctionSection(section) => add(&mut self.functions, section.count(), FUNCTIONS),
            Payload::CodeSectionEntry(body) => Ok(FUNCTION_BYTES.check(body.range().len() as u64)?),
            Payload::GlobalSection(section) => add(&mut self.globals, section.count(), GLOBALS),
            Payload::ElementSection(section) => add(&mut self.data, section.count(), DATA),
            Payload::DataSection(section) => add(&mut self.data, section.count(), DATA),
            Payload::TypeSection(section) => add(&mut self.types, section.count(), TYPES),
            Payload::CoreTypeSection(section) => add(&mut self.types, section.count(), TYPES),
            Payload::ComponentTypeSection(section) => types::count(bytes, section.range(), &mut self.types),
            Payload::ComponentImportSection(section) if depth == 0 => add(&mut self.imports, section.count(), IMPORTS),
            Payload::ComponentExportSection(section) if depth == 0 => add(&mut self.exports, section.count(), EXPORTS),
            Payload::ComponentImportSection(section) => add(&mut self.inner_names, section.count(), INNER_NAMES),
            Payload::ComponentExportSection(section) => add(&mut self.inner_names, section.count(), INNER_NAMES),
            Payload::ImportSection(section) => add(&mut self.inner_names, section.count(), INNER_NAMES),
            Payload::ExportSection(section) => add(&mut self.inner_names, section.count(), INNER_NAMES),
            _ => Ok(()),
        }
    }
}
