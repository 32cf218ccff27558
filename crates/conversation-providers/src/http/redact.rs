//! What a provider said, without secrets.

/// Returns what a provider said without keys, bytes of media, and queries of URLs.
pub(crate) fn redact(message: &str, key: &str) -> String {
    let mut text = message.to_owned();
    if key.len() >= 8 {
        text = text.replace(key, "[key]");
    }
    let mut redacted = String::with_capacity(text.len().min(1024));
    for word in text.split_inclusive(char::is_whitespace) {
        redact_word(word, &mut redacted);
        if redacted.len() > 4096 {
            break;
        }
    }
    redacted
}

/// Longest run without white space that is kept, in characters.
const LONGEST_RUN: usize = 120;

fn redact_word(word: &str, out: &mut String) {
    let end = word.trim_end().len();
    let (word, space) = word.split_at(end);
    if let Some(at) = word.find("data:") {
        out.push_str(&word[..at]);
        out.push_str("[data]");
    } else if let Some(at) = word.find("http://").or_else(|| word.find("https://")) {
        let query = word[at..].find(['?', '#']).map_or(word.len(), |q| at + q);
        out.push_str(&word[..query]);
        if query < word.len() {
            out.push_str("?...");
        }
    } else if let Some(at) = word.find("sk-") {
        out.push_str(&word[..at]);
        out.push_str("[key]");
    } else if word.len() > LONGEST_RUN {
        out.push_str("[...]");
    } else {
        out.push_str(word);
    }
    out.push_str(space);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_is_kept_without_secrets() {
        let said = "Incorrect key provided: sk-abc***xyz. Bearer topsecret1 failed to fetch \
                    https://bucket.example/a.png?X-Amz-Signature=0123#f (data:image/png;base64,AAAA) end";
        let redacted = redact(said, "topsecret1");
        for secret in ["abc***", "topsecret1", "Signature", "AAAA"] {
            assert!(!redacted.contains(secret), "{redacted}");
        }
        assert!(redacted.contains("https://bucket.example/a.png?..."));
        assert!(redacted.ends_with(" end"), "{redacted}");
        assert_eq!(redact(&"A".repeat(5000), ""), "[...]");
        assert_eq!(redact("plain words", ""), "plain words");
    }
}
