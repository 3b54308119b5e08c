//! Quiet hours: whether a moment is quiet for a recipient, and when the quiet ends.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;

use crate::contract::{Channel, QuietHours};
use crate::time::Micros;

const DAY_MINUTES: u32 = 24 * 60;
/// Periods left behind before a policy counts as always quiet.
const MAX_MOVES: usize = 64;
/// Half hours after which the clock of any zone has passed a change of its offset.
const MAX_GAP_HALF_HOURS: usize = 50;

/// One quiet period of a channel, in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The channel it silences.
    pub channel: Channel,
    start_minute: u32,
    end_minute: u32,
    /// Bit 0 is Monday: the days on which the period starts.
    weekdays: u8,
}

impl Period {
    /// Reads a period; `None` where the channel carries no messages, the minutes are no part of a day or the
    /// weekdays are not 1 to 7.
    #[must_use]
    pub fn read(hours: &QuietHours) -> Option<Self> {
        let channel = hours.channel();
        let in_range = hours.start_minute < DAY_MINUTES && hours.end_minute <= DAY_MINUTES;
        if !in_range
            || hours.start_minute == hours.end_minute
            || matches!(channel, Channel::Unspecified | Channel::None)
        {
            return None;
        }
        let mut weekdays = if hours.weekdays.is_empty() { 0x7f } else { 0 };
        for day in &hours.weekdays {
            weekdays |= (1..=7).contains(day).then(|| 1_u8 << (day - 1))?;
        }
        Some(Self {
            channel,
            start_minute: hours.start_minute,
            end_minute: hours.end_minute,
            weekdays,
        })
    }

    /// The local end of the period that holds at a local time, if it holds.
    fn local_end(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let minute = local.hour() * 60 + local.minute();
        let today = local.date();
        let end_date = if self.start_minute < self.end_minute {
            let holds = (self.start_minute..self.end_minute).contains(&minute) && self.starts_on(today);
            holds.then_some(today)
        } else if minute >= self.start_minute && self.starts_on(today) {
            today.checked_add_days(Days::new(1))
        } else {
            let yesterday = today.checked_sub_days(Days::new(1))?;
            (minute < self.end_minute && self.starts_on(yesterday)).then_some(today)
        }?;
        let midnight = end_date.and_time(NaiveTime::MIN);
        midnight.checked_add_signed(TimeDelta::minutes(i64::from(self.end_minute)))
    }

    fn starts_on(&self, date: NaiveDate) -> bool {
        self.weekdays >> date.weekday().num_days_from_monday() & 1 == 1
    }

    fn end(&self, time: Micros, zone: Tz) -> Option<Micros> {
        let local = zone.from_utc_datetime(&DateTime::from_timestamp_micros(time.0)?.naive_utc());
        instant(zone, self.local_end(local.naive_local())?)
    }
}

/// The instant of a local time: the later one where the clock shows it twice, the end of the gap (to the half hour)
/// where it never does.
fn instant(zone: Tz, mut local: NaiveDateTime) -> Option<Micros> {
    for _ in 0..MAX_GAP_HALF_HOURS {
        if let Some(instant) = zone.from_local_datetime(&local).latest() {
            return Some(Micros(instant.timestamp_micros()));
        }
        local = local.checked_add_signed(TimeDelta::minutes(30))?;
    }
    None
}

/// The first moment from `time` on that is quiet in none of the zones; `None` where there is none in reach.
#[must_use]
pub fn first_loud(periods: &[Period], channel: Channel, time: Micros, zones: &[Tz]) -> Option<Micros> {
    let mut moment = time;
    for _ in 0..MAX_MOVES {
        let later = periods
            .iter()
            .filter(|period| period.channel == channel)
            .flat_map(|period| zones.iter().filter_map(move |&zone| period.end(moment, zone)))
            .max();
        match later {
            Some(end) if end > moment => moment = end,
            _ => return Some(moment),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn period(start_minute: u32, end_minute: u32, weekdays: &[u32]) -> Period {
        Period::read(&QuietHours {
            channel: Channel::Sms.into(),
            start_minute,
            end_minute,
            weekdays: weekdays.to_vec(),
        })
        .unwrap()
    }

    fn at(text: &str) -> Micros {
        Micros(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
    }

    fn loud(period: Period, time: &str, zones: &[Tz]) -> Micros {
        first_loud(&[period], Channel::Sms, at(time), zones).unwrap()
    }

    #[test]
    fn a_night_passes_midnight() {
        let night = period(22 * 60, 8 * 60, &[]);
        let zones = [Tz::Europe__Paris];
        assert_eq!(
            loud(night, "2024-03-05T23:30:00+01:00", &zones),
            at("2024-03-06T08:00:00+01:00")
        );
        assert_eq!(
            loud(night, "2024-03-06T07:59:00+01:00", &zones),
            at("2024-03-06T08:00:00+01:00")
        );
        assert_eq!(
            loud(night, "2024-03-06T08:00:00+01:00", &zones),
            at("2024-03-06T08:00:00+01:00")
        );
    }

    #[test]
    fn the_weekday_is_that_of_the_start() {
        let sunday_night = period(22 * 60, 8 * 60, &[7]);
        let zones = [Tz::Europe__Paris];
        let monday_morning = "2024-03-04T07:00:00+01:00";
        let tuesday_morning = "2024-03-05T07:00:00+01:00";
        assert_eq!(
            loud(sunday_night, monday_morning, &zones),
            at("2024-03-04T08:00:00+01:00")
        );
        assert_eq!(loud(sunday_night, tuesday_morning, &zones), at(tuesday_morning));
    }

    #[test]
    fn an_end_inside_the_spring_gap_is_after_it() {
        let early = period(0, 150, &[]);
        let end = loud(early, "2024-03-31T00:30:00+01:00", &[Tz::Europe__Berlin]);
        assert_eq!(end, at("2024-03-31T03:00:00+02:00"));
    }

    #[test]
    fn an_end_that_the_clock_shows_twice_is_the_later() {
        let early = period(0, 150, &[]);
        let end = loud(early, "2024-10-27T00:30:00+02:00", &[Tz::Europe__Berlin]);
        assert_eq!(end, at("2024-10-27T02:30:00+01:00"));
    }

    #[test]
    fn quiet_in_any_zone_is_quiet() {
        let night = period(21 * 60, 8 * 60, &[]);
        let zones = [Tz::America__New_York, Tz::America__Los_Angeles];
        let end = loud(night, "2024-06-05T08:30:00-04:00", &zones);
        assert_eq!(end, at("2024-06-05T08:00:00-07:00"));
    }

    #[test]
    fn a_channel_that_is_always_quiet_has_no_moment() {
        let always = [period(0, 1440, &[])];
        assert_eq!(first_loud(&always, Channel::Sms, Micros(0), &[Tz::UTC]), None);
        assert_eq!(
            first_loud(&always, Channel::Email, Micros(0), &[Tz::UTC]),
            Some(Micros(0))
        );
    }

    proptest! {
        #[test]
        fn the_moment_found_is_loud_and_not_earlier(
            start in 0_u32..1440, length in 1_u32..1300, time in 0_i64..4_000_000_000,
            zone in prop::sample::select(vec![Tz::Europe__London, Tz::America__New_York, Tz::Asia__Kathmandu]),
        ) {
            let period = period(start, (start + length) % 1440, &[]);
            let time = Micros(time * 1_000_000);
            let found = first_loud(&[period], Channel::Sms, time, &[zone]).unwrap();
            prop_assert!(found >= time);
            prop_assert!(period.end(found, zone).is_none());
        }
    }
}
