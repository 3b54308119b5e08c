//! How a connection begins: the server's greeting, TLS where one of both asks for it, and who we are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_nats::ServerAddr;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Buf;
use nkeys::KeyPair;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Socket, Wire};
use crate::error::SessionError;

const TIMEOUT: Duration = Duration::from_secs(5);

/// What is shown to a server: the user of a credentials file, or nobody.
#[derive(Default)]
pub(crate) struct Login(Option<(String, KeyPair)>);

#[derive(Deserialize)]
struct Greeting {
    #[serde(default)]
    tls_required: bool,
    #[serde(default)]
    nonce: String,
}

// The protocol has them so.
#[allow(clippy::struct_excessive_bools)]
#[derive(Serialize)]
struct Connect<'a> {
    verbose: bool,
    pedantic: bool,
    headers: bool,
    no_responders: bool,
    name: &'a str,
    lang: &'a str,
    version: &'a str,
    protocol: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<String>,
}

impl Login {
    /// Reads a credentials file.
    pub(crate) fn read(path: &Path) -> Result<Self, SessionError> {
        let wrong = |why: &str| SessionError::Fatal(format!("{}: {why}", path.display()));
        let content = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let part = |title| {
            let mut lines = content.lines().skip_while(|line| !line.contains(title));
            lines
                .nth(1)
                .map(str::trim)
                .ok_or_else(|| wrong("this is no credentials file"))
        };
        let jwt = part("BEGIN NATS USER JWT")?.to_owned();
        let pair = KeyPair::from_seed(part("BEGIN USER NKEY SEED")?);
        Ok(Self(Some((jwt, pair.map_err(|error| wrong(&error.to_string()))?))))
    }

    /// Connects to one server and waits until it lets us in.
    pub(super) async fn enter(&self, server: &ServerAddr) -> Result<Wire, SessionError> {
        let entered = timeout(TIMEOUT, self.enter_at_last(server)).await;
        entered.unwrap_or_else(|_| Err(SessionError::Lost(format!("{} does not answer", server.host()))))
    }

    async fn enter_at_last(&self, server: &ServerAddr) -> Result<Wire, SessionError> {
        let lost = SessionError::lost("connecting");
        let socket = TcpStream::connect((server.host(), server.port()))
            .await
            .map_err(&lost)?;
        socket.set_nodelay(true).map_err(&lost)?;
        let mut wire = Wire::new(Box::new(socket));
        let greeting = wire.line().await?;
        let greeting = greeting.strip_prefix("INFO ").unwrap_or(&greeting);
        let greeting: Greeting = serde_json::from_str(greeting).map_err(SessionError::lost("the server's greeting"))?;
        if greeting.tls_required || server.tls_required() {
            wire = Wire::new(secured(wire.socket, server.host()).await?);
        }
        let connect =
            serde_json::to_string(&self.connect(&greeting.nonce)?).map_err(SessionError::lost("connecting"))?;
        wire.send(&format!("CONNECT {connect}\r\nPING\r\n")).await?;
        loop {
            match wire.line().await?.as_str() {
                "PONG" => return Ok(wire),
                line if line.starts_with("-ERR") => {
                    return Err(SessionError::Lost(format!("the server says: {}", &line[4..])));
                }
                _ => {}
            }
        }
    }

    fn connect(&self, nonce: &str) -> Result<Connect<'_>, SessionError> {
        let sign = |pair: &KeyPair| pair.sign(nonce.as_bytes()).map(|signed| URL_SAFE_NO_PAD.encode(signed));
        let signature = self.0.as_ref().map(|(_, pair)| sign(pair)).transpose();
        Ok(Connect {
            verbose: false,
            pedantic: false,
            headers: true,
            no_responders: true,
            name: "cart-recovery reader",
            lang: "rust",
            version: env!("CARGO_PKG_VERSION"),
            protocol: 1,
            jwt: self.0.as_ref().map(|(jwt, _)| jwt.as_str()),
            sig: signature.map_err(SessionError::lost("signing the server's nonce"))?,
        })
    }
}

impl Wire {
    /// One line of the beginning.
    async fn line(&mut self) -> Result<String, SessionError> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&self.received[..end]).trim_end().to_owned();
                self.received.advance(end + 1);
                return Ok(line);
            }
            self.receive().await?;
        }
    }
}

/// The machine's own CAs vouch for the server, as for async-nats.
async fn secured(socket: Box<dyn Socket>, host: &str) -> Result<Box<dyn Socket>, SessionError> {
    let lost = SessionError::lost("TLS");
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(SessionError::lost("TLS"))?;
    let secured = TlsConnector::from(Arc::new(config)).connect(name, socket).await;
    Ok(Box::new(secured.map_err(&lost)?))
}
