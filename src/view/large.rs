//! Large letters in quarter blocks, for a code that is compared across a desk. The code itself is beside it as text.

/// The rows that a large letter takes.
const ROWS: usize = 3;

/// The columns of cells that a large letter takes, with the space behind it.
const CELLS: usize = 4;

/// Returns a code in large letters; `None` where it has characters that there are no large ones for.
pub(super) fn large(code: &str) -> Option<[String; ROWS]> {
    let glyphs: Vec<[u8; 5]> = code.chars().map(glyph).collect::<Option<_>>()?;
    Some(std::array::from_fn(|row| {
        glyphs.iter().map(|glyph| cells(*glyph, row)).collect()
    }))
}

/// Returns one row of cells of a letter: five dots and three between the letters, two by two.
fn cells(glyph: [u8; 5], row: usize) -> String {
    let dot = |x: usize, y: usize| {
        glyph
            .get(y)
            .is_some_and(|dots| x < 5 && dots >> (4 - x) & 1 == 1)
    };
    (0..CELLS)
        .map(|cell| {
            let (x, y) = (2 * cell, 2 * row);
            let quarters = [dot(x, y), dot(x + 1, y), dot(x, y + 1), dot(x + 1, y + 1)];
            quarter_block(quarters)
        })
        .collect()
}

/// Returns the character that fills these quarters of a cell: the upper two, then the lower two.
const fn quarter_block(quarters: [bool; 4]) -> char {
    match quarters {
        [false, false, false, false] => ' ',
        [true, false, false, false] => '▘',
        [false, true, false, false] => '▝',
        [true, true, false, false] => '▀',
        [false, false, true, false] => '▖',
        [true, false, true, false] => '▌',
        [false, true, true, false] => '▞',
        [true, true, true, false] => '▛',
        [false, false, false, true] => '▗',
        [true, false, false, true] => '▚',
        [false, true, false, true] => '▐',
        [true, true, false, true] => '▜',
        [false, false, true, true] => '▄',
        [true, false, true, true] => '▙',
        [false, true, true, true] => '▟',
        [true, true, true, true] => '█',
    }
}

/// Returns the dots of a letter, row by row.
#[rustfmt::skip] // a row per letter
const fn glyph(letter: char) -> Option<[u8; 5]> {
    Some(match letter {
        'A' => [0b01110, 0b10001, 0b11111, 0b10001, 0b10001],
        'B' => [0b11110, 0b10001, 0b11110, 0b10001, 0b11110],
        'C' => [0b01111, 0b10000, 0b10000, 0b10000, 0b01111],
        'D' => [0b11110, 0b10001, 0b10001, 0b10001, 0b11110],
        'E' => [0b11111, 0b10000, 0b11110, 0b10000, 0b11111],
        'F' => [0b11111, 0b10000, 0b11110, 0b10000, 0b10000],
        'G' => [0b01111, 0b10000, 0b10011, 0b10001, 0b01111],
        'H' => [0b10001, 0b10001, 0b11111, 0b10001, 0b10001],
        'I' => [0b01110, 0b00100, 0b00100, 0b00100, 0b01110],
        'J' => [0b00111, 0b00010, 0b00010, 0b10010, 0b01100],
        'K' => [0b10001, 0b10010, 0b11100, 0b10010, 0b10001],
        'L' => [0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
        'M' => [0b10001, 0b11011, 0b10101, 0b10001, 0b10001],
        'N' => [0b10001, 0b11001, 0b10101, 0b10011, 0b10001],
        'O' => [0b01110, 0b10001, 0b10001, 0b10001, 0b01110],
        'P' => [0b11110, 0b10001, 0b11110, 0b10000, 0b10000],
        'Q' => [0b01110, 0b10001, 0b10101, 0b10010, 0b01101],
        'R' => [0b11110, 0b10001, 0b11110, 0b10010, 0b10001],
        'S' => [0b01111, 0b10000, 0b01110, 0b00001, 0b11110],
        'T' => [0b11111, 0b00100, 0b00100, 0b00100, 0b00100],
        'U' => [0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        'V' => [0b10001, 0b10001, 0b10001, 0b01010, 0b00100],
        'W' => [0b10001, 0b10001, 0b10101, 0b11011, 0b10001],
        'X' => [0b10001, 0b01010, 0b00100, 0b01010, 0b10001],
        'Y' => [0b10001, 0b01010, 0b00100, 0b00100, 0b00100],
        'Z' => [0b11111, 0b00010, 0b00100, 0b01000, 0b11111],
        '0' => [0b01110, 0b10011, 0b10101, 0b11001, 0b01110],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b01110],
        '2' => [0b11110, 0b00001, 0b01110, 0b10000, 0b11111],
        '3' => [0b11110, 0b00001, 0b00110, 0b00001, 0b11110],
        '4' => [0b10010, 0b10010, 0b11111, 0b00010, 0b00010],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b11110],
        '6' => [0b01110, 0b10000, 0b11110, 0b10001, 0b01110],
        '7' => [0b11111, 0b00010, 0b00100, 0b01000, 0b01000],
        '8' => [0b01110, 0b10001, 0b01110, 0b10001, 0b01110],
        '9' => [0b01110, 0b10001, 0b01111, 0b00001, 0b01110],
        '-' => [0b00000, 0b00000, 0b01110, 0b00000, 0b00000],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_letters_look_alike() {
        let letters: Vec<char> = ('A'..='Z').chain('0'..='9').chain(['-']).collect();
        for (at, letter) in letters.iter().enumerate() {
            assert!(glyph(*letter).is_some(), "{letter}");
            for other in &letters[..at] {
                assert_ne!(glyph(*letter), glyph(*other), "{letter} {other}");
            }
        }
    }

    #[test]
    fn a_code_with_other_characters_has_no_large_letters() {
        assert_eq!(large("WDJB é"), None);
        let letters = large("L-1").expect("letters");
        assert_eq!(letters, ["▌       ▗▌  ", "▌   ▝▀   ▌  ", "▀▀▘     ▝▀  "]);
    }
}
