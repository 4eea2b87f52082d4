//! Which words two texts do not share. Pure.

use std::ops::Range;

/// Texts with more words than this are not compared: it would take too long, and too much would be marked to be read.
const MOST_WORDS: usize = 2_000;

/// Returns the words of each text that the other has not, in bytes of the text, next to one another as one range: what is left
/// over by a longest common subsequence of words. Nothing where one text is empty or they have too many words.
#[must_use]
pub(crate) fn words(one: &str, other: &str) -> [Vec<Range<usize>>; 2] {
    let (ones, others) = (split(one), split(other));
    if ones.is_empty() || others.is_empty() || ones.len().max(others.len()) > MOST_WORDS {
        return [Vec::new(), Vec::new()];
    }
    let same = |i: usize, j: usize| one[ones[i].clone()] == other[others[j].clone()];
    // What is left is the length of what is shared from a word of each on; from the end to the start.
    let width = others.len() + 1;
    let mut shared = vec![0_u16; (ones.len() + 1) * width];
    for i in (0..ones.len()).rev() {
        for j in (0..others.len()).rev() {
            shared[i * width + j] = if same(i, j) {
                shared[(i + 1) * width + j + 1] + 1
            } else {
                shared[(i + 1) * width + j].max(shared[i * width + j + 1])
            };
        }
    }
    let mut differing = [Vec::new(), Vec::new()];
    let (mut i, mut j) = (0, 0);
    while i < ones.len() || j < others.len() {
        let left = |i: usize, j: usize| shared[i * width + j];
        if i < ones.len() && j < others.len() && same(i, j) {
            (i, j) = (i + 1, j + 1);
        } else if j == others.len() || i < ones.len() && left(i + 1, j) >= left(i, j + 1) {
            add(&mut differing[0], one, ones[i].clone());
            i += 1;
        } else {
            add(&mut differing[1], other, others[j].clone());
            j += 1;
        }
    }
    differing
}

/// Returns the words of a text.
fn split(text: &str) -> Vec<Range<usize>> {
    let start = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace()
        .map(|word| start(word)..start(word) + word.len())
        .collect()
}

/// Adds a word to those before it.
fn add(ranges: &mut Vec<Range<usize>>, text: &str, word: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if text[last.end..word.start].trim().is_empty() => last.end = word.end,
        _ => ranges.push(word),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked(text: &str, ranges: &[Range<usize>]) -> String {
        let mut marked = text.to_owned();
        for range in ranges.iter().rev() {
            marked.insert(range.end, ']');
            marked.insert(range.start, '[');
        }
        marked
    }

    #[test]
    fn the_words_that_differ_are_marked() {
        for (one, other) in [
            ("Same.", "Same."),
            ("one [two] three", "one [2] three"),
            ("one [two]", "one [zwei drei]"),
            ("[all of it]", "[none  \n at all.]"),
            ("the gates of [all] discovery", "the gates of discovery"),
            ("日本語 [は]", "日本語 [が]"),
            ("a\nb", "a b"),
        ] {
            let plain = |text: &str| text.replace(['[', ']'], "");
            let [mine, theirs] = words(&plain(one), &plain(other));
            assert_eq!(marked(&plain(one), &mine), one);
            assert_eq!(marked(&plain(other), &theirs), other);
        }
    }

    #[test]
    fn nothing_is_marked_in_what_is_too_long_or_empty() {
        let long = "word ".repeat(MOST_WORDS + 1);
        for (one, other) in [(long.as_str(), "one"), ("one", &long), ("", "one")] {
            assert!(words(one, other).iter().all(Vec::is_empty), "{one}");
        }
        let longest = "word ".repeat(MOST_WORDS);
        assert_eq!(words(&longest, "one")[1].len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_not_marked_is_the_same_in_both(one in "[ab \n]{0,30}", other in "[abc ]{0,30}") {
            let [mine, theirs] = words(&one, &other);
            let rest = |text: &str, ranges: &[Range<usize>]| {
                let mut rest = text.to_owned();
                for range in ranges.iter().rev() {
                    rest.replace_range(range.clone(), " ");
                }
                rest.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            };
            let is_empty = |text: &str| text.trim().is_empty();
            if !is_empty(&one) && !is_empty(&other) {
                prop_assert_eq!(rest(&one, &mine), rest(&other, &theirs));
            }
        }
    }
}
