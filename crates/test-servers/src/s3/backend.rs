//! The operations of S3 that object stores use, on a [`Bucket`].

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use s3s::dto::{self, ETag, ETagCondition};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::convert::{check_read, e_tag, metadata, modified, number, part_number, refused};
use crate::bucket::{Attributes, Bucket, Condition, ListQuery, Object, Piece};

/// Whether conditions of puts are respected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conditions {
    Honoured,
    Ignored,
}

pub(super) struct Backend {
    name: String,
    bucket: Arc<Bucket>,
    conditions: Conditions,
    versioning: bool,
}

impl Backend {
    pub(super) fn new(
        name: String,
        bucket: Arc<Bucket>,
        conditions: Conditions,
        versioning: bool,
    ) -> Self {
        Self {
            name,
            bucket,
            conditions,
            versioning,
        }
    }

    /// Returns the version id of an object, if the bucket has versioning.
    fn version_id(&self, object: &Object) -> Option<String> {
        self.versioning.then(|| format!("version-{}", object.e_tag))
    }

    fn bucket(&self, name: &str) -> S3Result<&Bucket> {
        if name == self.name {
            Ok(&self.bucket)
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }

    fn condition(
        &self,
        if_match: Option<ETagCondition>,
        if_none_match: Option<ETagCondition>,
    ) -> S3Result<Condition> {
        if self.conditions == Conditions::Ignored {
            return Ok(Condition::Always);
        }
        match (if_match, if_none_match) {
            (None, None) => Ok(Condition::Always),
            (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
            (Some(ETagCondition::Any), None) => Ok(Condition::Present),
            (Some(ETagCondition::ETag(tag)), None) => Ok(Condition::ETag(tag.into_value())),
            // The service supports no other combination for a put.
            _ => Err(s3_error!(NotImplemented)),
        }
    }

    async fn receive(
        &self,
        bucket: &str,
        body: Option<dto::StreamingBlob>,
        content_md5: Option<String>,
    ) -> S3Result<Piece> {
        let body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let piece = self
            .bucket(bucket)?
            .receive(body)
            .await
            .map_err(|e| S3Error::with_source(S3ErrorCode::IncompleteBody, Box::new(e)))?;
        match content_md5 {
            Some(declared) if BASE64_STANDARD.encode(piece.md5()) != declared => {
                Err(s3_error!(BadDigest))
            }
            _ => Ok(piece),
        }
    }
}

macro_rules! attributes {
    ($input:expr) => {
        Attributes {
            content_type: $input.content_type,
            content_disposition: $input.content_disposition,
            content_encoding: $input.content_encoding,
            content_language: $input.content_language,
            cache_control: $input.cache_control,
            metadata: $input.metadata.unwrap_or_default().into_iter().collect(),
        }
    };
}

#[async_trait::async_trait]
impl S3 for Backend {
    async fn head_bucket(
        &self,
        request: S3Request<dto::HeadBucketInput>,
    ) -> S3Result<S3Response<dto::HeadBucketOutput>> {
        self.bucket(&request.input.bucket)?;
        Ok(S3Response::new(dto::HeadBucketOutput::default()))
    }

    async fn put_object(
        &self,
        request: S3Request<dto::PutObjectInput>,
    ) -> S3Result<S3Response<dto::PutObjectOutput>> {
        let input = request.input;
        let condition = self.condition(input.if_match, input.if_none_match)?;
        let piece = self
            .receive(&input.bucket, input.body, input.content_md5)
            .await?;
        let object = self
            .bucket
            .put(&input.key, piece, attributes!(input), &condition)
            .map_err(refused)?;
        Ok(S3Response::new(dto::PutObjectOutput {
            version_id: self.version_id(&object),
            e_tag: e_tag(&object),
            ..Default::default()
        }))
    }

    async fn get_object(
        &self,
        request: S3Request<dto::GetObjectInput>,
    ) -> S3Result<S3Response<dto::GetObjectOutput>> {
        let input = request.input;
        let object = self
            .bucket(&input.bucket)?
            .get(&input.key)
            .ok_or_else(|| s3_error!(NoSuchKey))?;
        check_read(
            &object,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        let range = match &input.range {
            Some(range) => range.check(object.size)?,
            None => 0..object.size,
        };
        let content_range = input.range.as_ref().map(|_| {
            let last = range.end.saturating_sub(1);
            format!("bytes {}-{last}/{}", range.start, object.size)
        });
        let attributes = object.attributes.clone();
        Ok(S3Response::new(dto::GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: number(range.end - range.start),
            content_range,
            e_tag: e_tag(&object),
            last_modified: modified(&object),
            metadata: metadata(&object),
            content_type: attributes.content_type,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            cache_control: attributes.cache_control,
            body: Some(dto::StreamingBlob::wrap(object.read(range))),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<dto::HeadObjectInput>,
    ) -> S3Result<S3Response<dto::HeadObjectOutput>> {
        let input = request.input;
        let object = self
            .bucket(&input.bucket)?
            .get(&input.key)
            .ok_or_else(|| s3_error!(NoSuchKey))?;
        check_read(
            &object,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        let attributes = object.attributes.clone();
        Ok(S3Response::new(dto::HeadObjectOutput {
            version_id: self.version_id(&object),
            accept_ranges: Some("bytes".to_owned()),
            content_length: number(object.size),
            e_tag: e_tag(&object),
            last_modified: modified(&object),
            metadata: metadata(&object),
            content_type: attributes.content_type,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            cache_control: attributes.cache_control,
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<dto::DeleteObjectInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectOutput>> {
        let input = request.input;
        self.bucket(&input.bucket)?
            .delete(&input.key, &Condition::Always)
            .map_err(refused)?;
        Ok(S3Response::new(dto::DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<dto::DeleteObjectsInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectsOutput>> {
        let input = request.input;
        let bucket = self.bucket(&input.bucket)?;
        let mut deleted = Vec::new();
        for object in input.delete.objects {
            bucket
                .delete(&object.key, &Condition::Always)
                .map_err(refused)?;
            deleted.push(dto::DeletedObject {
                key: Some(object.key),
                ..Default::default()
            });
        }
        Ok(S3Response::new(dto::DeleteObjectsOutput {
            deleted: Some(deleted),
            ..Default::default()
        }))
    }

    async fn copy_object(
        &self,
        request: S3Request<dto::CopyObjectInput>,
    ) -> S3Result<S3Response<dto::CopyObjectOutput>> {
        let input = request.input;
        let dto::CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
            return Err(s3_error!(NotImplemented));
        };
        self.bucket(bucket)?;
        let replaced = input
            .metadata_directive
            .is_some_and(|directive| directive.as_str() == dto::MetadataDirective::REPLACE);
        let attributes = replaced.then(|| attributes!(input));
        let object = self
            .bucket(&input.bucket)?
            .copy(key, &input.key, attributes, &Condition::Always)
            .map_err(refused)?;
        Ok(S3Response::new(dto::CopyObjectOutput {
            copy_object_result: Some(dto::CopyObjectResult {
                e_tag: e_tag(&object),
                last_modified: modified(&object),
                ..Default::default()
            }),
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<dto::ListObjectsV2Input>,
    ) -> S3Result<S3Response<dto::ListObjectsV2Output>> {
        let input = request.input;
        let page = self.bucket(&input.bucket)?.list(&ListQuery {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref().unwrap_or_default(),
            start_after: input.start_after.as_deref().unwrap_or_default(),
            token: input.continuation_token.as_deref(),
            max_keys: input.max_keys.and_then(|n| usize::try_from(n).ok()),
        });
        let contents: Vec<_> = page
            .objects
            .into_iter()
            .map(|(key, object)| dto::Object {
                key: Some(key),
                size: number(object.size),
                e_tag: e_tag(&object),
                last_modified: modified(&object),
                ..Default::default()
            })
            .collect();
        let prefixes: Vec<_> = page
            .prefixes
            .into_iter()
            .map(|prefix| dto::CommonPrefix {
                prefix: Some(prefix),
            })
            .collect();
        Ok(S3Response::new(dto::ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            max_keys: input.max_keys.or(Some(1000)),
            key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next,
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<dto::CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CreateMultipartUploadOutput>> {
        let input = request.input;
        let id = self
            .bucket(&input.bucket)?
            .begin_upload(&input.key, attributes!(input));
        Ok(S3Response::new(dto::CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<dto::UploadPartInput>,
    ) -> S3Result<S3Response<dto::UploadPartOutput>> {
        let input = request.input;
        let piece = self
            .receive(&input.bucket, input.body, input.content_md5)
            .await?;
        let number = part_number(input.part_number)?;
        let tag = self
            .bucket
            .put_part(&input.key, &input.upload_id, number, piece)
            .map_err(refused)?;
        Ok(S3Response::new(dto::UploadPartOutput {
            e_tag: Some(ETag::Strong(tag)),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<dto::CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CompleteMultipartUploadOutput>> {
        let input = request.input;
        let condition = self.condition(input.if_match, input.if_none_match)?;
        let mut parts = Vec::new();
        for part in input
            .multipart_upload
            .and_then(|m| m.parts)
            .into_iter()
            .flatten()
        {
            let tag = part.e_tag.ok_or_else(|| s3_error!(InvalidPart))?;
            parts.push((
                part_number(part.part_number.unwrap_or_default())?,
                tag.into_value(),
            ));
        }
        let completed = self
            .bucket(&input.bucket)?
            .complete_upload(&input.key, &input.upload_id, &parts, &condition)
            .map_err(refused)?;
        Ok(S3Response::new(dto::CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(completed.e_tag)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<dto::AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::AbortMultipartUploadOutput>> {
        let input = request.input;
        self.bucket(&input.bucket)?
            .abort_upload(&input.key, &input.upload_id)
            .map_err(refused)?;
        Ok(S3Response::new(dto::AbortMultipartUploadOutput::default()))
    }
}
