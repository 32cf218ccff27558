//! Suggestions for misspelled names.

/// Returns the most similar of the known words, if at most a third of its letters differ.
pub(super) fn suggest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Names of options are short; a longer word is not one of them misspelled.
    if word.len() > 64 {
        return None;
    }
    known
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| distance * 3 <= candidate.len().max(word.len()))
        .map(|(_, candidate)| candidate)
}

/// Returns the number of letters to insert, remove or replace (Levenshtein distance).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_words_are_found_and_others_are_not() {
        let known = ["region", "endpoint", "access_key_id", "allow_http"];
        let find = |word| suggest(word, known.into_iter());
        assert_eq!(find("regoin"), Some("region"));
        assert_eq!(find("end_point"), Some("endpoint"));
        assert_eq!(find("access_key"), Some("access_key_id"));
        assert_eq!(find("allowhttp"), Some("allow_http"));
        assert_eq!(find("retention"), None);
        assert_eq!(find(""), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
