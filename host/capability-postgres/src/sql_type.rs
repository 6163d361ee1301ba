//! Which of Postgres's types `value` has a case for, and their binary form's object ids.
//!
//! The ids are those of the system catalogue `pg_type`, which never change:
//! <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_type.dat>

use sqlx::TypeInfo;
use sqlx::postgres::{PgTypeInfo, PgTypeKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Boolean,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytea,
    Uuid,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Json,
    Jsonb,
    Interval,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlType {
    Scalar(Scalar),
    /// With the object id of the element type, which the binary form repeats.
    Array(Scalar, u32),
}

/// Postgres's name of a type, in lower case.
pub(super) fn name_of(info: &PgTypeInfo) -> String {
    info.name().to_lowercase()
}

impl SqlType {
    /// The type behind a parameter or a column, through domains and enums; none where `value` has no case for it.
    pub(crate) fn of(info: &PgTypeInfo) -> Option<Self> {
        match info.kind() {
            PgTypeKind::Array(element) => {
                let Self::Scalar(scalar) = Self::of(element)? else { return None };
                has_array_case(scalar).then_some(Self::Array(scalar, element.oid()?.0))
            }
            PgTypeKind::Domain(inner) => Self::of(inner),
            PgTypeKind::Enum(_) => Some(Self::Scalar(Scalar::Text)),
            PgTypeKind::Simple | PgTypeKind::Pseudo => scalar(info).map(Self::Scalar),
            PgTypeKind::Composite(_) | PgTypeKind::Range(_) => None,
        }
    }
}

fn has_array_case(scalar: Scalar) -> bool {
    use Scalar::{Boolean, Float4, Float8, Int2, Int4, Int8, Numeric, Text, Uuid};
    matches!(scalar, Boolean | Int2 | Int4 | Int8 | Float4 | Float8 | Numeric | Text | Uuid)
}

fn scalar(info: &PgTypeInfo) -> Option<Scalar> {
    Some(match info.oid()?.0 {
        16 => Scalar::Boolean,
        17 => Scalar::Bytea,
        // char, name, text, bpchar, varchar, unknown
        18 | 19 | 25 | 1042 | 1043 | 705 => Scalar::Text,
        20 => Scalar::Int8,
        21 => Scalar::Int2,
        23 => Scalar::Int4,
        114 => Scalar::Json,
        700 => Scalar::Float4,
        701 => Scalar::Float8,
        1082 => Scalar::Date,
        1083 => Scalar::Time,
        1114 => Scalar::Timestamp,
        1184 => Scalar::Timestamptz,
        1186 => Scalar::Interval,
        1700 => Scalar::Numeric,
        2950 => Scalar::Uuid,
        3802 => Scalar::Jsonb,
        _ if info.name().eq_ignore_ascii_case("citext") => Scalar::Text,
        _ => return None,
    })
}
