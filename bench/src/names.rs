//! What can be measured, by name.

/// All there are, in the order of the table.
pub const NAMES: [&str; 16] = [
    "hello",
    "products",
    "product",
    "order",
    "checkout",
    "signup",
    "notifications",
    "latency",
    "swap",
    "neighbour",
    "memory",
    "start",
    "services",
    "connections",
    "instructions",
    "instructions-product",
];
