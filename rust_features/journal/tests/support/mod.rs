//! A real nats-server that can be killed, and a sink that keeps all it is given.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{
    CartViewed, Event, IdentityKey, IdentityKeyKind, JournalMessage, SealedContact, SpoolFrame,
};
use cart_recovery_core::ids::{Alias, SpoolId, Token};
use cart_recovery_core::keyed::public_hash;
use cart_recovery_core::spool::{Durability, Spool};
use cart_recovery_core::time::Micros;
use cart_recovery_journal::{Delivered, Journal, JournalSettings, Resume, Sink};
use parking_lot::{Condvar, Mutex, MutexGuard};
use prost::Message;
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_mins(1);
pub const NOW: Micros = Micros(1_700_000_000_000_000);

/// A nats-server on a port of its own; killed when dropped.
pub struct Server {
    binary: String,
    folder: TempDir,
    pub url: String,
    child: Option<Child>,
}

impl Server {
    /// `None`, with the reason printed, where the environment names no binary. It is not running yet.
    pub fn prepare() -> Option<Self> {
        let Ok(binary) = std::env::var("NATS_SERVER") else {
            eprintln!("skipped: NATS_SERVER names no nats-server binary");
            return None;
        };
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let store = folder.path().join("store");
        let config = format!(
            "host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: {:?}, sync_interval: always }}\n",
            store.display().to_string()
        );
        std::fs::write(folder.path().join("nats.conf"), config).unwrap();
        Some(Self {
            binary,
            folder,
            url: format!("nats://127.0.0.1:{port}"),
            child: None,
        })
    }

    pub fn started() -> Option<Self> {
        let mut server = Self::prepare()?;
        server.start();
        Some(server)
    }

    pub fn start(&mut self) {
        let mut command = Command::new(&self.binary);
        command.arg("-c").arg(self.folder.path().join("nats.conf"));
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

#[derive(Default)]
pub struct Collected {
    pub messages: Vec<Delivered>,
    pub aliases: HashMap<Token, Vec<Alias>>,
    pub caught_up: bool,
    pub resume: Option<Resume>,
}

/// Keeps everything, and wakes whoever waits for it.
#[derive(Clone, Default)]
pub struct Collector(Arc<(Mutex<Collected>, Condvar)>);

impl Collector {
    pub fn lock(&self) -> MutexGuard<'_, Collected> {
        self.0.0.lock()
    }

    pub fn wait(&self, what: &str, condition: impl Fn(&Collected) -> bool) -> MutexGuard<'_, Collected> {
        let deadline = Instant::now() + PATIENCE;
        let mut collected = self.lock();
        while !condition(&collected) {
            assert!(
                !self.0.1.wait_until(&mut collected, deadline).timed_out(),
                "waited in vain for {what}"
            );
        }
        collected
    }

    /// How often each offset of a spool was delivered.
    pub fn offsets(&self, spool: SpoolId) -> Vec<u64> {
        let collected = self.lock();
        let origins = collected.messages.iter().filter_map(|message| message.origin);
        origins
            .filter(|(found, _)| *found == spool)
            .map(|(_, offset)| offset)
            .collect()
    }
}

impl Sink for Collector {
    fn aliases(&mut self, pairs: &[(Token, Alias)]) {
        let mut collected = self.lock();
        for (token, alias) in pairs {
            collected.aliases.entry(*token).or_default().push(*alias);
        }
        self.0.1.notify_all();
    }

    fn fold(&mut self, messages: &[Delivered]) -> Result<(), String> {
        self.lock().messages.extend_from_slice(messages);
        self.0.1.notify_all();
        Ok(())
    }

    fn rest(&mut self, resume: &dyn Fn() -> Resume) {
        self.lock().resume = Some(resume());
        self.0.1.notify_all();
    }

    fn caught_up(&mut self) {
        self.lock().caught_up = true;
        self.0.1.notify_all();
    }
}

pub fn settings(url: &str) -> JournalSettings {
    JournalSettings {
        replicas: 1,
        nats_url: url.to_owned(),
        credentials: None,
        alias_seed: None,
        clock: Arc::new(|| NOW),
        tick: None,
        waiter_limit: 4,
    }
}

pub fn spool(folder: &Path, byte: u8) -> Arc<Spool> {
    Arc::new(Spool::open(folder, SpoolId([byte; 16]), 256 << 20, Durability::Process).unwrap())
}

pub fn start(url: &str, spool: &Arc<Spool>) -> (Journal, Collector) {
    start_at(url, spool, Resume::default())
}

/// Goes on from a place.
pub fn start_at(url: &str, spool: &Arc<Spool>, resume: Resume) -> (Journal, Collector) {
    let collector = Collector::default();
    let journal = Journal::start(settings(url), Arc::clone(spool), collector.clone(), resume).unwrap();
    (journal, collector)
}

/// What `read` gives in the end.
pub fn eventually<T>(read: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = read() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn token(name: &str) -> Token {
    Token(public_hash("test", &[name.as_bytes()]))
}

/// The frame of an event of one person, who has a sealed e-mail address.
pub fn frame(event_id: &str, person: &str) -> Vec<u8> {
    let event = Event {
        event_id: event_id.to_owned(),
        storefront_id: "shop".to_owned(),
        kind: Some(Kind::CartViewed(CartViewed {
            cart_id: "0".repeat(32),
        })),
        ..Event::default()
    };
    let key = |kind: IdentityKeyKind, name: String| IdentityKey {
        kind: kind as i32,
        token: token(&name).0.to_vec(),
        alias: Vec::new(),
    };
    let message = JournalMessage {
        received_time: Some(NOW.to_timestamp()),
        identity_keys: vec![
            key(IdentityKeyKind::Customer, person.to_owned()),
            key(IdentityKeyKind::Email, format!("{person}@")),
        ],
        content: Some(Content::Event(event)),
        ..JournalMessage::default()
    };
    let contact = SealedContact {
        identity_key: 1,
        channel: 2,
        replaces: false,
        ciphertext: format!("sealed {person}").into_bytes(),
    };
    SpoolFrame {
        message: Some(message),
        contacts: vec![contact],
    }
    .encode_to_vec()
}

/// Reads the whole journal afresh.
pub fn read_all(url: &str) -> Collector {
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 255);
    let (_journal, collector) = start(url, &spool);
    drop(collector.wait("the end of the journal", |collected| collected.caught_up));
    collector
}
