//! Ranges of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address, or a network in CIDR notation: `127.0.0.1`, `10.1.0.0/16`, `fd00::/8`.
///
/// ```
/// use media_loader::IpNetwork;
/// let network: IpNetwork = "10.1.0.0/16".parse()?;
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// # Ok::<(), media_loader::IpNetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IpNetwork {
    address: IpAddr,
    prefix: u8,
}

/// Error returned when text is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpNetworkError;

impl fmt::Display for IpNetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither an IP address nor a network such as 10.1.0.0/16")
    }
}

impl std::error::Error for IpNetworkError {}

impl IpNetwork {
    /// Creates a network for the tables, whose prefixes are valid.
    pub(super) const fn of(address: IpAddr, prefix: u8) -> Self {
        Self { address, prefix }
    }

    /// Creates a network from an address and the number of its leading bits.
    ///
    /// # Errors
    /// Fails for more bits than the address has.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, IpNetworkError> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if prefix > bits {
            return Err(IpNetworkError);
        }
        Ok(Self { address, prefix })
    }

    /// Whether the network contains an address. IPv4 networks contain no IPv6 addresses, and vice versa.
    pub fn contains(&self, address: IpAddr) -> bool {
        let prefix = u32::from(self.prefix);
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= prefix
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= prefix
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for IpNetwork {
    fn from(address: IpAddr) -> Self {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix }
    }
}

impl FromStr for IpNetwork {
    type Err = IpNetworkError;

    fn from_str(text: &str) -> Result<Self, IpNetworkError> {
        let Some((address, prefix)) = text.split_once('/') else {
            let address: IpAddr = text.parse().map_err(|_| IpNetworkError)?;
            return Ok(address.into());
        };
        let address = address.parse().map_err(|_| IpNetworkError)?;
        Self::new(address, prefix.parse().map_err(|_| IpNetworkError)?)
    }
}

impl fmt::Display for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_range_and_bad_text_is_refused() {
        let holds = |network: &str, address: &str| {
            let network: IpNetwork = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };
        assert!(holds("10.1.0.0/16", "10.1.255.255") && !holds("10.1.0.0/16", "10.2.0.0"));
        assert!(holds("0.0.0.0/0", "255.1.2.3") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::1", "::1") && !holds("::1", "::2") && holds("fd00::/8", "fdff::1"));
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/",
            "a/8",
            "10.0.0.0/-1",
        ] {
            assert_eq!(bad.parse::<IpNetwork>(), Err(IpNetworkError), "{bad}");
        }
    }
}
