//! Multipart uploads.

use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

use super::objects::condition;
use super::reply::{self, Failure, Reply};
use super::service::{Asked, Service};

/// Maximum size of a list of parts; a list of 10,000 parts is smaller.
const LARGEST_LIST: usize = 4 * 1024 * 1024;

impl Service {
    pub(super) fn begin_upload(&self, asked: &Asked) -> Result<Reply, Failure> {
        let attributes = reply::attributes(&asked.parts.headers);
        let upload_id = self.bucket.begin_upload(&asked.key, attributes);
        reply::xml("InitiateMultipartUploadResult", &Begun { upload_id })
    }

    pub(super) async fn put_part(
        &self,
        asked: &Asked,
        id: &str,
        body: Incoming,
    ) -> Result<Reply, Failure> {
        let number = asked
            .query("partNumber")
            .and_then(|number| number.parse().ok())
            .filter(|number| (1..=10_000).contains(number))
            .ok_or(Failure::InvalidArgument)?;
        let piece = self.receive(body).await?;
        let e_tag = self.bucket.put_part(&asked.key, id, number, piece)?;
        let mut reply = reply::empty(StatusCode::OK);
        reply::set(
            reply.headers_mut(),
            http::header::ETAG,
            &format!("\"{e_tag}\""),
        );
        Ok(reply)
    }

    pub(super) async fn complete_upload(
        &self,
        asked: &Asked,
        id: &str,
        body: Incoming,
    ) -> Result<Reply, Failure> {
        let list = Limited::new(body, LARGEST_LIST)
            .collect()
            .await
            .map_err(|_| Failure::IncompleteBody)?
            .to_bytes();
        let list: Complete =
            quick_xml::de::from_reader(&*list).map_err(|_| Failure::InvalidArgument)?;
        let parts: Vec<_> = list
            .part
            .into_iter()
            .map(|part| (part.part_number, part.e_tag))
            .collect();
        let completed = self
            .bucket
            .complete_upload(&asked.key, id, &parts, &condition(asked)?)?;
        let mut reply = reply::xml(
            "CompleteMultipartUploadResult",
            &Completed {
                key: &asked.key,
                e_tag: format!("\"{}\"", completed.e_tag),
            },
        )?;
        reply::version(reply.headers_mut(), &completed.e_tag, completed.generation);
        Ok(reply)
    }

    pub(super) fn abort_upload(&self, asked: &Asked, id: &str) -> Result<Reply, Failure> {
        self.bucket.abort_upload(&asked.key, id)?;
        Ok(reply::empty(StatusCode::NO_CONTENT))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    upload_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Complete {
    #[serde(default)]
    part: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    part_number: u32,
    #[serde(rename = "ETag")]
    e_tag: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Completed<'a> {
    key: &'a str,
    #[serde(rename = "ETag")]
    e_tag: String,
}
