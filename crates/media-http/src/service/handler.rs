//! A handler of requests as a tower service.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

#[cfg(feature = "upload")]
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::Response;
use http::request::Parts;
#[cfg(feature = "upload")]
use http_body::Body;
#[cfg(feature = "upload")]
use http_body_util::BodyExt as _;

#[cfg(feature = "upload")]
use super::body::BoxError;
use super::body::ResponseBody;
use super::incoming::Incoming;
#[cfg(feature = "upload")]
use super::incoming::unreadable;
#[cfg(feature = "upload")]
use super::lingering::Lingering;

/// Answers requests. A request that fails is answered too.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Returns the response to a request.
    fn handle(
        &self,
        request: Parts,
        body: Incoming,
    ) -> impl Future<Output = Response<ResponseBody>> + Send;
}

/// The future of a service.
pub(crate) type Responding =
    Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

/// Lets a handler answer a request.
pub(crate) fn answer(handler: &Arc<impl Handler>, request: Parts, body: Incoming) -> Responding {
    let handler = Arc::clone(handler);
    Box::pin(async move { Ok(handler.handle(request, body).await) })
}

/// Returns the bytes of a body. What is not read of them is taken after the answer, within limits.
#[cfg(feature = "upload")]
pub(crate) fn streamed<B>(body: B) -> Incoming
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() {
        return unread(body);
    }
    let body = body.into_data_stream();
    Lingering::new(body.map(|piece| piece.map_err(unreadable)).boxed()).boxed()
}

/// Drops a body that has no meaning.
pub(crate) fn unread<B>(_: B) -> Incoming {
    futures_util::stream::empty().boxed()
}

/// Implements [`tower_service::Service`] for a handle, which is a tuple struct of an `Arc` of a [`Handler`].
/// The service is always ready and never fails.
///
/// `reads bodies` takes requests whose body is a stream of bytes; `ignores bodies` takes all requests.
macro_rules! impl_service {
    ($service:ty, reads bodies) => {
        $crate::service::impl_service! {
            $service, $crate::service::streamed,
            B: ::http_body::Body<Data = ::bytes::Bytes> + Send + 'static,
            B::Error: Into<$crate::service::BoxError>
        }
    };
    ($service:ty, ignores bodies) => {
        $crate::service::impl_service! { $service, $crate::service::unread, }
    };
    ($service:ty, $body:path, $($bounds:tt)*) => {
        impl<B> ::tower_service::Service<::http::Request<B>> for $service
        where
            $($bounds)*
        {
            type Response = ::http::Response<$crate::ResponseBody>;
            type Error = ::std::convert::Infallible;
            type Future = $crate::service::Responding;

            fn poll_ready(
                &mut self,
                _: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<Result<(), Self::Error>> {
                ::std::task::Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: ::http::Request<B>) -> Self::Future {
                let (request, body) = request.into_parts();
                $crate::service::answer(&self.0, request, $body(body))
            }
        }
    };
}

pub(crate) use impl_service;
