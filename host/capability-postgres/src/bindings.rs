//! The Rust side of `wit/postgres`: `bindgen!` and nothing else.

wasmtime::component::bindgen!({
    path: ["../../wit/kafka", "../../wit/postgres"],
    inline: "
        package componentd:host;
        world postgres {
            import componentd:postgres/client@0.1.0;
        }
    ",
    world: "componentd:host/postgres",
    imports: { default: async | trappable },
    with: {
        "componentd:kafka/types": componentd_capability_kafka::types,
        "componentd:postgres/client.database": crate::client::Database,
        "componentd:postgres/client.transaction": crate::client::Transaction,
    },
});
