//! The macro that forwards methods of [`MediaStorage`](crate::MediaStorage).

/// Forwards methods of [`MediaStorage`](crate::MediaStorage) to another store.
///
/// It stands inside of an implementation of the trait, beside the methods that the layer changes. Its
/// arguments are `self`, the store that is asked, and the names of the methods. A forwarded method
/// returns the future of the other store as it is, without a box of its own.
///
/// Mark the implementation with `#[deny(clippy::missing_trait_methods)]`, so that methods that the trait
/// gets later are not forgotten.
///
/// # Examples
/// ```
/// use async_trait::async_trait;
/// use media_storage::{DeleteOptions, MediaStorage, StorageError, forward_storage};
/// use media_types::StorageReference;
///
/// /// A store in which nothing is deleted.
/// #[derive(Debug)]
/// struct Kept<S>(S);
///
/// #[async_trait]
/// #[deny(clippy::missing_trait_methods)]
/// impl<S: MediaStorage> MediaStorage for Kept<S> {
///     forward_storage!(
///         self => self.0;
///         backend, name, store, retrieve_opts, duplicate, update,
///         url_signer, inventory, verifier, importer,
///     );
///
///     async fn delete_opts(
///         &self,
///         _: &StorageReference,
///         _: DeleteOptions,
///     ) -> Result<(), StorageError> {
///         Ok(())
///     }
///
///     async fn delete_many(
///         &self,
///         references: &[StorageReference],
///         _: DeleteOptions,
///     ) -> Vec<Result<(), StorageError>> {
///         references.iter().map(|_| Ok(())).collect()
///     }
/// }
/// ```
#[macro_export]
macro_rules! forward_storage {
    ($this:ident => $inner:expr; $($method:ident),+ $(,)?) => {
        $($crate::forward_storage!(@$method $this, $inner);)+
    };

    (@backend $this:ident, $inner:expr) => {
        fn backend(&$this) -> &str {
            $inner.backend()
        }
    };
    (@name $this:ident, $inner:expr) => {
        fn name(&$this) -> Option<&str> {
            $inner.name()
        }
    };
    (@url_signer $this:ident, $inner:expr) => {
        fn url_signer(&$this) -> Option<&dyn $crate::UrlSigner> {
            $inner.url_signer()
        }
    };
    (@inventory $this:ident, $inner:expr) => {
        fn inventory(&$this) -> Option<&dyn $crate::Inventory> {
            $inner.inventory()
        }
    };
    (@verifier $this:ident, $inner:expr) => {
        fn verifier(&$this) -> Option<&dyn $crate::Verifier> {
            $inner.verifier()
        }
    };
    (@importer $this:ident, $inner:expr) => {
        fn importer(&$this) -> Option<&dyn $crate::Importer> {
            $inner.importer()
        }
    };

    // Below are the signatures that `async_trait` makes of the trait's own methods: it cannot see what a
    // macro inside of the implementation stands for.
    (@store $this:ident, $inner:expr) => {
        fn store<'life0, 'async_trait>(
            &'life0 $this,
            upload: $crate::MediaUpload,
        ) -> $crate::__private::BoxFuture<
            'async_trait,
            Result<$crate::__private::StorageReference, $crate::StorageError>,
        >
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            $inner.store(upload)
        }
    };
    (@retrieve_opts $this:ident, $inner:expr) => {
        $crate::forward_storage!(
            @by_reference $this, $inner, retrieve_opts($crate::RetrieveOptions) -> $crate::StoredMedia
        );
    };
    (@delete_opts $this:ident, $inner:expr) => {
        $crate::forward_storage!(
            @by_reference $this, $inner, delete_opts($crate::DeleteOptions) -> ()
        );
    };
    (@duplicate $this:ident, $inner:expr) => {
        $crate::forward_storage!(
            @by_reference $this, $inner,
            duplicate($crate::DuplicateOptions) -> $crate::__private::StorageReference
        );
    };
    (@update $this:ident, $inner:expr) => {
        $crate::forward_storage!(
            @by_reference $this, $inner, update($crate::MetadataPatch) -> ()
        );
    };
    (@delete_many $this:ident, $inner:expr) => {
        fn delete_many<'life0, 'life1, 'async_trait>(
            &'life0 $this,
            references: &'life1 [$crate::__private::StorageReference],
            options: $crate::DeleteOptions,
        ) -> $crate::__private::BoxFuture<'async_trait, Vec<Result<(), $crate::StorageError>>>
        where
            'life0: 'async_trait,
            'life1: 'async_trait,
            Self: 'async_trait,
        {
            $inner.delete_many(references, options)
        }
    };
    (@by_reference $this:ident, $inner:expr, $method:ident($options:ty) -> $output:ty) => {
        fn $method<'life0, 'life1, 'async_trait>(
            &'life0 $this,
            reference: &'life1 $crate::__private::StorageReference,
            options: $options,
        ) -> $crate::__private::BoxFuture<'async_trait, Result<$output, $crate::StorageError>>
        where
            'life0: 'async_trait,
            'life1: 'async_trait,
            Self: 'async_trait,
        {
            $inner.$method(reference, options)
        }
    };
}
