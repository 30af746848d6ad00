//! Guesses which key somebody meant.

/// The known word that is closest, if it is close: a third of its letters wrong at most.
pub(super) fn closest<'w>(written: &str, known: &[&'w str]) -> Option<&'w str> {
    let close = |word: &&str| {
        let distance = distance(written, word);
        (distance <= word.chars().count().div_ceil(3)).then_some(distance)
    };
    let (_, word) = known.iter().filter_map(|word| Some((close(word)?, *word))).min()?;
    Some(word)
}

/// Levenshtein distance. Words far longer than any key are not worth the table.
fn distance(one: &str, other: &str) -> usize {
    const LONGEST_KEY: usize = 64;
    if one.len() > LONGEST_KEY {
        return usize::MAX;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (above, against) in row.iter().skip(1).zip(&other) {
            left = (diagonal + usize::from(letter != *against)).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["listen", "hosts", "trusted_proxies", "drain_grace"];
        for (written, meant) in [
            ("lisen", Some("listen")),
            ("listne", Some("listen")),
            ("host", Some("hosts")),
            ("trustd_proxy", Some("trusted_proxies")),
            ("grace", None),
            ("workers", None),
            ("", None),
        ] {
            assert_eq!(closest(written, &known), meant, "{written}");
        }
        assert_eq!(closest(&"x".repeat(100_000), &known), None);
    }
}
