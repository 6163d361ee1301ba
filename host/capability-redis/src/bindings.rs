//! The Rust side of `wit/redis`: `bindgen!` and nothing else.

wasmtime::component::bindgen!({
    path: ["../../wit/redis"],
    inline: "
        package componentd:host;
        world redis {
            import componentd:redis/client@0.1.0;
        }
    ",
    world: "componentd:host/redis",
    imports: { default: async | trappable },
});
