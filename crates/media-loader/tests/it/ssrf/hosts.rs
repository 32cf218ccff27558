//! Names, schemes, ports and tricks with the text of URLs.

use futures_util::FutureExt as _;
use media_loader::LoadErrorKind::{
    self, HostNotAllowed as Host, InvalidUrl as Invalid, PortNotAllowed as Port,
    SchemeNotAllowed as Scheme,
};
use media_loader::{MediaLoader, UrlPolicy};

use super::{Trap, at, is_refusal, loader, open_policy};

fn refused_by(policy: UrlPolicy, trap: &Trap, template: &str, expected: &LoadErrorKind) {
    let url = trap.url(template);
    let Some(content) = at(&url) else {
        assert_eq!(*expected, Invalid, "{url} is not even the text of a URL");
        return;
    };
    let refused = loader(policy).open(&content).now_or_never();
    let error = refused.expect("refused at once").expect_err("refused");
    assert_eq!(error.kind(), expected, "{url}");
    let default = MediaLoader::builder().build();
    let refused = default.open(&content).now_or_never();
    let error = refused.expect("refused at once").expect_err("refused");
    assert!(is_refusal(error.kind()), "{url}");
    trap.assert_untouched();
}

/// By name or by text, where all is allowed that may be.
macro_rules! cases {
    ($($name:ident: $url:literal => $kind:ident,)*) => {
        $(#[test] fn $name() {
            let trap = Trap::new();
            refused_by(open_policy(trap.port()), &trap, $url, &$kind);
        })*
    };
}

/// By the default policy.
macro_rules! by_default {
    ($($name:ident: $url:literal => $kind:ident,)*) => {
        $(#[test] fn $name() {
            refused_by(UrlPolicy::default(), &Trap::new(), $url, &$kind);
        })*
    };
}

cases! {
    localhost: "http://localhost:{}/" => Host,
    localhost_capitals: "http://LocalHost:{}/" => Host,
    localhost_dot: "http://localhost.:{}/" => Host,
    localhost_dots: "http://localhost..:{}/" => Host,
    localhost_below: "http://a.b.localhost:{}/" => Host,
    localhost_localdomain: "http://localhost.localdomain:{}/" => Host,
    localhost_percent: "http://%6c%6f%63%61%6chost:{}/" => Host,
    localhost_fullwidth: "http://\u{ff4c}\u{ff4f}\u{ff43}\u{ff41}\u{ff4c}host:{}/" => Host,
    localhost_circled: "http://\u{24db}\u{24de}\u{24d2}\u{24d0}\u{24db}host:{}/" => Host,
    localhost_soft_hyphen: "http://local\u{ad}host:{}/" => Host,
    localhost_kelvin: "http://ip6-loopbac\u{212a}:{}/" => Host,
    loopback_ip6: "http://ip6-localhost:{}/" => Host,
    multicast_dns: "http://printer.local:{}/" => Host,
    internal: "http://db.internal:{}/" => Host,
    internal_dot: "http://db.internal.:{}/" => Host,
    kubernetes_service: "http://kubernetes.default.svc.cluster.local:{}/" => Host,
    single_label: "http://router:{}/" => Host,
    single_label_kubernetes: "http://kubernetes:{}/" => Host,
    docker_host: "http://host.docker.internal:{}/" => Host,
    metadata_google: "http://metadata.google.internal:{}/computeMetadata/v1/" => Host,
    metadata_google_capitals: "http://METADATA.GOOGLE.INTERNAL:{}/" => Host,
    metadata_google_dot: "http://metadata.google.internal.:{}/" => Host,
    metadata_google_ideographic: "http://metadata\u{3002}google\u{3002}internal:{}/" => Host,
    metadata_goog: "http://metadata.goog:{}/" => Host,
    metadata_bare: "http://metadata:{}/" => Host,
    metadata_aws_name: "http://instance-data.ec2.internal:{}/" => Host,
    metadata_aws_bare: "http://instance-data:{}/" => Host,
    metadata_tencent_name: "http://metadata.tencentyun.com.:{}/" => Host,
    home_arpa: "http://nas.home.arpa:{}/" => Host,
    reverse_lookup: "http://1.0.0.127.in-addr.arpa:{}/" => Host,
    corporate: "http://wiki.corp:{}/" => Host,
    lan: "http://nas.lan:{}/" => Host,
    onion: "http://abcdefghijklmnop.onion:{}/" => Host,
    trailing_dot: "http://example.com.:{}/" => Host,
    user: "http://user@example.com:{}/" => Invalid,
    user_and_password: "http://user:pw@example.com:{}/" => Invalid,
    password_alone: "http://:pw@example.com:{}/" => Invalid,
    user_that_looks_like_a_host: "http://example.com@127.0.0.1:{}/" => Invalid,
    user_that_looks_like_a_host_and_port: "http://example.com:80@127.0.0.1:{}/" => Invalid,
    user_encoded_at: "http://example.com%40127.0.0.1:{}/" => Invalid,
    user_two_ats: "http://a@b@127.0.0.1:{}/" => Invalid,
    address_of_five_parts: "http://127.0.0.0.1:{}/" => Invalid,
    address_beyond_256: "http://127.0.0.256:{}/" => Invalid,
    address_overflow: "http://4294967296:{}/" => Invalid,
    address_overflow_wraps: "http://6425673729:{}/" => Invalid,
    address_octal_with_nine: "http://0199.0.0.1:{}/" => Invalid,
    extra_slashes: "http:////127.0.0.1:{}/" => Invalid,
    address_v6_bare: "http://::1:{}/" => Invalid,
    address_v6_unclosed: "http://[::1:{}/" => Invalid,
    address_v6_zone_unencoded: "http://[fe80::1%eth0]:{}/" => Invalid,
    null_byte_encoded: "http://127.0.0.1%00.example.com:{}/" => Invalid,
    newline_encoded: "http://127.0.0.1%0a.example.com:{}/" => Invalid,
    space_encoded: "http://127.0.0.1%20.example.com:{}/" => Invalid,
    slash_encoded: "http://127.0.0.1%2f.example.com:{}/" => Invalid,
    hash_encoded: "http://127.0.0.1%23.example.com:{}/" => Invalid,
    tab_in_the_host: "http://127.0.0\t.1:{}/" => Invalid,
    newline_in_the_host: "http://127.0.0\n.1:{}/" => Invalid,
    port_beyond: "http://example.com:65536/" => Invalid,
    port_negative: "http://example.com:-1/" => Invalid,
    port_ssh: "http://example.com:22/" => Port,
    port_redis: "http://example.com:6379/" => Port,
    port_zero: "http://example.com:0/" => Port,
    port_docker: "https://example.com:2375/" => Port,
    port_of_the_other_scheme: "http://example.com:443/" => Port,
    scheme_file: "file:///etc/passwd" => Invalid,
    scheme_file_host: "file://127.0.0.1/etc/passwd" => Invalid,
    scheme_ftp: "ftp://127.0.0.1/" => Invalid,
    scheme_gopher: "gopher://127.0.0.1:{}/_x" => Invalid,
    scheme_data: "data:image/png;base64,AA==" => Invalid,
    scheme_dict: "dict://127.0.0.1:{}/" => Invalid,
    scheme_jar: "jar:http://127.0.0.1!/" => Invalid,
    scheme_none: "//127.0.0.1:{}/" => Invalid,
    scheme_javascript: "javascript:alert(1)" => Invalid,
}

by_default! {
    default_http: "http://example.com/" => Scheme,
    default_http_capitals: "HTTP://example.com/" => Scheme,
    default_port: "https://example.com:{}/" => Port,
    default_port_80: "https://example.com:80/" => Port,
    default_port_8443: "https://example.com:8443/" => Port,
    default_user: "https://user@example.com/" => Invalid,
}
