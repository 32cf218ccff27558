//! Between the types of the bucket and those of the protocol.

use s3s::dto::{self, ETag, ETagCondition};
use s3s::{S3Error, S3Result, s3_error};

use crate::bucket::{Object, Refusal};

/// Converts a refusal of the bucket.
pub(super) fn refused(refusal: Refusal) -> S3Error {
    match refusal {
        Refusal::Condition => s3_error!(PreconditionFailed),
        Refusal::NoSuchKey => s3_error!(NoSuchKey),
        Refusal::NoSuchUpload => s3_error!(NoSuchUpload),
        Refusal::InvalidPart => s3_error!(InvalidPart),
        Refusal::PartOrder => s3_error!(InvalidPartOrder),
        Refusal::PartTooSmall => s3_error!(EntityTooSmall),
    }
}

pub(super) fn e_tag(object: &Object) -> Option<ETag> {
    Some(ETag::Strong(object.e_tag.clone()))
}

pub(super) fn modified(object: &Object) -> Option<dto::Timestamp> {
    Some(dto::Timestamp::from(std::time::SystemTime::from(
        object.modified,
    )))
}

pub(super) fn metadata(object: &Object) -> Option<dto::Metadata> {
    let metadata = &object.attributes.metadata;
    (!metadata.is_empty()).then(|| metadata.clone().into_iter().collect())
}

pub(super) fn number(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

pub(super) fn part_number(value: i32) -> S3Result<u32> {
    u32::try_from(value)
        .ok()
        .filter(|n| (1..=10_000).contains(n))
        .ok_or_else(|| s3_error!(InvalidArgument))
}

/// Checks `If-Match` and `If-None-Match` of a read.
pub(super) fn check_read(
    object: &Object,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == object.e_tag,
    };
    if if_match.is_some_and(|condition| !is(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(is) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}
