/** Times and durations as a report writes them, in UTC. */
import { counted } from '../record/human.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const YEAR = 365 * DAY;
/** A span below this is told in milliseconds. */
const FINE_SECONDS = 10;

/** `2024-05-01 12:05:00`, with `fine` `2024-05-01 12:05:00.123`; of a time that no calendar has, the number. @param seconds Unix time */
export function timeText(seconds: number, fine = false): string {
  // Rounded, because 1.001 is a little less than that, and 1000 times that is less again.
  const date = new Date(fine ? Math.round(seconds * 1000) : Math.floor(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `second ${Math.floor(seconds)}`;
  const text = date.toISOString().replace('T', ' ').replace('Z', '');
  return fine ? text : text.slice(0, text.indexOf('.'));
}

/** `2024-05-01 12:05:00 to 12:09:31`: the day is written once where there is one. */
export function spanText(from: number, to: number): string {
  const fine = to - from < FINE_SECONDS;
  const [first, last] = [timeText(from, fine), timeText(to, fine)];
  if (first === last) return first;
  const day = first.slice(0, first.indexOf(' ') + 1);
  return `${first} to ${last.startsWith(day) ? last.slice(day.length) : last}`;
}

/** For the axis: no more than tells two labels of the same axis apart. */
export function axisText(seconds: number, span: number): string {
  const text = timeText(seconds);
  if (text.startsWith('second')) return text;
  const [day = '', clock = ''] = text.split(' ');
  if (span > YEAR / 2) return day;
  if (span > DAY) return `${day.slice(-5)} ${clock.slice(0, 5)}`;
  return span >= HOUR ? clock.slice(0, 5) : clock;
}

/** `0.25 s`, `12.5 s`, `5 min 3 s`, `2 h 5 min`, `3 days 4 h`, `4 years 213 days`. */
export function durationText(seconds: number): string {
  if (seconds < FINE_SECONDS) return `${Number(seconds.toPrecision(2))} s`;
  const tenths = Number(seconds.toFixed(1));
  if (tenths < MINUTE) return `${tenths} s`;
  const whole = Math.round(seconds);
  if (whole < HOUR)
    return twoUnits(
      whole,
      MINUTE,
      (count) => `${count} min`,
      1,
      (count) => `${count} s`,
    );
  if (whole < DAY)
    return twoUnits(
      whole,
      HOUR,
      (count) => `${count} h`,
      MINUTE,
      (count) => `${count} min`,
    );
  if (whole < YEAR)
    return twoUnits(
      whole,
      DAY,
      (count) => counted(count, 'day'),
      HOUR,
      (count) => `${count} h`,
    );
  return twoUnits(
    whole,
    YEAR,
    (count) => counted(count, 'year'),
    DAY,
    (count) => counted(count, 'day'),
  );
}

type Written = (count: number) => string;

function twoUnits(seconds: number, unit: number, large: Written, smallUnit: number, small: Written): string {
  const rest = Math.floor((seconds % unit) / smallUnit);
  const first = large(Math.floor(seconds / unit));
  return rest === 0 ? first : `${first} ${small(rest)}`;
}
