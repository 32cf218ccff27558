//! Addresses in URLs, in every spelling.

use futures_util::FutureExt as _;
use media_loader::{LoadErrorKind, MediaLoader};

use super::{Trap, at, loader, open_policy};

fn refused(template: &str) {
    let trap = Trap::new();
    let url = trap.url(template);
    let Some(content) = at(&url) else {
        unreachable!("{url} is the text of a URL");
    };
    let open = loader(open_policy(trap.port()));
    for loader in [&open, &MediaLoader::builder().build()] {
        // Refused at the first poll: there was no time for any I/O, a look-up of the name included.
        let refused = loader.open(&content).now_or_never();
        let error = refused.expect("refused at once").expect_err("refused");
        let kind = error.kind();
        let expected = match kind {
            LoadErrorKind::AddressNotAllowed => true,
            LoadErrorKind::InvalidUrl => template.contains('%') || template.contains("v1."),
            // The default policy says what it finds first.
            LoadErrorKind::SchemeNotAllowed | LoadErrorKind::PortNotAllowed => {
                !std::ptr::eq(loader, &open)
            }
            _ => false,
        };
        assert!(expected, "{url}: {kind:?}");
        assert!(loader.inspect(&content).now_or_never().unwrap().is_err());
    }
    trap.assert_untouched();
}

macro_rules! cases {
    ($($name:ident: $url:literal,)*) => {
        $(#[test] fn $name() { refused($url); })*
    };
}

cases! {
    loopback: "http://127.0.0.1:{}/",
    loopback_https: "https://127.0.0.1:{}/",
    loopback_other: "http://127.255.255.254:{}/",
    loopback_decimal: "http://2130706433:{}/",
    loopback_hex: "http://0x7f000001:{}/",
    loopback_hex_capital: "http://0X7F000001:{}/",
    loopback_octal: "http://017700000001:{}/",
    loopback_octal_parts: "http://0177.0.0.1:{}/",
    loopback_octal_padded: "http://0000177.0.0.01:{}/",
    loopback_hex_parts: "http://0x7f.0x0.0x0.0x1:{}/",
    loopback_mixed_parts: "http://0x7f.0.0.01:{}/",
    loopback_short_two: "http://127.1:{}/",
    loopback_short_three: "http://127.0.1:{}/",
    loopback_short_octal: "http://0177.1:{}/",
    loopback_trailing_dot: "http://127.0.0.1.:{}/",
    loopback_decimal_trailing_dot: "http://2130706433.:{}/",
    loopback_percent_encoded: "http://%31%32%37.0.0.1:{}/",
    loopback_percent_dots: "http://127%2e0%2e0%2e1:{}/",
    loopback_fullwidth: "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1:{}/",
    loopback_circled: "http://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}:{}/",
    loopback_ideographic_dots: "http://127\u{3002}0\u{3002}0\u{3002}1:{}/",
    loopback_backslash_path: "http://127.0.0.1:{}\\@example.com/",
    loopback_v6: "http://[::1]:{}/",
    loopback_v6_long: "http://[0:0:0:0:0:0:0:1]:{}/",
    loopback_v6_padded: "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{}/",
    loopback_v6_zone: "http://[::1%25lo]:{}/",
    loopback_v6_zone_bare: "http://[fe80::1%25eth0]:{}/",
    future_address: "http://[v1.fe80::a]:{}/",
    unspecified: "http://0.0.0.0:{}/",
    unspecified_short: "http://0:{}/",
    unspecified_v6: "http://[::]:{}/",
    this_network: "http://0.1.2.3:{}/",
    mapped_loopback: "http://[::ffff:127.0.0.1]:{}/",
    mapped_loopback_hex: "http://[::ffff:7f00:1]:{}/",
    mapped_loopback_long: "http://[0:0:0:0:0:ffff:7f00:0001]:{}/",
    mapped_private: "http://[::ffff:10.0.0.1]:{}/",
    mapped_metadata: "http://[::ffff:169.254.169.254]:{}/",
    mapped_metadata_hex: "http://[::ffff:a9fe:a9fe]:{}/",
    mapped_azure: "http://[::ffff:168.63.129.16]:{}/",
    translated_loopback: "http://[::ffff:0:127.0.0.1]:{}/",
    compatible_loopback: "http://[::127.0.0.1]:{}/",
    compatible_private: "http://[::192.168.0.1]:{}/",
    compatible_metadata: "http://[::a9fe:a9fe]:{}/",
    nat64_loopback: "http://[64:ff9b::127.0.0.1]:{}/",
    nat64_private: "http://[64:ff9b::10.0.0.1]:{}/",
    nat64_metadata: "http://[64:ff9b::a9fe:a9fe]:{}/",
    nat64_local_prefix: "http://[64:ff9b:1::8.8.8.8]:{}/",
    nat64_local_prefix_private: "http://[64:ff9b:1:a00:0:100::]:{}/",
    sixtofour_loopback: "http://[2002:7f00:1::]:{}/",
    sixtofour_private: "http://[2002:a00:1::1]:{}/",
    sixtofour_metadata: "http://[2002:a9fe:a9fe::1]:{}/",
    sixtofour_shared: "http://[2002:6440:1::1]:{}/",
    teredo_client_loopback: "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{}/",
    teredo_client_private: "http://[2001:0:4136:e378:8000:63bf:f5ff:fffe]:{}/",
    teredo_server_private: "http://[2001:0:a00:1:8000:63bf:f7f7:f7f7]:{}/",
    teredo_client_metadata: "http://[2001::4136:e378:8000:63bf:5601:5601]:{}/",
    isatap_loopback: "http://[2a00:1450:4001::5efe:127.0.0.1]:{}/",
    isatap_private: "http://[2a00:1450:4001::200:5efe:10.0.0.1]:{}/",
    isatap_metadata: "http://[2a00:1450:4001::5efe:a9fe:a9fe]:{}/",
    isatap_link_local: "http://[fe80::5efe:192.168.0.1]:{}/",
    private_10: "http://10.0.0.1:{}/",
    private_10_decimal: "http://167772161:{}/",
    private_10_short: "http://10.1:{}/",
    private_172_first: "http://172.16.0.0:{}/",
    private_172_last: "http://172.31.255.255:{}/",
    private_172_octal: "http://0254.020.0.1:{}/",
    private_192: "http://192.168.1.1:{}/",
    private_192_hex: "http://0xc0a80101:{}/",
    private_192_short: "http://192.168.257:{}/",
    shared_first: "http://100.64.0.0:{}/",
    shared_last: "http://100.127.255.255:{}/",
    link_local: "http://169.254.1.1:{}/",
    protocol_assignments: "http://192.0.0.8:{}/",
    documentation_1: "http://192.0.2.1:{}/",
    documentation_2: "http://198.51.100.1:{}/",
    documentation_3: "http://203.0.113.1:{}/",
    as112: "http://192.31.196.1:{}/",
    as112_direct: "http://192.175.48.1:{}/",
    amt: "http://192.52.193.1:{}/",
    relay_6to4: "http://192.88.99.1:{}/",
    benchmark_first: "http://198.18.0.1:{}/",
    benchmark_last: "http://198.19.255.254:{}/",
    multicast: "http://224.0.0.1:{}/",
    multicast_last: "http://239.255.255.255:{}/",
    reserved: "http://240.0.0.1:{}/",
    broadcast: "http://255.255.255.255:{}/",
    broadcast_decimal: "http://4294967295:{}/",
    unique_local_fc: "http://[fc00::1]:{}/",
    unique_local_fd: "http://[fd12:3456:789a::1]:{}/",
    link_local_v6: "http://[fe80::1]:{}/",
    site_local_v6: "http://[fec0::1]:{}/",
    multicast_v6: "http://[ff02::1]:{}/",
    discard_v6: "http://[100::1]:{}/",
    dummy_v6: "http://[100:0:0:1::1]:{}/",
    documentation_v6: "http://[2001:db8::1]:{}/",
    documentation_v6_new: "http://[3fff::1]:{}/",
    sixbone_v6: "http://[3ffe::1]:{}/",
    benchmark_v6: "http://[2001:2::1]:{}/",
    orchid_v6: "http://[2001:10::1]:{}/",
    orchid2_v6: "http://[2001:20::1]:{}/",
    drone_v6: "http://[2001:30::1]:{}/",
    as112_v6: "http://[2001:4:112::1]:{}/",
    as112_direct_v6: "http://[2620:4f:8000::1]:{}/",
    segment_routing_v6: "http://[5f00::1]:{}/",
    unassigned_v6: "http://[4000::1]:{}/",
    metadata_aws: "http://169.254.169.254:{}/latest/meta-data/",
    metadata_decimal: "http://2852039166:{}/",
    metadata_hex: "http://0xa9fea9fe:{}/",
    metadata_octal: "http://0251.0376.0251.0376:{}/",
    metadata_octal_whole: "http://025177524776:{}/",
    metadata_short: "http://169.254.43518:{}/",
    metadata_mixed: "http://0xa9.254.0251.254:{}/",
    metadata_aws_v6: "http://[fd00:ec2::254]:{}/",
    metadata_aws_ntp_v6: "http://[fd00:ec2::123]:{}/",
    metadata_aws_ecs: "http://169.254.170.2:{}/v2/credentials",
    metadata_aws_eks: "http://169.254.170.23:{}/v1/credentials",
    metadata_aws_eks_v6: "http://[fd00:ec2::23]:{}/v1/credentials",
    metadata_aws_dns: "http://169.254.169.253:{}/",
    metadata_gcp_v6: "http://[fd20:ce::254]:{}/",
    metadata_azure: "http://169.254.169.254:{}/metadata/instance?api-version=2021-02-01",
    metadata_azure_wire: "http://168.63.129.16:{}/",
    metadata_azure_wire_decimal: "http://2822734096:{}/",
    metadata_alibaba: "http://100.100.100.200:{}/latest/meta-data/",
    metadata_alibaba_decimal: "http://1684301000:{}/",
    metadata_oracle: "http://169.254.169.254:{}/opc/v2/instance/",
    metadata_oracle_old: "http://192.0.0.192:{}/latest/",
    metadata_tencent: "http://169.254.0.23:{}/latest/meta-data/",
    metadata_openstack: "http://169.254.169.254:{}/openstack/latest/meta_data.json",
    metadata_openstack_v6: "http://[fe80::a9fe:a9fe]:{}/openstack/",
    metadata_digitalocean: "http://169.254.169.254:{}/metadata/v1.json",
    metadata_scaleway: "http://169.254.42.42:{}/conf",
    metadata_scaleway_v6: "http://[fd00:42::42]:{}/conf",
    metadata_hetzner: "http://169.254.169.254:{}/hetzner/v1/metadata",
    metadata_vultr: "http://169.254.169.254:{}/v1.json",
    metadata_ibm_v6: "http://[fd00:1b::1]:{}/",
    metadata_linode_v6: "http://[fd00:a9fe:a9fe::1]:{}/",
    kubernetes_api: "http://10.96.0.1:{}/",
    docker_bridge: "http://172.17.0.1:{}/",
    nodelocal_dns: "http://169.254.20.10:{}/",
}
