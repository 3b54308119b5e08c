//! The forms of contacts, and the form under which two spellings of one address are the same.

const URL_LIMIT: usize = 2048;
/// What stands between the digits of a phone number.
const NUMBER_SYMBOLS: &str = "+-./() ";
/// Digits from which on a number may be that of a phone.
const PHONE_DIGITS: usize = 7;

/// Trimmed and lower-cased, or `None` where it is no e-mail address.
pub(super) fn normalised_email(address: &str) -> Option<String> {
    let address = address.trim();
    let (local, domain) = address.rsplit_once('@')?;
    let sound = address.len() <= 254 && is_local_part(local) && is_domain(domain);
    sound.then(|| address.to_lowercase())
}

fn is_local_part(local: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom
                .chars()
                .all(|symbol| symbol.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(symbol))
    };
    local.len() <= 64 && local.split('.').all(is_atom)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|symbol| symbol.is_alphanumeric() || symbol == '-')
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

/// Trimmed, or `None` where it is no E.164 number.
pub(super) fn normalised_phone(address: &str) -> Option<String> {
    let address = address.trim();
    let digits = address.strip_prefix('+')?;
    let sound = (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    sound.then(|| address.to_owned())
}

/// Trimmed, or `None` where it is no https URL.
pub(super) fn normalised_push(address: &str) -> Option<String> {
    let address = address.trim();
    (address.starts_with("https://") && is_url(address)).then(|| address.to_owned())
}

/// Whether this is an http or https URL with a host, of at most 2,048 bytes.
pub(super) fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    url.len() <= URL_LIMIT && host.is_some_and(|host| !host.is_empty()) && !holds_blank(url)
}

/// Whether there is white space or a control character in it; nearly every URL is ASCII, where bytes tell.
fn holds_blank(url: &str) -> bool {
    if url.is_ascii() {
        url.bytes().any(|byte| byte <= b' ' || byte.is_ascii_control())
    } else {
        url.chars().any(|symbol| symbol.is_whitespace() || symbol.is_control())
    }
}

/// Cuts query, fragment and user information off a URL; a path that names a mailbox goes too.
pub(super) fn strip_url(url: &mut String) {
    // Most URLs hold none of what begins such a part.
    if !url.bytes().any(|byte| matches!(byte, b'?' | b'#' | b'@' | b'%')) {
        return;
    }
    url.truncate(url.find(['?', '#']).unwrap_or(url.len()));
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let path = url
        .get(host..)
        .and_then(|rest| rest.find('/'))
        .map_or(url.len(), |slash| host + slash);
    if url
        .get(path..)
        .is_some_and(|path| path.contains('@') || path.contains("%40"))
    {
        url.truncate(path);
    }
    if let Some(user) = url.get(host..path).and_then(|authority| authority.rfind('@')) {
        url.replace_range(host..=host + user, "");
    }
}

/// Replaces words of a free text that look like an address or a phone number. A number may be spread over words; one
/// with letters in it is a reference.
pub(super) fn hide_contacts(text: &mut String) {
    // Most texts hold nothing that could be one.
    if digits_of(text) < PHONE_DIGITS && !holds_address(text) {
        return;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let runs = words.chunk_by(|one, next| is_number(one) && is_number(next));
    let kept = runs.map(|run| {
        let run = run.join(" ");
        if holds_contact(&run) {
            crate::refusal::HIDDEN.to_owned()
        } else {
            run
        }
    });
    *text = kept.collect::<Vec<_>>().join(" ");
}

fn holds_address(words: &str) -> bool {
    words.contains('@') || words.contains("%40")
}

fn holds_contact(words: &str) -> bool {
    let mut parts = words.split(|symbol: char| !symbol.is_alphanumeric() && !NUMBER_SYMBOLS.contains(symbol));
    holds_address(words) || parts.any(is_dialled)
}

/// Digits enough for a number, with no letters after them: "tel.+49…" is one, the pieces of a UUID are not.
fn is_dialled(part: &str) -> bool {
    let mut pieces = part.split(|symbol| NUMBER_SYMBOLS.contains(symbol));
    digits_of(part) >= PHONE_DIGITS
        && pieces.all(|piece| {
            let number = piece.trim_start_matches(char::is_alphabetic);
            number.bytes().all(|byte| byte.is_ascii_digit())
        })
}

fn is_number(words: &str) -> bool {
    words
        .chars()
        .all(|symbol| symbol.is_ascii_digit() || NUMBER_SYMBOLS.contains(symbol))
}

fn digits_of(words: &str) -> usize {
    words.bytes().filter(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalised_or_refused() {
        assert_eq!(
            normalised_email(" Joe.Doe+x@Example.ORG "),
            Some("joe.doe+x@example.org".to_owned())
        );
        for bad in [
            "",
            "joe",
            "joe@",
            "@example.org",
            "joe@localhost",
            "a b@example.org",
            "a..b@example.org",
            "a@-b.org",
        ] {
            assert_eq!(normalised_email(bad), None, "{bad}");
        }
        assert_eq!(normalised_phone("+491701234567"), Some("+491701234567".to_owned()));
        for bad in [
            "",
            "491701234567",
            "+0123456789",
            "+49 170 1234567",
            "+123456",
            "+1234567890123456",
        ] {
            assert_eq!(normalised_phone(bad), None, "{bad}");
        }
        assert!(normalised_push("https://push.example.org/abc").is_some());
        for bad in [
            "http://push.example.org/abc",
            "https://",
            "https:///x",
            "https://a b",
            "ftp://x",
        ] {
            assert_eq!(normalised_push(bad), None, "{bad}");
        }
    }

    #[test]
    fn urls_keep_host_and_path_alone() {
        for (raw, kept) in [
            (
                "https://shop.example/p/1?mail=joe@example.org#x",
                "https://shop.example/p/1",
            ),
            ("https://joe:secret@shop.example/p", "https://shop.example/p"),
            ("https://shop.example/u/joe@example.org", "https://shop.example"),
            ("https://shop.example/u/joe%40example.org/", "https://shop.example"),
            ("shop.example/p#top", "shop.example/p"),
            ("joe@shop.example", "shop.example"),
            ("", ""),
        ] {
            let mut url = raw.to_owned();
            strip_url(&mut url);
            assert_eq!(url, kept, "{raw}");
        }
    }

    fn hidden(text: &str) -> String {
        let mut text = text.to_owned();
        hide_contacts(&mut text);
        text
    }

    #[test]
    fn texts_lose_addresses_and_numbers() {
        for (raw, kept) in [
            (
                "550-5.1.1 <joe@example.org>: no such user",
                "550-5.1.1 (hidden) no such user",
            ),
            ("number +491701234567 is unknown", "number (hidden) is unknown"),
            ("call +49 170 123 45 67 now", "call (hidden) now"),
            ("tel:004917012345 to=491701234567", "(hidden) (hidden)"),
            ("joe%40example.org", "(hidden)"),
        ] {
            assert_eq!(hidden(raw), kept);
        }
        for number in [
            "tel.+491701234567",
            "sms-491701234567",
            "to/491701234567",
            "p491701234567",
        ] {
            assert_eq!(hidden(number), "(hidden)");
        }
    }

    #[test]
    fn texts_keep_what_is_no_contact() {
        for text in [
            "signup form, step 2 of 3",
            "summer-sale 2026",
            "550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(hidden(text), text);
        }
    }
}
