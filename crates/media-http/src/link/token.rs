//! The text of a link: base64url of a payload and its MAC.
//!
//! The payload is: version (1 byte), disposition (1), end of validity in seconds since 1970 (8, big
//! endian), kind of scope (1), then four texts, each with a length of 2 bytes before it: id of the scope,
//! backend, store name (empty for none), id of the media.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media_types::StorageReference;

use super::claims::{Disposition, LinkClaims};
use super::keys::{LinkKeys, MAC_LEN, SigningKey};
use super::scope;

const VERSION: u8 = 1;

/// Longest token that is looked at, in characters: three ids of 1 KiB and their frame.
const MAX_TOKEN_LEN: usize = 6 * 1024;

/// Returns the token of claims, signed with the current key; `None` for a scope of a kind that this
/// version does not know.
pub(super) fn write_token(claims: &LinkClaims, keys: &LinkKeys) -> Option<String> {
    let (kind, scope_id) = scope::parts(&claims.scope)?;
    let disposition = match claims.disposition {
        Disposition::Inline => b'i',
        Disposition::Attachment => b'a',
    };
    let mut payload = vec![VERSION, disposition];
    payload.extend_from_slice(&claims.expires_at.to_be_bytes());
    payload.push(kind);
    let reference = &claims.reference;
    for text in [
        scope_id,
        reference.backend(),
        reference.store_name().unwrap_or_default(),
        reference.id(),
    ] {
        payload.extend_from_slice(&u16::try_from(text.len()).ok()?.to_be_bytes());
        payload.extend_from_slice(text.as_bytes());
    }
    let mac = keys.current().sign(&payload)?;
    payload.extend_from_slice(&mac);
    Some(URL_SAFE_NO_PAD.encode(payload))
}

/// Returns what a token says and the key that signed it; `None` for everything that no listed key
/// signed. The end of validity is not checked.
pub(crate) fn read_token<'a>(
    token: &str,
    keys: &'a LinkKeys,
) -> Option<(LinkClaims, &'a SigningKey)> {
    if token.len() > MAX_TOKEN_LEN {
        return None;
    }
    let signed = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (payload, mac) = signed.split_at_checked(signed.len().checked_sub(MAC_LEN)?)?;
    let key = keys.signer_of(payload, mac)?;
    Some((read_payload(payload)?, key))
}

fn read_payload(payload: &[u8]) -> Option<LinkClaims> {
    let (&[version, disposition], rest) = payload.split_first_chunk()?;
    if version != VERSION {
        return None;
    }
    let disposition = match disposition {
        b'i' => Disposition::Inline,
        b'a' => Disposition::Attachment,
        _ => return None,
    };
    let (expires_at, rest) = rest.split_first_chunk()?;
    let (&[kind], mut rest) = rest.split_first_chunk()?;
    let mut texts = [""; 4];
    for text in &mut texts {
        let (len, after) = rest.split_first_chunk()?;
        let (bytes, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        *text = std::str::from_utf8(bytes).ok()?;
        rest = after;
    }
    if !rest.is_empty() {
        return None;
    }
    let [scope_id, backend, store_name, id] = texts;
    let mut reference = StorageReference::builder(backend, id);
    if !store_name.is_empty() {
        reference = reference.with_store_name(store_name);
    }
    Some(LinkClaims {
        reference: reference.build().ok()?,
        scope: scope::from_parts(kind, scope_id)?,
        expires_at: i64::from_be_bytes(*expires_at),
        disposition,
    })
}

#[cfg(test)]
mod tests {
    use media_storage::Scope;
    use proptest::prelude::*;

    use super::*;

    fn keys() -> LinkKeys {
        LinkKeys::new([7; 32]).unwrap()
    }

    fn claims(id: &str, scope: Scope) -> LinkClaims {
        LinkClaims {
            reference: StorageReference::builder("file", id).build().unwrap(),
            scope,
            expires_at: 1_900_000_000,
            disposition: Disposition::Inline,
        }
    }

    #[test]
    fn a_token_is_read_back() {
        let scopes = [
            Scope::All,
            Scope::Run("r".parse().unwrap()),
            Scope::Session("s".parse().unwrap()),
            Scope::Conversation("c/ö".parse().unwrap()),
            Scope::User("u".parse().unwrap()),
        ];
        for scope in scopes {
            let mut claims = claims("s/c/ab-x.png", scope);
            let token = write_token(&claims, &keys()).unwrap();
            assert_eq!(read_token(&token, &keys()).unwrap().0, claims);
            claims.disposition = Disposition::Attachment;
            claims.reference = StorageReference::builder("s3", "x")
                .with_store_name("eu")
                .build()
                .unwrap();
            let token = write_token(&claims, &keys()).unwrap();
            assert_eq!(read_token(&token, &keys()).unwrap().0, claims);
        }
    }

    #[test]
    fn a_retired_key_is_good_for_reading_alone() {
        let claims = claims("x", Scope::All);
        let token = write_token(&claims, &keys()).unwrap();
        let other = LinkKeys::new([8; 32]).unwrap();
        assert!(read_token(&token, &other).is_none());
        let rotated = other.with_retired([7; 32]).unwrap();
        assert!(read_token(&token, &rotated).is_some());
        assert_ne!(write_token(&claims, &rotated).unwrap(), token);
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let claims = claims("s/c/ab-x.png", Scope::User("u".parse().unwrap()));
        let token = write_token(&claims, &keys()).unwrap();
        let signed = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..signed.len() * 8 {
            let mut forged = signed.clone();
            forged[at / 8] ^= 1 << (at % 8);
            assert!(read_token(&URL_SAFE_NO_PAD.encode(forged), &keys()).is_none());
        }
        for len in 0..token.len() {
            assert!(read_token(&token[..len], &keys()).is_none());
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_token(text in "[A-Za-z0-9_-]{0,200}") {
            prop_assert!(read_token(&text, &keys()).is_none());
        }

        #[test]
        fn no_payload_breaks_the_reader(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = read_payload(&payload);
        }
    }
}
