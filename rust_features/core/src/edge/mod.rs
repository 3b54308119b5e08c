//! The edge: where a request is checked, and where everything personal stops. What passes holds keyed tokens, and
//! contacts sealed to the dispatcher's key.

mod contact;
mod currency;
mod findings;
mod gate;
mod identity;
mod kinds;
mod lines;
mod path;
mod seal;
#[cfg(test)]
mod tests;

use prost::Message;

use crate::contract::score_request::Occasion;
use crate::contract::{
    Acknowledge, Channel, Context, DecisionRequest, DeviceClass, Event, Identity, JournalMessage, Reason, ScoreRequest,
    SealedContact, SpoolFrame, TrackRequest, Trigger, journal_message,
};
use crate::ids::Token;
use crate::keyed::Key;
use crate::refusal::Refusal;
use crate::time::Micros;

use findings::Findings;
use gate::Gate;
use identity::Person;
use lines::TEXT_LIMIT;
use path::Path;
use seal::Seal;

/// Candidates that a Score may ask for.
const CANDIDATE_LIMIT: u32 = 64;
const CHANNEL_LIMIT: usize = 16;
const CONSENT_STRING_LIMIT: usize = 4096;

/// Holds the keys under which requests pass.
pub struct Edge {
    key: Key,
    seal: Seal,
}

/// Stands for an address and a name that were sealed together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NameMark(u64);

/// What is stored of contacts already, so that it need not be sealed again.
pub trait Known {
    /// Whether the address of this token is.
    fn address(&self, token: Token) -> bool;

    /// Whether the name is, beside the address.
    fn name(&self, mark: NameMark) -> bool;
}

/// A caller that only adds addresses: a known one is left alone whatever name comes with it.
impl<F: Fn(Token) -> bool> Known for F {
    fn address(&self, token: Token) -> bool {
        self(token)
    }

    fn name(&self, _: NameMark) -> bool {
        true
    }
}

/// A tracked event behind the edge.
#[derive(Clone, PartialEq, Debug)]
pub struct Tracked {
    /// What goes into the spool.
    pub frame: SpoolFrame,
    /// When the sender wants its answer.
    pub acknowledge: Acknowledge,
    /// Names in the frame's contacts that came after their addresses.
    pub names: Vec<NameMark>,
}

/// A score request behind the edge.
#[derive(Clone, PartialEq, Debug)]
pub struct Scored {
    /// What is decided.
    pub request: DecisionRequest,
    /// Contacts that are not stored yet; they travel in the frame of the decision.
    pub contacts: Vec<SealedContact>,
    /// How many candidates to return.
    pub candidate_count: usize,
    /// Decide and explain, record nothing.
    pub dry_run: bool,
}

/// A kind of outside id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutsideId {
    /// The shop's own customer id.
    Customer,
    /// A device or browser.
    Anonymous,
    /// An e-mail address; belongs to no storefront.
    Email,
    /// An E.164 number; belongs to no storefront.
    Phone,
    /// A push endpoint; belongs to no storefront.
    Push,
    /// A session.
    Session,
    /// A cart.
    Cart,
    /// An order.
    Order,
    /// An event.
    Event,
}

impl Edge {
    /// `key` is the key of tokens, `contact_public` the dispatcher's X25519 public key.
    #[must_use]
    pub fn new(key: Key, contact_public: [u8; 32]) -> Self {
        Self {
            seal: Seal::new(Some(contact_public), key.clone()),
            key,
        }
    }

    /// An edge whose frames nobody sends from: what only a dispatcher could open is left out.
    #[must_use]
    pub fn without_dispatcher(key: Key) -> Self {
        Self {
            seal: Seal::new(None, key.clone()),
            key,
        }
    }

    /// Serialised `TrackRequest` in, frame of the spool out; what is `known` of the contacts is not sealed again.
    ///
    /// # Errors
    /// A refusal that names up to 16 fields.
    pub fn track(
        &self,
        request: &[u8],
        received: Micros,
        imported: bool,
        known: &dyn Known,
    ) -> Result<Tracked, Refusal> {
        let request = TrackRequest::decode(request).map_err(|error| unparsable(&error))?;
        let root = Path::root("event");
        let mut gate = self.gate(received);
        gate.optional_choice::<Acknowledge>(Path::root("acknowledge"), request.acknowledge);
        let acknowledge = request.acknowledge();
        let Some(mut event) = request.event else {
            gate.findings.missing(root, "send an event");
            return Err(gate
                .findings
                .into_result()
                .err()
                .unwrap_or_else(|| Refusal::new(Reason::FieldMissing)));
        };
        if event.kind.is_none() {
            return Err(Refusal::new(Reason::KindUnknown));
        }
        let person = gate.event(root, &mut event, known);
        gate.findings.into_result()?;
        let message = JournalMessage {
            received_time: Some(received.to_timestamp()),
            identity_keys: person.keys,
            imported,
            content: Some(journal_message::Content::Event(event)),
        };
        let frame = SpoolFrame {
            message: Some(message),
            contacts: person.contacts,
        };
        Ok(Tracked {
            frame,
            acknowledge,
            names: person.names,
        })
    }

    /// Serialised `ScoreRequest` in, the request as it is decided out.
    ///
    /// # Errors
    /// A refusal that names up to 16 fields.
    pub fn score(&self, request: &[u8], received: Micros, known: &dyn Known) -> Result<Scored, Refusal> {
        let request = ScoreRequest::decode(request).map_err(|error| unparsable(&error))?;
        self.score_request(request, received, known)
    }

    /// The same for a request that came inside another message.
    ///
    /// # Errors
    /// A refusal that names up to 16 fields.
    pub fn score_request(&self, request: ScoreRequest, received: Micros, known: &dyn Known) -> Result<Scored, Refusal> {
        let mut gate = self.gate(received);
        gate.storefront(Path::root("storefront_id"), &request.storefront_id);
        let identity = request.identity.unwrap_or_default();
        let person = gate.person(Path::root("identity"), &identity, known);
        if person.keys.is_empty() {
            gate.findings.missing(
                Path::root("identity"),
                "send a customer id, an anonymous id or a contact",
            );
        }
        let mut decision = DecisionRequest {
            storefront_id: request.storefront_id,
            identity_keys: person.keys,
            trigger: request.trigger,
            channels: request.channels,
            ..DecisionRequest::default()
        };
        gate.occasion(request.occasion, &mut decision);
        gate.choice::<Trigger>(Path::root("trigger"), decision.trigger);
        gate.count(Path::root("channels"), decision.channels.len(), CHANNEL_LIMIT);
        for channel in decision.channels.iter().take(CHANNEL_LIMIT) {
            gate.choice::<Channel>(Path::root("channels"), *channel);
        }
        let count = Path::root("candidate_count");
        gate.range(count, request.candidate_count.into(), 0, CANDIDATE_LIMIT.into());
        gate.findings.into_result()?;
        Ok(Scored {
            request: decision,
            contacts: person.contacts,
            candidate_count: usize::try_from(request.candidate_count).unwrap_or(0),
            dry_run: request.dry_run,
        })
    }

    /// The token of an outside id, as the edge gives it; `None` for a contact without its form.
    #[must_use]
    pub fn outside_token(&self, kind: OutsideId, storefront_id: &str, outside_id: &str) -> Option<Token> {
        let (purpose, contact) = match kind {
            OutsideId::Email => ("email", Some(contact::normalised_email(outside_id)?)),
            OutsideId::Phone => ("phone", Some(contact::normalised_phone(outside_id)?)),
            OutsideId::Push => ("push", Some(contact::normalised_push(outside_id)?)),
            OutsideId::Customer => ("customer", None),
            OutsideId::Anonymous => ("anonymous", None),
            OutsideId::Session => ("session", None),
            OutsideId::Cart => ("cart", None),
            OutsideId::Order => ("order", None),
            OutsideId::Event => ("event", None),
        };
        Some(Token(match contact {
            Some(address) => self.key.hash(purpose, &[address.as_bytes()]),
            None => self
                .key
                .hash(purpose, &[storefront_id.as_bytes(), outside_id.as_bytes()]),
        }))
    }

    fn gate(&self, received: Micros) -> Gate<'_> {
        Gate {
            key: &self.key,
            seal: &self.seal,
            received,
            storefront: String::new(),
            findings: Findings::default(),
        }
    }
}

impl Gate<'_> {
    /// Tokens are scoped by the storefront, so it comes first.
    fn storefront(&mut self, path: Path, storefront_id: &str) {
        self.id(path, storefront_id);
        storefront_id.clone_into(&mut self.storefront);
    }

    fn event(&mut self, path: Path, event: &mut Event, known: &dyn Known) -> Person {
        self.storefront(path.field("storefront_id"), &event.storefront_id);
        self.token(path.field("event_id"), "event", &mut event.event_id);
        self.past_time(path.field("event_time"), event.event_time.as_ref(), true);
        let mut identity = event.identity.take().unwrap_or_default();
        let person = self.person(path.field("identity"), &identity, known);
        self.optional_token(
            path.field("identity").field("session_id"),
            "session",
            &mut identity.session_id,
        );
        if !identity.session_id.is_empty() {
            event.identity = Some(Identity {
                session_id: identity.session_id,
                ..Identity::default()
            });
        }
        if let Some(context) = event.context.as_mut() {
            self.context(path.field("context"), context);
        }
        if let Some(kind) = event.kind.as_mut() {
            self.kind(path, kind, &person);
        }
        person
    }

    fn context(&mut self, path: Path, context: &mut Context) {
        self.optional_choice::<DeviceClass>(path.field("device_class"), context.device_class);
        self.code(path.field("locale"), &context.locale, "send a BCP 47 tag such as de-AT");
        self.code(
            path.field("time_zone"),
            &context.time_zone,
            "send an IANA name such as Europe/Berlin",
        );
        self.code(
            path.field("country_code"),
            &context.country_code,
            "send an ISO 3166 code such as DE",
        );
        self.remark(path.field("region"), &mut context.region, TEXT_LIMIT);
        self.text(path.field("referrer"), &context.referrer, TEXT_LIMIT * 4);
        contact::strip_url(&mut context.referrer);
        self.remark(path.field("campaign"), &mut context.campaign, TEXT_LIMIT);
        self.remark(
            path.field("consent_string"),
            &mut context.consent_string,
            CONSENT_STRING_LIMIT,
        );
    }

    fn occasion(&mut self, occasion: Option<Occasion>, decision: &mut DecisionRequest) {
        match occasion {
            None => self.findings.missing(Path::root("cart_id"), "send a cart id or a cart"),
            Some(Occasion::CartId(mut cart_id)) => {
                self.token(Path::root("cart_id"), "cart", &mut cart_id);
                decision.cart_id = cart_id;
            }
            Some(Occasion::Cart(mut cart)) => {
                self.cart(Path::root("cart"), &mut cart);
                decision.cart_id.clone_from(&cart.cart_id);
                decision.cart = Some(cart);
            }
        }
    }
}

fn unparsable(error: &prost::DecodeError) -> Refusal {
    Refusal::new(Reason::Unparsable).with_detail(error)
}
