//! Parts of times: hour, weekday, and days since 1970 or hours since midnight.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{DatePart, cast, date_part};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimeUnit};

use super::number::ticks_per_second;
use crate::error::{Error, Result};
use crate::feature::vocabulary::assign::{Assign, Hashes};
use crate::feature::vocabulary::hash::{NULL_HASH, hash_key, integer_key};

/// A part that is NULL.
const MISSING: u8 = u8::MAX;

/// Parts of times, row by row; buffers keep their memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    /// 0 to 23.
    pub(crate) hour: Vec<u8>,
    /// 0 (Monday) to 6; empty for times of day.
    pub(crate) weekday: Vec<u8>,
    /// Days since 1970, or hours since midnight; NaN for NULL.
    pub(crate) value: Vec<f64>,
}

impl Times {
    /// Takes in the values of a column; hours and weekdays are those of the column's time zone.
    ///
    /// # Errors
    /// `Plan` for a type that is no time, `Arrow` for an unknown time zone.
    pub(crate) fn read(&mut self, array: &ArrayRef) -> Result<()> {
        use DataType as D;
        self.hour.clear();
        self.weekday.clear();
        self.value.clear();
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            let flat = cast(array, dictionary.values().data_type())?;
            return self.read(&flat);
        }
        match array.data_type() {
            D::Null => {
                self.hour.resize(array.len(), MISSING);
                self.weekday.resize(array.len(), MISSING);
                self.value.resize(array.len(), f64::NAN);
            }
            D::Date32 => self.ticks(
                &cast(&cast(array, &D::Int32)?, &D::Int64)?,
                1.0 / 86_400.0,
                0,
            ),
            D::Date64 => self.ticks(&cast(array, &D::Int64)?, 1e3, 0),
            D::Timestamp(unit, zone) => {
                let ticks = cast(array, &D::Int64)?;
                let offset = zone.as_deref().map_or(Some(0), fixed_offset);
                self.ticks(&ticks, ticks_per_second(*unit), offset.unwrap_or(0));
                if offset.is_none() {
                    self.local_parts(array)?;
                }
            }
            D::Time32(_) | D::Time64(_) => self.time_of_day(array)?,
            other => return Err(Error::plan(format!("{other} can't be read as a time"))),
        }
        Ok(())
    }

    /// Days and parts from ticks since 1970, `offset` seconds east of Greenwich.
    fn ticks(&mut self, ticks: &ArrayRef, per_second: f64, offset: i64) {
        let ticks = ticks.as_primitive::<Int64Type>();
        // Whole ticks in an hour and a day; a date has one tick a day and no hours.
        let day = (per_second * 86_400.0).round().max(1.0) as i64;
        let hour = (day / 24).max(1);
        let offset = (per_second * offset as f64) as i64;
        for (row, &tick) in ticks.values().iter().enumerate() {
            if ticks.is_null(row) {
                self.hour.push(MISSING);
                self.weekday.push(MISSING);
                self.value.push(f64::NAN);
                continue;
            }
            let local = tick.saturating_add(offset);
            self.hour.push((local.rem_euclid(day) / hour) as u8);
            // 1 January 1970 was a Thursday.
            self.weekday
                .push(((local.div_euclid(day) % 7 + 10) % 7) as u8);
            self.value.push(tick as f64 / day as f64);
        }
    }

    /// Replaces hours and weekdays by those of a time zone with changing offset.
    fn local_parts(&mut self, array: &ArrayRef) -> Result<()> {
        for (part, out) in [
            (DatePart::Hour, &mut self.hour),
            (DatePart::DayOfWeekMonday0, &mut self.weekday),
        ] {
            let parts = date_part(array, part)?;
            let parts = parts.as_primitive::<Int32Type>();
            out.clear();
            // A time too far away for the calendar has no local hour.
            out.extend(parts.iter().map(|v| v.map_or(MISSING, |v| v as u8)));
        }
        Ok(())
    }

    fn time_of_day(&mut self, array: &ArrayRef) -> Result<()> {
        let nanoseconds = DataType::Time64(TimeUnit::Nanosecond);
        let ticks = cast(&cast(array, &nanoseconds)?, &DataType::Int64)?;
        for tick in ticks.as_primitive::<Int64Type>() {
            let hours = tick.map_or(f64::NAN, |t| t as f64 / 3.6e12);
            self.hour.push(match tick {
                Some(_) => hours.clamp(0.0, 23.0) as u8,
                None => MISSING,
            });
            self.weekday.push(MISSING);
            self.value.push(hours);
        }
        Ok(())
    }
}

/// Writes the ids of parts to `ids`.
pub(crate) fn assign_parts(
    parts: &[u8],
    assign: &mut impl Assign,
    hashes: &mut impl Hashes,
    ids: &mut [u32],
) {
    for (row, (id, &part)) in ids.iter_mut().zip(parts).enumerate() {
        if part == MISSING {
            *id = assign.null();
            hashes.add(row, NULL_HASH);
        } else {
            *id = assign.integer(part.into());
            hashes.add(row, hash_key(integer_key(part.into())));
        }
    }
}

/// Seconds east of Greenwich of a zone that never changes; `None` for one that may.
fn fixed_offset(zone: &str) -> Option<i64> {
    if matches!(zone, "UTC" | "Z" | "z" | "GMT" | "Etc/UTC" | "Etc/GMT") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        2 => (digits.as_str(), "0"),
        4 => digits.split_at(2),
        _ => return None,
    };
    let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
    Some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Date32Array, Date64Array, Time32SecondArray, TimestampMicrosecondArray,
        TimestampSecondArray,
    };

    use super::*;

    fn times(array: impl Array + 'static) -> Times {
        let mut times = Times::default();
        times.read(&(Arc::new(array) as ArrayRef)).unwrap();
        times
    }

    // 2022-05-05 14:30:00 UTC was a Thursday, 1,651,761,000 seconds after 1970.
    const MOMENT: i64 = 1_651_761_000;

    #[test]
    fn hour_weekday_and_days() {
        let t = times(TimestampSecondArray::from(vec![
            Some(MOMENT),
            None,
            Some(-1),
        ]));
        assert_eq!(t.hour, [14, MISSING, 23]);
        assert_eq!(t.weekday, [3, MISSING, 2]);
        assert_eq!(t.value[0], MOMENT as f64 / 86_400.0);
        assert!(t.value[1].is_nan());
    }

    #[test]
    fn any_unit_gives_the_same() {
        let t = times(TimestampMicrosecondArray::from(vec![MOMENT * 1_000_000]));
        assert_eq!((t.hour[0], t.weekday[0]), (14, 3));
        assert_eq!(t.value[0], MOMENT as f64 / 86_400.0);
        let t = times(Date32Array::from(vec![19_117, -1]));
        assert_eq!((&t.hour[..], &t.weekday[..]), (&[0, 0][..], &[3, 2][..]));
        assert_eq!(t.value, [19_117.0, -1.0]);
        let t = times(Date64Array::from(vec![19_117 * 86_400_000]));
        assert_eq!((t.hour[0], t.weekday[0], t.value[0]), (0, 3, 19_117.0));
    }

    #[test]
    fn hours_are_those_of_the_zone() {
        for (zone, hour) in [
            ("+02:00", 16),
            ("-0930", 5),
            ("Europe/Berlin", 16),
            ("UTC", 14),
        ] {
            let t = times(TimestampSecondArray::from(vec![MOMENT]).with_timezone(zone));
            assert_eq!((t.hour[0], t.weekday[0]), (hour, 3), "{zone}");
        }
    }

    #[test]
    fn extreme_times_do_no_harm() {
        for zone in ["+02:00", "Europe/Berlin"] {
            let extremes = TimestampSecondArray::from(vec![i64::MIN, i64::MAX]);
            let t = times(extremes.with_timezone(zone));
            assert!(t.value.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn a_time_of_day_has_an_hour() {
        let t = times(Time32SecondArray::from(vec![Some(13 * 3600 + 1800), None]));
        assert_eq!(t.hour, [13, MISSING]);
        assert_eq!(t.value[0], 13.5);
    }
}
