//! From `value` to the binary form of the type that the statement expects, where that loses nothing.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::{Arguments, Postgres};

use super::sql_type::{Scalar, SqlType, name_of};
use super::{calendar, numeric, wit};
use wit::Value;

type Binary = Option<Vec<u8>>;

/// Encodes all parameters of a statement.
pub(super) fn encode(params: Vec<Value>, expected: &[PgTypeInfo]) -> Result<PgArguments, wit::ParameterError> {
    if params.len() != expected.len() {
        let position = params.len().min(expected.len()) + 1;
        let reason = format!("the statement has {} parameters, the call {}", expected.len(), params.len());
        return Err(parameter_error(position, reason));
    }
    let mut arguments = PgArguments::default();
    for (index, (value, info)) in params.into_iter().zip(expected).enumerate() {
        let binary = encode_as(value, info).map_err(|reason| parameter_error(index + 1, reason))?;
        let argument = Argument { info: info.clone(), binary };
        arguments.add(argument).map_err(|e| parameter_error(index + 1, e.to_string()))?;
    }
    Ok(arguments)
}

fn parameter_error(position: usize, reason: String) -> wit::ParameterError {
    wit::ParameterError { position: u32::try_from(position).unwrap_or(u32::MAX), reason }
}

fn encode_as(value: Value, info: &PgTypeInfo) -> Result<Binary, String> {
    if matches!(value, Value::Null) {
        return Ok(None);
    }
    match SqlType::of(info) {
        Some(SqlType::Scalar(scalar)) => encode_scalar(value, scalar, info),
        Some(SqlType::Array(scalar, oid)) => encode_array(value, scalar, oid, info).map(Some),
        None => {
            let expected = name_of(info);
            Err(format!("the statement expects {expected}, which no value is; a cast of another type may help"))
        }
    }
}

fn encode_scalar(value: Value, scalar: Scalar, info: &PgTypeInfo) -> Result<Binary, String> {
    let name = case_name(&value);
    let misfit = || format!("this {name} does not fit {}", name_of(info));
    let bytes = match (scalar, value) {
        (_, Value::Null) => return Ok(None),
        (Scalar::Boolean, Value::Boolean(value)) => vec![u8::from(value)],
        (Scalar::Float4, Value::Float4(value)) => value.to_be_bytes().to_vec(),
        (Scalar::Float8, Value::Float4(value)) => f64::from(value).to_be_bytes().to_vec(),
        (Scalar::Float8, Value::Float8(value)) => value.to_be_bytes().to_vec(),
        (Scalar::Float4, Value::Float8(value)) => narrow(value).ok_or_else(misfit)?.to_be_bytes().to_vec(),
        (Scalar::Numeric, Value::Numeric(text)) => {
            numeric::encode(&text).ok_or_else(|| unreadable(&text, "numeric"))?
        }
        (Scalar::Text, Value::Text(text)) => without_nul(text)?,
        (Scalar::Bytea, Value::Bytea(bytes)) => bytes,
        (Scalar::Uuid, Value::Uuid(text)) => uuid_bytes(&text).ok_or_else(|| unreadable(&text, "uuid"))?,
        (Scalar::Json, Value::Json(text) | Value::Jsonb(text)) => json(text)?,
        (Scalar::Jsonb, Value::Json(text) | Value::Jsonb(text)) => [vec![JSONB_VERSION], json(text)?].concat(),
        (Scalar::Interval, Value::Interval(interval)) => interval_bytes(interval),
        (scalar, value) => match integer(&value) {
            Some(integer) => integer_bytes(integer, scalar).ok_or_else(misfit)?,
            None => moment_bytes(&value, scalar).ok_or_else(misfit)?,
        },
    };
    Ok(Some(bytes))
}

/// The version of the binary form of `jsonb` that Postgres speaks.
pub(super) const JSONB_VERSION: u8 = 1;

fn unreadable(text: &str, type_name: &str) -> String {
    format!("{text:?} is no {type_name}")
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int2(value) => Some((*value).into()),
        Value::Int4(value) => Some((*value).into()),
        Value::Int8(value) => Some(*value),
        _ => None,
    }
}

fn integer_bytes(value: i64, scalar: Scalar) -> Option<Vec<u8>> {
    Some(match scalar {
        Scalar::Int2 => i16::try_from(value).ok()?.to_be_bytes().to_vec(),
        Scalar::Int4 => i32::try_from(value).ok()?.to_be_bytes().to_vec(),
        Scalar::Int8 => value.to_be_bytes().to_vec(),
        Scalar::Float4 => {
            exact_float(value, f32::MANTISSA_DIGITS)?.to_string().parse::<f32>().ok()?.to_be_bytes().to_vec()
        }
        Scalar::Float8 => {
            exact_float(value, f64::MANTISSA_DIGITS)?.to_string().parse::<f64>().ok()?.to_be_bytes().to_vec()
        }
        Scalar::Numeric => numeric::encode(&value.to_string())?,
        _ => return None,
    })
}

/// The integer itself, if a float with this many bits of mantissa surely holds it.
fn exact_float(value: i64, mantissa_digits: u32) -> Option<i64> {
    (value.unsigned_abs() <= 1 << mantissa_digits).then_some(value)
}

#[expect(clippy::cast_possible_truncation, reason = "that is what is tested")]
fn narrow(value: f64) -> Option<f32> {
    let narrowed = value as f32;
    (f64::from(narrowed) == value || value.is_nan()).then_some(narrowed)
}

fn moment_bytes(value: &Value, scalar: Scalar) -> Option<Vec<u8>> {
    match (scalar, value) {
        (Scalar::Date, Value::Date(text)) => calendar::date_days(text).map(|days| days.to_be_bytes().to_vec()),
        (Scalar::Time, Value::Time(text)) => calendar::time_micros(text).map(micros_bytes),
        (Scalar::Timestamp, Value::Timestamp(text)) => calendar::timestamp_micros(text).map(micros_bytes),
        (Scalar::Timestamptz, Value::Timestamptz(text)) => calendar::timestamptz_micros(text).map(micros_bytes),
        _ => None,
    }
}

fn micros_bytes(micros: i64) -> Vec<u8> {
    micros.to_be_bytes().to_vec()
}

fn interval_bytes(interval: wit::Interval) -> Vec<u8> {
    let (micros, days, months) = (interval.microseconds, interval.days, interval.months);
    [micros.to_be_bytes().as_slice(), &days.to_be_bytes(), &months.to_be_bytes()].concat()
}

fn uuid_bytes(text: &str) -> Option<Vec<u8>> {
    let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    hyphenated.then(|| uuid::Uuid::parse_str(text).ok()).flatten().map(|uuid| uuid.as_bytes().to_vec())
}

fn without_nul(text: String) -> Result<Vec<u8>, String> {
    if text.contains('\0') {
        Err("Postgres keeps no text with a NUL character".to_owned())
    } else {
        Ok(text.into_bytes())
    }
}

fn json(text: String) -> Result<Vec<u8>, String> {
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text.into_bytes()),
        Err(e) => Err(format!("this is no JSON: {e}")),
    }
}

/// The binary form of an array: dimensions, whether there are NULLs, the element type; length and lower bound of the one
/// dimension; then each element with its length, or -1 for NULL.
fn encode_array(value: Value, scalar: Scalar, oid: u32, info: &PgTypeInfo) -> Result<Vec<u8>, String> {
    let name = case_name(&value);
    let elements = elements(value).ok_or_else(|| format!("this {name} does not fit {}", name_of(info)))?;
    let encoded: Vec<Binary> =
        elements.into_iter().map(|element| encode_scalar(element, scalar, info)).collect::<Result<_, _>>()?;
    let has_null = i32::from(encoded.iter().any(Option::is_none));
    let dimensions = i32::from(!encoded.is_empty());
    let mut bytes = [dimensions.to_be_bytes(), has_null.to_be_bytes(), oid.to_be_bytes()].concat();
    if dimensions > 0 {
        bytes.extend(length(encoded.len())?);
        bytes.extend(1_i32.to_be_bytes());
    }
    for element in encoded {
        match element {
            Some(element) => {
                bytes.extend(length(element.len())?);
                bytes.extend(element);
            }
            None => bytes.extend((-1_i32).to_be_bytes()),
        }
    }
    Ok(bytes)
}

fn length(length: usize) -> Result<[u8; 4], String> {
    i32::try_from(length).map(i32::to_be_bytes).map_err(|_| "longer than the protocol allows".to_owned())
}

fn elements(value: Value) -> Option<Vec<Value>> {
    fn each<T>(items: Vec<Option<T>>, case: fn(T) -> Value) -> Vec<Value> {
        items.into_iter().map(|item| item.map_or(Value::Null, case)).collect()
    }
    Some(match value {
        Value::BooleanArray(items) => each(items, Value::Boolean),
        Value::Int2Array(items) => each(items, Value::Int2),
        Value::Int4Array(items) => each(items, Value::Int4),
        Value::Int8Array(items) => each(items, Value::Int8),
        Value::Float4Array(items) => each(items, Value::Float4),
        Value::Float8Array(items) => each(items, Value::Float8),
        Value::NumericArray(items) => each(items, Value::Numeric),
        Value::TextArray(items) => each(items, Value::Text),
        Value::UuidArray(items) => each(items, Value::Uuid),
        _ => return None,
    })
}

/// The name of a value's case in WIT, for messages.
fn case_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "boolean",
        Value::Int2(_) => "int2",
        Value::Int4(_) => "int4",
        Value::Int8(_) => "int8",
        Value::Float4(_) => "float4",
        Value::Float8(_) => "float8",
        Value::Numeric(_) => "numeric",
        Value::Text(_) => "text",
        Value::Bytea(_) => "bytea",
        Value::Uuid(_) => "uuid",
        Value::Date(_) => "date",
        Value::Time(_) => "time",
        Value::Timestamp(_) => "timestamp",
        Value::Timestamptz(_) => "timestamptz",
        Value::Json(_) => "json",
        Value::Jsonb(_) => "jsonb",
        Value::Interval(_) => "interval",
        Value::BooleanArray(_) => "boolean-array",
        Value::Int2Array(_) => "int2-array",
        Value::Int4Array(_) => "int4-array",
        Value::Int8Array(_) => "int8-array",
        Value::Float4Array(_) => "float4-array",
        Value::Float8Array(_) => "float8-array",
        Value::NumericArray(_) => "numeric-array",
        Value::TextArray(_) => "text-array",
        Value::UuidArray(_) => "uuid-array",
    }
}

/// A parameter that is encoded already.
struct Argument {
    info: PgTypeInfo,
    binary: Binary,
}

impl sqlx::Type<Postgres> for Argument {
    /// Never asked for: `produces` always answers.
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("unknown")
    }
}

impl Encode<'_, Postgres> for Argument {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(binary) = &self.binary else { return Ok(IsNull::Yes) };
        buffer.extend_from_slice(binary);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.info.clone())
    }
}
