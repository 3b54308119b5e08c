//! What is known of a person beyond events. Most of it comes from one event's context, so that it is written with each
//! stamp once: the stamps would take more room than what was said.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::stamp::{Latest, Stamp};
use super::tag::Tag;
use crate::contract::DeviceClass;

/// The latest word on each.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(crate) struct Profile {
    /// Device last used.
    pub(crate) device: Option<Latest<DeviceClass>>,
    /// Whether the last event with a context named a campaign or referrer.
    pub(crate) campaign: Option<Latest<bool>>,
    pub(crate) birthday_month: Option<Latest<u8>>,
    pub(crate) lifetime_value_minor: Option<Latest<i64>>,
    /// Said by the person or the shop.
    pub(crate) language: Option<Latest<Tag>>,
    /// Of the device.
    pub(crate) locale: Option<Latest<Tag>>,
    /// Said by the person.
    pub(crate) preferred_zone: Option<Latest<Tz>>,
    /// Of the device.
    pub(crate) device_zone: Option<Latest<Tz>>,
}

/// A value, and where its stamp stands among the stamps.
type Said<T> = Option<(u8, T)>;

/// A profile as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    stamps: SmallVec<[Stamp; 8]>,
    device: Said<DeviceClass>,
    campaign: Said<bool>,
    birthday_month: Said<u8>,
    lifetime_value_minor: Said<i64>,
    language: Said<Tag>,
    locale: Said<Tag>,
    preferred_zone: Said<Tz>,
    device_zone: Said<Tz>,
}

fn write<T: Copy>(stamps: &mut SmallVec<[Stamp; 8]>, said: Option<&Latest<T>>) -> Said<T> {
    let said = said?;
    let index = stamps.iter().position(|stamp| *stamp == said.stamp).unwrap_or_else(|| {
        stamps.push(said.stamp);
        stamps.len() - 1
    });
    Some((u8::try_from(index).ok()?, said.value))
}

/// Nothing was said where the stamp is missing, as only another writer could have left it.
fn read<T>(stamps: &[Stamp], said: Said<T>) -> Option<Latest<T>> {
    let (index, value) = said?;
    let stamp = *stamps.get(usize::from(index))?;
    Some(Latest { stamp, value })
}

impl From<Profile> for Written {
    fn from(profile: Profile) -> Self {
        let mut stamps = SmallVec::new();
        Self {
            device: write(&mut stamps, profile.device.as_ref()),
            campaign: write(&mut stamps, profile.campaign.as_ref()),
            birthday_month: write(&mut stamps, profile.birthday_month.as_ref()),
            lifetime_value_minor: write(&mut stamps, profile.lifetime_value_minor.as_ref()),
            language: write(&mut stamps, profile.language.as_ref()),
            locale: write(&mut stamps, profile.locale.as_ref()),
            preferred_zone: write(&mut stamps, profile.preferred_zone.as_ref()),
            device_zone: write(&mut stamps, profile.device_zone.as_ref()),
            stamps,
        }
    }
}

impl From<Written> for Profile {
    fn from(written: Written) -> Self {
        let stamps = &written.stamps;
        Self {
            device: read(stamps, written.device),
            campaign: read(stamps, written.campaign),
            birthday_month: read(stamps, written.birthday_month),
            lifetime_value_minor: read(stamps, written.lifetime_value_minor),
            language: read(stamps, written.language),
            locale: read(stamps, written.locale),
            preferred_zone: read(stamps, written.preferred_zone),
            device_zone: read(stamps, written.device_zone),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Micros;

    fn latest<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = Option<Latest<T>>> + use<T> {
        let said = (0..4_i64, 0..3_u64, prop::sample::select(values.to_vec()));
        let latest = said.prop_map(|(time, tie, value)| Latest {
            stamp: Stamp {
                time: Micros(time),
                tie,
            },
            value,
        });
        prop::option::of(latest)
    }

    fn tags() -> [Tag; 3] {
        ["", "de-AT", "123456789012"].map(|code| Tag::new(code).unwrap_or_default())
    }

    prop_compose! {
        fn profiles()(
            device in latest(&[DeviceClass::Phone, DeviceClass::Desktop]),
            campaign in latest(&[true, false]),
            birthday_month in latest(&[1, 12]),
            lifetime_value_minor in latest(&[i64::MIN, 0, 4]),
            language in latest(&tags()),
            locale in latest(&tags()),
            preferred_zone in latest(&[Tz::UTC, Tz::Europe__Berlin]),
            device_zone in latest(&[Tz::UTC, Tz::Europe__Berlin]),
        ) -> Profile {
            Profile {
                device,
                campaign,
                birthday_month,
                lifetime_value_minor,
                language,
                locale,
                preferred_zone,
                device_zone,
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(profile in profiles()) {
            let bytes = postcard::to_stdvec(&profile).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Profile>(&bytes).unwrap(), profile);
        }

        #[test]
        fn no_bytes_are_too_much_for_it(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            _ = postcard::from_bytes::<Profile>(&bytes);
        }
    }

    #[test]
    fn one_event_s_context_has_one_stamp() {
        let stamp = Stamp {
            time: Micros(1 << 50),
            tie: u64::MAX,
        };
        let one = Profile {
            campaign: Some(Latest { stamp, value: true }),
            ..Profile::default()
        };
        let two = Profile {
            locale: Some(Latest {
                stamp,
                value: Tag::new("de-AT").unwrap_or_default(),
            }),
            ..one
        };
        let bytes = [one, two].map(|profile| postcard::to_stdvec(&profile).unwrap().len());
        assert_eq!(bytes[1] - bytes[0], "de-AT".len() + 2);
    }
}
