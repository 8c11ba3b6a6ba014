//! "Did you mean": the nearest of a few known words.

/// The word of `known` nearest to `word`, if it is near enough to be a typing error: at most a third of the
/// letters differ, where a swap of two neighbours counts as one difference. Letter case and `-` for `_` do
/// not count.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // Nobody mistypes a key into something twice as long; and the distance costs the product of the lengths.
    if word.len() > 64 {
        return None;
    }
    let word: Vec<char> = word.chars().map(fold).collect();
    known
        .iter()
        .map(|&candidate| (distance(&word, &candidate.chars().map(fold).collect::<Vec<_>>()), candidate))
        .filter(|&(distance, candidate)| distance <= candidate.len().max(3) / 3)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

fn fold(c: char) -> char {
    if c == '-' { '_' } else { c.to_ascii_lowercase() }
}

/// Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut table = vec![0; (a.len() + 1) * width];
    for (i, cell) in table.iter_mut().step_by(width).enumerate() {
        *cell = i;
    }
    for (j, cell) in table.iter_mut().take(width).enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = table[(i - 1) * width + j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let removed = table[(i - 1) * width + j] + 1;
            let inserted = table[i * width + j - 1] + 1;
            let mut best = replaced.min(removed).min(inserted);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(table[(i - 2) * width + j - 2] + 1);
            }
            table[i * width + j] = best;
        }
    }
    table[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typing_errors_are_recognized_and_other_words_are_not() {
        let known = ["hostname", "path", "timeout_ms", "wall_timeout_ms", "env"];
        for (word, expected) in [
            ("hostnam", Some("hostname")),
            ("hsotname", Some("hostname")),
            ("HostName", Some("hostname")),
            ("timeout-ms", Some("timeout_ms")),
            ("timeoutms", Some("timeout_ms")),
            ("evn", Some("env")),
            ("pth", Some("path")),
            ("color", None),
            ("x", None),
            ("", None),
            (&"h".repeat(10_000), None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word:?}");
        }
    }
}
