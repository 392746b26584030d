import type { TranslationBundle } from '@jupyterlab/translation';

import type { Progress, SyncStatus } from '../api/generated';
import { formatAgo, formatBytes, formatCount, formatExactDate } from '../utils/format';
import type { ISyncState } from './sync';

/** What the footer's icon says. */
export type SyncMood = 'safe' | 'up' | 'down' | 'off' | 'trouble';

/** The synchronisation's state in words. */
export interface ISyncWords {
  mood: SyncMood;
  /** A sentence without its full stop. */
  text: string;
  /** The same without what went wrong, for where that stands below it. */
  headline: string;
  /** Two or three words. */
  short: string;
  /** Everything there is to know, for the tooltip; one fact a line. */
  detail: string;
  /** Between 0 (not known) and 1 while something is under way, else null. */
  progress: number | null;
  /** How far that is, in files and bytes; else what waits, else nothing. */
  amount: string;
  /** How many files are not in sync for a reason of their own. */
  notices: number;
}

/** Put the state in words. `now` in milliseconds. */
export function describeSync(state: ISyncState, now: number, trans: TranslationBundle): ISyncWords {
  const { status, error } = state;
  if (!status) {
    const text = error ? trans.__('Sync state unknown') : trans.__('Asking for the sync state…');
    return {
      mood: 'off',
      text,
      headline: text,
      short: error ? trans.__('Sync unknown') : trans.__('Sync…'),
      detail: error?.message ?? text,
      progress: null,
      amount: '',
      notices: 0
    };
  }
  const [mood, text] = summary(status, now, trans);
  // A status that could not be renewed is shown, but not as if it were fresh.
  const stale = error && mood !== 'trouble';
  return {
    mood: stale ? 'off' : mood,
    text,
    headline: headline(status, text, trans),
    short: stale ? trans.__('Sync unknown') : brief(status, now, trans),
    detail: details(state, status, trans).join('\n'),
    progress: status.progress ? share(status.progress) : null,
    amount: amount(status, trans),
    notices: status.conflictsTotal + status.skippedTotal
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
      return ['trouble', trans.__('Deletions wait for your answer')];
    case 'offline':
      return ['trouble', trans.__('Not saved: %1', lastError?.message ?? trans.__('offline'))];
    case 'stopping':
      return ['up', trans.__('Saving a last time…')];
    case 'stopped':
      return ['off', trans.__('Home sync has stopped')];
    case 'idle':
  }
  if (status.paused) {
    return ['off', trans.__('Pausing home sync…')];
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

function headline(status: SyncStatus, text: string, trans: TranslationBundle): string {
  if (status.state === 'waiting') {
    return trans.__('Not saving: waiting for another instance');
  }
  if (status.state === 'vetoed') {
    return trans.__('Deletions are held');
  }
  if (status.state === 'offline') {
    return trans.__('Not saved: the storage is out of reach');
  }
  return status.state === 'idle' && status.lastError ? trans.__('Not everything is saved') : text;
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

/** The same for where there is little room. */
function brief(status: SyncStatus, now: number, trans: TranslationBundle): string {
  const { lastError, lastSynced, lease, pending, progress } = status;
  switch (status.state) {
    case 'disabled':
      return trans.__('Sync is off');
    case 'starting':
      return trans.__('Sync starting…');
    case 'restoring':
      return progress?.phase === 'restoring' && progress.totalFiles !== null
        ? trans.__('Restoring %1', fraction(progress, trans))
        : trans.__('Restoring…');
    case 'syncing':
      return progress?.phase === 'uploading' && progress.totalFiles !== null
        ? trans.__('Syncing %1', fraction(progress, trans))
        : trans.__('Syncing…');
    case 'paused':
      return status.held ? trans.__('Paused, deletions held') : trans.__('Sync paused');
    case 'waiting':
      return lease && !lease.mine
        ? trans.__('Waiting for %1', lease.host)
        : trans.__('Waiting to sync');
    case 'vetoed':
      return trans.__('Deletions held');
    case 'offline':
      return trans.__('Sync offline');
    case 'stopping':
      return trans.__('Saving a last time…');
    case 'stopped':
      return trans.__('Sync stopped');
    case 'idle':
  }
  if (lastError) {
    return trans.__('Not all synced');
  }
  if (pending.files > 0) {
    const count = formatCount(pending.files);
    return trans._n('%2 change waiting', '%2 changes waiting', pending.files, count);
  }
  return lastSynced
    ? trans.__('Synced %1', formatAgo(lastSynced, now, trans))
    : trans.__('Not synced yet');
}

function fraction(progress: Progress, trans: TranslationBundle): string {
  return trans.__('%1 of %2', formatCount(progress.files), formatCount(progress.totalFiles ?? 0));
}

function amount(status: SyncStatus, trans: TranslationBundle): string {
  const { pending, progress } = status;
  if (progress && progress.phase !== 'listing' && progress.phase !== 'scanning') {
    const bytes = formatBytes(progress.bytes);
    const all =
      progress.totalBytes === null
        ? bytes
        : trans.__('%1 of %2', bytes, formatBytes(progress.totalBytes));
    return trans.__('%1, %2', counted(progress, trans), all);
  }
  if (progress) {
    const files = formatCount(progress.files);
    return trans._n('%2 file looked at', '%2 files looked at', progress.files, files);
  }
  return pending.files > 0 ? waitingFiles(status, trans) : '';
}

function waitingFiles({ pending }: SyncStatus, trans: TranslationBundle): string {
  const count = formatCount(pending.files);
  const bytes = formatBytes(pending.bytes);
  return trans._n('Waiting: %2 file, %3', 'Waiting: %2 files, %3', pending.files, count, bytes);
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
    lines.push(waitingFiles(status, trans));
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
