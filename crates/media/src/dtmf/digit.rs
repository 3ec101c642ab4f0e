//! The sixteen keys.

/// One of `0-9*#A-D`, as its event code (RFC 4733 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit(u8);

const NAMES: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];
/// Event codes by row and column of the keypad (Q.23).
const KEYPAD: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// Row tones, Hz.
pub const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
/// Column tones, Hz.
pub const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

impl Digit {
    pub fn from_event(code: u8) -> Option<Self> {
        (code < 16).then_some(Self(code))
    }

    pub fn from_char(name: char) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        NAMES
            .iter()
            .position(|&n| n == name)
            .map(|code| Self(code as u8))
    }

    pub fn at(row: usize, column: usize) -> Option<Self> {
        KEYPAD.get(row)?.get(column).map(|&code| Self(code))
    }

    pub fn event(self) -> u8 {
        self.0
    }

    pub fn char(self) -> char {
        NAMES.get(usize::from(self.0)).copied().unwrap_or('0')
    }

    /// Its two tones, Hz.
    pub fn tones(self) -> [f32; 2] {
        for (row, codes) in ROWS.iter().zip(KEYPAD) {
            for (column, code) in COLUMNS.iter().zip(codes) {
                if code == self.0 {
                    return [*row, *column];
                }
            }
        }
        [0.0; 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_codes_and_tones() {
        for (name, code, tones) in [
            ('0', 0, [941.0, 1336.0]),
            ('1', 1, [697.0, 1209.0]),
            ('5', 5, [770.0, 1336.0]),
            ('9', 9, [852.0, 1477.0]),
            ('*', 10, [941.0, 1209.0]),
            ('#', 11, [941.0, 1477.0]),
            ('A', 12, [697.0, 1633.0]),
            ('d', 15, [941.0, 1633.0]),
        ] {
            let digit = Digit::from_char(name).unwrap();
            assert_eq!(digit.event(), code);
            assert_eq!(Digit::from_event(code), Some(digit));
            assert_eq!(digit.char(), name.to_ascii_uppercase());
            assert_eq!(digit.tones(), tones);
        }
        assert_eq!(Digit::from_char('w'), None);
        assert_eq!(Digit::from_event(16), None);
    }
}
