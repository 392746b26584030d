import type { Entry } from '../api/generated';

/** What a listing can be sorted by. */
export type SortKey = 'name' | 'size' | 'modified';

/** An order: folders come first in every one. */
export interface ISort {
  key: SortKey;
  ascending: boolean;
}

export const BY_NAME: ISort = { key: 'name', ascending: true };

type Compare = (a: Entry, b: Entry) => number;

// `base` would call `a` and `A` the same, and their order would hang on the store's.
const COLLATOR = new Intl.Collator(undefined, { numeric: true, sensitivity: 'variant' });

/** The comparison of an order; never 0 for two different entries. */
export function comparison(sort: ISort): Compare {
  const direction = sort.ascending ? 1 : -1;
  return (a, b) =>
    folderRank(a) - folderRank(b) ||
    direction * byKey(a, b, sort.key) ||
    byName(a, b) ||
    (a.path < b.path ? -1 : 1);
}

function folderRank(entry: Entry): number {
  return entry.type === 'FOLDER' ? 0 : 1;
}

function byName(a: Entry, b: Entry): number {
  return COLLATOR.compare(a.name, b.name);
}

function byKey(a: Entry, b: Entry, key: SortKey): number {
  switch (key) {
    case 'name':
      return byName(a, b);
    case 'size':
      return (a.size ?? -1) - (b.size ?? -1);
    case 'modified':
      return (a.lastModified ?? '').localeCompare(b.lastModified ?? '');
  }
}

/**
 * Two lists, the first one sorted already, as one sorted list.
 *
 * A page of 1,000 among 100,000 costs one pass, not a sort of everything.
 */
export function mergeSorted(
  sorted: readonly Entry[],
  added: readonly Entry[],
  compare: Compare
): Entry[] {
  const sortedAdded = [...added].sort(compare);
  const merged: Entry[] = [];
  let next = 0;
  for (const entry of sorted) {
    while (next < sortedAdded.length && compare(sortedAdded[next]!, entry) < 0) {
      merged.push(sortedAdded[next++]!);
    }
    merged.push(entry);
  }
  return merged.concat(sortedAdded.slice(next));
}

/** Entries whose name holds the text, whatever its case; all of them for an empty text. */
export function filtered(entries: readonly Entry[], text: string): readonly Entry[] {
  const wanted = text.trim().toLocaleLowerCase();
  return wanted
    ? entries.filter(entry => entry.name.toLocaleLowerCase().includes(wanted))
    : entries;
}

/** Entries without those of the given paths. */
export function without(entries: readonly Entry[], paths: ReadonlySet<string>): readonly Entry[] {
  return entries.filter(entry => !paths.has(entry.path));
}
