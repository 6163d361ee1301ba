//! The WIT of the capabilities as Rust: `bindgen!` and nothing else.

wasmtime::component::bindgen!({
    path: ["../wit/kafka", "../wit/postgres", "../wit/redis", "../wit/logging"],
    inline: "
        package componentd:host;
        world capabilities {
            import componentd:postgres/client@0.1.0;
            import componentd:redis/client@0.1.0;
            import componentd:kafka/producer@0.1.0;
            import wasi:logging/logging@0.1.0-draft;
        }
    ",
    world: "componentd:host/capabilities",
    imports: { default: async | trappable },
    with: {
        "componentd:postgres/client.database": crate::capability::postgres::Database,
        "componentd:postgres/client.transaction": crate::capability::postgres::Transaction,
    },
});
