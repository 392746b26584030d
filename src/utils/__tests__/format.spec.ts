import { trans } from '../../__tests__/support/translation';
import {
  formatAgo,
  formatBytes,
  formatDuration,
  formatExactBytes,
  formatExactDate,
  formatSpeed
} from '../format';

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1023, '1,023 B'],
    [1024, '1 KB'],
    [1536, '1.5 KB'],
    [10_240, '10 KB'],
    [1_048_575, '1 MB'],
    [1_509_949, '1.44 MB'],
    [5 * 1024 ** 4, '5 TB'],
    [2000 * 1024 ** 5, '2,000 PB']
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes, 'en')).toBe(text);
  });

  it('are told to the byte where there is room', () => {
    expect(formatExactBytes(1_509_949, trans, 'en')).toBe('1,509,949 bytes');
    expect(formatExactBytes(1, trans, 'en')).toBe('1 byte');
  });

  it('have a speed', () => {
    expect(formatSpeed(3 * 1024 ** 2, 'en')).toBe('3 MB/s');
  });
});

describe('times', () => {
  const now = Date.parse('2026-03-10T12:00:00Z');

  it.each([
    ['2026-03-10T12:00:00Z', 'just now'],
    ['2026-03-10T12:05:00Z', 'just now'],
    ['2026-03-10T11:59:27Z', '30 s ago'],
    ['2026-03-10T11:58:59Z', '1 min ago'],
    ['2026-03-10T09:00:00Z', '3 h ago'],
    ['2026-03-09T11:00:00Z', '1 day ago'],
    ['2026-03-04T11:00:00Z', '6 days ago'],
    ['2025-12-24T11:00:00Z', 'Dec 24, 2025'],
    ['no date', '']
  ])('%s is %j', (iso, text) => {
    expect(formatAgo(iso, now, trans, 'en')).toBe(text);
  });

  it('are told to the second where there is room, and never lost', () => {
    expect(formatExactDate('2026-03-10T12:00:07Z', 'en')).toContain('00:07');
    expect(formatExactDate('no date')).toBe('no date');
  });

  it.each([
    [0.2, '1 s'],
    [42, '42 s'],
    [90, '2 min'],
    [3700, '1 h 2 min']
  ])('%d seconds take %s', (seconds, text) => {
    expect(formatDuration(seconds, trans)).toBe(text);
  });
});
