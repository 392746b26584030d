import type { LabIcon } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import type { SyncRequest, SyncStatus } from '../api/generated';
import type { IAbility } from '../model/abilities';
import type { SyncList } from '../model/synclists';
import { listsOf } from '../model/synclists';
import { adviceOf, offersOf } from '../model/syncoffers';
import type { ISyncWords, SyncMood } from '../model/syncwords';
import { formatCount, formatExactDate } from '../utils/format';
import {
  cautionIcon,
  cloudAlertIcon,
  cloudDoneIcon,
  cloudDownIcon,
  cloudOffIcon,
  cloudUpIcon
} from './icons';
import { Name } from './name';
import type { IPanel } from './panel';
import { useModel } from './panel';
import { filesAndBytes } from './syncdialogs';
import { Progress } from './tray';

/** What is needed to show the synchronisation, in the panel or outside it. */
export type ISyncPanel = Pick<IPanel, 'home' | 'sync' | 'syncView' | 'trans'>;

const ICONS: Record<SyncMood, LabIcon> = {
  safe: cloudDoneIcon,
  up: cloudUpIcon,
  down: cloudDownIcon,
  off: cloudOffIcon,
  trouble: cloudAlertIcon
};

/** How many of the held deletions are named in the question itself. */
const HELD_SHOWN = 3;

/** The state as a picture. */
export function SyncIcon(props: { mood: SyncMood }): ReactElement {
  const Icon = ICONS[props.mood];
  return <Icon.react tag="span" className="wbs-Icon wbs-mod-state" />;
}

/** How far it is, in a bar and in files and bytes; nothing while nothing is under way. */
export function SyncProgress(props: { words: ISyncWords }): ReactElement | null {
  const { words } = props;
  if (words.amount === '' && words.progress === null) {
    return null;
  }
  return (
    <div className="wbs-Sync-progress">
      {words.progress !== null && (
        <Progress label={words.text} value={words.progress} known={words.progress > 0} />
      )}
      <span>{words.amount}</span>
    </div>
  );
}

/** What can be asked for, each in the place it always has. */
export function SyncButtons(props: { panel: ISyncPanel }): ReactElement {
  const { home, sync, trans } = props.panel;
  const state = useModel(sync);
  const offers = offersOf(state, trans);
  const buttons: { op: SyncRequest['op']; label: string; ability: IAbility }[] = [
    { op: 'sync', label: trans.__('Sync now'), ability: offers.sync },
    offers.isPaused
      ? { op: 'resume', label: trans.__('Resume'), ability: offers.toggle }
      : { op: 'pause', label: trans.__('Pause'), ability: offers.toggle },
    { op: 'retry', label: trans.__('Retry failed'), ability: offers.retry }
  ];
  return (
    <div className="wbs-Sync-buttons" role="group" aria-label={trans.__('Home sync')}>
      {buttons.map(({ op, label, ability }, place) => (
        <button
          key={place}
          type="button"
          className="wbs-TextButton"
          aria-disabled={!ability.allowed || undefined}
          title={ability.allowed ? undefined : `${label}: ${ability.reason}`}
          onClick={() => {
            if (ability.allowed && !state.requesting) {
              void home.ask(op);
            }
          }}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

/** The other instance that has this home, and the way to take over from it. */
export function SyncWaiting(props: { panel: ISyncPanel }): ReactElement | null {
  const { home, sync, trans } = props.panel;
  const state = useModel(sync);
  const { status } = state;
  if (!status || !offersOf(state, trans).canTakeOver) {
    return null;
  }
  const { lastError, lease } = status;
  return (
    <section className="wbs-Sync-note">
      <p>
        {lease && !lease.mine
          ? trans.__('The instance on %1 saves this home; nothing is saved from here.', lease.host)
          : (lastError?.message ?? trans.__('Another instance saves this home.'))}
      </p>
      {lease?.expires && (
        <p className="wbs-muted">
          {trans.__(
            'This one begins by itself when that ends, or without a sign of it at %1.',
            formatExactDate(lease.expires)
          )}
        </p>
      )}
      <div className="wbs-Sync-buttons">
        <button
          type="button"
          className="wbs-TextButton"
          title={trans.__('Save this home from here; the other instance then stops saving it')}
          onClick={() => void home.ask('takeover')}
        >
          {trans.__('Take over now')}
        </button>
      </div>
    </section>
  );
}

/** What went wrong, and what to do about it. */
export function SyncTrouble(props: { panel: ISyncPanel }): ReactElement | null {
  const { sync, trans } = props.panel;
  const { error, status } = useModel(sync);
  const trouble = error ?? (status?.state === 'waiting' ? null : status?.lastError);
  if (!trouble) {
    return null;
  }
  return (
    <section className="wbs-Sync-note wbs-mod-error" role="alert">
      <p>{trouble.message}</p>
      <p className="wbs-muted">{adviceOf(trouble, trans)}</p>
    </section>
  );
}

/** The question about held deletions: how many, why, and both answers. */
export function SyncHeld(props: { panel: ISyncPanel }): ReactElement | null {
  const { home, sync, syncView, trans } = props.panel;
  const { status } = useModel(sync);
  const { expanded } = useModel(syncView);
  const asks = syncView.asks(status);
  if (!status?.held || (!asks && !expanded)) {
    return null;
  }
  const { held, veto } = status;
  const shown = held.paths.slice(0, HELD_SHOWN);
  const more = held.files - shown.length;
  return (
    <section
      className="wbs-Sync-note wbs-mod-caution"
      role="alertdialog"
      aria-label={trans.__('Deletions are held')}
    >
      <p className="wbs-Sync-noteTitle">
        <cautionIcon.react tag="span" className="wbs-Icon" />
        {trans._n('%2 deletion held', '%2 deletions held', held.files, formatCount(held.files))}
      </p>
      <p>{veto}</p>
      <ul className="wbs-Sync-names">
        {shown.map(entry => (
          <li key={entry.path}>
            <Name name={entry.path} trans={trans} />
          </li>
        ))}
        {more > 0 && (
          <li>
            <button
              type="button"
              className="wbs-LinkButton"
              onClick={() => void home.reviewDeletions()}
            >
              {trans._n('and %2 more', 'and %2 more', more, formatCount(more))}
            </button>
          </li>
        )}
      </ul>
      <div className="wbs-Sync-buttons">
        {asks && (
          <button type="button" className="wbs-TextButton" onClick={() => home.keepCopies()}>
            {trans.__('Keep the copies')}
          </button>
        )}
        <button
          type="button"
          className="wbs-TextButton wbs-mod-warn"
          onClick={() => void home.reviewDeletions()}
        >
          {trans.__('Delete them from storage…')}
        </button>
      </div>
    </section>
  );
}

/** Where the home is saved, when that was, and what is not. */
export function SyncFacts(props: { panel: ISyncPanel }): ReactElement | null {
  const { sync, trans } = props.panel;
  const { status } = useModel(sync);
  if (!status) {
    return null;
  }
  return (
    <dl className="wbs-Sync-facts">
      <dt>{trans.__('Last saved')}</dt>
      <dd>
        {status.lastSynced
          ? formatExactDate(status.lastSynced)
          : trans.__('not since this server started')}
      </dd>
      {status.mirror !== null && (
        <>
          <dt>{trans.__('Saved in')}</dt>
          <dd>{status.mirror}</dd>
        </>
      )}
      <Lists status={status} panel={props.panel} />
    </dl>
  );
}

function Lists(props: { status: SyncStatus; panel: ISyncPanel }): ReactElement {
  const { home, trans } = props.panel;
  const { conflicts, skipped, refused, general } = listsOf(props.status);
  const { ignored, ignoredTotal } = props.status;
  const rows: { list: SyncList; label: string; text: string; shown: boolean }[] = [
    {
      list: 'conflicts',
      label: trans.__('Conflicts'),
      text: files(conflicts.total),
      shown: conflicts.total > 0
    },
    {
      list: 'skipped',
      label: trans.__('Not saved'),
      text: files(skipped.total),
      shown: skipped.total > 0
    },
    {
      list: 'refused',
      label: trans.__('Not restored'),
      text: files(refused.total),
      shown: refused.total > 0
    },
    {
      list: 'ignored',
      label: trans.__('Ignored'),
      text: ignoredTotal > 0 ? filesAndBytes(ignored, trans) : trans.__('nothing'),
      shown: true
    }
  ];
  return (
    <>
      {general.map(note => (
        <div key={note.code} className="wbs-Sync-general">
          {note.reason}
        </div>
      ))}
      {rows
        .filter(row => row.shown)
        .map(({ list, label, text }) => (
          <div key={list} className="wbs-Sync-row">
            <dt>{label}</dt>
            <dd>
              <button
                type="button"
                className="wbs-LinkButton"
                aria-label={trans.__('%1: %2, show them', label, text)}
                onClick={() => void home.showList(list)}
              >
                {text}
              </button>
            </dd>
          </div>
        ))}
    </>
  );

  function files(count: number): string {
    return trans._n('%2 file', '%2 files', count, formatCount(count));
  }
}
