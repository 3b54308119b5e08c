//! Turns who an event is about into keyed tokens and sealed contacts.

use prost::Message;

use crate::contract::{Channel, Contact, ContactSecret, Identity, IdentityKey, IdentityKeyKind, Reason, SealedContact};
use crate::ids::{Alias, Token};
use crate::refusal::HIDDEN;
use crate::state::MAX_KEYS;

use super::contact::{normalised_email, normalised_phone, normalised_push};
use super::gate::Gate;
use super::path::Path;
use super::{Known, NameMark};

/// Contacts and aliases that one request may name, each.
const KEY_LIMIT: usize = 16;
const _: () = assert!(2 + 2 * KEY_LIMIT == MAX_KEYS, "the fold reads every key");
const NAME_LIMIT: usize = 256;

/// Who a request is about, behind the edge.
#[derive(Default)]
pub(super) struct Person {
    /// Strongest first: customer, anonymous, e-mail, phone, push, alias.
    pub(super) keys: Vec<IdentityKey>,
    pub(super) contacts: Vec<SealedContact>,
    /// Names that came after their addresses.
    pub(super) names: Vec<NameMark>,
    /// Hashes under which the contacts stay suppressed after an erasure.
    pub(super) suppression_hashes: Vec<Vec<u8>>,
}

/// A contact whose form is sound.
struct Sound<'a> {
    kind: IdentityKeyKind,
    purpose: &'static str,
    channel: i32,
    normalised: String,
    address: &'a str,
}

impl Gate<'_> {
    /// Checks and tokenises an identity. What is `known` of its contacts is stored already.
    pub(super) fn person(&mut self, path: Path, identity: &Identity, known: &dyn Known) -> Person {
        let mut person = Person::default();
        self.outside_key(
            path.field("customer_id"),
            IdentityKeyKind::Customer,
            &identity.customer_id,
            &mut person,
        );
        self.outside_key(
            path.field("anonymous_id"),
            IdentityKeyKind::Anonymous,
            &identity.anonymous_id,
            &mut person,
        );
        self.text(path.field("name"), &identity.name, NAME_LIMIT);
        self.count(path.field("contacts"), identity.contacts.len(), KEY_LIMIT);
        let contacts = identity.contacts.iter().take(KEY_LIMIT).enumerate();
        let mut sound: Vec<_> = contacts
            .filter_map(|(index, contact)| self.contact(path.item("contacts", index), contact))
            .collect();
        sound.sort_by(|one, other| (one.kind as i32, &one.normalised).cmp(&(other.kind as i32, &other.normalised)));
        sound.dedup_by(|one, other| one.kind == other.kind && one.normalised == other.normalised);
        for contact in sound {
            self.contact_key(path.field("contacts"), &contact, &identity.name, known, &mut person);
        }
        self.alias_keys(path, &identity.aliases, &mut person);
        person
    }

    fn outside_key(&mut self, path: Path, kind: IdentityKeyKind, id: &str, person: &mut Person) {
        if id.is_empty() {
            return;
        }
        self.optional_id(path, id);
        let purpose = if kind == IdentityKeyKind::Customer {
            "customer"
        } else {
            "anonymous"
        };
        let token = self.key.hash(purpose, &[self.storefront.as_bytes(), id.as_bytes()]);
        person.keys.push(IdentityKey {
            kind: kind as i32,
            token: token.to_vec(),
            alias: Vec::new(),
        });
    }

    fn contact<'b>(&mut self, path: Path, contact: &'b Contact) -> Option<Sound<'b>> {
        let (kind, purpose, normalised, form) = match contact.channel() {
            Channel::Email => (
                IdentityKeyKind::Email,
                "email",
                normalised_email(&contact.address),
                "send an e-mail address",
            ),
            Channel::Sms => (
                IdentityKeyKind::Phone,
                "phone",
                normalised_phone(&contact.address),
                "send an E.164 number",
            ),
            Channel::Push => (
                IdentityKeyKind::Push,
                "push",
                normalised_push(&contact.address),
                "send an https URL",
            ),
            _ => {
                let found = contact.channel.to_string();
                let remedy = "choose the channel of an address: email, SMS or push";
                self.findings
                    .add(Reason::FieldOutOfRange, path.field("channel"), found, remedy);
                return None;
            }
        };
        if normalised.is_none() {
            self.findings
                .add(Reason::FieldMalformed, path.field("address"), HIDDEN, form);
        }
        let (channel, address) = (contact.channel, contact.address.trim());
        normalised.map(|normalised| Sound {
            kind,
            purpose,
            channel,
            normalised,
            address,
        })
    }

    fn contact_key(&mut self, path: Path, contact: &Sound, name: &str, known: &dyn Known, person: &mut Person) {
        let token = self.key.hash(contact.purpose, &[contact.normalised.as_bytes()]);
        let suppression = self.key.hash(
            "suppression",
            &[contact.purpose.as_bytes(), contact.normalised.as_bytes()],
        );
        person.suppression_hashes.push(suppression.to_vec());
        let name = name.trim();
        let replaces = known.address(Token(token));
        let later = replaces && !name.is_empty();
        let mark = later.then(|| NameMark(self.key.hash_u64("name", &[&token, name.as_bytes()])));
        let mark = mark.filter(|mark| !known.name(*mark));
        person.names.extend(mark);
        if !replaces || mark.is_some() {
            let secret = ContactSecret {
                address: contact.address.to_owned(),
                name: name.to_owned(),
            };
            let ciphertext = self.sealed(path, &secret.encode_to_vec());
            let identity_key = u32::try_from(person.keys.len()).unwrap_or(u32::MAX);
            person.contacts.push(SealedContact {
                identity_key,
                channel: contact.channel,
                ciphertext,
                replaces,
            });
        }
        person.keys.push(IdentityKey {
            kind: contact.kind as i32,
            token: token.to_vec(),
            alias: Vec::new(),
        });
    }

    fn alias_keys(&mut self, path: Path, aliases: &[Vec<u8>], person: &mut Person) {
        self.count(path.field("aliases"), aliases.len(), KEY_LIMIT);
        for (index, alias) in aliases.iter().take(KEY_LIMIT).enumerate() {
            if Alias::from_bytes(alias).is_none() {
                let found = format!("{} bytes", alias.len());
                self.findings.add(
                    Reason::FieldMalformed,
                    path.item("aliases", index),
                    found,
                    "send 16 bytes",
                );
            }
            let kind = IdentityKeyKind::Alias as i32;
            person.keys.push(IdentityKey {
                kind,
                token: Vec::new(),
                alias: alias.clone(),
            });
        }
    }
}
