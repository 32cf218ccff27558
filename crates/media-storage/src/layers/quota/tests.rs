//! Accounts while stores, questions and other users come between.

use super::*;

const LIMITS: QuotaLimits = QuotaLimits {
    bytes: Some(1000),
    references: None,
};

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn usage(references: u64, bytes: u64) -> Usage {
    Usage {
        references,
        logical_bytes: bytes,
        ..Usage::default()
    }
}

#[test]
fn what_is_committed_while_the_store_is_asked_still_counts() {
    let account = Ledger::default().account(&user("ann"));
    let question = account.ask(0);
    account.reserve(700, LIMITS).unwrap().commit(700).unwrap();
    account.answer(question, usage(1, 200));
    account.reserve(101, LIMITS).unwrap_err();
    let rest = account.reserve(100, LIMITS).unwrap();
    drop(rest);
    // The next answer has it all.
    let question = account.ask(0);
    account.answer(question, usage(2, 900));
    account.reserve(101, LIMITS).unwrap_err();
    account.reserve(100, LIMITS).unwrap();
}

#[test]
fn a_user_with_a_running_store_is_not_forgotten_for_others() {
    let ledger = Ledger::default();
    let reserved = ledger.account(&user("ann")).reserve(900, LIMITS).unwrap();
    for number in 0..MAX_USERS + 2 {
        ledger.account(&user(&format!("user-{number}")));
    }
    assert!(ledger.users.lock().unwrap().len() < MAX_USERS);
    let account = ledger.account(&user("ann"));
    account.reserve(101, LIMITS).unwrap_err();
    reserved.commit(900).unwrap();
    account.reserve(101, LIMITS).unwrap_err();
}

#[test]
fn a_length_that_no_media_has_is_refused_and_reserves_nothing() {
    let account = Ledger::default().account(&user("ann"));
    account.reserve(10, LIMITS).unwrap().commit(10).unwrap();
    account.reserve(u64::MAX, LIMITS).unwrap_err();
    account.reserve(990, LIMITS).unwrap();
}

#[test]
fn more_than_was_reserved_is_committed_only_if_it_fits() {
    let account = Ledger::default().account(&user("ann"));
    let small = account.reserve(0, LIMITS).unwrap();
    small.commit(600).unwrap();
    let large = account.reserve(0, LIMITS).unwrap();
    large.commit(401).unwrap_err();
    drop(large);
    account.reserve(400, LIMITS).unwrap();
}
