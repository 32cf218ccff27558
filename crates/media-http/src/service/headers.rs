//! Headers of requests that must not be ambiguous.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Returns a header that may stand once; `Err` for one that stands twice or is not text.
pub(crate) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err("a header stands twice");
    }
    let text = first.map(HeaderValue::to_str).transpose();
    text.map_err(|_| "a header is not ASCII text")
}

/// Returns a header that is a number, without a sign; `Err` as for other headers, and for what is no number.
pub(crate) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, &'static str> {
    let Some(text) = single(headers, name)? else {
        return Ok(None);
    };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number
        .map(Some)
        .ok_or("sizes and offsets are decimal numbers")
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_LENGTH;

    use super::*;

    #[test]
    fn numbers_have_digits_only_and_stand_once() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_LENGTH, HeaderValue::from_str(value).unwrap());
            }
            number(&headers, &CONTENT_LENGTH)
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["0"]), Ok(Some(0)));
        assert_eq!(of(&["18446744073709551615"]), Ok(Some(u64::MAX)));
        for wrong in ["", "-1", "+1", "1.0", "0x1", "18446744073709551616", "1 2"] {
            assert!(of(&[wrong]).is_err(), "{wrong}");
        }
        assert!(of(&["1", "1"]).is_err());
    }
}
