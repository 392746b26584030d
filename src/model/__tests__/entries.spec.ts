import { entry } from '../../__tests__/support/client';
import type { Entry } from '../../api/generated';
import { BY_NAME, comparison, filtered, mergeSorted, without } from '../entries';

const names = (entries: readonly Entry[]) =>
  entries.map(({ name, type }) => name + (type === 'FOLDER' ? '/' : ''));

const MIXED = [
  entry('/b.csv', { size: 1, lastModified: '2026-01-02T00:00:00Z' }),
  entry('/a10.csv', { size: 30, lastModified: '2026-01-01T00:00:00Z' }),
  entry('/a9.csv', { size: 200, lastModified: '2026-01-03T00:00:00Z' }),
  entry('/z/'),
  entry('/c/')
];

describe('the order of a listing', () => {
  it.each([
    ['name', true, ['c/', 'z/', 'a9.csv', 'a10.csv', 'b.csv']],
    ['name', false, ['z/', 'c/', 'b.csv', 'a10.csv', 'a9.csv']],
    ['size', true, ['c/', 'z/', 'b.csv', 'a10.csv', 'a9.csv']],
    ['size', false, ['c/', 'z/', 'a9.csv', 'a10.csv', 'b.csv']],
    ['modified', false, ['c/', 'z/', 'a9.csv', 'b.csv', 'a10.csv']]
  ] as const)('puts folders first by %s, ascending: %s', (key, ascending, wanted) => {
    expect(names([...MIXED].sort(comparison({ key, ascending })))).toEqual(wanted);
  });

  it('tells a file from a folder of the same name, and two that differ in case only', () => {
    const compare = comparison(BY_NAME);
    expect(compare(entry('/a'), entry('/a/'))).toBeGreaterThan(0);
    expect(compare(entry('/a'), entry('/A'))).not.toBe(0);
  });

  it('merges a page into what is sorted already, as sorting everything would', () => {
    const compare = comparison(BY_NAME);
    const [first, second] = [MIXED.slice(0, 2), MIXED.slice(2)];
    const merged = mergeSorted([...first].sort(compare), second, compare);
    expect(names(merged)).toEqual(names([...MIXED].sort(compare)));
  });
});

describe('a filter', () => {
  it('finds names that hold the text, whatever its case', () => {
    expect(names(filtered(MIXED, ' A1 '))).toEqual(['a10.csv']);
    expect(filtered(MIXED, '  ')).toBe(MIXED);
  });

  it('takes text for text', () => {
    expect(filtered(MIXED, '.*')).toEqual([]);
  });
});

it('takes entries out by their path, not by their name', () => {
  expect(names(without([entry('/a'), entry('/a/')], new Set(['/a/'])))).toEqual(['a']);
});
