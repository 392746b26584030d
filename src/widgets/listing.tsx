import { useVirtualizer } from '@tanstack/react-virtual';
import type { KeyboardEvent, MouseEvent, MutableRefObject, ReactElement, RefObject } from 'react';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';

import type { Entry } from '../api/generated';
import type { SortKey } from '../model/entries';
import { formatBytes, formatCount } from '../utils/format';
import { visibleName } from '../utils/names';
import type { IDropTarget } from './drop';
import { useDrop } from './drop';
import { caretDownIcon, caretUpIcon, fileUploadIcon, lockIcon } from './icons';
import { ListingKeys } from './keys';
import { NewFolder } from './newfolder';
import type { IPanel } from './panel';
import { useModel, useNow, usePanel } from './panel';
import { Row, lockOf, rowId } from './row';
import { Empty, Failed, Loading, Unconfigured } from './states';

/** The height of a row in pixels; style/listing.css says the same. */
export const ROW_HEIGHT = 26;

/** The next page is asked for when so many rows, or fewer, are left below the screen. */
const ROWS_AHEAD = 200;

/** The listing, or what there is to say in its place. */
export function Listing(): ReactElement {
  const { browser } = usePanel();
  const { phase, error } = useModel(browser);
  // Whether the keyboard was in the grid when it made room for a folder that loads.
  const hadFocus = useRef(false);
  switch (phase) {
    case 'starting':
    case 'loading':
      return <Loading />;
    case 'unconfigured':
      return <Unconfigured />;
    case 'error':
      return <Failed error={error!} />;
    case 'ready':
      return <Grid hadFocus={hadFocus} />;
  }
}

function Grid(props: { hadFocus: MutableRefObject<boolean> }): ReactElement {
  const panel = usePanel();
  const { browser, trans } = panel;
  const state = useModel(browser);
  const { shown, selection, path } = state;
  // A state, not a ref: the rows' effects run before their parent's ref is set.
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const entryAt = useCallback(
    (element: EventTarget) => entryOf(element, browser.state.shown),
    [browser]
  );
  const grid = useKeptFocus(props.hadFocus);
  const [target, dropHandlers] = useDrop(panel, entryAt);
  const handlers = useHandlers(panel, entryAt, scroller);
  const current = shown.findIndex(entry => entry.path === selection.current);

  return (
    <div className="wbs-Listing" data-drop={dropState(target)} {...dropHandlers}>
      <div
        className="wbs-Grid"
        ref={grid}
        role="grid"
        tabIndex={0}
        aria-label={trans.__('Contents of %1', visibleName(path))}
        aria-multiselectable="true"
        aria-rowcount={state.complete ? shown.length + 1 : -1}
        aria-activedescendant={current >= 0 ? rowId(current) : undefined}
        {...handlers}
      >
        <Header />
        <NewFolder />
        <div className="wbs-Scroller" role="rowgroup" ref={setScroller}>
          {shown.length > 0 ? (
            <Rows scroller={scroller} current={current} target={target} />
          ) : (
            state.complete && !state.naming && <Empty />
          )}
          <More />
        </div>
      </div>
      {target && <DropHint target={target} />}
      <Summary />
    </div>
  );
}

/** Give the keyboard back to the grid, if its predecessor had it and nobody took it meanwhile. */
function useKeptFocus(hadFocus: MutableRefObject<boolean>): RefObject<HTMLDivElement> {
  const grid = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = grid.current;
    if (hadFocus.current && document.activeElement === document.body) {
      element?.focus();
    }
    return () => {
      hadFocus.current = element?.contains(document.activeElement) ?? false;
    };
  }, [hadFocus]);
  return grid;
}

/** What the keys and the mouse do in the grid. */
function useHandlers(
  panel: IPanel,
  entryAt: (element: EventTarget) => Entry | undefined,
  scroller: HTMLDivElement | null
) {
  const { actions, browser } = panel;
  const keys = useMemo(() => new ListingKeys(browser, actions), [browser, actions]);
  return {
    onKeyDown: (event: KeyboardEvent) => {
      if (event.target !== event.currentTarget) {
        return;
      }
      const rows = Math.floor((scroller?.clientHeight ?? 0) / ROW_HEIGHT) - 1;
      if (keys.handle(event, Math.max(1, rows), Date.now())) {
        event.preventDefault();
        event.stopPropagation();
      }
    },
    onClick: (event: MouseEvent) => {
      const entry = entryAt(event.target);
      if (entry) {
        const toggle = event.ctrlKey || event.metaKey;
        browser.choose(entry.path, { toggle, extend: event.shiftKey });
      } else if (!isInHeader(event.target)) {
        browser.chooseNone();
      }
    },
    onContextMenu: (event: MouseEvent) => {
      const entry = entryAt(event.target);
      if (entry && !browser.state.selection.chosen.has(entry.path)) {
        browser.choose(entry.path);
      }
    },
    onDoubleClick: (event: MouseEvent) => {
      const entry = entryAt(event.target);
      if (entry) {
        void actions.activate(entry);
      }
    }
  };
}

function Rows(props: {
  scroller: HTMLDivElement | null;
  current: number;
  target: IDropTarget | null;
}): ReactElement {
  const { scroller, current, target } = props;
  const { browser, trans } = usePanel();
  const state = useModel(browser);
  const { shown, selection, complete, busy, moreError } = state;
  const now = useNow(30_000);
  const virtualizer = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
    getItemKey: index => shown[index]!.path,
    // Scrolling may be moved by a layout effect, in which React cannot render at once.
    useFlushSync: false,
    // What the first paint shows, until the window is measured.
    initialRect: { width: 0, height: 600 }
  });
  const items = virtualizer.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;

  useEffect(() => {
    if (!complete && !busy && !moreError && last >= shown.length - ROWS_AHEAD) {
      void browser.loadMore();
    }
  }, [browser, busy, complete, last, moreError, shown.length]);

  useEffect(() => {
    if (current >= 0) {
      virtualizer.scrollToIndex(current, { align: 'auto' });
    }
    // Only when the keyboard moves: a page that arrives must not jump back to the current row.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selection.current]);

  useAnchor(scroller, shown);

  return (
    <div className="wbs-Rows" style={{ height: virtualizer.getTotalSize() }}>
      {items.map(item => {
        const entry = shown[item.index]!;
        return (
          <Row
            key={item.key}
            entry={entry}
            index={item.index}
            chosen={selection.chosen.has(entry.path)}
            current={item.index === current}
            target={target?.isRow === true && target.path === entry.path}
            locked={lockOf(state, entry, trans)}
            now={now}
            style={{ transform: `translateY(${item.start}px)` }}
          />
        );
      })}
    </div>
  );
}

/**
 * Keep what is on the screen where it is when a page brings entries that belong above it.
 *
 * Folders come first here, and in the order of the keys by the store: the tenth page may bring
 * folders for the top.
 */
function useAnchor(scroller: HTMLDivElement | null, shown: readonly Entry[]): void {
  const before = useRef(shown);
  useLayoutEffect(() => {
    const previous = before.current;
    before.current = shown;
    if (!scroller || previous === shown || scroller.scrollTop < ROW_HEIGHT) {
      return;
    }
    const top = Math.floor(scroller.scrollTop / ROW_HEIGHT);
    const path = previous[top]?.path;
    const index = shown.findIndex(entry => entry.path === path);
    if (index > top) {
      scroller.scrollBy({ top: (index - top) * ROW_HEIGHT });
    }
  }, [scroller, shown]);
}

const COLUMNS: readonly SortKey[] = ['name', 'size', 'modified'];

function Header(): ReactElement {
  const { browser, trans } = usePanel();
  const { sort } = useModel(browser);
  const labels: Record<SortKey, string> = {
    name: trans.__('Name'),
    size: trans.__('Size'),
    modified: trans.__('Modified')
  };
  return (
    <div className="wbs-Header" role="row" aria-rowindex={1}>
      {COLUMNS.map(key => {
        const active = sort.key === key;
        const Caret = sort.ascending ? caretUpIcon : caretDownIcon;
        return (
          <div
            key={key}
            className={`wbs-Cell wbs-Cell-${key}`}
            role="columnheader"
            aria-sort={active ? (sort.ascending ? 'ascending' : 'descending') : 'none'}
          >
            <button
              type="button"
              title={trans.__('Sort by %1', labels[key].toLocaleLowerCase())}
              onClick={() => browser.sortBy(key)}
            >
              {labels[key]}
              {active && <Caret.react tag="span" className="wbs-Header-caret" />}
            </button>
          </div>
        );
      })}
      <div
        className="wbs-Cell wbs-Cell-buttons"
        role="columnheader"
        aria-label={trans.__('Actions')}
      />
    </div>
  );
}

/** What is below the last row while there is more. */
function More(): ReactElement | null {
  const { browser, trans } = usePanel();
  const { complete, busy, moreError } = useModel(browser);
  if (moreError) {
    return (
      <div className="wbs-More wbs-mod-error" role="alert">
        <span>{moreError.message}</span>
        <button type="button" className="wbs-TextButton" onClick={() => void browser.loadMore()}>
          {trans.__('Retry')}
        </button>
      </div>
    );
  }
  if (complete || !busy) {
    return null;
  }
  return (
    <div className="wbs-More" role="status">
      {trans.__('Loading more…')}
    </div>
  );
}

function DropHint(props: { target: IDropTarget }): ReactElement {
  const { trans } = usePanel();
  const { path, reason } = props.target;
  const Icon = reason ? lockIcon : fileUploadIcon;
  return (
    <div className={`wbs-DropHint ${reason ? 'wbs-mod-refused' : ''}`} role="status">
      <Icon.react tag="span" className="wbs-Icon" />
      <span>{reason || trans.__('Drop to upload to %1', visibleName(path))}</span>
    </div>
  );
}

/** How many entries there are, or how much is chosen. */
function Summary(): ReactElement {
  const { browser, trans } = usePanel();
  const { shown, entries, complete, selection } = useModel(browser);
  const chosen = browser.chosen;
  const parts: string[] = [];
  if (selection.chosen.size > 1) {
    const bytes = chosen.reduce((total, entry) => total + (entry.size ?? 0), 0);
    parts.push(trans.__('%1 selected', formatCount(chosen.length)));
    if (bytes > 0) {
      parts.push(formatBytes(bytes));
    }
  } else {
    const count = formatCount(shown.length);
    parts.push(
      complete
        ? trans._n('%2 item', '%2 items', shown.length, count)
        : trans.__('%1 items, more to come', count)
    );
    if (shown.length !== entries.length) {
      parts.push(trans.__('of %1', formatCount(entries.length)));
    }
  }
  return <div className="wbs-Summary">{parts.join(' · ')}</div>;
}

function dropState(target: IDropTarget | null): string | undefined {
  if (!target) {
    return undefined;
  }
  return target.reason ? 'refused' : target.isRow ? 'row' : 'here';
}

function entryOf(element: EventTarget, shown: readonly Entry[]): Entry | undefined {
  const row = element instanceof Element ? element.closest<HTMLElement>('.wbs-Row') : null;
  return row?.dataset.index ? shown[Number(row.dataset.index)] : undefined;
}

function isInHeader(element: EventTarget): boolean {
  return element instanceof Element && element.closest('.wbs-Header, .wbs-NewFolder') !== null;
}
