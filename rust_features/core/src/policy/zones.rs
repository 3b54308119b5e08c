//! Time zones in which a recipient may be.

use chrono_tz::Tz;
use smallvec::{SmallVec, smallvec};

/// The zones to ask about one recipient; quiet in any of them is quiet.
pub type Zones = SmallVec<[Tz; 4]>;

/// Countries that lie in several zones: some zones that shops there name as their own, and the two extremes.
const WIDE_COUNTRIES: &[(&[Tz], [Tz; 2])] = &[
    (
        &[
            Tz::America__New_York,
            Tz::America__Chicago,
            Tz::America__Denver,
            Tz::America__Phoenix,
            Tz::America__Los_Angeles,
            Tz::America__Anchorage,
            Tz::Pacific__Honolulu,
            Tz::US__Eastern,
            Tz::US__Central,
            Tz::US__Mountain,
            Tz::US__Pacific,
        ],
        [Tz::America__New_York, Tz::Pacific__Honolulu],
    ),
    (
        &[
            Tz::America__Toronto,
            Tz::America__Vancouver,
            Tz::America__Winnipeg,
            Tz::America__Edmonton,
            Tz::America__Halifax,
            Tz::America__St_Johns,
        ],
        [Tz::America__St_Johns, Tz::America__Vancouver],
    ),
    (
        &[
            Tz::Australia__Sydney,
            Tz::Australia__Melbourne,
            Tz::Australia__Brisbane,
            Tz::Australia__Adelaide,
            Tz::Australia__Perth,
        ],
        [Tz::Australia__Sydney, Tz::Australia__Perth],
    ),
    (
        &[
            Tz::America__Sao_Paulo,
            Tz::America__Fortaleza,
            Tz::America__Manaus,
            Tz::America__Rio_Branco,
        ],
        [Tz::America__Noronha, Tz::America__Rio_Branco],
    ),
    (
        &[Tz::America__Mexico_City, Tz::America__Cancun, Tz::America__Tijuana],
        [Tz::America__Cancun, Tz::America__Tijuana],
    ),
    (
        &[Tz::Europe__Madrid, Tz::Atlantic__Canary],
        [Tz::Europe__Madrid, Tz::Atlantic__Canary],
    ),
    (
        &[Tz::Europe__Lisbon, Tz::Atlantic__Azores],
        [Tz::Europe__Lisbon, Tz::Atlantic__Azores],
    ),
    (
        &[Tz::Asia__Jakarta, Tz::Asia__Makassar, Tz::Asia__Jayapura],
        [Tz::Asia__Jayapura, Tz::Asia__Jakarta],
    ),
    (
        &[
            Tz::Europe__Moscow,
            Tz::Asia__Yekaterinburg,
            Tz::Asia__Novosibirsk,
            Tz::Asia__Vladivostok,
        ],
        [Tz::Asia__Kamchatka, Tz::Europe__Kaliningrad],
    ),
];

/// The strictest reading of a recipient of whom no zone is known: the storefront's zone and the extremes of its country.
#[must_use]
pub fn unknown_zone(storefront: Tz) -> Zones {
    let mut zones: Zones = smallvec![storefront];
    let country = WIDE_COUNTRIES.iter().find(|(zones, _)| zones.contains(&storefront));
    zones.extend(country.into_iter().flat_map(|(_, extremes)| *extremes));
    zones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_zone_is_read_strictly() {
        assert_eq!(unknown_zone(Tz::Europe__Berlin).as_slice(), [Tz::Europe__Berlin]);
        assert!(unknown_zone(Tz::America__Chicago).contains(&Tz::Pacific__Honolulu));
    }
}
