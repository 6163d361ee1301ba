//! What serde says of a value that does not fit, in the words of whoever writes a manifest.

/// The reason, with what to write instead. Texts of the manifest are left out of it: they may be secrets.
pub(super) fn explain(said: &str) -> String {
    let said = said.trim_end();
    unknown_field(said)
        .or_else(|| missing_key(said))
        .or_else(|| wrong_type(said))
        .or_else(|| unknown_choice(said))
        .unwrap_or_else(|| one_line(said))
}

/// The text is no TOML.
pub(super) fn explain_syntax(said: &str) -> String {
    match said.trim_end() {
        "duplicate key" => "this key or table is there already: write it once".to_owned(),
        said if said.starts_with("invalid key-value pair") => {
            format!(
                "this is no TOML: {}; write lines `key = value` below headings like [services.<name>]",
                one_line(said)
            )
        }
        said => format!("this is no TOML: {}", one_line(said)),
    }
}

/// ``unknown field `htpp`, expected one of `component`, `http` ``
fn unknown_field(said: &str) -> Option<String> {
    let (key, known) = said.strip_prefix("unknown field `")?.split_once('`')?;
    Some(unknown_key(key, &quoted(known)))
}

/// A key that is none of those there may be.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> String {
    let guess = nearest(key, known).map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
    let known = if known.is_empty() { String::new() } else { format!("; there are: {}", known.join(", ")) };
    format!("there is no key `{key}` here{guess}{known}")
}

fn missing_key(said: &str) -> Option<String> {
    let key = said.strip_prefix("missing field `")?.strip_suffix('`')?;
    Some(match key {
        "services" => "there is no service; add a [services.<name>] table".to_owned(),
        key => format!("the key `{key}` is missing: add it"),
    })
}

/// ``invalid type: integer `10`, expected a string``
fn wrong_type(said: &str) -> Option<String> {
    let said = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: "))?;
    let (found, expected) = said.rsplit_once(", expected ")?;
    Some(format!("{} does not fit here: write {}", found_kind(found), expected_kind(expected)))
}

fn found_kind(found: &str) -> String {
    let value = found.split('`').nth(1).unwrap_or_default();
    match found.split(' ').next() {
        Some("integer" | "floating") => format!("the number {value}"),
        Some("boolean") => value.to_owned(),
        Some("string") => "this text".to_owned(),
        Some("map") => "a table".to_owned(),
        Some("sequence") => "a list".to_owned(),
        Some("datetime") => "a date".to_owned(),
        _ => found.to_owned(),
    }
}

fn expected_kind(expected: &str) -> String {
    match expected {
        "a string" | "path string" => "text in quotes".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative, without quotes".to_owned(),
        "f32" | "f64" => "a number, without quotes".to_owned(),
        "a sequence" => "a list, as in [\"…\"]".to_owned(),
        "a map" => "a table, as in { … }".to_owned(),
        table if table.starts_with("struct ") => "a table, as in { … }".to_owned(),
        other => other.to_owned(),
    }
}

/// ``unknown variant `none`, expected `reuse` or `request` ``
fn unknown_choice(said: &str) -> Option<String> {
    let (choice, known) = said.strip_prefix("unknown variant `")?.split_once('`')?;
    let known: Vec<String> = quoted(known).into_iter().map(|known| format!("{known:?}")).collect();
    Some(format!("{choice:?} is no choice here: write {}", known.join(" or ")))
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What is said of a name that is none of those there are.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return format!("there is no {what} {name:?}, nor any other");
    }
    let guess = nearest(name, known).map(|near| format!(", did you mean {near}?")).unwrap_or_default();
    format!("there is no {what} {name:?}{guess}; there are: {}", known.join(", "))
}

/// What was probably meant: as far away as a typing error takes one.
pub fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let near = known.iter().map(|known| (strsim::normalized_damerau_levenshtein(name, known), *known));
    let near = near.filter(|(likeness, _)| *likeness >= 0.6);
    near.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, near)| near)
}

fn one_line(said: &str) -> String {
    said.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn a_text_of_the_manifest_is_not_repeated() {
        let said = explain("invalid type: string \"Bearer secret, expected\", expected a map");
        assert_eq!(said, "this text does not fit here: write a table, as in { … }");
    }

    #[test]
    fn a_typing_error_is_guessed_and_nothing_else() {
        let known = "expected one of `memory`, `cpu`, `timeout`";
        let near = explain(&format!("unknown field `memroy`, {known}"));
        assert_eq!(near, "there is no key `memroy` here, did you mean `memory`?; there are: memory, cpu, timeout");
        let far = explain(&format!("unknown field `disk`, {known}"));
        assert_eq!(far, "there is no key `disk` here; there are: memory, cpu, timeout");
    }
}
