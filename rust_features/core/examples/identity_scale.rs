//! Folds the visits of so many customers, some of them at shared devices, some joined by their carts alone, and compares the
//! customers that the state finds with the truth: `cargo run --release --example identity_scale -- 1000000`. Rates are of
//! processor time, so that others may work meanwhile. Prints one figure a line; `cart-recovery loadtest identity` reads them.

mod support;

use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::{CartViewed, Identified, IdentityKeyKind, JournalMessage};
use cart_recovery_core::fold::fold;
use cart_recovery_core::ids::{Alias, CartId};
use cart_recovery_core::state::State;
use cart_recovery_core::time::Micros;
use support::{START, message, processor_seconds, resident_bytes, scatter};

// As in the extension.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SPACING_MICROS: i64 = 50_000;
/// One device in a hundred is shared, one shared device in twenty is a kiosk.
const SHARED_OF: u64 = 100;
const KIOSKS_OF: u64 = 20;
/// One customer in four never signs in where the device is seen: the checkout names the cart alone.
const BY_CART_OF: u64 = 4;
const CHUNK: usize = 10_000;
/// Customers looked at to take the time.
const LOOKS: u32 = 5_000;

const CUSTOMER: u8 = 1;
const EMAIL: u8 = 2;
const OWN_DEVICE: u8 = 3;
const SHARED_DEVICE: u8 = 4;
const EVENT: u8 = 5;
const CART: u8 = 6;
/// Of a web.
const SPIDER: u8 = 7;
const THREAD: u8 = 8;
const KNOT: u8 = 9;
/// Webs, each looked at once, as cold as a decision finds it.
const WEBS: u64 = 200;
/// Devices of a web, the carts that each is in, and how many are in one.
const THREADS: u64 = 240;
const LAYERS: u64 = 8;
const AT_KNOT: u64 = 16;

/// A keyed id that says whose it is, so that what was linked can be compared with the truth.
fn id(space: u8, number: u64, part: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = space;
    bytes[1] = part;
    bytes[2..10].copy_from_slice(&number.to_le_bytes());
    let spread = scatter(number ^ u64::from(space) << 56 ^ u64::from(part) << 48);
    bytes[10..].copy_from_slice(&spread.to_le_bytes()[..6]);
    bytes
}

fn owner(alias: &Alias) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&alias.0[2..10]);
    u64::from_le_bytes(bytes)
}

/// A journal being made and folded, some thousand messages at a time: reading the clock for each would cost more.
struct Shop {
    state: State,
    made: Vec<JournalMessage>,
    folding_seconds: f64,
}

impl Shop {
    fn visit(&mut self, keys: &[(IdentityKeyKind, [u8; 16])]) -> Result<(), Box<dyn std::error::Error>> {
        self.tell(keys, Kind::Identified(Identified {}))
    }

    fn tell(&mut self, keys: &[(IdentityKeyKind, [u8; 16])], kind: Kind) -> Result<(), Box<dyn std::error::Error>> {
        let sequence = self.state.sequence() + 1 + self.made.len() as u64;
        let time = Micros(START.0 + i64::try_from(sequence)? * SPACING_MICROS);
        let event = id(EVENT, sequence, 0);
        self.made.push(message(time, event, keys, kind));
        if self.made.len() == CHUNK { self.fold() } else { Ok(()) }
    }

    fn fold(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let started = processor_seconds();
        for message in &self.made {
            let sequence = self.state.sequence() + 1;
            fold(&mut self.state, sequence, message)?;
        }
        self.folding_seconds += processor_seconds() - started;
        self.made.clear();
        Ok(())
    }

    /// One to three devices, an e-mail address named at the last of them.
    fn own_devices(&mut self, person: u64) -> Result<u64, Box<dyn std::error::Error>> {
        let count = 1 + scatter(person) % 3;
        let customer = (IdentityKeyKind::Customer, id(CUSTOMER, person, 0));
        for part in 0..u8::try_from(count)? {
            let device = (IdentityKeyKind::Anonymous, id(OWN_DEVICE, person, part));
            self.visit(&[device])?;
            if (scatter(person) >> 32).is_multiple_of(BY_CART_OF) {
                let cart_id = CartId(id(CART, person, part)).to_string();
                let viewed = Kind::CartViewed(CartViewed { cart_id });
                self.tell(&[device], viewed.clone())?;
                self.tell(&[customer], viewed)?;
            } else {
                self.visit(&[customer, device])?;
            }
        }
        self.visit(&[customer, (IdentityKeyKind::Email, id(EMAIL, person, 0))])?;
        Ok(count)
    }

    /// A family of two to five, or a kiosk of fifty to five hundred. At every second one they sign in, at the others they
    /// are guests and name their address alone.
    fn shared_device(&mut self, number: u64, customers: u64) -> Result<u64, Box<dyn std::error::Error>> {
        let random = scatter(number ^ 1 << 40);
        let visitors = if random.is_multiple_of(KIOSKS_OF) {
            50 + (random >> 8) % 451
        } else {
            2 + (random >> 8) % 4
        };
        let first = (random >> 20) % customers;
        let guests = number.is_multiple_of(2);
        let device = (IdentityKeyKind::Anonymous, id(SHARED_DEVICE, number, 0));
        for person in (first..first + visitors).map(|person| person % customers) {
            let customer = (IdentityKeyKind::Customer, id(CUSTOMER, person, 0));
            let email = (IdentityKeyKind::Email, id(EMAIL, person, 0));
            self.visit(&[device])?;
            if guests {
                self.visit(&[device, email])?;
            } else {
                self.visit(&[customer, device, email])?;
            }
        }
        Ok(visitors)
    }
}

impl Shop {
    /// What somebody may invent to make decisions about one customer slow: devices that each share carts with others, none
    /// with so many that it would be left out at once.
    fn web(&mut self, web: u64) -> Result<(), Box<dyn std::error::Error>> {
        let knots = THREADS / AT_KNOT;
        for number in 0..THREADS {
            let device = (IdentityKeyKind::Anonymous, id(THREAD, web * THREADS + number, 0));
            for layer in 0..LAYERS {
                let knot = (number % knots + layer * (number / knots)) % knots;
                let cart_id = CartId(id(KNOT, web * knots + knot, u8::try_from(layer)?)).to_string();
                self.tell(&[device], Kind::CartViewed(CartViewed { cart_id }))?;
            }
            self.visit(&[(IdentityKeyKind::Customer, id(SPIDER, web, 0)), device])?;
        }
        Ok(())
    }
}

/// Microseconds that a look at each of the customers takes.
fn look_micros(state: &State, customers: impl ExactSizeIterator<Item = [u8; 16]>) -> f64 {
    let count = f64::from(u32::try_from(customers.len()).unwrap_or(u32::MAX));
    let started = processor_seconds();
    for customer in customers {
        let customer = state.customer(&[Alias(customer)]);
        std::hint::black_box((customer.aliases().len(), customer.suspect()));
    }
    (processor_seconds() - started) * 1e6 / count
}

/// What the customers of the state are, against the truth.
#[derive(Default)]
struct Findings {
    /// Aliases of the largest customer.
    largest: usize,
    /// Customers with an alias of somebody else, or with a shared device.
    wrong: u64,
    /// Customers that lack one of their own.
    parted: u64,
    held_back: u64,
}

impl Findings {
    fn of(state: &State, customers: u64) -> Self {
        let mut findings = Self::default();
        for person in 0..customers {
            let customer = state.customer(&[Alias(id(CUSTOMER, person, 0))]);
            let aliases = customer.aliases();
            let own = |alias: &&Alias| alias.0[0] != SHARED_DEVICE && owner(alias) == person;
            let owned = aliases.iter().filter(own).count();
            let expected = usize::try_from(scatter(person) % 3).unwrap_or_default() + 3;
            findings.largest = findings.largest.max(aliases.len());
            findings.wrong += u64::from(owned < aliases.len());
            findings.parted += u64::from(owned < expected);
            findings.held_back += u64::from(customer.suspect().is_some());
        }
        findings
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let customers: u64 = std::env::args().nth(1).ok_or("say how many customers")?.parse()?;
    let before = resident_bytes();
    let mut shop = Shop {
        state: State::new(),
        made: Vec::with_capacity(CHUNK),
        folding_seconds: 0.0,
    };
    let mut devices = 0;
    for person in 0..customers {
        devices += shop.own_devices(person)?;
    }
    let shared = devices / SHARED_OF;
    let mut busiest = 0;
    for number in 0..shared {
        busiest = busiest.max(shop.shared_device(number, customers)?);
    }
    shop.fold()?;
    let grown = resident_bytes().saturating_sub(before);
    let events = shop.state.sequence();
    let findings = Findings::of(&shop.state, customers);
    println!("events {events}");
    println!(
        "folded_per_second {:.0}",
        f64::from(u32::try_from(events)?) / shop.folding_seconds
    );
    println!("bytes_per_customer {}", grown / customers);
    println!("shared_devices {shared}");
    println!("customers_at_busiest {busiest}");
    println!("largest_aliases {}", findings.largest);
    println!("with_anothers_alias {}", findings.wrong);
    println!("without_an_own_alias {}", findings.parted);
    println!("held_back {}", findings.held_back);
    let ordinary = (0..LOOKS).map(|number| id(CUSTOMER, scatter(number.into()) % customers, 0));
    println!("look_micros {:.2}", look_micros(&shop.state, ordinary));
    for web in 0..WEBS {
        shop.web(web)?;
    }
    shop.fold()?;
    println!("webs {WEBS}");
    let webs: Vec<_> = (0..WEBS).map(|web| id(SPIDER, web, 0)).collect();
    println!("look_at_web_micros {:.1}", look_micros(&shop.state, webs.into_iter()));
    Ok(())
}
