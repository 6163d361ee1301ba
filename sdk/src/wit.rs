//! The bindings that wit-bindgen generates from `sdk/wit`, once for all components.
//!
//! One world holds every import; the two others hold an export each and share the types of the first. On a machine that
//! is not WebAssembly the imports panic, which is enough to unit-test what does not call them.

wit_bindgen::generate!({ path: "wit", world: "capabilities", pub_export_macro: true, generate_all });

/// The export of a component that answers HTTP.
pub mod http_service {
    wit_bindgen::generate!({
        path: "wit",
        world: "http-service",
        pub_export_macro: true,
        generate_all,
        with: {
            "wasi:io/error@0.2.12": crate::wit::wasi::io::error,
            "wasi:io/poll@0.2.12": crate::wit::wasi::io::poll,
            "wasi:io/streams@0.2.12": crate::wit::wasi::io::streams,
            "wasi:clocks/monotonic-clock@0.2.12": crate::wit::wasi::clocks::monotonic_clock,
            "wasi:http/types@0.2.12": crate::wit::wasi::http::types,
        },
    });
}

/// The export of a component that handles a Kafka topic.
pub mod kafka_service {
    wit_bindgen::generate!({
        path: "wit",
        world: "kafka-service",
        pub_export_macro: true,
        generate_all,
        with: { "componentd:kafka/types@0.1.0": crate::wit::componentd::kafka::types },
    });
}

/// The export of a component that is run by a schedule.
pub mod cron_service {
    wit_bindgen::generate!({ path: "wit", world: "cron-service", pub_export_macro: true, generate_all });
}
