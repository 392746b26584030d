import type { TranslationBundle } from '@jupyterlab/translation';

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A size for people: three significant digits, in steps of 1,024 (`1.44 MB`). */
export function formatBytes(bytes: number, locale?: string): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const text = value.toLocaleString(locale, { maximumFractionDigits: digits });
  return `${text} ${UNITS[unit]}`;
}

/** A size to the byte, grouped (`1,509,949 bytes`). */
export function formatExactBytes(bytes: number, trans: TranslationBundle, locale?: string): string {
  return trans._n('%2 byte', '%2 bytes', bytes, bytes.toLocaleString(locale));
}

/** Bytes a second for people. */
export function formatSpeed(bytesPerSecond: number, locale?: string): string {
  return `${formatBytes(bytesPerSecond, locale)}/s`;
}

/** How long something will take: whole seconds below a minute, then minutes, then hours. */
export function formatDuration(seconds: number, trans: TranslationBundle): string {
  if (seconds < MINUTE) {
    return trans.__('%1 s', Math.max(1, Math.round(seconds)));
  }
  if (seconds < HOUR) {
    return trans.__('%1 min', Math.round(seconds / MINUTE));
  }
  return trans.__('%1 h %2 min', Math.floor(seconds / HOUR), Math.round((seconds % HOUR) / MINUTE));
}

/** How long ago a moment was, for people (`just now`, `5 min ago`, then a date). */
export function formatAgo(
  iso: string,
  now: number,
  trans: TranslationBundle,
  locale?: string
): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) {
    return '';
  }
  // A clock that runs ahead of the server's is no reason to speak of the future.
  const seconds = Math.max(0, (now - then) / 1000);
  if (seconds < 10) {
    return trans.__('just now');
  }
  if (seconds < MINUTE) {
    return trans.__('%1 s ago', Math.floor(seconds / 10) * 10);
  }
  if (seconds < HOUR) {
    return trans.__('%1 min ago', Math.floor(seconds / MINUTE));
  }
  if (seconds < DAY) {
    return trans.__('%1 h ago', Math.floor(seconds / HOUR));
  }
  if (seconds < 7 * DAY) {
    const days = Math.floor(seconds / DAY);
    return trans._n('%1 day ago', '%1 days ago', days);
  }
  return formatDate(iso, locale);
}

/** The date of a moment, short, in the reader's zone. */
export function formatDate(iso: string, locale?: string): string {
  const then = new Date(iso);
  return Number.isNaN(then.getTime())
    ? ''
    : then.toLocaleDateString(locale, { year: 'numeric', month: 'short', day: 'numeric' });
}

/** A moment to the second, in the reader's zone, with the zone's name. */
export function formatExactDate(iso: string, locale?: string): string {
  const then = new Date(iso);
  return Number.isNaN(then.getTime())
    ? iso
    : then.toLocaleString(locale, { dateStyle: 'full', timeStyle: 'long' });
}

/** A count, grouped. */
export function formatCount(count: number, locale?: string): string {
  return count.toLocaleString(locale);
}
