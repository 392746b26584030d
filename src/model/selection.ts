/** Which rows of a listing are chosen, and where the keyboard is. Pure: each step is a new value. */
export interface ISelection {
  readonly chosen: ReadonlySet<string>;
  /** The row that the keyboard acts on. */
  readonly current: string | null;
  /** Where a range begins. */
  readonly anchor: string | null;
}

/** How a click or key chooses: alone, adding or taking away, or up to here. */
export interface IHow {
  toggle?: boolean;
  extend?: boolean;
}

export const NOTHING: ISelection = { chosen: new Set(), current: null, anchor: null };

/** Choose one path. `order` is what is shown, top to bottom. */
export function choose(
  selection: ISelection,
  path: string,
  order: readonly string[],
  how: IHow = {}
): ISelection {
  if (how.extend && selection.anchor !== null) {
    return extend(selection, path, order, how.toggle ?? false);
  }
  if (how.toggle) {
    const chosen = new Set(selection.chosen);
    if (!chosen.delete(path)) {
      chosen.add(path);
    }
    return { chosen, current: path, anchor: path };
  }
  return { chosen: new Set([path]), current: path, anchor: path };
}

function extend(
  selection: ISelection,
  path: string,
  order: readonly string[],
  keep: boolean
): ISelection {
  const anchor = order.indexOf(selection.anchor ?? path);
  const end = order.indexOf(path);
  if (anchor < 0 || end < 0) {
    return { chosen: new Set([path]), current: path, anchor: path };
  }
  const range = order.slice(Math.min(anchor, end), Math.max(anchor, end) + 1);
  const chosen = new Set(keep ? [...selection.chosen, ...range] : range);
  return { chosen, current: path, anchor: selection.anchor };
}

/** Choose everything that is shown. */
export function chooseAll(selection: ISelection, order: readonly string[]): ISelection {
  return { ...selection, chosen: new Set(order) };
}

/** The row so many steps from the current one, within the list; null when it is empty. */
export function stepFrom(
  selection: ISelection,
  order: readonly string[],
  steps: number
): string | null {
  if (order.length === 0) {
    return null;
  }
  const now = selection.current === null ? -1 : order.indexOf(selection.current);
  if (now < 0) {
    return (steps > 0 && steps < order.length ? order[0] : order.at(-1)) ?? null;
  }
  return order[Math.min(order.length - 1, Math.max(0, now + steps))] ?? null;
}

/** The selection without rows that are no longer shown. */
export function retained(selection: ISelection, order: readonly string[]): ISelection {
  const shown = new Set(order);
  const keep = (path: string | null) => (path !== null && shown.has(path) ? path : null);
  return {
    chosen: new Set([...selection.chosen].filter(path => shown.has(path))),
    current: keep(selection.current),
    anchor: keep(selection.anchor)
  };
}

/** The next row after the current one whose name begins with the text typed, wrapping around. */
export function findTyped(
  rows: readonly { name: string; path: string }[],
  current: string | null,
  typed: string
): string | null {
  const wanted = typed.toLocaleLowerCase();
  const start = rows.findIndex(row => row.path === current);
  // While more letters are typed the current row may still match; one letter moves on.
  const offset = typed.length > 1 ? 0 : 1;
  for (let step = 0; step < rows.length; step++) {
    const row = rows[(Math.max(start, -1) + offset + step + rows.length) % rows.length]!;
    if (row.name.toLocaleLowerCase().startsWith(wanted)) {
      return row.path;
    }
  }
  return null;
}
