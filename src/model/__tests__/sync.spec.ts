import { FakeClient, refusal, syncStatus } from '../../__tests__/support/client';
import { trans } from '../../__tests__/support/translation';
import type { SyncStatus } from '../../api/generated';
import { EventFeed } from '../feed';
import type { ISyncState } from '../sync';
import { SyncModel } from '../sync';
import { listsOf } from '../synclists';
import { adviceOf, offersOf } from '../syncoffers';
import { describeSync } from '../syncwords';

const SYNC = 'https://wherobots.com/schemas/wherobots-storage/sync/v1';

/** A model over a fake client and its event stream, with the clock in the test's hands. */
function setUp() {
  const client = new FakeClient();
  const feed = new EventFeed(client);
  const model = new SyncModel(client, feed);
  const start = async () => {
    feed.start();
    model.start();
    await pass(10);
  };
  return { client, feed, model, start, connection: () => client.connections.at(-1)! };
}

const pass = (milliseconds: number) => jest.advanceTimersByTimeAsync(milliseconds);
const MINUTES = 60_000;

beforeEach(() => {
  jest.useFakeTimers();
  // Poll draws the pauses of its backoff.
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
});

afterEach(() => {
  jest.useRealTimers();
});

describe('the state of the synchronisation', () => {
  it('is told by events, and asked for once when they begin and never after', async () => {
    const { client, model, start, connection } = setUp();
    await start();
    expect(model.state.status?.state).toBe('idle');
    connection().onOpen();
    await pass(10);
    const asked = client.syncStatus.mock.calls.length;
    expect(asked).toBeLessThanOrEqual(2);
    model.accept(syncStatus({ state: 'syncing' }));
    await pass(60 * MINUTES);
    expect(model.state.status?.state).toBe('syncing');
    expect(client.syncStatus).toHaveBeenCalledTimes(asked);
    expect(client.listen).toHaveBeenCalledTimes(1);
  });

  it('is asked for slowly while no events arrive, and no more once they do', async () => {
    const { client, start, connection } = setUp();
    await start();
    connection().onOpen();
    await pass(10);
    client.listen.mockImplementation(listener => {
      setTimeout(listener.onClose);
      return { isDisposed: false, dispose: () => undefined };
    });
    connection().onClose();
    await pass(10);
    const asked = client.syncStatus.mock.calls.length;
    await pass(5 * MINUTES);
    expect(client.syncStatus.mock.calls.length - asked).toBe(10);
    client.listen.mockImplementation(listener => {
      setTimeout(listener.onOpen);
      return { isDisposed: false, dispose: () => undefined };
    });
    await pass(1 * MINUTES);
    const before = client.syncStatus.mock.calls.length;
    await pass(60 * MINUTES);
    expect(client.syncStatus).toHaveBeenCalledTimes(before);
  });

  it('is asked for ever less often while the server does not answer either', async () => {
    const { client, model, start } = setUp();
    client.syncStatus.mockRejectedValue(refusal('network', 0, 'No connection.'));
    model.accept(syncStatus());
    await start();
    expect(model.state.status?.state).toBe('idle');
    expect(model.state.error?.message).toBe('No connection.');
    await pass(60 * MINUTES);
    expect(client.syncStatus.mock.calls.length).toBeLessThan(20);
    model.dispose();
  });

  it('is never an answer that an event has overtaken', async () => {
    const { client, model, start, connection } = setUp();
    await start();
    let answer: (status: SyncStatus) => void = () => undefined;
    client.syncStatus.mockReturnValue(new Promise(resolve => (answer = resolve)));
    connection().onOpen();
    await pass(10);
    model.accept(syncStatus({ state: 'paused' }));
    answer(syncStatus({ state: 'idle' }));
    await pass(10);
    expect(model.state.status?.state).toBe('paused');
  });

  it('is asked to sync, and says when that was refused', async () => {
    const { client, model } = setUp();
    await model.request('sync');
    expect(client.requestSync).toHaveBeenCalledWith('sync');
    expect(model.state).toMatchObject({ requesting: false, error: null });
    client.requestSync.mockRejectedValueOnce(refusal('agent-unavailable', 503, 'It is gone.'));
    await model.request('sync');
    expect(model.state).toMatchObject({ requesting: false, error: { message: 'It is gone.' } });
    model.dispose();
  });

  it('is asked for soon after a request, while no event can tell what came of it', async () => {
    const { client, model, start } = setUp();
    await start();
    const asked = client.syncStatus.mock.calls.length;
    await model.request('pause');
    await pass(3000);
    expect(client.syncStatus).toHaveBeenCalledTimes(asked + 1);
    model.dispose();
  });
});

describe('the event stream', () => {
  it('is connected again when it was lost, ever later while that fails', async () => {
    const { client, feed, start, connection } = setUp();
    await start();
    connection().onOpen();
    expect(feed.state.connected).toBe(true);
    connection().onClose();
    expect(feed.state.connected).toBe(false);
    await pass(1500);
    expect(client.listen).toHaveBeenCalledTimes(2);
    for (let minute = 0; minute < 120; minute++) {
      connection().onClose();
      await pass(0.5 * MINUTES);
    }
    expect(client.listen.mock.calls.length).toBeLessThan(130);
    feed.dispose();
  });

  it('is connected at once when the page wakes, unless it is on its way', async () => {
    const { client, feed, start, connection } = setUp();
    feed.wake();
    await pass(10);
    expect(client.listen).not.toHaveBeenCalled();
    await start();
    feed.wake();
    await pass(10);
    expect(client.listen).toHaveBeenCalledTimes(1);
    connection().onClose();
    await pass(10);
    feed.wake();
    await pass(10);
    expect(client.listen).toHaveBeenCalledTimes(2);
    feed.dispose();
  });

  it('tells every event', async () => {
    const { feed, start, connection } = setUp();
    const told: string[] = [];
    feed.told.connect((_, event) => told.push(event.schema_id));
    await start();
    connection().onEvent({ schema_id: SYNC });
    expect(told).toEqual([SYNC]);
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
    [{ state: 'vetoed' }, 'trouble', 'Deletions wait for your answer'],
    [{ paused: true }, 'off', 'Pausing home sync…'],
    [{ state: 'offline', lastError: error }, 'trouble', 'Not saved: The store is down.'],
    [{ state: 'stopping' }, 'up', 'Saving a last time…'],
    [{ state: 'stopped' }, 'off', 'Home sync has stopped']
  ] as [Partial<SyncStatus>, string, string][])('%j is %s: %s', (more, mood, text) => {
    expect(words(more)).toMatchObject({ mood, text });
  });

  it('says when an instance that waits for another begins by itself', () => {
    expect(words({ state: 'waiting', lease }).detail).toContain('begins by itself');
  });

  it.each([
    [{}, 'Synced 2 min ago'],
    [{ lastSynced: null }, 'Not synced yet'],
    [{ pending: { files: 3, bytes: 9 } }, '3 changes waiting'],
    [{ lastError: error }, 'Not all synced'],
    [{ state: 'disabled' }, 'Sync is off'],
    [{ state: 'starting' }, 'Sync starting…'],
    [{ state: 'restoring' }, 'Restoring…'],
    [{ state: 'restoring', progress }, 'Restoring 12 of 40'],
    [{ state: 'syncing' }, 'Syncing…'],
    [{ state: 'syncing', progress: { ...progress, phase: 'uploading' } }, 'Syncing 12 of 40'],
    [{ state: 'paused' }, 'Sync paused'],
    [{ state: 'waiting' }, 'Waiting to sync'],
    [{ state: 'waiting', lease }, 'Waiting for node-7'],
    [{ state: 'vetoed' }, 'Deletions held'],
    [{ state: 'offline', lastError: error }, 'Sync offline'],
    [{ state: 'stopping' }, 'Saving a last time…'],
    [{ state: 'stopped' }, 'Sync stopped']
  ] as [Partial<SyncStatus>, string][])('%j is, in short, %s', (more, short) => {
    expect(words(more).short).toBe(short);
    expect(words(more).headline).not.toBe('');
  });

  it.each([
    [
      { state: 'syncing', progress: { ...progress, phase: 'uploading' } },
      '12 of 40 files, 50 B of 200 B'
    ],
    [{ progress: { ...progress, totalFiles: null, totalBytes: null } }, '12 files, 50 B'],
    [{ progress: { ...progress, phase: 'scanning' } }, '12 files looked at'],
    [{ pending: { files: 3, bytes: 2048 } }, 'Waiting: 3 files, 2 KB'],
    [{}, '']
  ] as [Partial<SyncStatus>, string][])('%j amounts to %s', (more, amount) => {
    expect(words(more).amount).toBe(amount);
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

  it('is not known before the first answer', () => {
    const state = { status: null, error: null, requesting: false };
    expect(describeSync(state, now, trans)).toMatchObject({ mood: 'off', notices: 0 });
    const failed = { ...state, error: refusal('network', 0, 'No connection.') };
    expect(describeSync(failed, now, trans)).toMatchObject({ short: 'Sync unknown' });
    expect(offersOf(failed, trans).sync.reason).toBe('No connection.');
  });
});

describe('what is offered', () => {
  const offers = (more: Partial<SyncStatus>) =>
    offersOf({ status: syncStatus(more), error: null, requesting: false }, trans);

  it.each(['disabled', 'starting', 'restoring', 'waiting', 'stopping', 'stopped'] as const)(
    'is neither a sync nor a pause while %s',
    state => {
      const { sync, toggle, retry } = offers({ state });
      expect([sync.allowed, toggle.allowed, retry.allowed]).toEqual([false, false, false]);
      expect(sync.reason).not.toBe('');
    }
  );

  it.each(['idle', 'syncing', 'paused', 'vetoed', 'offline'] as const)('is a sync if %s', state => {
    expect(offers({ state }).sync.allowed).toBe(true);
  });

  it('is to resume what is paused, or about to be', () => {
    expect(offers({ state: 'paused' })).toMatchObject({
      isPaused: true,
      toggle: { allowed: true }
    });
    expect(offers({ state: 'syncing', paused: true }).isPaused).toBe(true);
    expect(offers({}).isPaused).toBe(false);
  });

  it('is to retry when something failed', () => {
    expect(offers({}).retry).toEqual({ allowed: false, reason: 'nothing has failed' });
    expect(offers({ conflictsTotal: 1 }).retry.allowed).toBe(true);
    expect(offers({ pending: { files: 1, bytes: 1 } }).retry.allowed).toBe(true);
    expect(offers({ state: 'syncing', pending: { files: 1, bytes: 1 } }).retry.allowed).toBe(false);
  });

  it('is to take over from another instance, and to review deletions that are held', () => {
    const lease = { instance: 'other', host: 'node-7', mine: false, expires: null };
    expect(offers({ state: 'waiting' }).canTakeOver).toBe(true);
    expect(offers({ state: 'paused', lease }).canTakeOver).toBe(true);
    expect(offers({ lease: { ...lease, mine: true } }).canTakeOver).toBe(false);
    expect(offers({}).canReview).toBe(false);
    const held = { id: '0123', code: 'half-gone', files: 1, bytes: 1, paths: [] };
    expect(offers({ state: 'vetoed', held }).canReview).toBe(true);
  });

  it('is what to do about an error that says only what happened', () => {
    expect(adviceOf({ code: 'disk-full', retryable: false }, trans)).toContain('Delete');
    expect(adviceOf({ code: 'expired-credentials', retryable: true }, trans)).toContain('Renew');
    expect(adviceOf({ code: 'slow-down', retryable: true }, trans)).toContain('by itself');
    expect(adviceOf({ code: 'store-error', retryable: false }, trans)).toBe('');
  });
});

describe('what is left out', () => {
  const notice = (path: string, during: 'sync' | 'restore') => ({
    path,
    during,
    code: 'fifo',
    reason: 'It is a named pipe.',
    size: 0,
    copy: null
  });

  it('is told apart by what found it out, and from what is of the home as a whole', () => {
    const skipped = [notice('pipe', 'sync'), notice('c//d', 'restore'), notice('.', 'restore')];
    const lists = listsOf(syncStatus({ skipped, skippedTotal: 3 }));
    expect(lists.skipped).toEqual({ notices: [skipped[0]], total: 1 });
    expect(lists.refused).toEqual({ notices: [skipped[1]], total: 1 });
    expect(lists.general).toEqual([skipped[2]]);
  });

  it('is counted where the list was cut', () => {
    const some = listsOf(syncStatus({ skipped: [notice('pipe', 'sync')], skippedTotal: 300 }));
    expect([some.skipped.total, some.refused.total]).toEqual([300, 0]);
    const refused = [notice('c//d', 'restore')];
    const others = listsOf(syncStatus({ skipped: refused, skippedTotal: 300 }));
    expect([others.skipped.total, others.refused.total]).toEqual([0, 300]);
  });
});
