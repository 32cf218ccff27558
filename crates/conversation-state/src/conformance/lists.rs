//! Listing conversations.

use std::collections::{BTreeMap, BTreeSet};

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::error::{StateError, StateErrorKind};
use crate::list::{ConversationFilter, ConversationPage, ListOrder};
use crate::outcome::NewConversation;
use crate::record::ConversationStatus;
use crate::store::StateStore;
use crate::update::RecordUpdate;
use crate::write::{Fence, StateWrite};

/// The ids of all pages, in order.
async fn all(store: &dyn StateStore, filter: ConversationFilter) -> Vec<String> {
    let (mut filter, mut ids) = (filter, Vec::new());
    for _ in 0..100 {
        let page = store.list(&filter).await.unwrap();
        assert!(page.records.len() <= filter.page_size());
        ids.extend(page.records.iter().map(|record| record.id.to_string()));
        if page.next.is_none() {
            return ids;
        }
        filter = filter.with_cursor(page.next);
    }
    panic!("a list without an end");
}

async fn set(store: &dyn StateStore, name: &str, update: RecordUpdate) {
    let known = load(store, name, crate::load::Window::MetadataOnly)
        .await
        .record;
    let write = StateWrite::new(&known, Fence::Version(known.version)).with_record(update);
    store.apply(write).await.unwrap();
}

pub(super) async fn filters_find_what_they_name(harness: &dyn Harness) {
    let store = harness.open().await;
    let filter = ConversationFilter::new;
    assert!(all(&*store, filter()).await.is_empty());
    for (n, name) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        let given = record(name)
            .with_user(Some(format!("user-{}", n % 2).parse().unwrap()))
            .with_session(Some(format!("session-{}", n % 3).parse().unwrap()))
            .with_parent((n > 3).then(|| id("a")))
            .with_tags(if n % 2 == 0 {
                vec!["even", "all"]
            } else {
                vec!["all"]
            });
        store.create(NewConversation::new(given)).await.unwrap();
    }
    let nobody = crate::record::ConversationRecord::new(id("nobody's"));
    store.create(NewConversation::new(nobody)).await.unwrap();
    let status = |status| RecordUpdate::new().with_status(status);
    set(&*store, "c", status(ConversationStatus::Ended)).await;
    set(&*store, "d", status(ConversationStatus::Creating)).await;
    store.tombstone(&id("b"), LEASE).await.unwrap();
    set(&*store, "e", RecordUpdate::new().with_tags(["all", "new"])).await;

    let user = |n: u8| filter().with_user(format!("user-{n}").parse().unwrap());
    let session = |n: u8| format!("session-{n}").parse().unwrap();
    let of = |status| filter().with_status(status);
    use ConversationStatus as S;
    for (filter, expected) in [
        (filter(), vec!["a", "c", "d", "e", "f", "nobody's"]),
        (user(0), vec!["a", "c", "e"]),
        (user(1), vec!["d", "f"]),
        (user(7), vec![]),
        (filter().with_session(session(2)), vec!["c", "f"]),
        (user(0).with_session(session(2)), vec!["c"]),
        (filter().with_parent(id("a")), vec!["e", "f"]),
        (user(1).with_parent(id("a")), vec!["f"]),
        (filter().with_tag("all"), vec!["a", "c", "d", "e", "f"]),
        (filter().with_tag("even"), vec!["a", "c"]),
        (filter().with_tag("new"), vec!["e"]),
        (filter().with_tag("none"), vec![]),
        (user(0).with_tag("even"), vec!["a", "c"]),
        (of(S::Active), vec!["a", "e", "f", "nobody's"]),
        (of(S::Ended), vec!["c"]),
        (of(S::Creating), vec!["d"]),
        (of(S::Deleting), vec!["b"]),
        (of(S::Ending), vec![]),
        (user(0).with_status(S::Active), vec!["a", "e"]),
        (user(1).with_status(S::Deleting), vec!["b"]),
        (filter().with_tag("all").with_status(S::Deleting), vec!["b"]),
    ] {
        for order in [ListOrder::Created, ListOrder::Changed] {
            for limit in [1, 2, 100] {
                let filter = filter.clone().with_order(order).with_limit(limit);
                let mut found = all(&*store, filter.clone()).await;
                let listed = store.list(&filter).await.unwrap().records;
                assert!(listed.windows(2).all(|two| match order {
                    ListOrder::Created => two[0].created_at >= two[1].created_at,
                    _ => two[0].updated_at >= two[1].updated_at,
                }));
                found.sort();
                assert_eq!(found, expected, "{filter:?}");
            }
        }
    }
}

/// Creates conversations under names of a prefix.
async fn create_some(store: &dyn StateStore, prefix: &str, count: usize) {
    for n in 0..count {
        create(store, &format!("{prefix}{n:02}")).await;
    }
}

/// A list that is read page by page while things change.
struct SlowReader<'a> {
    store: &'a dyn StateStore,
    filter: ConversationFilter,
    /// How often each conversation appeared.
    counts: BTreeMap<String, usize>,
    pages: usize,
}

impl<'a> SlowReader<'a> {
    fn new(store: &'a dyn StateStore, order: ListOrder) -> Self {
        Self {
            store,
            filter: ConversationFilter::new().with_order(order).with_limit(3),
            counts: BTreeMap::new(),
            pages: 0,
        }
    }

    /// Reads a page. Returns whether there are more.
    async fn read(&mut self) -> bool {
        self.pages += 1;
        assert!(self.pages < 100, "a list without an end");
        let page = self.store.list(&self.filter).await.unwrap();
        for record in &page.records {
            *self.counts.entry(record.id.to_string()).or_default() += 1;
        }
        let more = page.next.is_some();
        self.filter = self.filter.clone().with_cursor(page.next);
        more
    }
}

pub(super) async fn a_list_by_creation_has_each_once(harness: &dyn Harness) {
    let store = harness.open().await;
    create_some(&*store, "old-", 12).await;
    let mut reader = SlowReader::new(&*store, ListOrder::Created);
    while reader.read().await {
        // Each page sees changes, a deletion and a creation.
        foreign_writes(&*store, "old-01", 1).await;
        foreign_writes(&*store, "old-10", 1).await;
        if reader.pages == 2 {
            store.purge(&id("old-05")).await.unwrap();
        }
        create(&*store, &format!("new-{}", reader.pages)).await;
    }
    let counts = reader.counts;
    for n in (0..12).filter(|n| *n != 5) {
        let name = format!("old-{n:02}");
        assert_eq!(counts.get(&name), Some(&1), "{name}: {counts:?}");
    }
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

pub(super) async fn a_list_by_change_has_each_at_least_once(harness: &dyn Harness) {
    let store = harness.open().await;
    create_some(&*store, "a-", 13).await;
    let mut reader = SlowReader::new(&*store, ListOrder::Changed);
    while reader.read().await {
        if reader.pages <= 6 {
            // Those that the reader has yet to reach move to the front.
            foreign_writes(&*store, &format!("a-{:02}", reader.pages), 1).await;
            foreign_writes(&*store, "a-00", 1).await;
        }
    }
    let found: BTreeSet<String> = reader.counts.into_keys().collect();
    let expected: BTreeSet<String> = (0..13).map(|n| format!("a-{n:02}")).collect();
    assert_eq!(found, expected);
    // Where nothing changes, each appears once, the last changed first.
    let filter = ConversationFilter::new()
        .with_order(ListOrder::Changed)
        .with_limit(5);
    let ids = all(&*store, filter).await;
    assert_eq!(ids.len(), 13);
    assert_eq!(ids[0], "a-00");
}

pub(super) async fn edited_cursors_are_refused(harness: &dyn Harness) {
    let store = harness.open().await;
    create_some(&*store, "a-", 9).await;
    for order in [ListOrder::Created, ListOrder::Changed] {
        let filter = ConversationFilter::new().with_order(order).with_limit(2);
        let cursor = store.list(&filter).await.unwrap().next.unwrap();
        assert!(
            cursor
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
        let listed = |filter: ConversationFilter, cursor: String| list_at(&*store, filter, cursor);
        assert_eq!(
            listed(filter.clone(), cursor.clone())
                .await
                .unwrap()
                .records
                .len(),
            2
        );
        let mut edited = vec![
            String::new(),
            "x".into(),
            format!("{cursor}A"),
            cursor[1..].into(),
        ];
        for at in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            edited.push(String::from_utf8(bytes).unwrap());
        }
        for edited in edited {
            let refused = listed(filter.clone(), edited).await;
            assert_kind(refused, StateErrorKind::InvalidInput);
        }
        // A cursor belongs to its list; the size of a page may change.
        let other = filter.clone().with_user("user-1".parse().unwrap());
        assert_kind(
            listed(other, cursor.clone()).await,
            StateErrorKind::InvalidInput,
        );
        let larger = listed(filter.with_limit(100), cursor).await.unwrap();
        assert_eq!(larger.records.len(), 7);
    }
    let huge = ConversationFilter::new().with_limit(usize::MAX);
    assert_eq!(store.list(&huge).await.unwrap().records.len(), 9);
    let none = ConversationFilter::new().with_limit(0);
    assert_eq!(store.list(&none).await.unwrap().records.len(), 1);
}

async fn list_at(
    store: &dyn StateStore,
    filter: ConversationFilter,
    cursor: String,
) -> Result<ConversationPage, StateError> {
    store.list(&filter.with_cursor(Some(cursor))).await
}
