//! Listing conversations page by page.

use media_types::{ConversationId, SessionId, UserId};

use crate::limits::MAX_PAGE;
use crate::record::{ConversationRecord, ConversationStatus};

/// Order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListOrder {
    /// Newest first. What exists from the first page to the last appears exactly once.
    #[default]
    Created,
    /// Last changed first; after the last of them come, oldest change first, those that changed
    /// since the first page was read. What exists from the first page to the last appears at least
    /// once.
    Changed,
}

/// Which conversations to list.
///
/// Those that are being deleted appear only where their status is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConversationFilter {
    /// Only those of this user.
    pub user: Option<UserId>,
    /// Only those of this session.
    pub session: Option<SessionId>,
    /// Only those of this status.
    pub status: Option<ConversationStatus>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Only those that were started for this conversation.
    pub parent: Option<ConversationId>,
    /// The order.
    pub order: ListOrder,
    /// The largest page: 1 to 1,000. A page may be smaller, and even empty, with more to follow.
    pub limit: usize,
    /// The [`next`](ConversationPage::next) of the page before. The other fields must be the same.
    pub cursor: Option<String>,
}

impl Default for ConversationFilter {
    fn default() -> Self {
        Self {
            user: None,
            session: None,
            status: None,
            tag: None,
            parent: None,
            order: ListOrder::Created,
            limit: 100,
            cursor: None,
        }
    }
}

impl ConversationFilter {
    /// Creates a filter that accepts all conversations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the user. Defaults to any.
    #[must_use]
    pub fn with_user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// Sets the session. Defaults to any.
    #[must_use]
    pub fn with_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Sets the status. Defaults to any but [`ConversationStatus::Deleting`].
    #[must_use]
    pub fn with_status(mut self, status: ConversationStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the tag. Defaults to any.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Sets the parent. Defaults to any.
    #[must_use]
    pub fn with_parent(mut self, parent: ConversationId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Sets the order. Defaults to [`ListOrder::Created`].
    #[must_use]
    pub fn with_order(mut self, order: ListOrder) -> Self {
        self.order = order;
        self
    }

    /// Sets the largest page. Defaults to 100; at most 1,000.
    #[must_use]
    pub fn with_limit(mut self, conversations: usize) -> Self {
        self.limit = conversations;
        self
    }

    /// Sets the cursor. Defaults to the first page.
    #[must_use]
    pub fn with_cursor(mut self, cursor: Option<String>) -> Self {
        self.cursor = cursor;
        self
    }

    /// Returns the largest page that a store gives: `limit` within its bounds.
    pub fn page_size(&self) -> usize {
        self.limit.clamp(1, MAX_PAGE)
    }

    /// Returns whether a conversation is asked for, order and cursor apart.
    pub fn accepts(&self, record: &ConversationRecord) -> bool {
        let status = match self.status {
            Some(status) => record.status == status,
            None => record.status != ConversationStatus::Deleting,
        };
        status
            && same(&self.user, &record.user)
            && same(&self.session, &record.session)
            && same(&self.parent, &record.parent)
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| record.tags.contains(tag))
    }
}

fn same<T: PartialEq>(asked: &Option<T>, held: &Option<T>) -> bool {
    asked.is_none() || asked == held
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConversationPage {
    /// The records.
    pub records: Vec<ConversationRecord>,
    /// The cursor of the next page; none after the last.
    pub next: Option<String>,
    /// Conversations of the page whose records cannot be read: what the list is of holds for them too.
    pub unreadable: Vec<ConversationId>,
}

impl ConversationPage {
    /// Creates a page.
    pub fn new(records: Vec<ConversationRecord>, next: Option<String>) -> Self {
        Self {
            records,
            next,
            unreadable: Vec::new(),
        }
    }

    /// Sets the conversations whose records cannot be read. Defaults to none.
    #[must_use]
    pub fn with_unreadable(mut self, ids: Vec<ConversationId>) -> Self {
        self.unreadable = ids;
        self
    }
}
