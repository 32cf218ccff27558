//! Server-side request forgery: every spelling of a place that is not public, each a test of its
//! own. `scripts/prove-ssrf.sh` counts them.
//!
//! The policy allows as much as it can beside the address (plain `http`, the port), so that nothing
//! else refuses first. A trap listens on every address of this machine and must not be called.

mod hosts;
mod literals;
mod names;
mod public;
mod redirects;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use media_loader::{LoadErrorKind, MediaLoader, UrlPolicy};
use media_types::{MediaContent, MediaUrl, Mime};

/// A listener that nobody may call.
pub(crate) struct Trap(TcpListener);

impl Trap {
    pub(crate) fn new() -> Self {
        // Takes IPv4 too, where the machine has IPv6 at all.
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0))
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)))
            .unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Puts the port in the place of `{}`.
    pub(crate) fn url(&self, template: &str) -> String {
        template.replace("{}", &self.port().to_string())
    }

    pub(crate) fn assert_untouched(&self) {
        let called = self.0.accept().map(|(_, from)| from);
        let error = called.expect_err("nobody connects");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

/// All that may be allowed without allowing an address.
pub(crate) fn open_policy(port: u16) -> UrlPolicy {
    UrlPolicy::public()
        .with_http_allowed()
        .with_allowed_port(port)
}

pub(crate) fn loader(policy: UrlPolicy) -> MediaLoader {
    MediaLoader::builder().with_url_policy(policy).build()
}

/// Content at a URL, or none where not even the text passes for one.
pub(crate) fn at(url: &str) -> Option<MediaContent> {
    let url = MediaUrl::new(url).ok()?;
    Some(MediaContent::from_url(Mime::IMAGE_PNG, url))
}

/// Whether a refusal is one that is made before anything is sent.
pub(crate) fn is_refusal(kind: &LoadErrorKind) -> bool {
    matches!(
        kind,
        LoadErrorKind::AddressNotAllowed
            | LoadErrorKind::HostNotAllowed
            | LoadErrorKind::PortNotAllowed
            | LoadErrorKind::SchemeNotAllowed
            | LoadErrorKind::InvalidUrl
    )
}
