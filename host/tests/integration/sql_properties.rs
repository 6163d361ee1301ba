//! Any value of a type is to Postgres what it is to the component: compared with what Postgres itself reads and prints.

use chrono::{DateTime, SecondsFormat};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};

use crate::support::block_on;
use crate::support::probe::Probe;

fn row(sql: &str, params: Value) -> Vec<Value> {
    block_on(async { Probe::shared().await.calls().row(sql, params).await })
}

fn value(case: &str, value: impl Into<Value>) -> Value {
    json!({ "type": case, "value": value.into() })
}

/// The text as Postgres reads it, and the value as the host sends it, are the same, and it comes back as Postgres prints it.
fn is_read_and_printed(case: &str, sql_type: &str, text: &str, sent: Value) -> TestCaseResult {
    let sql = format!(
        "select $1::text::{sql_type}::text, $2::{sql_type}::text, $1::text::{sql_type} = $2::{sql_type}, $2::{sql_type}"
    );
    let row = row(&sql, json!([value("text", text), sent]));
    prop_assert_eq!(&row[0], &row[1]);
    prop_assert_eq!(&row[2], &value("boolean", true));
    prop_assert_eq!(&row[3]["type"], case);
    Ok(())
}

fn decimal() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,40}",
        "-?[0-9]{1,20}\\.[0-9]{1,20}",
        "-?0\\.0{0,12}[0-9]{1,9}",
        "-?[1-9]0{0,300}(\\.0{1,60})?"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numerics(text in decimal()) {
        is_read_and_printed("numeric", "numeric", &text, value("numeric", text.as_str()))?;
        let row = row("select $1::numeric, $1::numeric::text", json!([value("numeric", text)]));
        prop_assert_eq!(&row[0]["value"], &row[1]["value"]);
    }

    #[test]
    fn integers(small in any::<i16>(), middle in any::<i32>(), large in any::<i64>()) {
        is_read_and_printed("int2", "int2", &small.to_string(), value("int2", small))?;
        is_read_and_printed("int4", "int4", &middle.to_string(), value("int4", middle))?;
        is_read_and_printed("int8", "int8", &large.to_string(), value("int8", large))?;
        // An integer is sent as whatever integer the statement expects.
        is_read_and_printed("int8", "int8", &small.to_string(), value("int2", small))?;
        is_read_and_printed("numeric", "numeric", &large.to_string(), value("int8", large))?;
    }

    #[test]
    fn floats(single in any::<f32>(), double in any::<f64>()) {
        prop_assume!(single.is_finite() && double.is_finite());
        // As text, which the guest takes as well: serde_json's numbers may be off by a last bit.
        let (narrow, wide) = (single.to_string(), double.to_string());
        is_read_and_printed("float4", "float4", &narrow, value("float4", narrow.as_str()))?;
        is_read_and_printed("float8", "float8", &wide, value("float8", wide.as_str()))?;
        is_read_and_printed("float8", "float8", &f64::from(single).to_string(), value("float4", narrow.as_str()))?;
    }

    #[test]
    fn texts(text in "[^\\x00]{0,200}") {
        let row = row("select $1::text, octet_length($1::text)", json!([value("text", text.as_str())]));
        prop_assert_eq!(&row[0], &value("text", text.as_str()));
        prop_assert_eq!(&row[1], &value("int4", text.len()));
    }

    #[test]
    fn bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let row = row("select $1::bytea, length($1::bytea)", json!([value("bytea", bytes.clone())]));
        prop_assert_eq!(&row[0], &value("bytea", bytes.clone()));
        prop_assert_eq!(&row[1], &value("int4", bytes.len()));
    }

    /// From 4713 BC to the year 200,000.
    #[test]
    fn points_in_time(micros in -210_866_803_200_000_000_i64..6_248_000_000_000_000_000) {
        let at = DateTime::from_timestamp_micros(micros).unwrap();
        let sent = value("timestamptz", at.to_rfc3339_opts(SecondsFormat::Micros, true));
        let sql = "select (extract(epoch from $1::timestamptz) * 1000000)::int8, $1::timestamptz";
        let row = row(sql, json!([sent]));
        prop_assert_eq!(&row[0], &value("int8", micros));
        let back: DateTime<chrono::Utc> = row[1]["value"].as_str().unwrap().parse().unwrap();
        prop_assert_eq!(back, at);
    }

    #[test]
    fn arrays_of_texts(texts in proptest::collection::vec(proptest::option::of("[^\\x00]{0,20}"), 0..20)) {
        let row = row("select $1::text[], cardinality($1::text[])", json!([value("text-array", texts.clone())]));
        prop_assert_eq!(&row[0], &value("text-array", texts.clone()));
        prop_assert_eq!(&row[1], &value("int4", texts.len()));
    }
}
