//! The Rust side of `wit/kafka`, as far as components import it: `bindgen!` and nothing else.

#![allow(missing_docs, reason = "the interface documents itself in its WIT")]

wasmtime::component::bindgen!({
    path: ["../../wit/kafka"],
    inline: "
        package componentd:host;
        world kafka {
            import componentd:kafka/producer@0.1.0;
        }
    ",
    world: "componentd:host/kafka",
    imports: { default: async | trappable },
});
