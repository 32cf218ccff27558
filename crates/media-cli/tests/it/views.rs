//! Report, metrics, index, completions, manual.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use crate::media::{Home, png};

#[test]
fn the_report_is_one_page_that_asks_nobody() {
    let home = Home::new();
    home.put("store", "<b>ada</b>", "x.png", &png(300, 1));
    home.put("store", "bob", "y.png", &png(300, 200));
    home.put("store", "bob", "broken.png", b"\x89PNG\r\n\x1a\nno picture");
    home.run(&["report", "store", "-O", "r.html"]).ended(0);
    let html = std::fs::read_to_string(home.path("r.html")).unwrap();
    assert_eq!(html.matches("<img ").count(), 2);
    assert_eq!(html.matches("no preview").count(), 1);
    assert!(html.contains("&lt;b&gt;ada") && !html.contains("<b>ada"));
    assert!(html.contains("default-src 'none'"));
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "no request"
    );
    home.run(&["report", "store", "-O", "r.html", "--images", "0"])
        .ended(0);
    let html = std::fs::read_to_string(home.path("r.html")).unwrap();
    assert!(!html.contains("<img "));
}

#[test]
fn metrics_are_text_a_file_or_a_server() {
    let home = Home::new();
    home.put("store", "ada", "x.txt", b"12345");
    let text = home.run(&["metrics", "store"]).ended(0).stdout;
    assert!(
        text.contains("media_references{backend=\"file\"} 1"),
        "{text}"
    );
    assert!(text.contains("media_stored_bytes{backend=\"file\"} 5"));
    home.run(&["metrics", "store", "--textfile", "m.prom"])
        .ended(0);
    assert!(
        std::fs::read_to_string(home.path("m.prom"))
            .unwrap()
            .contains("# TYPE media_bodies gauge")
    );

    let mut server = home
        .command(&["metrics", "store", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .trim()
        .strip_prefix("serving http://")
        .unwrap()
        .strip_suffix("/metrics")
        .unwrap();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let mut answer = get("/metrics");
    while answer.starts_with("HTTP/1.1 503") {
        answer = get("/metrics");
    }
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("media_references"),
        "{answer}"
    );
    assert!(get("/").starts_with("HTTP/1.1 404"));
    #[cfg(unix)]
    {
        let id = rustix::process::Pid::from_child(&server);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert_eq!(server.wait().unwrap().code(), Some(143));
    }
    let _ = server.kill();
}

#[test]
fn the_index_tells_what_is_shared() {
    let home = Home::new();
    home.put("store", "ada", "x.txt", b"same");
    home.put("store", "bob", "y.txt", b"same");
    home.put("store", "ada", "z.txt", b"other");
    let index = ["dedup-index", "store", "--json"];
    let all = home.run(&index).ended(0).json();
    let counts: Vec<_> = all.iter().map(|body| &body["ref_count"]).collect();
    assert_eq!(counts, [2, 1]);
    let shown = home.run(&["dedup-index", "store"]).ended(0);
    assert_eq!(shown.stdout.lines().count(), 2, "{shown:?}");
    assert!(shown.stderr.contains("1 of 2 bodies"), "{shown:?}");
    home.run(&["dedup-index", "store", "--write"]).ended(0);
    assert!(home.path("store/.dedup-index.json").is_file());
}

#[test]
fn completions_and_manual_name_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = home.run(&["completions", shell]).ended(0).stdout;
        assert!(script.contains("forget"), "{shell}");
    }
    let page = home.run(&["man"]).ended(0).stdout;
    assert!(page.contains(".TH media 1"));
    home.run(&["man", "--directory", "man"]).ended(0);
    let pages = std::fs::read_dir(home.path("man")).unwrap().count();
    assert!(pages > 18, "{pages}");
    assert!(home.path("man/media-copy.1").is_file());
}
