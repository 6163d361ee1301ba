//! The WIT of what a component exports to be run by a schedule, as Rust: `bindgen!` and nothing else.

wasmtime::component::bindgen!({
    path: ["../../wit/cron"],
    inline: "
        package componentd:host;
        world cron-handler {
            export componentd:cron/handler@0.1.0;
        }
    ",
    world: "componentd:host/cron-handler",
    exports: { default: async },
});
