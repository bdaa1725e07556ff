//! What kind of place an address is: the public internet, inside, or one that nobody names by accident.
//!
//! A name on the internet may point anywhere, at this machine and its neighbours too (server-side
//! request forgery, DNS rebinding). The lists are IANA's special-purpose registries (RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses at which clouds tell a machine its own credentials, outside of the link-local ranges: Azure, Alibaba.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200)];

/// The same for IPv6: Amazon, Google, Oracle.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An ordinary address of the internet.
    Public,
    /// This machine, or a neighbour in a private or shared network.
    Inside,
    /// Machine metadata, the link itself, everybody at once, or nobody.
    Never,
}

/// The kind of `address`.
pub(super) fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    let [a, b, c, _] = address.octets();
    let no_place = address.is_link_local() || address.is_multicast() || address.is_documentation();
    // 0/8 this network, 240/4 reserved and broadcast, 192.0.0/24 protocols, 192.88.99/24 the old 6to4 relays.
    let reserved = a == 0 || a >= 240 || matches!((a, b, c), (192, 0, 0) | (192, 88, 99));
    // 100.64/10 carriers, 198.18/15 benchmarks.
    let shared = (a == 100 && (64..128).contains(&b)) || (a == 198 && (18..20).contains(&b));
    if no_place || reserved || METADATA_V4.contains(&address) {
        Kind::Never
    } else if address.is_loopback() || address.is_private() || shared {
        Kind::Inside
    } else {
        Kind::Public
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    if let Some(mapped) = address.to_ipv4_mapped() {
        return kind_v4(mapped);
    }
    match (a, b) {
        // Addresses that stand for an IPv4 address are judged as that one: NAT64 and 6to4.
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => kind_v4(v4(g, h)),
        (0x2002, _) => kind_v4(v4(b, c)),
        // 2001::/23 is for protocols (Teredo among them), 2001:db8::/32 for documentation, 3fff::/20 too.
        (0x2001, 0..0x200 | 0xdb8) | (0x3fff, 0..0x1000) => Kind::Never,
        _ if METADATA_V6.contains(&address) => Kind::Never,
        _ if address.is_loopback() || address.is_unique_local() => Kind::Inside,
        // Nothing outside of 2000::/3 is given to anybody.
        _ if a & 0xe000 == 0x2000 => Kind::Public,
        _ => Kind::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_its_neighbours_are_inside() {
        for address in [
            "127.0.0.1",
            "127.255.0.9",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "198.18.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fc00::1",
            "fd00::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2002:c0a8:1::",
        ] {
            assert_eq!(kind(address.parse().unwrap()), Kind::Inside, "{address}");
        }
    }

    #[test]
    fn metadata_the_link_everybody_and_nobody_are_never_reached_by_a_name() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.8",
            "192.88.99.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "fe80::1",
            "fe80::a9fe:a9fe",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fec0::1",
            "ff02::1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::",
            "64:ff9b:1::1",
            "64:ff9b:1::a00:1",
            "2002:a9fe:a9fe::",
            "2002::",
            "2001::1",
            "2001:db8::1",
            "100::1",
            "3fff::1",
        ] {
            assert_eq!(kind(address.parse().unwrap()), Kind::Never, "{address}");
        }
    }

    #[test]
    fn the_internet_is_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(kind(address.parse().unwrap()), Kind::Public, "{address}");
        }
    }
}
