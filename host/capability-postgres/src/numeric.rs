//! `numeric` between decimal text and Postgres's binary form, digit for digit.
//!
//! The binary form is four 16-bit words (count of digits, weight of the first, sign, digits after the point) and the digits
//! to the base of 10,000: `numeric_send` in
//! <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/utils/adt/numeric.c>

/// Decimal digits in one digit to the base of 10,000.
const GROUP: usize = 4;

/// Of the digits.
const BASE: u16 = 10_000;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// Digits on either side of the point that the type can hold.
const MAX_INTEGER_DIGITS: usize = 131_072;
const MAX_SCALE: usize = 16_383;

/// The text that Postgres would print; none where the bytes are no numeric.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, scale, digits @ ..] = words.as_slice() else { return None };
    match *sign {
        NAN => return Some("NaN".to_owned()),
        INFINITY => return Some("Infinity".to_owned()),
        NEGATIVE_INFINITY => return Some("-Infinity".to_owned()),
        _ => {}
    }
    if digits.len() != usize::from(*count) || digits.iter().any(|digit| *digit >= BASE) {
        return None;
    }
    let weight = i32::from(weight.cast_signed());
    let group = |position: i32| usize::try_from(weight - position).ok().and_then(|at| digits.get(at)).unwrap_or(&0);
    let scale = usize::from(*scale);
    let groups_after = i32::try_from(scale.div_ceil(GROUP)).ok()?;
    let integer: Vec<u8> = (0..=weight.max(0)).rev().flat_map(|position| decimal(*group(position))).collect();
    let leading = integer.iter().take_while(|digit| **digit == b'0').count().min(integer.len() - 1);
    let fraction = (1..=groups_after).flat_map(|position| decimal(*group(-position))).take(scale);
    let sign = (*sign == NEGATIVE).then_some(b'-');
    let point = (scale > 0).then_some(b'.');
    let text = sign.into_iter().chain(integer.into_iter().skip(leading)).chain(point).chain(fraction);
    String::from_utf8(text.collect()).ok()
}

/// The four decimal digits of one digit to the base of 10,000.
fn decimal(digit: u16) -> [u8; GROUP] {
    [1000, 100, 10, 1].map(|unit| b'0' + u8::try_from(digit / unit % 10).unwrap_or_default())
}

/// The bytes of a decimal text; none where it is no decimal, or has more digits than the type holds.
pub(super) fn encode(text: &str) -> Option<Vec<u8>> {
    match text {
        "NaN" => return Some(words(&[0, 0, NAN, 0])),
        "Infinity" => return Some(words(&[0, 0, INFINITY, 0])),
        "-Infinity" => return Some(words(&[0, 0, NEGATIVE_INFINITY, 0])),
        _ => {}
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text),
    };
    let (integer, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let point_without_digits = unsigned.ends_with('.');
    let decimal = !integer.is_empty() && integer.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    let fits = integer.len() <= MAX_INTEGER_DIGITS && fraction.len() <= MAX_SCALE;
    if !decimal || point_without_digits || !fits {
        return None;
    }
    let digits = groups(integer, fraction);
    let weight = integer.len().div_ceil(GROUP).cast_signed() - 1;
    let leading = digits.iter().take_while(|digit| **digit == 0).count();
    let trailing = digits.iter().rev().take_while(|digit| **digit == 0).count();
    let significant = digits.get(leading..digits.len() - trailing).unwrap_or(&[]);
    let zero = significant.is_empty();
    let weight = if zero { 0 } else { i16::try_from(weight - leading.cast_signed()).ok()? };
    let sign = if negative && !zero { NEGATIVE } else { 0 };
    let head =
        [u16::try_from(significant.len()).ok()?, weight.cast_unsigned(), sign, u16::try_from(fraction.len()).ok()?];
    Some([words(&head), words(significant)].concat())
}

/// Digits to the base of 10,000, aligned at the decimal point.
fn groups(integer: &str, fraction: &str) -> Vec<u16> {
    let before = integer.len().next_multiple_of(GROUP) - integer.len();
    let after = fraction.len().next_multiple_of(GROUP) - fraction.len();
    let aligned = [&"000"[..before], integer, fraction, &"000"[..after]].concat();
    let group = |digits: &[u8]| digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
    aligned.as_bytes().chunks_exact(GROUP).map(group).collect()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn digits_and_scale_survive() {
        let long = format!("{}.{}", "9".repeat(500), "0".repeat(99));
        for text in
            ["0", "0.00", "1", "-1", "12.99", "1.9900", "0.0001", "0.00001", "-0.5", "10000", "100000000.10", &long]
        {
            assert_eq!(decode(&encode(text).unwrap()).as_deref(), Some(text));
        }
        for text in ["NaN", "Infinity", "-Infinity"] {
            assert_eq!(decode(&encode(text).unwrap()).as_deref(), Some(text));
        }
    }

    #[test]
    fn zeros_in_front_and_a_negative_zero_are_normal() {
        assert_eq!(decode(&encode("0012.50").unwrap()).unwrap(), "12.50");
        assert_eq!(decode(&encode("-0.00").unwrap()).unwrap(), "0.00");
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in ["", "-", ".", "1.", ".5", "1e5", "+1", " 1", "1,0", "0x1", "--1", "1.2.3", "nan"] {
            assert_eq!(encode(text), None, "{text:?}");
        }
    }
}
