import type { TranslationBundle } from '@jupyterlab/translation';
import type { CSSProperties, ReactElement } from 'react';
import { memo, useState } from 'react';

import type { Entry } from '../api/generated';
import { isReadOnly, readOnlyReason } from '../model/abilities';
import type { IBrowserState } from '../model/browser';
import { formatAgo, formatBytes, formatExactBytes, formatExactDate } from '../utils/format';
import { visibleName } from '../utils/names';
import { Button } from './button';
import { cautionIcon, checkIcon, copyIcon, downloadIcon, entryIcon, lockIcon } from './icons';
import { ShortName } from './name';
import { usePanel } from './panel';

/** How long a row says that its path was copied, in milliseconds. */
const SAID_FOR = 1500;

export interface IRowProps {
  entry: Entry;
  /** Its place in the grid, counted from 0. */
  index: number;
  chosen: boolean;
  current: boolean;
  /** Whether a drop would land in it. */
  target: boolean;
  /** Why nothing can be written in it, for a folder in which nothing can. */
  locked: string | null;
  /** The time, for `5 min ago`. */
  now: number;
  style: CSSProperties;
}

/** Why an entry has a lock, or null. */
export function lockOf(
  state: IBrowserState,
  entry: Entry,
  trans: TranslationBundle
): string | null {
  return isReadOnly(state, entry) ? readOnlyReason(state, entry, trans) : null;
}

/** The id of a row's element, for `aria-activedescendant`. */
export function rowId(index: number): string {
  return `wbs-row-${index}`;
}

/** One entry of the listing. */
export const Row = memo(function Row(props: IRowProps): ReactElement {
  const { entry, index, chosen, current, target, locked, now, style } = props;
  const { trans } = usePanel();
  const icon = entryIcon(entry);
  const classes = ['wbs-Row'];
  if (current) {
    classes.push('wbs-mod-current');
  }
  if (target) {
    classes.push('wbs-mod-target');
  }
  return (
    <div
      id={rowId(index)}
      className={classes.join(' ')}
      role="row"
      // The header is the first row.
      aria-rowindex={index + 2}
      aria-selected={chosen}
      data-index={index}
      data-type={entry.type}
      style={style}
    >
      <div className="wbs-Cell wbs-Cell-name" role="gridcell" title={tooltip(entry, trans)}>
        <icon.react tag="span" className="wbs-Icon" />
        <ShortName name={entry.name} trans={trans} />
        {locked && <Mark icon={lockIcon} title={locked} className="wbs-Lock" />}
        {entry.problem && <Mark icon={cautionIcon} title={entry.problem} className="wbs-Problem" />}
      </div>
      <div
        className="wbs-Cell wbs-Cell-size"
        role="gridcell"
        title={entry.size === null ? undefined : formatExactBytes(entry.size, trans)}
      >
        {entry.type === 'FILE' && entry.size !== null && formatBytes(entry.size)}
      </div>
      <div
        className="wbs-Cell wbs-Cell-modified"
        role="gridcell"
        title={entry.lastModified ? formatExactDate(entry.lastModified) : undefined}
      >
        {entry.lastModified && formatAgo(entry.lastModified, now, trans)}
      </div>
      <RowButtons entry={entry} />
    </div>
  );
});

function tooltip(entry: Entry, trans: TranslationBundle): string {
  const lines = [visibleName(entry.name) || trans.__('(no name)')];
  if (entry.size !== null && entry.type === 'FILE') {
    lines.push(trans.__('Size: %1', formatExactBytes(entry.size, trans)));
  }
  if (entry.lastModified) {
    lines.push(trans.__('Modified: %1', formatExactDate(entry.lastModified)));
  }
  lines.push(visibleName(entry.uri));
  return lines.join('\n');
}

function Mark(props: { icon: typeof lockIcon; title: string; className: string }): ReactElement {
  const { icon: Icon, title, className } = props;
  return (
    <span className={`wbs-Mark ${className}`} title={title} role="img" aria-label={title}>
      <Icon.react tag="span" className="wbs-Icon" />
    </span>
  );
}

function RowButtons(props: { entry: Entry }): ReactElement {
  const { entry } = props;
  const { actions, trans } = usePanel();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    if (await actions.copyPaths([entry])) {
      setCopied(true);
      setTimeout(() => setCopied(false), SAID_FOR);
    }
  };
  // The Tab key leaves the grid; within it the keyboard copies with Ctrl C, downloads with Enter.
  return (
    <div className="wbs-Cell wbs-Cell-buttons" role="gridcell">
      {entry.type === 'FILE' && !entry.problem && (
        <Button
          icon={downloadIcon}
          title={trans.__('Download')}
          className="wbs-Row-download"
          tabIndex={-1}
          onClick={() => void actions.download([entry])}
        />
      )}
      <Button
        icon={copied ? checkIcon : copyIcon}
        title={copied ? trans.__('Copied') : trans.__('Copy path')}
        className={`wbs-Row-copy ${copied ? 'wbs-mod-done' : ''}`}
        tabIndex={-1}
        onClick={() => void copy()}
      />
    </div>
  );
}
