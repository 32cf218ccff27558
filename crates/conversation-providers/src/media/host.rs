//! Whether a provider can reach a host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use media_types::MediaUrl;

/// Whether this is an https URL whose host looks public. A name is not resolved: this saves a
/// request that cannot succeed, it protects from nothing.
pub(super) fn is_public(url: &MediaUrl) -> bool {
    if !url.is_https() {
        return false;
    }
    let Some((_, rest)) = url.as_str().split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if let Some(literal) = host.strip_prefix('[') {
        let literal = literal.split(']').next().unwrap_or_default();
        return literal
            .parse::<Ipv6Addr>()
            .is_ok_and(|ip| is_global_v6(&ip));
    }
    let host = host.split(':').next().unwrap_or_default();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => is_global_v4(ip),
        Ok(IpAddr::V6(ip)) => is_global_v6(&ip),
        Err(_) => is_public_name(host),
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a == 100 && (64..128).contains(&b))
}

fn is_global_v6(ip: &Ipv6Addr) -> bool {
    // Global unicast only.
    ip.segments()[0] & 0xe000 == 0x2000
}

fn is_public_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let private = [
        ".local",
        ".localhost",
        ".internal",
        ".lan",
        ".home.arpa",
        ".test",
        ".invalid",
    ];
    host.contains('.') && !private.iter().any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_https_is_reachable() {
        for (url, public) in [
            ("https://bucket.s3.amazonaws.com/a?sig=1", true),
            ("https://203.1.2.3/a", true),
            ("https://[2600::1]:443/a", true),
            ("http://bucket.s3.amazonaws.com/a", false),
            ("https://localhost:9000/a", false),
            ("https://minio/a", false),
            ("https://127.0.0.1/a", false),
            ("https://10.0.0.1:9000/a", false),
            ("https://100.64.0.1/a", false),
            ("https://192.168.1.1/a", false),
            ("https://169.254.169.254/a", false),
            ("https://[::1]/a", false),
            ("https://[fd00::1]/a", false),
            ("https://store.internal/a", false),
            ("https://printer.local./a", false),
        ] {
            assert_eq!(is_public(&MediaUrl::new(url).unwrap()), public, "{url}");
        }
    }
}
