//! Who asks: the address of the client, behind proxies that the operator trusts.
//!
//! A header says nothing about a client unless a trusted proxy wrote it: the client is the
//! right-most address of `X-Forwarded-For` that is not itself a trusted proxy, and only when the
//! connection comes from one.

use std::net::IpAddr;

/// A network of addresses, `10.0.0.0/8` or a single address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Reads an address with or without a prefix length. `None` when it is neither, or when bits
    /// are set beyond the prefix, which is nearly always a typing error.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = bits(address).1;
        let network = Self {
            address,
            prefix: prefix.unwrap_or(width),
        };
        (network.prefix <= width && network.host_bits(address) == 0).then_some(network)
    }

    /// Whether the address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((ours, width), (theirs, other_width)) = (bits(self.address), bits(address));
        let same = |shift: u32| ours.checked_shr(shift) == theirs.checked_shr(shift);
        width == other_width && same(width - self.prefix)
    }

    fn host_bits(&self, address: IpAddr) -> u128 {
        let (value, width) = bits(address);
        let host = width - self.prefix;
        if host == 0 {
            0
        } else {
            value & (u128::MAX >> (128 - host))
        }
    }
}

/// The address as a number, and how many bits it has.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

/// The client of a connection from `peer` whose request carries these `X-Forwarded-For` lines, in
/// their order. An entry that is no address ends the search: what stands left of it was not
/// written by a proxy we trust.
pub fn address<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[Network],
) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let mut entries = forwarded_for.rev().flat_map(|line| line.rsplit(','));
    while is_trusted(client) {
        match entries
            .next()
            .and_then(|entry| entry.trim().parse::<IpAddr>().ok())
        {
            Some(next) => client = next.to_canonical(),
            None => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts
            .iter()
            .map(|text| Network::parse(text).unwrap())
            .collect()
    }

    #[test]
    fn networks_parse_and_contain() {
        for text in [
            "10.0.0.1/8",
            "10.0.0.0/33",
            "::1/129",
            "proxy",
            "10.0.0.0/",
            "",
            "/8",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::/0", "::1", "127.0.0.1"),
        ] {
            let network = Network::parse(network).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = networks(&["10.0.0.0/8", "127.0.0.1"]);
        for (peer, lines, client) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[][..], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"][..], "198.51.100.1"),
            (
                "10.0.0.1",
                &["1.1.1.1, 198.51.100.1, 10.9.9.9"][..],
                "198.51.100.1",
            ),
            (
                "127.0.0.1",
                &["1.1.1.1", "198.51.100.1,10.9.9.9"][..],
                "198.51.100.1",
            ),
            ("10.0.0.1", &["1.1.1.1, unknown"][..], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.7"][..], "10.0.0.7"),
            ("::ffff:10.0.0.1", &["2001:db8::7"][..], "2001:db8::7"),
        ] {
            let found = address(peer.parse().unwrap(), lines.iter().copied(), &trusted);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }
}
