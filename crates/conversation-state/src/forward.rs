//! The macro that forwards methods of [`StateStore`](crate::StateStore).

/// Forwards methods of [`StateStore`](crate::StateStore) to another store.
///
/// It stands inside of an implementation of the trait, beside the methods that the wrapper changes. Its
/// arguments are `self`, the store that is asked, and the names of the methods. A forwarded method
/// returns the future of the other store as it is. With `call => future` behind the store, each method
/// awaits that future instead, in which `call` is the future of the other store; `limits` and
/// `durability` are not asynchronous and cannot be wrapped like this.
///
/// Mark the implementation with `#[deny(clippy::missing_trait_methods)]`, so that methods that the trait
/// gets later are not forgotten.
///
/// # Examples
/// ```
/// use async_trait::async_trait;
/// use conversation_state::{Applied, StateError, StateErrorKind, StateStore, StateWrite, forward_state};
///
/// /// A store whose conversations do not change.
/// #[derive(Debug)]
/// struct ReadOnly<S>(S);
///
/// impl<S> ReadOnly<S> {
///     async fn logged<T>(&self, call: impl Future<Output = T>) -> T {
///         let outcome = call.await;
///         println!("done");
///         outcome
///     }
/// }
///
/// #[async_trait]
/// #[deny(clippy::missing_trait_methods)]
/// impl<S: StateStore> StateStore for ReadOnly<S> {
///     forward_state!(
///         self => self.0;
///         info, limits, durability, now, create, tombstone, purge, fence_user, user_fence,
///         lift_fence, acquire_lease, release_lease, references, referenced_by, observe_unnamed,
///         forget_unnamed,
///     );
///     forward_state!(self => self.0, call => self.logged(call); load, find_message, list);
///
///     async fn apply(&self, _: StateWrite) -> Result<Applied, StateError> {
///         Err(StateError::new(StateErrorKind::Permission, "apply write to conversation"))
///     }
/// }
/// ```
#[macro_export]
macro_rules! forward_state {
    ($this:ident => $inner:expr; $($method:ident),+ $(,)?) => {
        $($crate::forward_state!(@$method $this, $inner, []);)+
    };
    ($this:ident => $inner:expr, $call:ident => $around:expr; $($method:ident),+ $(,)?) => {
        $($crate::forward_state!(@$method $this, $inner, [$call => $around]);)+
    };

    (@limits $this:ident, $inner:expr, []) => {
        fn limits(&$this) -> $crate::StateLimits {
            $inner.limits()
        }
    };
    (@durability $this:ident, $inner:expr, []) => {
        fn durability(&$this) -> $crate::Durability {
            $inner.durability()
        }
    };

    (@info $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(@method $this, $inner, $around, info[]() -> $crate::StoreInfo);
    };
    (@now $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around, now[]() -> $crate::__private::DateTime<$crate::__private::Utc>
        );
    };
    (@create $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            create[](new: $crate::NewConversation) -> $crate::Created
        );
    };
    (@load $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            load['a](id: &'a $crate::__private::ConversationId, options: $crate::LoadOptions)
                -> Option<$crate::LoadedConversation>
        );
    };
    (@find_message $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            find_message['a, 'b](
                conversation: &'a $crate::__private::ConversationId,
                message: &'b $crate::__private::MessageId
            ) -> Option<$crate::MessagePosition>
        );
    };
    (@apply $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around, apply[](write: $crate::StateWrite) -> $crate::Applied
        );
    };
    (@list $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            list['a](filter: &'a $crate::ConversationFilter) -> $crate::ConversationPage
        );
    };
    (@tombstone $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            tombstone['a](id: &'a $crate::__private::ConversationId, keep: ::std::time::Duration)
                -> Option<$crate::ConversationRecord>
        );
    };
    (@purge $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            purge['a](id: &'a $crate::__private::ConversationId) -> ()
        );
    };
    (@fence_user $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            fence_user['a](hash: &'a [u8], ttl: ::std::time::Duration) -> ()
        );
    };
    (@user_fence $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            user_fence['a](hash: &'a [u8])
                -> Option<$crate::__private::DateTime<$crate::__private::Utc>>
        );
    };
    (@lift_fence $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around, lift_fence['a](hash: &'a [u8]) -> ()
        );
    };
    (@acquire_lease $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            acquire_lease['a, 'b](name: &'a str, owner: &'b str, ttl: ::std::time::Duration) -> bool
        );
    };
    (@release_lease $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            release_lease['a, 'b](name: &'a str, owner: &'b str) -> ()
        );
    };
    (@references $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            references['a](keys: &'a [$crate::ReferenceKey]) -> Vec<bool>
        );
    };
    (@referenced_by $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            referenced_by['a, 'b](
                conversation: &'a $crate::__private::ConversationId,
                after: Option<&'b $crate::ReferenceKey>,
                limit: usize
            ) -> Vec<$crate::ReferenceKey>
        );
    };
    (@observe_unnamed $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around,
            observe_unnamed['a](keys: &'a [$crate::ReferenceKey])
                -> Vec<$crate::__private::DateTime<$crate::__private::Utc>>
        );
    };
    (@forget_unnamed $this:ident, $inner:expr, $around:tt) => {
        $crate::forward_state!(
            @method $this, $inner, $around, forget_unnamed['a](keys: &'a [$crate::ReferenceKey]) -> ()
        );
    };

    // The signature that `async_trait` makes of a method of the trait: it cannot see what a macro inside
    // of the implementation stands for.
    (@method $this:ident, $inner:expr, $around:tt,
     $method:ident[$($life:lifetime),*]($($name:ident: $type:ty),*) -> $output:ty) => {
        fn $method<'store, $($life,)* 'async_trait>(
            &'store $this,
            $($name: $type,)*
        ) -> $crate::__private::BoxFuture<'async_trait, Result<$output, $crate::StateError>>
        where
            'store: 'async_trait,
            $($life: 'async_trait,)*
            Self: 'async_trait,
        {
            $crate::forward_state!(@body $inner.$method($($name),*), $around)
        }
    };
    (@body $future:expr, []) => {
        $future
    };
    (@body $future:expr, [$call:ident => $around:expr]) => {
        ::std::boxed::Box::pin(async move {
            let $call = $future;
            $around.await
        })
    };
}
