//! Commands that are asked to end while they write.

use media_types::base64;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;
use test_servers::proxy::{Fault, FaultProxy, Gate, RequestPattern, Script};

use crate::buckets::served;
use crate::media::png;

/// How many values of one history are stored at the same time.
const AT_ONCE: usize = 8;

/// What was stored before the store waits.
const STORED: usize = 12;

/// The store waits with as many values as are stored at once: those before them are stored and listed.
#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_that_is_ended_leaves_the_old_file_and_a_list_of_what_it_stored() {
    let (server, home) = served().await;
    let url = format!("s3://{}/media", server.bucket());
    home.put(&url, "eve", "x.txt", b"x");
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let home = home
        .with_environment("MEDIA_HISTORY_KEY", "0123456789abcdef0123456789abcdef")
        .with_environment("AWS_ENDPOINT_URL", &proxy.endpoint());
    let lines = (1..=STORED + AT_ONCE).map(|n| {
        let image = base64::encode(&png(30, u8::try_from(n).unwrap()));
        format!("{{\"n\":{n},\"url\":\"data:image/png;base64,{image}\"}}\n")
    });
    let old: String = lines.collect();
    home.file("h.jsonl", old.as_bytes());
    let slim = [
        "history",
        "slim",
        &url,
        "h.jsonl",
        "--hot",
        "--threshold",
        "0",
        "--user",
        "ada",
        "--session",
        "s",
        "--conversation",
        "c",
    ];
    let (gate, bodies) = (Gate::new(), RequestPattern::put("/blob/"));
    let script = Script::pass().first(STORED as u64, bodies.clone(), Fault::Pass);
    proxy.set_script(script.always(bodies, Fault::HoldRequest(gate.clone())));
    for (run, signal, code, quiet, said) in [
        (
            1,
            Signal::TERM,
            143,
            "--color=never",
            "the command was ended by SIGTERM\n",
        ),
        (2, Signal::INT, 130, "--quiet", ""),
    ] {
        let mut command = home.command(&slim);
        let child = command.arg(quiet).stderr(Stdio::piped()).spawn().unwrap();
        gate.reached(run * AT_ONCE).await;
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code));
        assert_eq!(String::from_utf8_lossy(&ended.stderr), said);

        let beside = std::fs::read_dir(home.dir.path()).unwrap();
        let names = beside.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.contains("h.jsonl")).collect();
        names.sort();
        assert_eq!(names, [".h.jsonl.media-journal", "h.jsonl"]);
        let left = std::fs::read_to_string(home.path("h.jsonl")).unwrap();
        assert!(left == old, "the old file is another one");
        let journal = std::fs::read_to_string(home.path(".h.jsonl.media-journal")).unwrap();
        let listed = journal.lines().filter(|line| !line.is_empty()).map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["stored"]["id"].as_str().unwrap().to_owned()
        });
        let mut listed: Vec<_> = listed.collect();
        listed.sort();
        let stored = home.run(&["ls", &url, "--ids", "--user", "ada"]).ended(0);
        let mut stored: Vec<_> = stored.stdout.lines().map(str::to_owned).collect();
        stored.sort();
        assert_eq!((stored.len(), &stored), (STORED, &listed));
    }
    proxy.set_script(Script::pass());
    home.run(&slim).ended(0);
    assert!(!home.path(".h.jsonl.media-journal").exists());
    assert_eq!(home.ids(&url).len(), 1 + STORED + AT_ONCE);
    home.run(&[
        "history", "fatten", &url, "h.jsonl", "--hot", "--user", "ada",
    ])
    .ended(0);
    let whole = std::fs::read_to_string(home.path("h.jsonl")).unwrap();
    assert!(whole == old, "what came back is another history");
}
