//! Numbers that prove themselves: checksums of accounts, cards and national identities.

/// The decimal digits of `text`, in order.
pub(crate) fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// Luhn (ISO/IEC 7812-1), for 13 to 19 digits that begin as a payment card does.
pub(crate) fn card(text: &str) -> bool {
    let digits = digits(text);
    let plausible = (13..=19).contains(&digits.len())
        && matches!(digits.first(), Some(2..=6))
        && digits.iter().any(|digit| Some(digit) != digits.first());
    plausible && luhn(&digits)
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit.saturating_mul(2)) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled.saturating_sub(9),
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Length of an account number by country (the ISO 13616 registry).
const IBAN_LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IS", 26),
    ("IT", 27),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("SA", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("TR", 26),
    ("UA", 29),
];

/// Whether `text` begins with an account number: single blanks between its characters are passed over.
pub(crate) fn iban(text: &str) -> bool {
    let country = text.get(..2).map(str::to_ascii_uppercase).unwrap_or_default();
    let Some((_, length)) = IBAN_LENGTHS.iter().find(|(name, _)| *name == country) else { return false };
    let mut taken = String::with_capacity(*length);
    let mut blank = false;
    let mut rest = text.chars();
    while taken.len() < *length {
        match rest.next() {
            Some(' ') if !blank => blank = true,
            Some(c) if c.is_ascii_alphanumeric() => {
                blank = false;
                taken.push(c.to_ascii_uppercase());
            }
            _ => return false,
        }
    }
    !rest.next().is_some_and(|c| c.is_ascii_alphanumeric()) && mod97(&taken) == Some(1)
}

/// ISO 7064 mod 97-10 of an account number: its first four characters go last, letters count from A = 10.
fn mod97(iban: &str) -> Option<u32> {
    let (head, tail) = iban.split_at_checked(4)?;
    tail.chars().chain(head.chars()).try_fold(0_u32, |sum, c| {
        let value = c.to_digit(36)?;
        let factor = if value > 9 { 100 } else { 10 };
        Some(sum.saturating_mul(factor).saturating_add(value) % 97)
    })
}

/// A US social security number: areas, groups and serials that are never given out are not one.
pub(crate) fn social_security(text: &str) -> bool {
    let mut parts = text.split(['-', ' ']);
    let (Some(area), Some(group), Some(serial), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    area != "000" && area != "666" && !area.starts_with('9') && group != "00" && serial != "0000"
}

/// A Swiss AHV number: EAN-13 with the country 756.
pub(crate) fn swiss(text: &str) -> bool {
    let digits = digits(text);
    let sum: u32 = digits
        .iter()
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight): (&u32, u32)| digit.saturating_mul(weight))
        .sum();
    digits.len() == 13 && digits.starts_with(&[7, 5, 6]) && sum.is_multiple_of(10)
}

/// A German tax identity: ISO 7064 mod 11,10; its first ten digits hold one digit two or three times.
pub(crate) fn german_tax(text: &str) -> bool {
    let digits = digits(text);
    let (Some(first), Some((check, body)), 11) = (digits.first(), digits.split_last(), digits.len()) else {
        return false;
    };
    let count = |wanted: u32| body.iter().filter(|digit| **digit == wanted).count();
    let repeated = (0..10).filter(|digit| count(*digit) > 1).count();
    let product = body.iter().fold(10_u32, |product, digit| {
        let sum = match digit.saturating_add(product) % 10 {
            0 => 10,
            sum => sum,
        };
        sum.saturating_mul(2) % 11
    });
    let expected = 11_u32.saturating_sub(product) % 10;
    *first != 0 && repeated == 1 && (0..10).all(|digit| count(digit) <= 3) && *check == expected
}

/// A Spanish DNI or NIE: its letter is the number modulo 23.
pub(crate) fn spanish(text: &str) -> bool {
    const LETTERS: &str = "TRWAGMYFPDXBNJZSQVHLCKE";
    let upper = text.to_ascii_uppercase();
    let Some(letter) = upper.chars().last() else { return false };
    let lead = match upper.chars().next() {
        Some('Y') => "1",
        Some('Z') => "2",
        _ => "",
    };
    let number: Option<usize> =
        format!("{lead}{}", upper.chars().filter(char::is_ascii_digit).collect::<String>()).parse().ok();
    number.and_then(|number| LETTERS.chars().nth(number % 23)) == Some(letter)
}

/// A French NIR: thirteen digits and a key, 97 less the number modulo 97.
pub(crate) fn french(text: &str) -> bool {
    let digits: Vec<u64> = digits(text).into_iter().map(u64::from).collect();
    let (Some(body), Some(key), 15) = (digits.get(..13), digits.get(13..), digits.len()) else {
        return false;
    };
    let number = |digits: &[u64]| digits.iter().fold(0_u64, |n, d| n.saturating_mul(10).saturating_add(*d));
    number(key) == 97_u64.saturating_sub(number(body) % 97)
}
