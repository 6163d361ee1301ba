//! The types of single values in a manifest: durations, sizes, origins, key patterns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::cron::Schedule;

/// A span of time, written `200ms`, `10s`, `2m`. More than zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration(pub std::time::Duration);

/// A number of bytes, written `64MiB` or `512KB`. More than zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub usize);

/// Longer than anything lasts, and short enough to be added to any point in time.
const LONGEST: std::time::Duration = std::time::Duration::from_hours(100 * 24 * 1461 / 4);

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = humantime::parse_duration(text)
            .map_err(|_| format!("{text:?} is no duration: write a number with ms, s, m or h, as in 10s"))?;
        match duration {
            _ if duration.is_zero() => Err("must be more than zero".to_owned()),
            _ if duration > LONGEST => Err(format!("must be at most {}", humantime::format_duration(LONGEST))),
            _ => Ok(Self(duration)),
        }
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size: bytesize::ByteSize =
            text.parse().map_err(|_| format!("{text:?} is no size: write a number with B, KiB or MiB, as in 64MiB"))?;
        match usize::try_from(size.0) {
            Ok(0) | Err(_) => Err("must be more than zero and fit in memory".to_owned()),
            Ok(bytes) => Ok(Self(bytes)),
        }
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

/// In the largest unit that needs no fraction.
impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let (bits, unit) = units.into_iter().find(|(bits, _)| self.0.trailing_zeros() >= *bits).unwrap_or((0, "B"));
        serializer.collect_str(&format_args!("{}{unit}", self.0 >> bits))
    }
}

/// A share of the requests for some time, written `10% for 60s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canary {
    /// From 1 to 99.
    pub percent: u8,
    /// How long the share lasts before the new version gets all requests.
    pub duration: Duration,
}

impl FromStr for Canary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no share: write it as 10% for 60s, with 1% to 99%");
        let (percent, duration) = text.split_once("% for ").ok_or_else(wrong)?;
        let percent = percent.parse().ok().filter(|percent| (1..=99).contains(percent)).ok_or_else(wrong)?;
        Ok(Self { percent, duration: duration.parse()? })
    }
}

/// Scheme, host and port of a URL, with the default port left out, as RFC 6454 section 6.2 writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin that a request to `uri` goes to, if it is http or https and names a host.
    pub fn of(uri: &http::Uri) -> Option<Self> {
        let url = uri.to_string().parse::<url::Url>().ok()?;
        Self::of_url(&url).filter(|_| uri.host().is_some_and(|host| is_plain(&url, host)))
    }

    /// The port that requests there go to.
    pub fn port(&self) -> Option<u16> {
        self.0.parse::<url::Url>().ok()?.port_or_known_default()
    }

    /// The service of this host that it stands for, as `http://<service>.internal`.
    pub fn internal_service(&self) -> Option<&str> {
        self.0.strip_prefix("http://")?.strip_suffix(INTERNAL)
    }

    /// Whether its host is in the domain that is kept for the services of this host.
    pub fn is_internal(&self) -> bool {
        self.0.parse::<url::Url>().is_ok_and(|url| url.host_str().is_some_and(|host| host.ends_with(INTERNAL)))
    }

    fn of_url(url: &url::Url) -> Option<Self> {
        let usable = matches!(url.scheme(), "http" | "https") && url.has_host();
        usable.then(|| Self(url.origin().ascii_serialization()))
    }
}

/// The domain that ICANN keeps out of the public name space for private use (board resolution 2024.07.29.06).
const INTERNAL: &str = ".internal";

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = without_password(text);
        let wrong = || format!("{shown} is no origin: write https://host or http://host:port, without a path");
        let url: url::Url = text.parse().map_err(|_| wrong())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let origin = Self::of_url(&url).filter(|_| bare).ok_or_else(wrong)?;
        if is_plain(&url, written_host(text)) {
            return Ok(origin);
        }
        Err(format!("{shown} has an address in another form than it is known by: write {origin} if that is meant"))
    }
}

/// Whether an IPv4 address is written as four decimal numbers. There are other forms of it, such as `2130706433` and
/// `0x7f.1`: a URL has them for the same address, but what checks or resolves a host name may not.
fn is_plain(url: &url::Url, written: &str) -> bool {
    !matches!(url.host(), Some(url::Host::Ipv4(_))) || written.parse::<std::net::Ipv4Addr>().is_ok()
}

/// The host in the text of a URL that has no user in it.
fn written_host(url: &str) -> &str {
    let rest = url.trim().split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#', ':']).next().unwrap_or_default()
}

/// What was given in place of an address, for a message. Before an `@` there may be a password.
pub fn without_password(given: &str) -> String {
    if given.contains('@') { "what is given".to_owned() } else { format!("{given:?}") }
}

/// Which keys a grant covers: literal text, in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern(String);

impl KeyPattern {
    /// Whether the whole of `key` is covered.
    pub fn matches(&self, key: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = key.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(Self(text.to_owned())) }
    }
}

/// `true`, `false`, or the same as text, so that it can come from a variable.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Flag;

    impl de::Visitor<'_> for Flag {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false")
        }

        fn visit_bool<E: de::Error>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<bool, E> {
            text.parse().map_err(|_| E::custom(format!("{text:?} is neither true nor false: write one of them")))
        }
    }

    deserializer.deserialize_any(Flag)
}

/// The URL itself stays out of the message: it may hold a password.
pub fn backend_url<'de, D: Deserializer<'de>>(deserializer: D, schemes: &[&str]) -> Result<url::Url, D::Error> {
    let url: Option<url::Url> = String::deserialize(deserializer)?.parse().ok();
    url.filter(|url| schemes.contains(&url.scheme()) && url.has_host())
        .ok_or_else(|| de::Error::custom(format!("must be {}://user:password@host:port", schemes[0])))
}

/// Text that is not empty.
pub fn nonempty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(de::Error::custom("must not be empty")) } else { Ok(text) }
}

/// Text that is empty where a variable's default is, and then counts as absent.
pub fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(de::Error::custom) }
}

/// Reads text with `parse`; what is no text is refused with what to write.
pub fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    write: &'static str,
    parse: fn(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Text { write, parse })
}

struct Text<T> {
    write: &'static str,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

macro_rules! deserialize_from_text {
    ($($type:ty: $write:literal),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text(deserializer, $write, |text| text.parse())
            }
        }
    )*};
}

deserialize_from_text!(
    Duration: "a duration with its unit, in quotes, as in \"10s\" or \"200ms\"",
    Bytes: "a size with its unit, in quotes, as in \"64MiB\"",
    Origin: "an origin in quotes, as in \"https://api.example.com\"",
    KeyPattern: "a pattern in quotes, as in \"user:*\"",
    Canary: "a share in quotes, as in \"10% for 60s\"",
    Schedule: "a schedule in quotes, as in \"*/5 * * * *\""
);

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, key: &str) -> bool {
        pattern.parse::<KeyPattern>().unwrap().matches(key)
    }

    #[test]
    fn patterns_cover_whole_keys() {
        assert!(matches("user:*", "user:42:email") && matches("user:*:email", "user:42:email") && matches("*", ""));
        assert!(matches("a*b*c", "a-b-b-c") && matches("plain", "plain"));
        assert!(!matches("user:*", "users") && !matches("plain", "plain2") && !matches("user:*:email", "user:42"));
        assert!(!matches("ab*ba", "aba"), "the two ends must not overlap");
    }

    #[test]
    fn origins_are_compared_in_their_normal_form() {
        let granted: Origin = "https://API.sendgrid.com:443".parse().unwrap();
        assert_eq!(Some(granted), Origin::of(&"https://api.sendgrid.com/v3/mail/send".parse().unwrap()));
        assert_ne!("http://a:81".parse::<Origin>().ok(), Origin::of(&"http://a/".parse().unwrap()));
        assert!("https://a/path".parse::<Origin>().is_err() && "ftp://a".parse::<Origin>().is_err());
        assert!("https://user@a".parse::<Origin>().is_err());
        for same in ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1."] {
            let uri = format!("http://{same}:8081/");
            assert_eq!(Origin::of(&uri.parse().unwrap()), None, "{uri}");
            let refused = format!("http://{same}:8081").parse::<Origin>().unwrap_err();
            assert!(refused.contains("write http://127.0.0.1:8081"), "{refused}");
        }
        assert!("http://127.0.0.1:8081".parse::<Origin>().is_ok() && "http://[::1]".parse::<Origin>().is_ok());
        assert!(Origin::of(&"http://[0:0::1]:80/".parse().unwrap()) == "http://[::1]".parse().ok());
        assert_eq!("http://orders.internal".parse::<Origin>().unwrap().internal_service(), Some("orders"));
        for outside in
            ["https://orders.internal", "http://orders.internal:81", "http://internal", "http://a.internal.b"]
        {
            assert_eq!(outside.parse::<Origin>().unwrap().internal_service(), None, "{outside}");
        }
    }

    #[test]
    fn sizes_and_durations_carry_their_unit() {
        assert_eq!("64MiB".parse::<Bytes>().unwrap(), Bytes(64 << 20));
        assert_eq!("200ms".parse::<Duration>().unwrap().0.as_millis(), 200);
        assert_eq!("10% for 1m".parse::<Canary>().unwrap().percent, 10);
        assert!("0% for 1m".parse::<Canary>().is_err() && "10%".parse::<Canary>().is_err());
        assert!("99y".parse::<Duration>().is_ok() && "101y".parse::<Duration>().is_err());
        assert!("0s".parse::<Duration>().is_err() && "0".parse::<Bytes>().is_err() && "much".parse::<Bytes>().is_err());
    }
}
