//! What the spool takes of a Score: engines of one state that keep nothing, keep for the process, and keep for the disk,
//! called in process and over the native front.
//!
//! `spool_share NATS_URL BUNDLE BUNDLE_PUBLIC_KEY DIRECTORY TRACKS SCORES ROUNDS`: both files hold requests, each behind its
//! length (u32, little-endian). Prints `loaded` once every engine has folded what was tracked, and goes on when its input says
//! that the server is gone, so that no relay works beside. Then each line is a round: six medians in microseconds, in process
//! and over the front of each engine. `cart-recovery loadtest spool` does all of it.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cart_recovery_core::contract::ScoreResponse;
use cart_recovery_core::keyed::Key;
use cart_recovery_core::spool::Durability;
use cart_recovery_engine::{Engine, EngineSettings, EngineStatus, Keys};
use cart_recovery_front::{CallMetrics, CallQueue, Front, FrontSettings, Quota};
use cart_recovery_raw::Raw;
use http::uri::PathAndQuery;
use mimalloc::MiMalloc;
use prost::Message;
use tokio::runtime::Runtime;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// As in the extension.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SIDES: [(&str, Durability); 3] = [
    ("nothing", Durability::Nothing),
    ("process", Durability::Process),
    ("disk", Durability::Disk),
];
const METHOD: &str = "/cart_recovery.v1.ScoringService/Score";
const SPOOL_BYTES: u64 = 8 << 30;
const POLL: Duration = Duration::from_millis(20);
const TOLD_EVERY: Duration = Duration::from_secs(10);

type Anything = Box<dyn Error>;

/// One engine and its front.
struct Side {
    engine: Arc<Engine>,
    channel: Channel,
    _front: Front<Engine>,
}

fn main() -> Result<(), Anything> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [nats_url, bundle, public_key, directory, tracks, scores, rounds] = arguments.as_slice() else {
        return Err("give NATS_URL BUNDLE BUNDLE_PUBLIC_KEY DIRECTORY TRACKS SCORES ROUNDS".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sides = SIDES.map(|(name, durability)| {
        let engine = opened(&Path::new(directory).join(name), public_key, durability)?;
        engine.load_bundle(Path::new(bundle))?;
        engine.start(nats_url.clone(), None)?;
        Side::serving(engine, &runtime)
    });
    let sides = sides.into_iter().collect::<Result<Vec<_>, Anything>>()?;
    fill(&sides, messages(tracks)?)?;
    println!("loaded");
    stdout().flush()?;
    stdin().read_line(&mut String::new())?;
    wait(&sides, |status| !status.connected)?;
    let scores = messages(scores)?.collect::<Result<Vec<_>, _>>()?;
    let calls = scores.len() / (2 * rounds.parse::<usize>()?);
    let mut batches = scores.chunks_exact(calls.max(1));
    while let (Some(within), Some(over)) = (batches.next(), batches.next()) {
        let within = medians(within, |side, request| sides[side].score(request))?;
        let over = medians(over, |side, request| sides[side].call(request, &runtime))?;
        let figures: Vec<_> = within
            .iter()
            .chain(&over)
            .map(|micros| format!("{micros:.3}"))
            .collect();
        println!("{}", figures.join(" "));
        stdout().flush()?;
    }
    Ok(())
}

fn opened(directory: &Path, public_key: &str, durability: Durability) -> Result<Engine, Anything> {
    let key = || Key([1; 32]);
    let mut bundle_public = [0; 32];
    for (byte, digits) in bundle_public.iter_mut().zip(public_key.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits)?, 16)?;
    }
    let settings = EngineSettings {
        data_directory: PathBuf::from(directory),
        keys: Keys {
            edge: key(),
            decision: key(),
            offer: key(),
            contact_public: [9; 32],
            bundle_public,
        },
        spool_limit_bytes: SPOOL_BYTES,
        durability,
        events_clock: false,
        alias_seed: None,
        import_id: None,
        replicas: 1,
        waiter_limit: 1,
        snapshot_messages: 0,
    };
    Ok(Engine::open(settings)?)
}

impl Side {
    fn serving(engine: Engine, runtime: &Runtime) -> Result<Self, Anything> {
        let engine = Arc::new(engine);
        let settings = FrontSettings {
            address: "127.0.0.1:0",
            streams: 1,
            watchers: 1,
            services: Vec::new(),
            descriptors: &[],
            tls: None,
        };
        let front = Front::bind(
            Arc::clone(&engine),
            Arc::new(CallMetrics::default()),
            Arc::new(CallQueue::new(Duration::from_secs(1), None)),
            Arc::new(Quota::new(0)),
            settings,
        )?;
        front.start()?;
        front.set_scoring(true);
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", front.port()))?.tcp_nodelay(true);
        // Connected by the first call: nobody would answer the front's pings while the customers come in.
        let _inside = runtime.enter();
        Ok(Self {
            engine,
            channel: endpoint.connect_lazy(),
            _front: front,
        })
    }

    fn score(&self, request: &[u8]) -> Result<(Duration, Bytes), Anything> {
        let before = Instant::now();
        let reply = self.engine.score(request);
        let taken = before.elapsed();
        Ok((taken, reply.map_err(|refusal| refusal.to_string())?.into()))
    }

    fn call(&self, request: &[u8], runtime: &Runtime) -> Result<(Duration, Bytes), Anything> {
        let request = Request::new(Bytes::copy_from_slice(request));
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        runtime.block_on(async {
            client.ready().await?;
            let before = Instant::now();
            let reply = client.unary(request, PathAndQuery::from_static(METHOD), Raw).await;
            let taken = before.elapsed();
            Ok((taken, reply?.into_inner()))
        })
    }
}

/// Tracks through the engine that keeps for the process; returns when all have folded everything.
fn fill(sides: &[Side], tracks: impl Iterator<Item = io::Result<Vec<u8>>>) -> Result<(), Anything> {
    wait(sides, |status| status.caught_up)?;
    let writer = &sides[1].engine;
    for request in tracks {
        writer.track(&request?).map_err(|refusal| refusal.to_string())?;
    }
    let mut told = Instant::now();
    let end = loop {
        let status = writer.status();
        if status.at_rest {
            break status.folded_sequence;
        }
        if told.elapsed() > TOLD_EVERY {
            eprintln!("{} messages are folded", status.folded_sequence);
            told = Instant::now();
        }
        std::thread::sleep(POLL);
    };
    wait(sides, |status| status.folded_sequence >= end)
}

fn wait(sides: &[Side], condition: impl Fn(&EngineStatus) -> bool) -> Result<(), Anything> {
    for side in sides {
        loop {
            let status = side.engine.status();
            if let Some(failure) = status.failure {
                return Err(failure.into());
            }
            if condition(&status) {
                break;
            }
            std::thread::sleep(POLL);
        }
    }
    Ok(())
}

/// The median of each side, microseconds. The two that are compared take turns and are as often the first; the disk comes after
/// them, because whoever is called after a wait finds cold caches.
fn medians(
    requests: &[Vec<u8>],
    call: impl Fn(usize, &[u8]) -> Result<(Duration, Bytes), Anything>,
) -> Result<[f64; SIDES.len()], Anything> {
    let mut taken = SIDES.map(|_| Vec::with_capacity(requests.len()));
    let mut once = |side: usize, request: &[u8]| -> Result<(), Anything> {
        let (time, reply) = call(side, request)?;
        taken[side].push(time.as_secs_f64() * 1e6);
        Ok(checked(&reply).map_err(|error| format!("{}: {error}", SIDES[side].0))?)
    };
    for (turn, request) in requests.iter().enumerate() {
        let first = turn % 2;
        once(first, request)?;
        once(1 - first, request)?;
    }
    for request in requests {
        once(2, request)?;
    }
    Ok(taken.map(|mut micros| {
        micros.sort_by(f64::total_cmp);
        micros[micros.len() / 2]
    }))
}

fn checked(reply: &[u8]) -> Result<(), Anything> {
    let response = ScoreResponse::decode(reply)?;
    if response.repeated_answer || response.candidates.len() < 2 || response.candidates.iter().any(|one| !one.eligible)
    {
        return Err("a Score repeated an answer, or did not weigh every candidate".into());
    }
    Ok(())
}

/// One after the other: the tracks of a million customers need not lie in memory.
fn messages(path: &str) -> io::Result<impl Iterator<Item = io::Result<Vec<u8>>>> {
    let mut file = BufReader::new(File::open(path)?);
    Ok(std::iter::from_fn(move || next_message(&mut file).transpose()))
}

fn next_message(file: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    if file.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut length = [0; 4];
    file.read_exact(&mut length)?;
    let mut message = vec![0; u32::from_le_bytes(length) as usize];
    file.read_exact(&mut message)?;
    Ok(Some(message))
}
