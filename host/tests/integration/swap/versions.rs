//! As many versions of a component as a test likes.

/// What the guest `versioned` answers, and how it behaves: four digits, and one of its modes.
#[derive(Clone, Copy, Debug)]
pub struct Mark(pub u32, pub &'static str);

/// The mark of the guest as it is built.
const BUILT: &str = "mark:0000:good:mark";

impl Mark {
    /// The component with this mark.
    pub fn component(self) -> Vec<u8> {
        let mark = format!("mark:{:04}:{}:mark", self.0, self.1);
        assert_eq!(mark.len(), BUILT.len());
        let mut bytes = super::bytes("versioned");
        let at = bytes.windows(BUILT.len()).position(|window| window == BUILT.as_bytes()).expect("the guest's mark");
        bytes[at..at + BUILT.len()].copy_from_slice(mark.as_bytes());
        bytes
    }

    pub fn good(version: u32) -> Self {
        Self(version, "good")
    }
}

/// The same component under another digest: with a custom section more, which changes nothing else.
pub fn variant(component: &[u8], tag: u8) -> Vec<u8> {
    let section = [0, 9, 7, b'v', b'a', b'r', b'i', b'a', b'n', b't', tag];
    [component, &section].concat()
}
