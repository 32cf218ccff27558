//! The setters that all providers over HTTP share.

/// Writes the setters of a type that has a field `http: Http`.
macro_rules! http_setters {
    ($default_url:literal) => {
        #[doc = concat!("Where the API is; paths go below it. Default: `", $default_url, "`.")]
        ///
        /// A compatible server, a gateway, or a host of one's own. With `http`, key and media go
        /// over the wire as they are: for this machine and networks that are trusted. A base URL
        /// that is none is a `Config` error of the first request.
        #[must_use]
        pub fn with_base_url(mut self, url: impl Into<String>) -> Self {
            let url = url.into();
            self.http.configure(|settings| settings.base_url = url);
            self
        }

        /// Adds a header to every request; its value is kept as a secret. Default: none.
        #[must_use]
        pub fn with_header(mut self, name: impl Into<String>, value: impl AsRef<str>) -> Self {
            let header = (
                name.into(),
                $crate::provider::http::client::Secret::new(value.as_ref()),
            );
            self.http
                .configure(|settings| settings.headers.push(header));
            self
        }

        /// How long to wait for a connection. Default: 10 s.
        #[must_use]
        pub fn with_connect_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.http
                .configure(|settings| settings.connect_timeout = timeout);
            self
        }

        /// How long one attempt may take to a whole answer, and how long a streamed answer may be
        /// silent. Default: 300 s.
        #[must_use]
        pub fn with_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.http.configure(|settings| settings.timeout = timeout);
            self
        }

        /// How long all attempts of a call may take together, waits included, until a whole answer
        /// or the start of a streamed one. Default: 600 s.
        #[must_use]
        pub fn with_deadline(mut self, deadline: std::time::Duration) -> Self {
            self.http.configure(|settings| settings.deadline = deadline);
            self
        }

        /// How many times a request is sent again after a rate limit, a server error, a timeout or
        /// a broken connection. Where an answer is paid for though it got lost, as pictures are, a
        /// request that may have been carried out is not sent again. Default: 2.
        #[must_use]
        pub fn with_max_retries(mut self, retries: u32) -> Self {
            self.http
                .configure(|settings| settings.retry.max_retries = retries);
            self
        }

        /// The wait before the first retry and the longest one; it doubles in between, with
        /// jitter. Default: 0.5 s and 8 s.
        #[must_use]
        pub fn with_backoff(
            mut self,
            first: std::time::Duration,
            longest: std::time::Duration,
        ) -> Self {
            self.http.configure(|settings| {
                settings.retry.base = first;
                settings.retry.cap = longest;
            });
            self
        }

        /// The longest wait that the provider may ask for with `Retry-After`; a longer one ends the
        /// call at once. Default: 60 s.
        #[must_use]
        pub fn with_max_retry_after(mut self, longest: std::time::Duration) -> Self {
            self.http
                .configure(|settings| settings.retry.max_retry_after = longest);
            self
        }

        /// Goes through the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`,
        /// `NO_PROXY`). Default: no proxy, whatever the environment says, so that keys go nowhere
        /// unforeseen.
        #[must_use]
        pub fn with_env_proxy(mut self) -> Self {
            self.http.configure(|settings| settings.env_proxy = true);
            self
        }
    };
}

pub(crate) use http_setters;
