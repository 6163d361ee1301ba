//! Which addresses are of the internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address in the URI itself, which no resolver sees.
fn literal(uri: &http::Uri) -> Option<IpAddr> {
    uri.host()?.trim_matches(['[', ']']).parse().ok()
}

/// Whether the URI itself has an address that is not of the internet.
pub(super) fn is_private_literal(uri: &http::Uri) -> bool {
    literal(uri).is_some_and(|ip| !is_public(ip))
}

/// Neither loopback, link-local, private, shared (RFC 6598), unspecified, multicast nor reserved.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => embedded_v4(ip).map_or_else(|| is_public_v6(ip), is_public_v4),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let reserved = first == 0 || first >= 240;
    !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_multicast() || shared || reserved)
}

/// Addresses of the internet are in 2000::/3 (RFC 4291 section 4).
fn is_public_v6(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xE000 == 0x2000
}

/// The IPv4 address that an IPv6 address stands for: mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`) or 6to4 (`2002::/16`).
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = ip.octets();
    let last = Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(last),
        [0x2002, ..] => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        _ => ip.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn only_the_internet_is_public() {
        for ip in ["8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        let private =
            ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"];
        let private_v6 =
            ["::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"];
        for ip in private.into_iter().chain(private_v6).chain(["224.0.0.1", "255.255.255.255"]) {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
