import { NOTHING, choose, chooseAll, findTyped, retained, stepFrom } from '../selection';

const ORDER = ['a', 'b', 'c', 'd', 'e'];
const chosen = (selection: { chosen: ReadonlySet<string> }) => [...selection.chosen].sort();

describe('choosing rows', () => {
  it('chooses one alone, adds and takes away with Ctrl', () => {
    let selection = choose(NOTHING, 'b', ORDER);
    selection = choose(selection, 'd', ORDER, { toggle: true });
    expect(chosen(selection)).toEqual(['b', 'd']);
    selection = choose(selection, 'b', ORDER, { toggle: true });
    expect(chosen(selection)).toEqual(['d']);
    expect(chosen(choose(selection, 'a', ORDER))).toEqual(['a']);
  });

  it('chooses a range with Shift, both ways from where it began', () => {
    const from = choose(NOTHING, 'c', ORDER);
    const down = choose(from, 'e', ORDER, { extend: true });
    expect(chosen(down)).toEqual(['c', 'd', 'e']);
    expect(chosen(choose(down, 'a', ORDER, { extend: true }))).toEqual(['a', 'b', 'c']);
  });

  it('keeps what was chosen when a range is added with Ctrl and Shift', () => {
    const two = choose(choose(NOTHING, 'a', ORDER), 'c', ORDER, { toggle: true });
    expect(chosen(choose(two, 'd', ORDER, { extend: true, toggle: true }))).toEqual([
      'a',
      'c',
      'd'
    ]);
  });

  it('chooses one alone when the range began at a row that is gone', () => {
    const gone = choose(NOTHING, 'x', ORDER);
    expect(chosen(choose(gone, 'b', ORDER, { extend: true }))).toEqual(['b']);
  });

  it('forgets rows that are no longer shown', () => {
    const all = chooseAll(choose(NOTHING, 'e', ORDER), ORDER);
    expect(retained(all, ['a', 'b'])).toEqual({
      chosen: new Set(['a', 'b']),
      current: null,
      anchor: null
    });
  });
});

describe('moving with the keyboard', () => {
  const at = (path: string) => choose(NOTHING, path, ORDER);

  it.each([
    ['b', 1, 'c'],
    ['b', -1, 'a'],
    ['e', 1, 'e'],
    ['c', Infinity, 'e'],
    ['c', -Infinity, 'a'],
    ['c', 10, 'e']
  ])('from %s by %d rows comes to %s', (from, steps, to) => {
    expect(stepFrom(at(from), ORDER, steps)).toBe(to);
  });

  it('begins at an end, and nowhere in an empty list', () => {
    expect(stepFrom(NOTHING, ORDER, 1)).toBe('a');
    expect(stepFrom(NOTHING, ORDER, -1)).toBe('e');
    expect(stepFrom(NOTHING, ORDER, Infinity)).toBe('e');
    expect(stepFrom(NOTHING, [], 1)).toBeNull();
  });

  it('goes to names by their first letters, round the end', () => {
    const rows = ['apple', 'banana', 'blueberry', 'cherry'].map(name => ({ name, path: name }));
    expect(findTyped(rows, null, 'b')).toBe('banana');
    expect(findTyped(rows, 'banana', 'b')).toBe('blueberry');
    expect(findTyped(rows, 'blueberry', 'b')).toBe('banana');
    expect(findTyped(rows, 'blueberry', 'bl')).toBe('blueberry');
    expect(findTyped(rows, 'apple', 'x')).toBeNull();
  });
});
