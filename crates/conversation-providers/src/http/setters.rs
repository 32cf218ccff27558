//! The setters that all providers over HTTP share.

/// Writes the setters of a type that has a method `http_mut(&mut self) -> &mut HttpClient`.
macro_rules! http_setters {
    ($default_url:literal) => {
        #[doc = concat!("Sets the base URL; paths go below it. Defaults to ", $default_url, ".")]
        ///
        /// A compatible server, a gateway, or your own host. With `http`, key and media go over the
        /// wire in the clear: for this machine and trusted networks. An invalid URL is a `Config`
        /// error of the first request.
        #[must_use]
        pub fn with_base_url(mut self, url: impl Into<String>) -> Self {
            let url = url.into();
            self.http_mut()
                .configure(|settings| settings.base_url = url);
            self
        }

        /// Adds a header to every request; its value is kept as a secret. Defaults to none.
        #[must_use]
        pub fn with_header(mut self, name: impl Into<String>, value: impl AsRef<str>) -> Self {
            let header = (name.into(), $crate::http::Secret::new(value.as_ref()));
            self.http_mut()
                .configure(|settings| settings.headers.push(header));
            self
        }

        /// Adds a parameter to the query of every request, such as Azure's `api-version`; its value
        /// is kept as a secret. Defaults to none.
        #[must_use]
        pub fn with_query_parameter(
            mut self,
            name: impl Into<String>,
            value: impl AsRef<str>,
        ) -> Self {
            let parameter = (name.into(), $crate::http::Secret::new(value.as_ref()));
            self.http_mut()
                .configure(|settings| settings.query.push(parameter));
            self
        }

        /// Sends the key in a header of this name, such as Azure's `api-key`. Defaults to the
        /// API's own way.
        #[must_use]
        pub fn with_key_header(mut self, name: impl Into<String>) -> Self {
            let header = $crate::http::KeyHeader::Named(name.into());
            self.http_mut()
                .configure(|settings| settings.key_header = header);
            self
        }

        /// Sends the key as a bearer token, `authorization: Bearer`. Defaults to the API's own way.
        #[must_use]
        pub fn with_bearer_key(mut self) -> Self {
            self.http_mut()
                .configure(|settings| settings.key_header = $crate::http::KeyHeader::Bearer);
            self
        }

        /// Sets the longest wait for a connection. Defaults to 10 s.
        #[must_use]
        pub fn with_connect_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.http_mut()
                .configure(|settings| settings.connect_timeout = timeout);
            self
        }

        /// Sets the longest wait for the first byte of an answer, once the request is sent.
        /// Defaults to 330 s for models that make images and 120 s for others.
        #[must_use]
        pub fn with_first_byte_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.http_mut()
                .configure(|settings| settings.first_byte_timeout = Some(timeout));
            self
        }

        /// Sets the longest silence after the first byte of an answer. Defaults to 120 s.
        #[must_use]
        pub fn with_idle_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.http_mut()
                .configure(|settings| settings.idle_timeout = timeout);
            self
        }

        /// Sets the longest time of all attempts of a call together, waits included, until a
        /// complete answer or the start of a streamed one. Defaults to 600 s.
        #[must_use]
        pub fn with_deadline(mut self, deadline: std::time::Duration) -> Self {
            self.http_mut()
                .configure(|settings| settings.deadline = deadline);
            self
        }

        /// Sets the number of times that a request is sent again, within the budget of the
        /// request. Defaults to 2.
        ///
        /// A request is sent again where no connection was made, or the answer has a status such as 408,
        /// 409, 429, 500 or 503. So is one for which a gateway answers 502 or 504, except for images, which
        /// cost more: it may have been carried out, and is counted by an estimate. One that times out or
        /// whose connection breaks is not, other than the official clients have it: its answer may be on
        /// its way, and paid. What the answer says with `x-should-retry` counts for every status.
        #[must_use]
        pub fn with_max_retries(mut self, retries: u32) -> Self {
            self.http_mut()
                .configure(|settings| settings.max_retries = retries);
            self
        }

        /// Sets the wait before the first retry and the longest one; it doubles in between, less up to a
        /// quarter by chance. Defaults to 0.5 s and 8 s.
        #[must_use]
        pub fn with_backoff(
            mut self,
            first: std::time::Duration,
            longest: std::time::Duration,
        ) -> Self {
            self.http_mut().configure(|settings| {
                settings.first_backoff = first;
                settings.max_backoff = longest;
            });
            self
        }

        /// Sets the longest wait that the provider may ask for with `Retry-After`; a longer one
        /// ends the call at once. Defaults to that of the official clients: 120 s, and for Anthropic any
        /// wait that ends before the deadline.
        #[must_use]
        pub fn with_max_retry_after(mut self, longest: std::time::Duration) -> Self {
            self.http_mut()
                .configure(|settings| settings.max_retry_after = longest);
            self
        }

        /// Uses the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
        /// Defaults to no proxy, whatever the environment says, so that keys go nowhere unforeseen.
        #[must_use]
        pub fn with_env_proxy(mut self) -> Self {
            self.http_mut()
                .configure(|settings| settings.env_proxy = true);
            self
        }
    };
}

pub(crate) use http_setters;
