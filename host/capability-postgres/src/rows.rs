//! From rows in Postgres's binary form to `value`, up to the limits of the service.

use sqlx::postgres::{PgColumn, PgRow, PgValueRef};
use sqlx::{Column, Row, ValueRef};

use super::bounds::Bounds;
use super::sql_type::{Scalar, SqlType, name_of};
use super::{arguments, calendar, numeric, wit};
use wit::Value;

/// What a value takes beside its own bytes, so that a million NULLs count too.
const VALUE_OVERHEAD: usize = size_of::<Value>();

/// Collects a result, and stops at the limits.
pub(super) struct Collector<'a> {
    columns: &'a [PgColumn],
    types: Vec<SqlType>,
    rows: Vec<Vec<Value>>,
    bytes: usize,
    bounds: Bounds,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(columns: &'a [PgColumn], bounds: Bounds) -> Result<Self, wit::Error> {
        let types = columns.iter().map(column_type).collect::<Result<_, _>>()?;
        Ok(Self { columns, types, rows: Vec::new(), bytes: 0, bounds })
    }

    pub(crate) fn push(&mut self, row: &PgRow) -> Result<(), wit::Error> {
        if self.rows.len() == self.bounds.max_rows {
            return Err(too_large(format!("more than {} rows (limits.rows)", self.bounds.max_rows)));
        }
        let mut values = Vec::with_capacity(self.types.len());
        for (index, sql_type) in self.types.iter().enumerate() {
            let raw = row.try_get_raw(index).map_err(|e| wit::Error::Unavailable(e.to_string()))?;
            let bytes = bytes_of(&raw);
            self.bytes = self.bytes.saturating_add(VALUE_OVERHEAD + bytes.map_or(0, |bytes| size(bytes, *sql_type)));
            if self.bytes > self.bounds.max_bytes {
                return Err(too_large(format!("more than {} bytes (limits.transfer)", self.bounds.max_bytes)));
            }
            values.push(self.decode(index, bytes, *sql_type)?);
        }
        self.rows.push(values);
        Ok(())
    }

    pub(crate) fn finish(self) -> wit::RowSet {
        wit::RowSet { rows: self.rows }
    }

    fn decode(&self, index: usize, bytes: Option<&[u8]>, sql_type: SqlType) -> Result<Value, wit::Error> {
        let Some(bytes) = bytes else { return Ok(Value::Null) };
        decode(bytes, sql_type).ok_or_else(|| {
            let wit::Column { name, type_name } = describe(&self.columns[index]);
            let reason = format!("a value of column {name:?} of type {type_name} has no counterpart; cast it to text");
            wit::Error::UnsupportedType(reason)
        })
    }
}

pub(super) fn describe(column: &PgColumn) -> wit::Column {
    wit::Column { name: column.name().to_owned(), type_name: name_of(column.type_info()) }
}

fn column_type(column: &PgColumn) -> Result<SqlType, wit::Error> {
    SqlType::of(column.type_info()).ok_or_else(|| {
        let wit::Column { name, type_name } = describe(column);
        wit::Error::UnsupportedType(format!("column {name:?} has the type {type_name}; cast it, to text say"))
    })
}

fn too_large(what: String) -> wit::Error {
    wit::Error::ResultTooLarge(format!("the result has {what}"))
}

/// What a value takes as it is decoded. An array has its elements twice meanwhile, and a NULL among them is four bytes as it
/// comes.
fn size(bytes: &[u8], sql_type: SqlType) -> usize {
    let elements = match sql_type {
        SqlType::Scalar(_) => 0,
        SqlType::Array(..) => elements(bytes),
    };
    bytes.len() + elements * 2 * VALUE_OVERHEAD
}

/// How many an array has, in its form of the wire; never more than there are bytes for.
fn elements(array: &[u8]) -> usize {
    let count = array.get(12..).and_then(|mut rest| take_i32(&mut rest)).and_then(|count| usize::try_from(count).ok());
    count.unwrap_or_default().min(array.len() / size_of::<i32>())
}

fn bytes_of<'r>(raw: &PgValueRef<'r>) -> Option<&'r [u8]> {
    if raw.is_null() { None } else { raw.as_bytes().ok() }
}

fn decode(bytes: &[u8], sql_type: SqlType) -> Option<Value> {
    match sql_type {
        SqlType::Scalar(scalar) => decode_scalar(bytes, scalar),
        SqlType::Array(scalar, _) => decode_array(bytes, scalar),
    }
}

fn decode_scalar(bytes: &[u8], scalar: Scalar) -> Option<Value> {
    Some(match scalar {
        Scalar::Boolean => Value::Boolean(*bytes.first()? != 0),
        Scalar::Int2 => Value::Int2(i16::from_be_bytes(bytes.try_into().ok()?)),
        Scalar::Int4 => Value::Int4(i32::from_be_bytes(bytes.try_into().ok()?)),
        Scalar::Int8 => Value::Int8(i64::from_be_bytes(bytes.try_into().ok()?)),
        Scalar::Float4 => Value::Float4(f32::from_be_bytes(bytes.try_into().ok()?)),
        Scalar::Float8 => Value::Float8(f64::from_be_bytes(bytes.try_into().ok()?)),
        Scalar::Numeric => Value::Numeric(numeric::decode(bytes)?),
        Scalar::Text => Value::Text(text(bytes)?),
        Scalar::Bytea => Value::Bytea(bytes.to_vec()),
        Scalar::Uuid => Value::Uuid(uuid::Uuid::from_slice(bytes).ok()?.hyphenated().to_string()),
        Scalar::Date => Value::Date(calendar::date_text(i32::from_be_bytes(bytes.try_into().ok()?))?),
        Scalar::Time => Value::Time(calendar::time_text(i64::from_be_bytes(bytes.try_into().ok()?))?),
        Scalar::Timestamp => Value::Timestamp(calendar::timestamp_text(i64::from_be_bytes(bytes.try_into().ok()?))?),
        Scalar::Timestamptz => {
            Value::Timestamptz(calendar::timestamptz_text(i64::from_be_bytes(bytes.try_into().ok()?))?)
        }
        Scalar::Json => Value::Json(text(bytes)?),
        Scalar::Jsonb => Value::Jsonb(text(bytes.strip_prefix(&[arguments::JSONB_VERSION])?)?),
        Scalar::Interval => Value::Interval(interval(bytes)?),
    })
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn interval(bytes: &[u8]) -> Option<wit::Interval> {
    let (microseconds, rest) = bytes.split_first_chunk()?;
    let (days, months) = rest.split_first_chunk()?;
    Some(wit::Interval {
        months: i32::from_be_bytes(months.try_into().ok()?),
        days: i32::from_be_bytes(*days),
        microseconds: i64::from_be_bytes(*microseconds),
    })
}

/// The inverse of `arguments::encode_array`; none for more than one dimension.
fn decode_array(bytes: &[u8], scalar: Scalar) -> Option<Value> {
    let mut rest = bytes;
    let (dimensions, _has_null, _oid) = (take_i32(&mut rest)?, take_i32(&mut rest)?, take_i32(&mut rest)?);
    let count = match dimensions {
        0 => 0,
        1 => take_i32(&mut rest)?,
        _ => return None,
    };
    if dimensions == 1 {
        let _lower_bound = take_i32(&mut rest)?;
    }
    let elements = (0..count).map(|_| decode_element(&mut rest, scalar)).collect::<Option<Vec<_>>>()?;
    collect_array(elements, scalar)
}

fn take_i32(bytes: &mut &[u8]) -> Option<i32> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(i32::from_be_bytes(*head))
}

fn decode_element(bytes: &mut &[u8], scalar: Scalar) -> Option<Value> {
    let length = take_i32(bytes)?;
    let Ok(length) = usize::try_from(length) else { return Some(Value::Null) };
    let (element, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    decode_scalar(element, scalar)
}

fn collect_array(elements: Vec<Value>, scalar: Scalar) -> Option<Value> {
    macro_rules! of {
        ($case:ident, $array:ident) => {
            Value::$array(
                elements
                    .into_iter()
                    .map(|element| if let Value::$case(element) = element { Some(element) } else { None })
                    .collect(),
            )
        };
    }
    Some(match scalar {
        Scalar::Boolean => of!(Boolean, BooleanArray),
        Scalar::Int2 => of!(Int2, Int2Array),
        Scalar::Int4 => of!(Int4, Int4Array),
        Scalar::Int8 => of!(Int8, Int8Array),
        Scalar::Float4 => of!(Float4, Float4Array),
        Scalar::Float8 => of!(Float8, Float8Array),
        Scalar::Numeric => of!(Numeric, NumericArray),
        Scalar::Text => of!(Text, TextArray),
        Scalar::Uuid => of!(Uuid, UuidArray),
        _ => return None,
    })
}
