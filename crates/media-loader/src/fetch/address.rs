//! Public addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::IpNetwork;

/// Whether an address belongs to the public internet: global unicast, in no special-purpose range, and not
/// the metadata service of a cloud. IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) must
/// be a public IPv4 address.
///
/// ```
/// use media_loader::is_public;
/// assert!(is_public("1.1.1.1".parse().unwrap()));
/// assert!(!is_public("::ffff:127.0.0.1".parse().unwrap()));
/// ```
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !CLOSED_V4
        .iter()
        .any(|network| network.contains(address.into()))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let at = IpAddr::V6(address);
    if let Embedded::V4(inner) = embedded(address) {
        return inner.into_iter().flatten().all(is_public_v4);
    }
    // Only 2000::/3 is given out as global unicast.
    GLOBAL_V6.contains(at)
        && !CLOSED_V6.iter().any(|network| network.contains(at))
        && isatap(address).is_none_or(is_public_v4)
}

/// The IPv4 addresses inside an IPv6 address.
enum Embedded {
    /// The addresses inside: that of the server and, if there is one, that of the client.
    V4([Option<Ipv4Addr>; 2]),
    None,
}

fn embedded(address: Ipv6Addr) -> Embedded {
    let s = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match s {
        // ::a.b.c.d, which includes :: and ::1; ::ffff:a.b.c.d; ::ffff:0:a.b.c.d.
        [0, 0, 0, 0, 0, 0, h, l]
        | [0, 0, 0, 0, 0, 0xffff, h, l]
        | [0, 0, 0, 0, 0xffff, 0, h, l] => Embedded::V4([Some(v4(h, l)), None]),
        // 64:ff9b::/96, NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, h, l] => Embedded::V4([Some(v4(h, l)), None]),
        // 64:ff9b:1::/48, NAT64 of a local network: private whatever it translates to.
        [0x64, 0xff9b, 1, ..] => Embedded::V4([Some(Ipv4Addr::UNSPECIFIED), None]),
        // 2002::/16, 6to4.
        [0x2002, h, l, ..] => Embedded::V4([Some(v4(h, l)), None]),
        // 2001::/32, Teredo: the server, and the client with its bits turned.
        [0x2001, 0, h, l, _, _, ch, cl] => Embedded::V4([Some(v4(h, l)), Some(v4(!ch, !cl))]),
        _ => Embedded::None,
    }
}

/// Returns the IPv4 address of an ISATAP interface identifier, with any prefix.
fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let marked = matches!(s[4], 0 | 0x200 | 0x100 | 0x300) && s[5] == 0x5efe;
    marked.then(|| Ipv4Addr::from_bits(u32::from(s[6]) << 16 | u32::from(s[7])))
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNetwork {
    IpNetwork::of(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix)
}

const fn v6(start: [u16; 4], prefix: u8) -> IpNetwork {
    let [a, b, c, d] = start;
    IpNetwork::of(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), prefix)
}

const GLOBAL_V6: IpNetwork = v6([0x2000, 0, 0, 0], 3);

/// The special-purpose registry of IANA, multicast, and addresses in public space that clouds use
/// internally.
const CLOSED_V4: &[IpNetwork] = &[
    v4(0, 0, 0, 0, 8),        // this network
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // carrier-grade NAT; Alibaba's metadata at 100.100.100.200
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // Azure's wire server
    v4(169, 254, 0, 0, 16),   // link-local; most clouds' metadata at 169.254.169.254
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments; Oracle's old metadata at 192.0.0.192
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 31, 196, 0, 24),  // AS112
    v4(192, 52, 193, 0, 24),  // AMT
    v4(192, 88, 99, 0, 24),   // 6to4 relays, withdrawn
    v4(192, 168, 0, 0, 16),   // private
    v4(192, 175, 48, 0, 24),  // AS112
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, broadcast
];

/// The special-purpose registry of IANA inside 2000::/3. Everything outside is refused.
const CLOSED_V6: &[IpNetwork] = &[
    v6([0x2001, 0, 0, 0], 23), // protocol assignments: benchmarks, ORCHID, AMT, AS112
    v6([0x2001, 0xdb8, 0, 0], 32), // documentation
    v6([0x2620, 0x4f, 0x8000, 0], 48), // AS112
    v6([0x3ffe, 0, 0, 0], 16), // 6bone, withdrawn
    v6([0x3fff, 0, 0, 0], 20), // documentation
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_every_range_are_closed_and_their_neighbours_open() {
        for (closed, open_before, open_after) in [
            ("10.0.0.0-10.255.255.255", "9.255.255.255", "11.0.0.0"),
            (
                "100.64.0.0-100.127.255.255",
                "100.63.255.255",
                "100.128.0.0",
            ),
            ("127.0.0.0-127.255.255.255", "126.255.255.255", "128.0.0.0"),
            (
                "168.63.129.16-168.63.129.16",
                "168.63.129.15",
                "168.63.129.17",
            ),
            (
                "169.254.0.0-169.254.255.255",
                "169.253.255.255",
                "169.255.0.0",
            ),
            ("172.16.0.0-172.31.255.255", "172.15.255.255", "172.32.0.0"),
            (
                "192.168.0.0-192.168.255.255",
                "192.167.255.255",
                "192.169.0.0",
            ),
            ("198.18.0.0-198.19.255.255", "198.17.255.255", "198.20.0.0"),
            ("224.0.0.0-255.255.255.255", "223.255.255.255", "1.0.0.0"),
            ("0.0.0.0-0.255.255.255", "1.0.0.0", "1.0.0.0"),
            (
                "2001::-2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
                "2000:ffff::1",
                "2001:200::1",
            ),
            (
                "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                "2001:db7::1",
                "2001:db9::1",
            ),
            (
                "3fff::-3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
                "3ffd::1",
                "3fff:1000::1",
            ),
        ] {
            let (first, last) = closed.split_once('-').unwrap();
            for address in [first, last] {
                assert!(!is_public(address.parse().unwrap()), "{address}");
            }
            for address in [open_before, open_after] {
                assert!(is_public(address.parse().unwrap()), "{address}");
            }
        }
    }

    #[test]
    fn ipv4_in_ipv6_is_as_public_as_it_is_alone() {
        for (form, good, bad) in [
            ("mapped", "::ffff:8.8.8.8", "::ffff:127.0.0.1"),
            ("compatible", "::8.8.8.8", "::127.0.0.1"),
            ("translated", "::ffff:0:8.8.8.8", "::ffff:0:10.0.0.1"),
            ("nat64", "64:ff9b::8.8.8.8", "64:ff9b::169.254.169.254"),
            ("6to4", "2002:808:808::1", "2002:7f00:1::1"),
            (
                "teredo",
                "2001:0:808:808::f7f7:f7f7",
                "2001:0:808:808::80ff:fffe",
            ),
            (
                "isatap",
                "2a00:1450::200:5efe:8.8.8.8",
                "2a00:1450::5efe:192.168.1.1",
            ),
        ] {
            assert!(is_public(good.parse().unwrap()), "{form}");
            assert!(!is_public(bad.parse().unwrap()), "{form}");
        }
        for address in [
            "64:ff9b:1::8.8.8.8",
            "::",
            "::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
