//! Conversation databases: importing, exporting, and media that nobody names.

use media_types::base64::encode;
use serde_json::{Value, json};

use crate::media::{Home, png};

fn import(home: &Home, program: &str, store: &str, path: &str) -> Vec<Value> {
    let ran = home.run(&[
        "import", program, store, path, "--state", "c.db", "--create", "--json", "--user", "ada",
    ]);
    ran.ended(0).json()
}

fn write(home: &Home, name: &str, value: &Value) -> String {
    home.file(name, value.to_string().as_bytes())
}

#[test]
fn histories_of_five_programs_are_imported_once() {
    let home = Home::new();
    let (one, two) = (encode(&png(40, 1)), encode(&png(41, 2)));
    let uri = |data: &str| format!("data:image/png;base64,{data}");
    let openai = json!({"messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": uri(&one)}},
        ]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a square"},
        {"role": "assistant", "content": "A square."},
    ]});
    let anthropic = json!([
        {"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": one}},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"x": 1}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": two}},
            ]},
        ]},
    ]);
    let gemini = json!({"contents": [
        {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": one}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"a": 1}}}]},
    ]});
    let langchain = json!([
        {"type": "human", "data": {"content": [
            {"type": "image", "base64": two, "mime_type": "image/png"},
        ]}},
        {"type": "ai", "data": {"content": "A square."}},
    ]);
    let agno = json!([{"session_id": "s-agno", "user_id": "bob", "runs": [
        {"messages": [
            {"role": "user", "content": "look", "images": [{"content": one, "mime_type": "image/png"}]},
            {"role": "assistant", "content": "A square."},
        ]},
        {"messages": [
            {"role": "user", "content": "look", "from_history": true},
            {"role": "user", "content": "again"},
        ]},
    ]}]);
    for (program, value, messages) in [
        ("openai", openai, 4),
        ("anthropic", anthropic, 3),
        ("gemini", gemini, 3),
        ("langchain", langchain, 2),
        ("agno", agno.clone(), 3),
    ] {
        let name = write(&home, &format!("{program}.json"), &value);
        let first = import(&home, program, "store", &name);
        assert_eq!(first.len(), 1, "{program}");
        assert_eq!(first[0]["added"], messages, "{program}");
        let again = import(&home, program, "store", &name);
        assert_eq!(again[0]["added"], 0, "{program}");
        assert_eq!(again[0]["conversation"], first[0]["conversation"]);
    }
    // Each conversation has references of its own; equal bytes are kept once.
    assert_eq!(home.ids("store").len(), 6);
    // SQLite has no type for JSON: runs are text, or the text of a text.
    let runs = agno[0]["runs"].to_string();
    for (session, text) in [
        ("s-text", json!(runs)),
        ("s-twice", json!(json!(runs).to_string())),
    ] {
        let row = json!([{"session_id": session, "runs": text}]);
        let name = write(&home, &format!("{session}.json"), &row);
        assert_eq!(import(&home, "agno", "store", &name)[0]["added"], 3);
    }
    let info = home
        .run(&["du", "store", "--by", "user", "--json"])
        .ended(0);
    assert!(info.stdout.contains("ada"), "{info:?}");
    home.run(&["verify", "store"]).ended(0);

    let database = std::fs::read(home.path("c.db")).unwrap();
    let needle = &one.as_bytes()[..60];
    assert!(
        !database.windows(60).any(|window| window == needle),
        "base64 is in the database"
    );

    home.run(&[
        "export", "store", "--user", "ada", "--state", "c.db", "-O", "ada.tar",
    ])
    .ended(0);
    let mut archive = tar::Archive::new(std::fs::File::open(home.path("ada.tar")).unwrap());
    let names: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let conversations = names
        .iter()
        .filter(|name| name.starts_with("conversations/"));
    assert_eq!(conversations.count(), 7, "{names:?}");
}

#[test]
fn a_directory_of_promptkit_is_imported_with_its_media() {
    let home = Home::new();
    let bytes = png(50, 3);
    for directory in ["kit/session-1/conv-1", "kit/states"] {
        std::fs::create_dir_all(home.path(directory)).unwrap();
    }
    std::fs::write(home.path("kit/session-1/conv-1/abc123-def456.png"), &bytes).unwrap();
    std::fs::write(
        home.path("kit/session-1/conv-1/abc123-def456.png.meta"),
        "{}",
    )
    .unwrap();
    std::fs::write(home.path("outside.png"), &bytes).unwrap();
    let by_path = "session-1/conv-1/abc123-def456.png";
    let media = |reference: Value| json!({"type": "image", "media": {"mime_type": "image/png", "storage_reference": reference}});
    let state = json!({"id": "conv-1", "user_id": "ada", "system_prompt": "Be brief.", "messages": [
        {"role": "user", "parts": [
            {"type": "text", "text": "look"},
            media(json!(by_path)),
            media(json!({"ID": "abc123-def456", "Backend": "file"})),
            media(json!({"ID": "x", "Metadata": {"path": "/moved/away/abc123-def456.png"}})),
            {"type": "image", "media": {"mime_type": "image/png", "data": encode(&bytes)}},
        ]},
        {"role": "assistant", "content": "A square."},
    ]});
    write(&home, "kit/states/conv-1.json", &state);
    let done = import(&home, "promptkit", "store", "kit");
    assert_eq!(
        (&done[0]["added"], &done[0]["missing"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(done[0]["conversation"], "conv-1");
    assert_eq!(home.ids("store").len(), 4);
    home.run(&["verify", "store"]).ended(0);

    // A reference that leads out of the directory is not followed, and what is missing is told.
    let outside = home.path("outside.png");
    let state = json!({"id": "conv-2", "messages": [
        {"role": "user", "parts": [media(json!(outside.to_str())), media(json!("../outside.png"))]},
    ]});
    write(&home, "kit/states/conv-2.json", &state);
    let ran = home.run(&[
        "import",
        "promptkit",
        "store",
        "kit",
        "--state",
        "c.db",
        "--json",
    ]);
    let done = ran.ended(3).json();
    assert_eq!(done[1]["missing"], 2);
    assert_eq!(home.ids("store").len(), 4);
}

#[test]
fn a_file_of_the_same_name_in_another_directory_is_not_taken() {
    let home = Home::new();
    for (session, color) in [("a", 1), ("b", 2)] {
        std::fs::create_dir_all(home.path(&format!("kit/s-{session}/c"))).unwrap();
        let path = home.path(&format!("kit/s-{session}/c/photo.png"));
        std::fs::write(path, png(50, color)).unwrap();
    }
    let media = |path: &str| json!({"type": "image", "media": {"mime_type": "image/png", "storage_reference": path}});
    let state = json!({"id": "conv", "messages": [{"role": "user", "parts": [
        media("/moved/away/s-a/c/photo.png"),
        media("/moved/away/photo.png"),
        media("photo"),
    ]}]});
    write(&home, "kit/conv.json", &state);
    let import = ["import", "promptkit", "store", "kit", "--state", "c.db"];
    let ran = home.run(&[&import[..], &["--create", "--json"]].concat());
    assert_eq!(ran.ended(3).json()[0]["missing"], 2);
    let ids = home.ids("store");
    assert_eq!(ids.len(), 1);
    home.run(&["get", "store", &ids[0], "-O", "got.png"])
        .ended(0);
    assert_eq!(std::fs::read(home.path("got.png")).unwrap(), png(50, 1));
}

#[test]
fn nothing_is_created_or_deleted_unasked() {
    let home = Home::new();
    let history = json!([{"role": "user", "content": "x"}]);
    let name = write(&home, "h.json", &history);
    let to = |options: &[&str]| {
        let arguments = ["import", "openai", "store", &name, "--state", "c.db"];
        home.run(&[&arguments, options].concat())
    };
    to(&[]).ended(1);
    assert!(!home.path("store").exists() && !home.path("c.db").exists());
    to(&["--create"]).ended(0);
    home.run(&["orphans", "store", "--state", "none.db"])
        .ended(1)
        .says("there is no conversation database");
    assert!(!home.path("none.db").exists());
    for owner in [&["--user", "ada"][..], &["--unscoped"]] {
        home.run(&[&["orphans", "store", "--state", "c.db"][..], owner].concat())
            .ended(2)
            .says("go with --histories");
    }
    home.file("torn.json", b"{\"messages\":");
    home.run(&["import", "openai", "store", "torn.json", "--state", "c.db"])
        .ended(3)
        .says("torn.json cannot be read");
    home.run(&["import", "openai", "store", "none.json", "--state", "c.db"])
        .ended(1);
    home.run(&["import", "openai", "store", ".", "--state", "c.db"])
        .ended(2)
        .says("is a directory");
    for url in [
        "postgres://ada:hush@127.0.0.1:1/chats",
        "redis://ada:hush@127.0.0.1:1",
        "mysql://ada:hush@db/chats",
    ] {
        let ran = home.run(&["orphans", "store", "--state", url]);
        assert!(ran.code != 0 && !ran.stderr.contains("hush"), "{ran:#?}");
    }
}

#[test]
fn media_that_no_message_names_is_an_orphan() {
    let home = Home::new();
    let image = encode(&png(60, 4));
    let history = json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}},
    ]}]);
    let name = write(&home, "h.json", &history);
    import(&home, "openai", "store", &name);
    let orphans = |options: &[&str]| {
        let arguments = ["orphans", "store", "--state", "c.db", "--json"];
        let ran = home.run(&[&arguments, options].concat());
        ran.ended(0).one()["stores"][0].clone()
    };
    let report = orphans(&["--grace", "0s", "--yes"]);
    assert_eq!(
        (&report["examined"], &report["unnamed"]),
        (&json!(1), &json!(0))
    );
    // Media of nobody's conversation is left alone.
    home.put("store", "ada", "a.png", &png(20, 9));
    let report = orphans(&["--grace", "0s", "--yes", "--force"]);
    assert_eq!(
        (&report["foreign"], &report["deleted"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(home.ids("store").len(), 2);
}

#[test]
fn conversations_of_a_user_are_forgotten_with_their_media() {
    let home = Home::new();
    let image = encode(&png(60, 5));
    let history = |text: &str| {
        json!([{"role": "user", "content": [
            {"type": "text", "text": text},
            {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}},
        ]}])
    };
    let of_ada = write(&home, "ada.json", &history("a"));
    import(&home, "openai", "store", &of_ada);
    let of_bob = write(&home, "bob.json", &history("b"));
    let bob = [
        "import", "openai", "store", &of_bob, "--state", "c.db", "--user", "bob",
    ];
    home.run(&bob).ended(0);
    home.put("store", "ada", "loose.png", &png(20, 9));

    let forget = |options: &[&str]| {
        let arguments = [
            "forget", "store", "--user", "ada", "--state", "c.db", "--json",
        ];
        home.run(&[&arguments, options].concat()).ended(0).one()
    };
    let would = forget(&[]);
    assert_eq!(would["conversations"], 1);
    assert_eq!(would["would_delete"]["references"], 2);
    assert_eq!(home.ids("store").len(), 3);
    let receipt = forget(&["--receipt", "receipt.json", "--yes"]);
    assert_eq!(receipt["complete"], true, "{receipt:#}");
    assert_eq!(receipt["deleted_references"], 2);
    assert_eq!(receipt["conversations"]["conversations"], 1);
    assert_eq!(home.ids("store").len(), 1);
    let export = ["export", "store", "--state", "c.db", "-O"];
    for (user, conversations) in [("ada", 0), ("bob", 1)] {
        let name = format!("{user}.tar");
        let ran = home.run(&[&export[..], &[&name, "--user", user]].concat());
        let said = format!("{conversations} conversation");
        assert!(ran.ended(0).stderr.contains(&said), "{user}");
    }
}

/// What comes before a fault is imported, and so are the files after it.
#[test]
fn a_fault_in_a_history_costs_the_rest_of_its_file_only() {
    let home = Home::new();
    let message = r#"{"role":"user","content":"x"}"#;
    home.file(
        "torn.jsonl",
        format!("{message}\n{message}\n{{\"role\":\"us").as_bytes(),
    );
    home.file("bom.json", format!("\u{feff}[{message}]").as_bytes());
    let ran = home.run(&[
        "import",
        "openai",
        "store",
        "torn.jsonl",
        "bom.json",
        "--state",
        "c.db",
        "--create",
        "--json",
        "--user",
        "ada",
    ]);
    let ran = ran.ended(3);
    let added: Vec<_> = ran.json().iter().map(|one| one["added"].clone()).collect();
    assert_eq!(added, [2, 1]);
    ran.says("torn.jsonl cannot be read at line 3");
}
