//! A suspected same person: two customers whom no edge joins, with a device and an address in common. One of the two
//! would often be enough to link them; each here belongs to more persons than one, but to so few that they may be one.
//! Like the links, a suspicion follows from the edges alone.

use super::State;
use super::links::Aliases;
use super::looks::{Looks, SUSPICION_LOOKS};
use super::record::Record;
use super::records::RecordRef;
use crate::contract::IdentityKeyKind;
use crate::ids::Alias;

/// Keys of one kind at most at a device or address that few persons share. With more it is a shop's till or its own telephone
/// number, and says nothing of who is who.
const MAX_FEW: usize = 8;

impl State {
    /// A key of another customer who is suspected to be the same person as the one with these aliases: the first, in the
    /// order of addresses and their keys. Below the bounds of a customer each suspects the other.
    pub(super) fn suspect(&self, own: &[Alias]) -> Option<Alias> {
        let looks = &Looks::new(SUSPICION_LOOKS);
        let mut addresses = own
            .iter()
            .filter_map(|alias| self.few(*alias, is_address, looks))
            .peekable();
        addresses.peek()?;
        let devices = self.devices_of_few(own, looks);
        addresses.find_map(|address| {
            let mut others = address.neighbours().filter(|other| !own.contains(other));
            others.find(|other| self.is_suspect(own, &devices, *other, looks))
        })
    }

    /// Whether the customer of another key at an address of `own` has one of the devices too. Shared keys are nobody's.
    fn is_suspect(&self, own: &[Alias], devices: &[Alias], other: Alias, looks: &Looks) -> bool {
        if self
            .records
            .get(&other)
            .is_none_or(|record| self.is_shared(other, &record, looks))
        {
            return false;
        }
        let others = self.linked_by(&[other], looks);
        let mut records = own.iter().filter_map(|alias| self.records.get(alias));
        let parted = records.any(|record| others.iter().any(|other| record.is_parted(*other)));
        !parted
            && self
                .devices_of_few(&others, looks)
                .iter()
                .any(|device| devices.contains(device))
    }

    /// Devices that few share, this customer among them. What was seen with a shared address may be another's.
    fn devices_of_few(&self, aliases: &[Alias], looks: &Looks) -> Aliases {
        let mut devices = Aliases::new();
        for alias in aliases {
            let record = self.records.get(alias);
            let Some(record) = record.filter(|record| !self.is_shared(*alias, record, looks)) else {
                continue;
            };
            let others = looks.at(record.neighbours());
            devices.extend(others.filter(|other| self.few(*other, is_device, looks).is_some()));
        }
        devices
    }

    /// The record of a key that belongs to several persons, but few.
    fn few(&self, alias: Alias, is_kind: fn(IdentityKeyKind) -> bool, looks: &Looks) -> Option<RecordRef<'_>> {
        let record = self.records.get(&alias).filter(|record| is_kind(record.kind))?;
        let few = |record: &Record| {
            self.is_shared(alias, record, looks) && !self.joins_more(alias, record, MAX_FEW, MAX_FEW, looks)
        };
        few(&record).then_some(record)
    }
}

fn is_address(kind: IdentityKeyKind) -> bool {
    matches!(kind, IdentityKeyKind::Email | IdentityKeyKind::Phone)
}

fn is_device(kind: IdentityKeyKind) -> bool {
    kind == IdentityKeyKind::Anonymous
}
