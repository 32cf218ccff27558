//! Host names: internal and listed ones.

/// A host, or a host with all its subdomains. Names are compared in the form of the URL parser: lower case,
/// in ASCII. So an entry of a list is converted to that form first.
#[derive(Clone, Debug)]
pub(super) struct HostPattern {
    host: String,
    below: bool,
}

impl HostPattern {
    pub(super) fn exact(host: String) -> Self {
        let below = false;
        Self {
            host: normal(&host),
            below,
        }
    }

    pub(super) fn suffix(host: String) -> Self {
        let below = true;
        Self {
            host: normal(host.trim_start_matches('.')),
            below,
        }
    }

    /// Whether a host matches.
    pub(super) fn matches(&self, host: &str) -> bool {
        let is_below = || {
            let rest = host.strip_suffix(self.host.as_str());
            rest.is_some_and(|rest| rest.ends_with('.'))
        };
        host == self.host || self.below && is_below()
    }

    /// Whether a name is listed itself.
    pub(super) fn names(&self, host: &str) -> bool {
        !self.below && host == self.host
    }
}

fn normal(host: &str) -> String {
    url::Host::parse(host).map_or_else(|_| host.to_ascii_lowercase(), |host| host.to_string())
}

/// Whether a name does not belong to the public internet, whatever it resolves to. That includes names with
/// a final dot, which are other spellings that lists would miss.
pub(super) fn is_internal(name: &str) -> bool {
    const NAMES: [&str; 2] = ["metadata.google.internal", "metadata.goog"];
    const ZONES: [&str; 12] = [
        "localhost",
        "localdomain",
        "local",
        "internal",
        "intranet",
        "private",
        "corp",
        "home",
        "lan",
        "home.arpa",
        "onion",
        "in-addr.arpa",
    ];
    let in_zone = |zone: &&str| {
        let rest = name.strip_suffix(*zone);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    name.ends_with('.') || !name.contains('.') || NAMES.contains(&name) || ZONES.iter().any(in_zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_end_at_dots() {
        let below = HostPattern::suffix(".Example.com".into());
        for (host, listed) in [
            ("example.com", true),
            ("a.example.com", true),
            ("a.b.example.com", true),
            ("evil-example.com", false),
            ("example.com.evil.net", false),
            ("com", false),
        ] {
            assert_eq!(below.matches(host), listed, "{host}");
        }
        let exact = HostPattern::exact("Example.com".into());
        assert!(exact.matches("example.com") && !exact.matches("a.example.com"));
        assert!(HostPattern::exact("[::1]".into()).matches("[::1]"));
        assert!(HostPattern::exact("b\u{fc}cher.example".into()).matches("xn--bcher-kva.example"));
    }

    #[test]
    fn internal_names() {
        for name in [
            "localhost",
            "a.localhost",
            "x.internal",
            "nas.local",
            "a.b.",
            "router",
        ] {
            assert!(is_internal(name), "{name}");
        }
        for name in [
            "example.com",
            "local.example.com",
            "notlocal.net",
            "mylocalhost.org",
        ] {
            assert!(!is_internal(name), "{name}");
        }
    }
}
