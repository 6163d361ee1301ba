//! The WIT of what a component exports to be called with records, as Rust: `bindgen!` and nothing else.

wasmtime::component::bindgen!({
    path: ["../../wit/kafka"],
    inline: "
        package componentd:host;
        world kafka-handler {
            export componentd:kafka/handler@0.1.0;
        }
    ",
    world: "componentd:host/kafka-handler",
    exports: { default: async },
});
