import { FakeClient, refusal, syncStatus } from '../../__tests__/support/client';
import { trans } from '../../__tests__/support/translation';
import type { SyncStatus } from '../../api/generated';
import type { ISyncState } from '../sync';
import { SyncModel } from '../sync';
import { describeSync } from '../syncwords';

const later = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds));

describe('the state of the synchronisation', () => {
  it('is asked for, and told by events in between', async () => {
    const model = new SyncModel(new FakeClient());
    model.start();
    await later(20);
    expect(model.state.status?.state).toBe('idle');
    model.accept(syncStatus({ state: 'syncing' }));
    expect(model.state.status?.state).toBe('syncing');
    model.dispose();
  });

  it('keeps what was known when it cannot be learnt, with the error', async () => {
    const client = new FakeClient();
    client.syncStatus.mockRejectedValue(refusal('network', 0, 'No connection.'));
    const model = new SyncModel(client);
    model.accept(syncStatus());
    model.start();
    await later(20);
    expect(model.state.status?.state).toBe('idle');
    expect(model.state.error?.message).toBe('No connection.');
    model.dispose();
  });

  it('is asked to sync, and says when that was refused', async () => {
    const client = new FakeClient();
    const model = new SyncModel(client);
    await model.request('sync');
    expect(client.requestSync).toHaveBeenCalledWith('sync');
    expect(model.state).toMatchObject({ requesting: false, error: null });
    client.requestSync.mockRejectedValueOnce(refusal('agent-unavailable', 503, 'It is gone.'));
    await model.request('sync');
    expect(model.state).toMatchObject({ requesting: false, error: { message: 'It is gone.' } });
    model.dispose();
  });
});

describe('the state in words', () => {
  const now = Date.parse('2026-01-31T12:02:30Z');
  const error = {
    code: 'store-unavailable',
    message: 'The store is down.',
    path: null,
    retryable: true
  };
  const words = (more: Partial<SyncStatus>, state: Partial<ISyncState> = {}) =>
    describeSync(
      { status: syncStatus(more), error: null, requesting: false, ...state },
      now,
      trans
    );
  const lease = {
    instance: 'other',
    host: 'node-7',
    mine: false,
    expires: '2026-01-31T12:03:00Z'
  };
  const progress = {
    phase: 'restoring',
    files: 12,
    bytes: 50,
    totalFiles: 40,
    totalBytes: 200
  } as const;

  it.each([
    [{}, 'safe', 'Home saved 2 min ago'],
    [{ lastSynced: null }, 'off', 'Home not saved yet'],
    [{ pending: { files: 3, bytes: 9 } }, 'up', '3 changes waiting'],
    [{ pending: { files: 1, bytes: 9 } }, 'up', '1 change waiting'],
    [{ lastError: error }, 'trouble', 'Not everything is saved: The store is down.'],
    [{ state: 'disabled' }, 'off', 'Home sync is off'],
    [{ state: 'starting' }, 'up', 'Home sync is starting…'],
    [{ state: 'restoring' }, 'down', 'Restoring home…'],
    [{ state: 'restoring', progress }, 'down', 'Restoring home: 12 of 40 files'],
    [
      { state: 'restoring', progress: { ...progress, totalFiles: null } },
      'down',
      'Restoring home: 12 files'
    ],
    [{ state: 'syncing' }, 'up', 'Looking for changes…'],
    [
      { state: 'syncing', progress: { ...progress, phase: 'uploading' } },
      'up',
      'Saving home: 12 of 40 files'
    ],
    [
      { state: 'syncing', progress: { ...progress, phase: 'deleting' } },
      'up',
      'Removing what was deleted…'
    ],
    [{ state: 'paused' }, 'off', 'Home sync is paused'],
    [{ state: 'waiting' }, 'off', 'Waiting for another instance'],
    [{ state: 'waiting', lease }, 'off', 'Not saving: the instance on node-7 has this home'],
    [{ state: 'waiting', lastError: error }, 'off', 'The store is down.'],
    [{ state: 'vetoed' }, 'trouble', 'Home sync needs your answer'],
    [{ state: 'offline', lastError: error }, 'trouble', 'Not saved: The store is down.'],
    [{ state: 'stopping' }, 'up', 'Saving a last time…'],
    [{ state: 'stopped' }, 'off', 'Home sync has stopped']
  ] as [Partial<SyncStatus>, string, string][])('%j is %s: %s', (more, mood, text) => {
    expect(words(more)).toMatchObject({ mood, text });
  });

  it('offers to take over from the instance that is waited for, and says when it ends', () => {
    const waiting = words({ state: 'waiting', lease });
    expect(waiting.canTakeOver).toBe(true);
    expect(waiting.canSync.allowed).toBe(false);
    expect(waiting.detail).toContain('begins by itself');
    expect(words({ lease: { ...lease, mine: true } }).canTakeOver).toBe(false);
  });

  it('tells how far it is by bytes, else by files, else not at all', () => {
    expect(words({ state: 'restoring', progress }).progress).toBe(0.25);
    expect(words({ progress: { ...progress, totalBytes: null } }).progress).toBe(0.3);
    expect(words({ progress: { ...progress, totalBytes: null, totalFiles: null } }).progress).toBe(
      0
    );
    expect(words({}).progress).toBeNull();
  });

  it('counts the files that have a reason of their own, the unlisted too', () => {
    expect(words({ conflictsTotal: 2, skippedTotal: 300 }).notices).toBe(302);
  });

  it('does not show an old state as if it were fresh', () => {
    const stale = words({}, { error: refusal('network', 0, 'No connection.') });
    expect(stale.mood).toBe('off');
    expect(stale.detail).toContain('No connection.');
  });

  it('says why one cannot sync now', () => {
    expect(words({ state: 'restoring' }).canSync.allowed).toBe(false);
    expect(words({ state: 'idle' }).canSync.allowed).toBe(true);
    const unknown = describeSync({ status: null, error: null, requesting: false }, now, trans);
    expect(unknown).toMatchObject({ mood: 'off', canSync: { allowed: false } });
  });
});
