import { act } from 'react';
import { createRoot } from 'react-dom/client';

import * as apputils from '../../__tests__/support/apputils';
import {
  FakeClient,
  entry,
  listing,
  refusal,
  settle,
  syncStatus
} from '../../__tests__/support/client';
import { panelOver } from '../../__tests__/support/panel';
import type { SyncStatus } from '../../api/generated';
import { Footer } from '../footer';
import { PanelProvider } from '../panel';

const LEASE = { instance: 'other', host: 'node-7', mine: false, expires: null };
const HELD = {
  id: 'list-1',
  code: 'half-gone',
  files: 40,
  bytes: 4096,
  paths: ['a.txt', 'b.txt', 'c.txt', 'd.txt'].map(path => ({ path, files: 1, bytes: 1 }))
};
const VETOED = { state: 'vetoed', veto: '40 of 60 saved files are gone.', held: HELD } as const;

/** The footer, with a status that the server told. */
async function setUp(status: SyncStatus) {
  const client = new FakeClient();
  const panel = panelOver(client);
  const host = document.createElement('div');
  document.body.replaceChildren(host);
  const root = createRoot(host);
  await act(async () => {
    await panel.browser.start('/');
    panel.sync.accept(status);
    root.render(
      <PanelProvider value={panel}>
        <Footer />
      </PanelProvider>
    );
  });
  await act(settle);
  const button = (name: string) =>
    [...host.querySelectorAll('button')].find(
      found => found.textContent === name || found.getAttribute('aria-label') === name
    );
  const click = (name: string) =>
    act(async () => {
      button(name)!.click();
      await settle();
    });
  const tell = (more: Partial<SyncStatus>) => act(async () => panel.sync.accept(syncStatus(more)));
  return { ...panel, client, host, root, button, click, tell };
}

describe('the footer', () => {
  it('says that the home was taken over, to the one who had it, and when it is back', async () => {
    const mine = { ...LEASE, instance: 'this', host: 'node-1', mine: true };
    const { client, host, button, click, tell } = await setUp(syncStatus({ lease: mine }));
    expect(host.textContent).toContain('Home saved');
    expect(button('Take over now')).toBeUndefined();
    await tell({ state: 'waiting', lease: LEASE });
    expect(host.textContent).toContain('Not saving: the instance on node-7 has this home');
    await click('Show all of home sync');
    expect(host.textContent).toContain('The instance on node-7 saves this home');
    await click('Take over now');
    expect(client.requestSync).toHaveBeenCalledWith('takeover');
    await tell({ lease: mine });
    expect(host.textContent).not.toContain('node-7');
    expect(button('Take over now')).toBeUndefined();
  });

  it('shows who has the home, and takes over when it is asked to', async () => {
    const { client, host, button, click } = await setUp(
      syncStatus({ state: 'waiting', lease: LEASE })
    );
    expect(host.textContent).toContain('node-7');
    await click('Take over now');
    expect(client.requestSync).toHaveBeenCalledWith('takeover');
    expect(button('Take over now')).toBeUndefined();
  });

  it('offers that to nobody who waits for nobody', async () => {
    const { button } = await setUp(syncStatus());
    expect(button('Take over now')).toBeUndefined();
  });

  it('shows all of the state on a click: what can be asked for, and what is left out', async () => {
    const { host, button, click, client } = await setUp(
      syncStatus({ ignored: { files: 1200, bytes: 2048 }, ignoredTotal: 2 })
    );
    expect(button('Pause')).toBeUndefined();
    await click('Show all of home sync');
    expect(host.textContent).toContain('s3://bucket/org/notebooks/customer-ada/');
    expect(host.textContent).toContain('1,200 files, 2 KB');
    expect(button('Retry failed')!.getAttribute('aria-disabled')).toBe('true');
    await click('Pause');
    expect(client.requestSync).toHaveBeenCalledWith('pause');
    await click('Show less of home sync');
    expect(button('Pause')).toBeUndefined();
  });

  it('has what a power cut broke in a row of its own, among what was not restored', async () => {
    const broken = { path: 'notebook.ipynb', code: 'power-cut', reason: 'A power cut broke it.' };
    const skipped = [{ ...broken, size: 700, copy: null, during: 'restore' as const }];
    const { host, button, click } = await setUp(syncStatus({ skipped, skippedTotal: 1 }));
    await click('Show all of home sync');
    expect(host.textContent).toContain('Not restored');
    expect(button('Not restored: 1 file, show them')).toBeDefined();
    expect(host.textContent).not.toContain('Not saved');
  });

  it('puts Resume in the place of Pause as soon as a pause was asked for', async () => {
    const { button, click, client, tell, syncView } = await setUp(syncStatus());
    await act(async () => syncView.expand(true));
    await tell({ state: 'syncing', paused: true });
    expect(button('Pause')).toBeUndefined();
    await click('Resume');
    expect(client.requestSync).toHaveBeenCalledWith('resume');
  });

  it('says what went wrong, and what to do about it', async () => {
    const lastError = { code: 'disk-full', message: 'The disk is full.', path: null };
    const { host, click, client, syncView } = await setUp(
      syncStatus({ lastError: { ...lastError, retryable: false } })
    );
    await act(async () => syncView.expand(true));
    expect(host.querySelector('[role=alert]')!.textContent).toMatch(/The disk is full.*Delete/);
    await click('Retry failed');
    expect(client.requestSync).toHaveBeenCalledWith('retry');
  });
});

describe('held deletions', () => {
  it('are asked about at once; to keep them deletes nothing and ends the question', async () => {
    const { host, button, click, client, tell } = await setUp(syncStatus(VETOED));
    expect(host.textContent).toContain('40 deletions held');
    expect(host.textContent).toContain('40 of 60 saved files are gone.');
    expect(button('and 37 more')).toBeDefined();
    await click('Keep the copies');
    expect(client.requestSync).not.toHaveBeenCalled();
    expect(button('Keep the copies')).toBeUndefined();
    await tell({ ...VETOED, held: { ...HELD, id: 'list-2' } });
    expect(button('Keep the copies')).toBeDefined();
  });

  it('are deleted only after a question that names them', async () => {
    const { click, client } = await setUp(syncStatus(VETOED));
    apputils.answerDialogs({ label: 'Keep the copies' }, { label: 'Delete 40 copies' });
    await click('Delete them from storage…');
    expect(apputils.dialogs[0]!.title).toBe('Delete 40 copies from the storage?');
    expect(client.requestSync).not.toHaveBeenCalled();
  });

  it('are deleted when the user says so', async () => {
    const { click, client } = await setUp(syncStatus(VETOED));
    apputils.answerDialogs({ label: 'Delete 40 copies' });
    await click('Delete them from storage…');
    expect(client.requestSync).toHaveBeenCalledWith('acceptDeletes', 'list-1');
  });

  it('that the agent holds no more are shown anew, and only what was seen is agreed to', async () => {
    const { click, client } = await setUp(syncStatus(VETOED));
    const now = syncStatus({ ...VETOED, held: { ...HELD, id: 'list-2', files: 41 } });
    client.requestSync.mockRejectedValueOnce(refusal('deletions-changed', 409));
    client.syncStatus.mockResolvedValue(now);
    apputils.answerDialogs({ label: 'Delete 40 copies' }, { label: 'Delete 41 copies' });
    await click('Delete them from storage…');
    expect(apputils.dialogs.map(({ title }) => title)).toEqual([
      'Delete 40 copies from the storage?',
      'Delete 41 copies from the storage?'
    ]);
    expect(client.requestSync.mock.calls).toEqual([
      ['acceptDeletes', 'list-1'],
      ['acceptDeletes', 'list-2']
    ]);
    expect(apputils.Notification.error).not.toHaveBeenCalled();
  });

  it('that cannot be looked at again are not asked about once more', async () => {
    const { click, client } = await setUp(syncStatus(VETOED));
    client.requestSync.mockRejectedValueOnce(refusal('deletions-changed', 409));
    client.syncStatus.mockRejectedValue(refusal('network', 0, 'No connection.'));
    apputils.answerDialogs({ label: 'Delete 40 copies' });
    await click('Delete them from storage…');
    expect(apputils.dialogs).toHaveLength(1);
    expect(apputils.Notification.error).toHaveBeenCalledTimes(1);
  });

  it('are asked about anew when more were held back while he read', async () => {
    const { home, sync, client } = await setUp(syncStatus(VETOED));
    const showDialog = jest.spyOn(apputils, 'showDialog');
    showDialog.mockImplementationOnce(async () => {
      sync.accept(syncStatus({ ...VETOED, held: { ...HELD, id: 'list-2', files: 50 } }));
      return { button: { label: 'Delete 40 copies', accept: true } };
    });
    apputils.answerDialogs({ label: 'Keep the copies' });
    await act(() => home.reviewDeletions());
    expect(apputils.dialogs[0]!.title).toBe('Delete 50 copies from the storage?');
    expect(client.requestSync).not.toHaveBeenCalled();
  });

  it('that are no more are not asked about', async () => {
    const { home, announcer } = await setUp(syncStatus());
    apputils.answerDialogs();
    await act(() => home.reviewDeletions());
    expect(apputils.dialogs).toEqual([]);
    expect(announcer.state.text).toBe('No deletions are held any more.');
  });
});

describe('a file that is not in sync', () => {
  const FOLDER = '/notebooks/customer-ada/work/';

  it('is shown in the storage, on whichever page of its folder it is', async () => {
    const { browser, client, home, show } = await setUp(syncStatus());
    client.pages.set(FOLDER, [listing(FOLDER, ['a.txt']), listing(FOLDER, ['b.txt'])]);
    await act(() => home.reveal('work/b.txt'));
    expect(show).toHaveBeenCalled();
    expect(browser.chosen).toEqual([entry(`${FOLDER}b.txt`)]);
  });

  it('that is not there is said to be missing', async () => {
    const { announcer, client, home } = await setUp(syncStatus());
    client.pages.set(FOLDER, [listing(FOLDER, ['a.txt'])]);
    await act(() => home.reveal('work/gone.txt'));
    expect(announcer.state.text).toContain('“gone.txt” is not in this folder');
  });
});
