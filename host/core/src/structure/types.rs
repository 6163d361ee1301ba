//! The types of a component, which can be within each other: counted without following them into the depth, as reading one at
//! once does.

use std::ops::Range;

use wasmparser::{BinaryReader, ComponentAlias, ComponentExternName, ComponentImport, ComponentType, ComponentTypeRef};
use wasmparser::{BinaryReaderError, CoreType};

use super::{Bound, Refused, TYPES, add};

/// A package in an interface in a world is three deep.
const DEPTH: Bound = Bound::new("types within each other", 20);

/// How the binary format begins what has declarations in it: the type of a component, and of an instance.
const COMPONENT: u8 = 0x41;
const INSTANCE: u8 = 0x42;

/// And what a declaration is.
const CORE_TYPE: u8 = 0x00;
const TYPE: u8 = 0x01;
const ALIAS: u8 = 0x02;
const IMPORT: u8 = 0x03;
const EXPORT: u8 = 0x04;

/// Counts the types of a section, with those in them.
pub(super) fn count(bytes: &[u8], section: Range<usize>, types: &mut u64) -> Result<(), Refused> {
    let Some(bytes) = bytes.get(section.clone()) else { return Err(Refused::Invalid("it ends too early".to_owned())) };
    let mut reader = BinaryReader::new(bytes, section.start);
    // How many declarations are left, of the section itself and of each type that is being read.
    let mut left = vec![reader.read_var_u32()?];
    while let Some(last) = left.last_mut() {
        let Some(fewer) = last.checked_sub(1) else {
            left.pop();
            continue;
        };
        *last = fewer;
        let is_within = left.len() > 1;
        add(types, 1, TYPES)?;
        if let Some(declarations) = declaration(&mut reader, is_within)? {
            left.push(declarations);
            DEPTH.check(left.len() as u64)?;
        }
    }
    Ok(())
}

/// Reads one declaration; of one that has others in it only how many those are.
fn declaration(reader: &mut BinaryReader<'_>, is_within: bool) -> Result<Option<u32>, BinaryReaderError> {
    match if is_within { reader.read_u8()? } else { TYPE } {
        CORE_TYPE => reader.read::<CoreType<'_>>().map(drop)?,
        ALIAS => reader.read::<ComponentAlias<'_>>().map(drop)?,
        IMPORT => reader.read::<ComponentImport<'_>>().map(drop)?,
        EXPORT => {
            reader.read::<ComponentExternName<'_>>()?;
            reader.read::<ComponentTypeRef>()?;
        }
        TYPE if matches!(reader.clone().read_u8()?, COMPONENT | INSTANCE) => {
            reader.read_u8()?;
            return reader.read_var_u32().map(Some);
        }
        // One that is none is left to the reader, who says so.
        _ => reader.read::<ComponentType<'_>>().map(drop)?,
    }
    Ok(None)
}
