//! Values of every type, to a real Postgres and back.

use serde_json::{Value, json};

use crate::support::probe::Probe;

/// Sends a value as a type, and expects it back as it was, and as Postgres prints it.
async fn round_trip(case: &str, value: Value, sql_type: &str, printed: &str) {
    comes_back(case, value.clone(), sql_type, value, printed).await;
}

/// The same for a value that Postgres, or the host, writes in another way.
async fn comes_back(case: &str, value: Value, sql_type: &str, back: Value, printed: &str) {
    let sql = format!("select $1::{sql_type}, $1::{sql_type}::text");
    let sent = json!([{ "type": case, "value": value }]);
    let row = Probe::shared().await.calls().row(&sql, sent).await;
    assert_eq!(row[0], json!({ "type": case, "value": back }), "{sql_type} {value}");
    assert_eq!(row[1], json!({ "type": "text", "value": printed }), "{sql_type} {value}");
}

#[tokio::test(flavor = "multi_thread")]
async fn null_of_any_type() {
    let calls = Probe::shared().await.calls();
    let types = ["bool", "int2", "int8", "float4", "numeric", "text", "bytea", "uuid", "date", "time", "timestamp"];
    for sql_type in types.into_iter().chain(["timestamptz", "json", "jsonb", "interval", "int4[]", "text[]"]) {
        let row = calls.row(&format!("select $1::{sql_type}, $1 is null"), json!([{ "type": "null" }])).await;
        assert_eq!(row, [json!({ "type": "null" }), json!({ "type": "boolean", "value": true })], "{sql_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn booleans_and_integers() {
    round_trip("boolean", json!(true), "bool", "true").await;
    round_trip("boolean", json!(false), "bool", "false").await;
    for (case, least, most) in [
        ("int2", i16::MIN.into(), i16::MAX.into()),
        ("int4", i32::MIN.into(), i32::MAX.into()),
        ("int8", i64::MIN, i64::MAX),
    ] {
        for value in [least, -1, 0, 1, most] {
            round_trip(case, json!(value), case, &value.to_string()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn floats() {
    for (value, printed) in [
        (json!(0.0), "0"),
        (json!(-0.0), "-0"),
        (json!(1.5), "1.5"),
        (json!("NaN"), "NaN"),
        (json!("inf"), "Infinity"),
        (json!("-inf"), "-Infinity"),
    ] {
        round_trip("float4", value.clone(), "float4", printed).await;
        round_trip("float8", value, "float8", printed).await;
    }
    round_trip("float8", json!(0.1), "float8", "0.1").await;
}

/// Sent as text, which the guest takes as well, and compared as text: serde_json's numbers may be off by a last bit.
#[tokio::test(flavor = "multi_thread")]
async fn floats_at_their_limits() {
    let calls = Probe::shared().await.calls();
    for (case, text) in [
        ("float4", "3.4028235e+38"),
        ("float4", "-1e-45"),
        ("float8", "1.7976931348623157e+308"),
        ("float8", "5e-324"),
        ("float8", "0.30000000000000004"),
    ] {
        let sql = format!("select $1::{case}::text, $1::{case} = '{text}'::{case}");
        let row = calls.row(&sql, json!([{ "type": case, "value": text }])).await;
        assert_eq!((&row[0]["value"], &row[1]["value"]), (&json!(text), &json!(true)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numerics_digit_for_digit() {
    let long = format!("-{}.{}", "9".repeat(500), "0".repeat(100));
    let small = format!("0.{}1", "0".repeat(300));
    for text in
        ["0", "0.00", "1", "-1", "12.990", "10000", "0.0001", "123456789.000000001", "NaN", "Infinity", "-Infinity"]
    {
        round_trip("numeric", json!(text), "numeric", text).await;
    }
    for text in [&long, &small, &format!("1{}", "0".repeat(1000)), &"9".repeat(131_072)] {
        round_trip("numeric", json!(text), "numeric", text).await;
    }
    comes_back("numeric", json!("007.50"), "numeric", json!("7.50"), "7.50").await;
    comes_back("numeric", json!("-0.0"), "numeric", json!("0.0"), "0.0").await;
    comes_back("numeric", json!("1.005"), "numeric(12, 2)", json!("1.01"), "1.01").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_every_kind() {
    let long = "ä".repeat(100_000);
    for text in ["", "plain", "O'Neil; drop table x --", "ünï\u{1F600}", "line\nfeed\ttab \"quoted\" \\", &long] {
        for sql_type in ["text", "varchar"] {
            round_trip("text", json!(text), sql_type, text).await;
        }
    }
    comes_back("text", json!("ab"), "char(4)", json!("ab  "), "ab").await;
    round_trip("text", json!("name"), "name", "name").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_uuids() {
    let all: Vec<u8> = (0..=255).collect();
    let printed = all.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    round_trip("bytea", json!(all), "bytea", &printed).await;
    round_trip("bytea", json!([]), "bytea", "\\x").await;
    let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    round_trip("uuid", json!(uuid), "uuid", uuid).await;
    comes_back("uuid", json!(uuid.to_uppercase()), "uuid", json!(uuid), uuid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_and_times() {
    for (text, printed) in [
        ("2026-11-22", "2026-11-22"),
        ("2024-02-29", "2024-02-29"),
        ("0001-01-01", "0001-01-01"),
        ("0000-12-31", "0001-12-31 BC"),
        ("-0043-03-15", "0044-03-15 BC"),
        ("-4712-01-01", "4713-01-01 BC"),
        ("+10000-01-01", "10000-01-01"),
        ("+262142-12-31", "262142-12-31"),
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
    ] {
        round_trip("date", json!(text), "date", printed).await;
    }
    for time in ["00:00:00", "23:59:59.999999", "24:00:00"] {
        round_trip("time", json!(time), "time", time).await;
    }
    comes_back("time", json!("12:30:00.5"), "time", json!("12:30:00.500"), "12:30:00.5").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timestamps() {
    for (text, printed) in [
        ("2026-11-22T10:15:30", "2026-11-22 10:15:30"),
        ("1999-12-31T23:59:59.999999", "1999-12-31 23:59:59.999999"),
        ("-0043-03-15T12:00:00", "0044-03-15 12:00:00 BC"),
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
    ] {
        round_trip("timestamp", json!(text), "timestamp", printed).await;
    }
    comes_back(
        "timestamp",
        json!("2026-11-22T10:15:30.5"),
        "timestamp",
        json!("2026-11-22T10:15:30.500"),
        "2026-11-22 10:15:30.5",
    )
    .await;
}

/// `at time zone` makes Postgres print the same in every session.
#[tokio::test(flavor = "multi_thread")]
async fn points_in_time_come_back_in_utc() {
    let calls = Probe::shared().await.calls();
    for (sent, back, printed) in [
        ("2026-11-22T10:15:30Z", "2026-11-22T10:15:30Z", "2026-11-22 10:15:30"),
        ("2026-11-22T12:15:30.5+02:00", "2026-11-22T10:15:30.500Z", "2026-11-22 10:15:30.5"),
        ("2026-11-21T23:45:00-11:30", "2026-11-22T11:15:00Z", "2026-11-22 11:15:00"),
        ("-0043-03-15T12:00:00Z", "-0043-03-15T12:00:00Z", "0044-03-15 12:00:00 BC"),
        ("infinity", "infinity", "infinity"),
        ("-infinity", "-infinity", "-infinity"),
    ] {
        let sql = "select $1::timestamptz, ($1::timestamptz at time zone 'utc')::text";
        let row = calls.row(sql, json!([{ "type": "timestamptz", "value": sent }])).await;
        assert_eq!(row[0], json!({ "type": "timestamptz", "value": back }));
        assert_eq!(row[1]["value"], printed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_and_intervals() {
    let text = r#"{"b": 1,  "a": [null, "ü", 1e400, "\u0000"]}"#;
    round_trip("json", json!(text), "json", text).await;
    comes_back(
        "jsonb",
        json!(r#"{"b":1,"a":[1.50]}"#),
        "jsonb",
        json!(r#"{"a": [1.50], "b": 1}"#),
        r#"{"a": [1.50], "b": 1}"#,
    )
    .await;
    for (months, days, microseconds, printed) in [
        (0, 0, 0_i64, "00:00:00"),
        (14, -3, 4_005_006, "1 year 2 mons -3 days +00:00:04.005006"),
        (i32::MAX, i32::MIN, -1, "178956970 years 7 mons -2147483648 days -00:00:00.000001"),
    ] {
        let interval = json!({ "months": months, "days": days, "microseconds": microseconds });
        round_trip("interval", interval, "interval", printed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arrays() {
    let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    for (case, sql_type, value, printed) in [
        ("boolean-array", "bool[]", json!([true, null, false]), "{t,NULL,f}"),
        ("int2-array", "int2[]", json!([i16::MIN, null, i16::MAX]), "{-32768,NULL,32767}"),
        ("int4-array", "int4[]", json!([1, null]), "{1,NULL}"),
        ("int8-array", "int8[]", json!([i64::MAX]), "{9223372036854775807}"),
        ("float4-array", "float4[]", json!([1.5, null, "NaN"]), "{1.5,NULL,NaN}"),
        ("float8-array", "float8[]", json!([0.1, "-inf", null]), "{0.1,-Infinity,NULL}"),
        ("numeric-array", "numeric[]", json!(["1.10", null, "-0.001"]), "{1.10,NULL,-0.001}"),
        ("text-array", "text[]", json!(["", null, "a,b", "\"q\"", "NULL"]), r#"{"",NULL,"a,b","\"q\"","NULL"}"#),
        ("uuid-array", "uuid[]", json!([uuid, null]), &format!("{{{uuid},NULL}}")),
    ] {
        round_trip(case, value, sql_type, printed).await;
        round_trip(case, json!([]), sql_type, "{}").await;
        round_trip(case, json!([null]), sql_type, "{NULL}").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn enums_and_domains_are_what_they_are_made_of() {
    let calls = Probe::shared().await.calls();
    for ddl in
        ["create type mood as enum ('sad', 'happy')", "create domain percent as int2 check (value between 0 and 100)"]
    {
        assert_eq!(calls.statement(ddl, json!([]), json!({ "mode": "execute" })).await, json!({ "changed": 0 }));
    }
    round_trip("text", json!("happy"), "mood", "happy").await;
    let row = calls.row("select $1::percent", json!([{ "type": "int4", "value": 42 }])).await;
    assert_eq!(row, [json!({ "type": "int2", "value": 42 })]);
}
