import type { TranslationBundle } from '@jupyterlab/translation';

import type { Progress, SyncStatus } from '../api/generated';
import { formatAgo, formatBytes, formatCount, formatExactDate } from '../utils/format';
import type { IAbility } from './abilities';
import type { ISyncState } from './sync';

/** What the footer's icon says. */
export type SyncMood = 'safe' | 'up' | 'down' | 'off' | 'trouble';

/** The synchronisation's state in words. */
export interface ISyncWords {
  mood: SyncMood;
  /** A few words. */
  text: string;
  /** Everything there is to know, for the tooltip; one fact a line. */
  detail: string;
  /** Between 0 (not known) and 1 while something is under way, else null. */
  progress: number | null;
  /** How many files are not in sync for a reason of their own. */
  notices: number;
  canSync: IAbility;
  /** Whether another instance is waited for, which can be taken over from. */
  canTakeOver: boolean;
}

/** Put the state in words. `now` in milliseconds. */
export function describeSync(state: ISyncState, now: number, trans: TranslationBundle): ISyncWords {
  const { status, error } = state;
  if (!status) {
    const text = error ? trans.__('Sync state unknown') : trans.__('Asking for the sync state…');
    return {
      mood: 'off',
      text,
      detail: error?.message ?? text,
      progress: null,
      notices: 0,
      canSync: { allowed: false, reason: error?.message ?? text },
      canTakeOver: false
    };
  }
  const [mood, text] = summary(status, now, trans);
  // A status that could not be renewed is shown, but not as if it were fresh.
  const stale = error && mood !== 'trouble';
  return {
    mood: stale ? 'off' : mood,
    text,
    detail: details(state, status, trans).join('\n'),
    progress: status.progress ? share(status.progress) : null,
    notices: status.conflictsTotal + status.skippedTotal,
    canSync: ability(status, trans),
    canTakeOver: status.state === 'waiting'
  };
}

function summary(
  status: SyncStatus,
  now: number,
  trans: TranslationBundle
): [mood: SyncMood, text: string] {
  const { pending, lastError, lastSynced } = status;
  switch (status.state) {
    case 'disabled':
      return ['off', trans.__('Home sync is off')];
    case 'starting':
      return ['up', trans.__('Home sync is starting…')];
    case 'restoring':
      return ['down', restoring(status.progress, trans)];
    case 'syncing':
      return ['up', syncing(status, trans)];
    case 'paused':
      return ['off', trans.__('Home sync is paused')];
    case 'waiting':
      return ['off', waiting(status, trans)];
    case 'vetoed':
      return ['trouble', trans.__('Home sync needs your answer')];
    case 'offline':
      return ['trouble', trans.__('Not saved: %1', lastError?.message ?? trans.__('offline'))];
    case 'stopping':
      return ['up', trans.__('Saving a last time…')];
    case 'stopped':
      return ['off', trans.__('Home sync has stopped')];
    case 'idle':
  }
  if (lastError) {
    return ['trouble', trans.__('Not everything is saved: %1', lastError.message)];
  }
  if (pending.files > 0) {
    const count = formatCount(pending.files);
    return ['up', trans._n('%2 change waiting', '%2 changes waiting', pending.files, count)];
  }
  return lastSynced
    ? ['safe', trans.__('Home saved %1', formatAgo(lastSynced, now, trans))]
    : ['off', trans.__('Home not saved yet')];
}

/** Who holds the mirror: an instance elsewhere has a lease, another server of this home has not. */
function waiting(status: SyncStatus, trans: TranslationBundle): string {
  const { lease, lastError } = status;
  if (lastError) {
    return lastError.message;
  }
  return lease
    ? trans.__('Not saving: the instance on %1 has this home', lease.host)
    : trans.__('Waiting for another instance');
}

function restoring(progress: Progress | null, trans: TranslationBundle): string {
  if (!progress || progress.phase === 'listing') {
    return trans.__('Restoring home…');
  }
  return trans.__('Restoring home: %1', counted(progress, trans));
}

function syncing(status: SyncStatus, trans: TranslationBundle): string {
  const { progress } = status;
  if (progress?.phase === 'uploading') {
    return trans.__('Saving home: %1', counted(progress, trans));
  }
  if (progress?.phase === 'deleting') {
    return trans.__('Removing what was deleted…');
  }
  return trans.__('Looking for changes…');
}

function counted(progress: Progress, trans: TranslationBundle): string {
  const files = formatCount(progress.files);
  return progress.totalFiles === null
    ? trans._n('%2 file', '%2 files', progress.files, files)
    : trans.__('%1 of %2 files', files, formatCount(progress.totalFiles));
}

/** How far it is; by bytes when they are known, since a large file is one file. */
function share(progress: Progress): number {
  if (progress.totalBytes) {
    return Math.min(1, progress.bytes / progress.totalBytes);
  }
  return progress.totalFiles ? Math.min(1, progress.files / progress.totalFiles) : 0;
}

function details(state: ISyncState, status: SyncStatus, trans: TranslationBundle): string[] {
  const { pending, lastError, lastSynced } = status;
  const lines: string[] = [];
  if (status.home !== null) {
    lines.push(trans.__('Home: %1', status.home));
  }
  if (status.mirror !== null) {
    lines.push(trans.__('Saved in: %1', status.mirror));
  }
  lines.push(
    lastSynced
      ? trans.__('Last saved: %1', formatExactDate(lastSynced))
      : trans.__('Not saved since this server started')
  );
  if (pending.files > 0) {
    const count = formatCount(pending.files);
    const bytes = formatBytes(pending.bytes);
    lines.push(
      trans._n('Waiting: %2 file, %3', 'Waiting: %2 files, %3', pending.files, count, bytes)
    );
  }
  if (status.state === 'waiting' && status.lease?.expires) {
    const when = formatExactDate(status.lease.expires);
    lines.push(
      trans.__('This one begins by itself when that ends, or without a sign of it at %1', when)
    );
  }
  for (const text of [status.veto, lastError?.message, state.error?.message]) {
    if (text) {
      lines.push(text);
    }
  }
  return lines;
}

function ability(status: SyncStatus, trans: TranslationBundle): IAbility {
  switch (status.state) {
    case 'disabled':
      return { allowed: false, reason: trans.__('home sync is off') };
    case 'starting':
    case 'restoring':
      return { allowed: false, reason: trans.__('the home is being restored') };
    case 'waiting':
      return { allowed: false, reason: trans.__('another instance has this home') };
    case 'stopping':
    case 'stopped':
      return { allowed: false, reason: trans.__('home sync has stopped') };
    default:
      return { allowed: true, reason: '' };
  }
}
