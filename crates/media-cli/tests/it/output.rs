//! How results look.

use crate::media::Home;

#[test]
fn colors_only_where_wanted_and_names_do_not_steer_the_terminal() {
    let home = Home::new();
    home.file("x.txt", b"x");
    let user = "evil\u{1b}[31m\nuser";
    home.run(&[
        "put",
        "store",
        "x.txt",
        "--create",
        "--user",
        user,
        "--session",
        "s",
        "--conversation",
        "c",
    ])
    .ended(0);
    let plain = home.run(&["du", "store"]).ended(0).stdout;
    assert!(
        !plain.contains('\u{1b}') && plain.contains("\\u{1b}[31m"),
        "{plain:?}"
    );
    let colored = home
        .run(&["du", "store", "--color", "always"])
        .ended(0)
        .stdout;
    assert!(
        colored.contains("\u{1b}[1m") && !colored.contains("\u{1b}[31m"),
        "{colored:?}"
    );
    let json = home
        .run(&["du", "store", "--json", "--color", "always"])
        .ended(0)
        .one();
    assert_eq!(json["user"], user);
    let quiet = home.run(&["ls", "store", "--quiet"]).ended(0);
    assert!(quiet.stderr.is_empty());
    assert!(
        home.run(&["ls", "store"])
            .stderr
            .contains("1 reference, 1 B")
    );
}
