//! Components that no toolchain makes.

/// A component that exports nothing, with these definitions.
pub fn component(definitions: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {definitions})")).unwrap()
}

/// A component with one core module more, of which it has so many instances.
pub fn with_instances(component: &[u8], module: &str, count: u8) -> Vec<u8> {
    with_instances_of(component, &wat::parse_str(module).unwrap(), count)
}

fn with_instances_of(component: &[u8], module: &[u8], count: u8) -> Vec<u8> {
    let index = u8::try_from(sections(component).filter(|id| *id == MODULE).count()).unwrap();
    let instances = (0..count).flat_map(|_| [0, index, 0]);
    let instances: Vec<u8> = [count].into_iter().chain(instances).collect();
    [component, &section(MODULE, module), &section(INSTANCES, &instances)].concat()
}

/// A component with a core module more that is within all bounds, and in which the compiler has a value for each local of each
/// function at each loop.
pub fn with_bomb(component: &[u8]) -> Vec<u8> {
    const LOCALS: usize = 200;
    const LOOPS: usize = 200;
    const FUNCTIONS: usize = 40;
    // Each local is added to the one before it, and the loop is left unless the first one is 0.
    let add = |n: usize| [&[0x20], leb(n).as_slice(), &[0x20], &leb(n + 1), &[0x6a, 0x21], &leb(n)].concat();
    let adds: Vec<u8> = (0..LOCALS - 1).flat_map(add).collect();
    let turn = [&[0x03, 0x40], adds.as_slice(), &[0x20, 0, 0x0d, 0, 0x0b]].concat();
    let body = [&[1], leb(LOCALS).as_slice(), &[0x7f], &turn.repeat(LOOPS), &[0x0b]].concat();
    let function = [leb(body.len()), body].concat();
    let many = u8::try_from(FUNCTIONS).unwrap();
    let declared = [vec![many], vec![0; FUNCTIONS]].concat();
    let code = [vec![many], function.repeat(FUNCTIONS)].concat();
    let sections = [section(1, &[1, 0x60, 0, 0]), section(3, &declared), section(10, &code)].concat();
    with_instances_of(component, &[b"\0asm\x01\0\0\0", sections.as_slice()].concat(), 1)
}

/// Components within each other.
pub fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = PREAMBLE.to_vec();
    for _ in 0..depth {
        bytes = [PREAMBLE, &section(COMPONENT, &bytes)].concat();
    }
    bytes
}

/// The type of an instance with the type of an instance in it, and so on.
pub fn nested_types(depth: usize) -> Vec<u8> {
    let types: Vec<u8> = [1].into_iter().chain((0..depth).flat_map(|_| [0x42, 1, 1])).chain([0x42, 0]).collect();
    [PREAMBLE, &section(TYPES, &types)].concat()
}

/// Components each of which has the one before it twice: the last one has more of them than there are atoms.
pub fn doubled(depth: usize) -> Vec<u8> {
    let mut definitions = "(component $c0)".to_owned();
    for n in 1..depth {
        let before = n - 1;
        definitions += &format!(
            "(component $c{n} (alias outer 1 $c{before} (component $b)) (instance (instantiate $b)) (instance (instantiate $b)))"
        );
    }
    component(&definitions)
}

const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: u8 = 1;
const INSTANCES: u8 = 2;
const COMPONENT: u8 = 4;
const TYPES: u8 = 7;

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], leb(content.len()).as_slice(), content].concat()
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// The ids of the sections of a component itself.
fn sections(component: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = &component[PREAMBLE.len()..];
    std::iter::from_fn(move || {
        let (id, mut after) = rest.split_first()?;
        let (mut size, mut shift) = (0_usize, 0);
        loop {
            let (byte, next) = after.split_first()?;
            after = next;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        rest = &after[size..];
        Some(*id)
    })
}
