// Amounts as whole cents: sums of decimal text, without rounding.

/** `"1.99"` as 199n. */
export function cents(text) {
  return BigInt(text.replace(".", ""));
}

/** 199n as `"1.99"`. */
export function text(amount) {
  const digits = amount.toString().padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
