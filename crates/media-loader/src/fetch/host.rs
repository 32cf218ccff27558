//! Names of hosts: which are internal by their name, which are listed.

/// A host, or a host with everything below it. Names are compared as the URL parser writes them:
/// lower case, in ASCII, so a list entry is brought into that form first.
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

    /// Whether this host is it, or below it.
    pub(super) fn matches(&self, host: &str) -> bool {
        let is_below = || {
            let rest = host.strip_suffix(self.host.as_str());
            rest.is_some_and(|rest| rest.ends_with('.'))
        };
        host == self.host || self.below && is_below()
    }

    /// Whether this very name was listed.
    pub(super) fn names(&self, host: &str) -> bool {
        !self.below && host == self.host
    }
}

fn normal(host: &str) -> String {
    url::Host::parse(host).map_or_else(|_| host.to_ascii_lowercase(), |host| host.to_string())
}

/// Whether a name is not one of the public internet, whatever it resolves to. Names that end in a
/// dot are among them: they are other spellings that lists miss.
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
