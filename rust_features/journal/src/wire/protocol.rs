//! The part of the NATS client protocol that a reader meets, without copies.

use crate::error::SessionError;

/// A message as received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) subject: &'a str,
    /// Where an answer goes; empty where none is wanted.
    pub(crate) reply: &'a str,
    /// The status line, which the server sends in the place of a message, as in `408 Request Timeout`.
    pub(crate) status: &'a str,
    /// Lines of headers.
    pub(crate) headers: &'a str,
    pub(crate) payload: &'a [u8],
}

/// What a server sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frame<'a> {
    Message(Message<'a>),
    Ping,
    Error(&'a str),
    /// What a reader may ignore.
    Other,
}

/// The value of the first header of that name.
pub(crate) fn header<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = headers.split('\n');
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}

/// The first frame and its size; `None` where more has to be received.
pub(super) fn parse(received: &[u8], longest: usize) -> Result<Option<(usize, Frame<'_>)>, SessionError> {
    let Some(line_end) = received.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let line = text(&received[..line_end])?.trim_end();
    let (verb, arguments) = line.split_once(' ').unwrap_or((line, ""));
    let frame = match verb {
        "MSG" | "HMSG" => return message(verb == "HMSG", arguments, received, line_end + 1, longest),
        "PING" => Frame::Ping,
        "-ERR" => Frame::Error(arguments.trim_matches('\'')),
        "+OK" | "PONG" | "INFO" => Frame::Other,
        _ => return Err(unexpected(line)),
    };
    Ok(Some((line_end + 1, frame)))
}

/// `subject sid [reply] [header bytes] total bytes`, then the bytes.
fn message<'a>(
    has_headers: bool,
    arguments: &'a str,
    received: &'a [u8],
    start: usize,
    longest: usize,
) -> Result<Option<(usize, Frame<'a>)>, SessionError> {
    let mut words = arguments.split(' ');
    let mut number = || words.next_back().and_then(|word| word.parse::<usize>().ok());
    let total = number().filter(|total| *total <= longest);
    let header_bytes = if has_headers { number() } else { Some(0) };
    let (Some(total), Some(header_bytes), Some(subject), Some(_)) = (total, header_bytes, words.next(), words.next())
    else {
        return Err(unexpected(arguments));
    };
    let reply = words.next().unwrap_or_default();
    let Some(body) = received
        .get(start..start + total)
        .filter(|_| received.len() >= start + total + 2)
    else {
        return Ok(None);
    };
    let (headers, payload) = body
        .split_at_checked(header_bytes)
        .ok_or_else(|| unexpected(arguments))?;
    let (first, headers) = text(headers)?.split_once("\r\n").unwrap_or_default();
    let status = first.strip_prefix("NATS/1.0").unwrap_or_default().trim();
    let message = Message {
        subject,
        reply,
        status,
        headers,
        payload,
    };
    Ok(Some((start + total + 2, Frame::Message(message))))
}

fn text(bytes: &[u8]) -> Result<&str, SessionError> {
    std::str::from_utf8(bytes).map_err(|_| SessionError::Lost("the server sent no text where text belongs".to_owned()))
}

fn unexpected(line: &str) -> SessionError {
    SessionError::Lost(format!("the server sent {line:?}, which is no NATS protocol"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: usize = 100;

    fn parsed(received: &str) -> Option<(usize, Frame<'_>)> {
        parse(received.as_bytes(), LONGEST).unwrap()
    }

    #[test]
    fn a_message_is_whole_only_with_its_last_byte() {
        let received =
            "HMSG evt.1.x 1 $JS.ACK.J.c.1.7.7.0.3 29 34\r\nNATS/1.0\r\nSpool-Offset: 7\r\n\r\nhello\r\nPING\r\n";
        let end = received.find("PING").unwrap();
        for cut in 0..end {
            assert_eq!(parsed(&received[..cut]), None, "{cut}");
        }
        let (size, frame) = parsed(received).unwrap();
        assert_eq!(size, end);
        let Frame::Message(message) = frame else {
            panic!("{frame:?}")
        };
        assert_eq!((message.subject, message.reply), ("evt.1.x", "$JS.ACK.J.c.1.7.7.0.3"));
        assert_eq!((message.status, message.payload), ("", b"hello".as_slice()));
        assert_eq!(header(message.headers, "Spool-Offset"), Some("7"));
        assert_eq!(header(message.headers, "Spool"), None);
        assert_eq!(parsed(&received[end..]), Some((6, Frame::Ping)));
    }

    #[test]
    fn a_status_comes_in_the_place_of_a_message() {
        let (_, frame) = parsed("HMSG _INBOX.a 1 81 81\r\nNATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\nNats-Pending-Bytes: 0\r\n\r\n\r\n").unwrap();
        let Frame::Message(message) = frame else {
            panic!("{frame:?}")
        };
        assert_eq!(message.status, "408 Request Timeout");
        assert_eq!(header(message.headers, "Nats-Pending-Messages"), Some("3"));
    }

    #[test]
    fn a_message_without_headers_or_reply_is_one_too() {
        let (size, frame) = parsed("MSG a 1 2\r\nhi\r\n").unwrap();
        let Frame::Message(message) = frame else {
            panic!("{frame:?}")
        };
        assert_eq!((size, message.reply, message.payload), (15, "", b"hi".as_slice()));
    }

    #[test]
    fn words_of_the_server_and_what_is_no_protocol() {
        assert_eq!(
            parsed("-ERR 'Authorization Violation'\r\n").unwrap().1,
            Frame::Error("Authorization Violation")
        );
        assert_eq!(parsed("INFO {}\r\n").unwrap().1, Frame::Other);
        for wrong in [
            "HTTP/1.1 400\r\n",
            "MSG a 1 101\r\n",
            "MSG a\r\n",
            "HMSG a 1 9 3\r\nabc\r\n",
            "MSG a 1 x\r\n",
        ] {
            assert!(parse(wrong.as_bytes(), LONGEST).is_err(), "{wrong}");
        }
    }
}
