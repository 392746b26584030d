import { act } from 'react';
import { createRoot } from 'react-dom/client';

import { FakeClient, settle, syncStatus } from '../../__tests__/support/client';
import { panelOver } from '../../__tests__/support/panel';
import type { SyncStatus } from '../../api/generated';
import { StatusButton, SyncPopup } from '../statusitem';

/** The item and what it opens, with a status that the server told. */
async function setUp(status: SyncStatus) {
  const client = new FakeClient();
  const panel = panelOver(client);
  panel.sync.accept(status);
  const host = document.createElement('div');
  document.body.replaceChildren(host);
  const onLeave = jest.fn();
  await act(async () => {
    createRoot(host).render(
      <>
        <StatusButton panel={panel} expanded={false} onClick={jest.fn()} />
        <SyncPopup panel={panel} onLeave={onLeave} />
      </>
    );
  });
  const item = host.querySelector<HTMLElement>('.wbs-StatusItem-button')!;
  const popup = host.querySelector<HTMLElement>('[role=dialog]')!;
  const buttons = () => [...popup.querySelectorAll('button')].map(found => found.textContent);
  const click = (name: string) =>
    act(async () => {
      [...popup.querySelectorAll('button')].find(found => found.textContent === name)!.click();
      await settle();
    });
  return { ...panel, buttons, click, client, item, onLeave, popup };
}

describe("the status bar's item", () => {
  it('says the state in two or three words, and all of it to a screen reader', async () => {
    const { item, sync } = await setUp(syncStatus({ state: 'paused' }));
    expect(item.textContent).toBe('Sync paused');
    expect(item.getAttribute('aria-label')).toBe('Home sync: Home sync is paused');
    expect(item.title).toContain('Saved in: s3://');
    await act(async () => sync.accept(syncStatus({ state: 'vetoed' })));
    expect(item.textContent).toBe('Deletions held');
    expect(item.dataset.mood).toBe('trouble');
  });

  it('opens what can be done in the state', async () => {
    const { buttons, click, client } = await setUp(syncStatus());
    expect(buttons()).toEqual(['Sync now', 'Pause', 'Retry failed', 'Details']);
    await click('Sync now');
    expect(client.requestSync).toHaveBeenCalledWith('sync');
    await click('Retry failed');
    expect(client.requestSync).toHaveBeenCalledTimes(1);
  });

  it('asks the server for what its buttons say', async () => {
    const { click, client, sync } = await setUp(syncStatus({ skippedTotal: 1 }));
    const tell = (more: Partial<SyncStatus>) => act(async () => sync.accept(syncStatus(more)));
    await click('Pause');
    await tell({ state: 'paused', paused: true });
    await click('Resume');
    await tell({ skippedTotal: 1 });
    await click('Retry failed');
    await click('Sync now');
    const asked = client.requestSync.mock.calls as unknown[][];
    expect(asked).toEqual([['pause'], ['resume'], ['retry'], ['sync']]);
  });

  it('leads to held deletions, the lists and the panel, and is closed by that', async () => {
    const held = { id: '0123', code: 'half-gone', files: 1, bytes: 1, paths: [] };
    const { click, onLeave, show, syncView } = await setUp(
      syncStatus({ state: 'vetoed', veto: 'All is gone.', held, skippedTotal: 2 })
    );
    await click('Review deletions…');
    await click('What is not in sync');
    await click('Details');
    expect(onLeave).toHaveBeenCalledTimes(3);
    expect(show).toHaveBeenCalled();
    expect(syncView.state.expanded).toBe(true);
  });

  it('tells how far it is in files and bytes, and who has the home', async () => {
    const progress = { files: 12, bytes: 512, totalFiles: 340, totalBytes: 2048 };
    const { popup, sync, click, client } = await setUp(
      syncStatus({ state: 'syncing', progress: { phase: 'uploading', ...progress } })
    );
    expect(popup.textContent).toContain('12 of 340 files, 512 B of 2 KB');
    const lease = { instance: 'x', host: 'node-7', mine: false, expires: '2026-01-31T12:03:00Z' };
    await act(async () => sync.accept(syncStatus({ state: 'waiting', lease })));
    expect(popup.textContent).toContain('The instance on node-7 saves this home');
    await click('Take over now');
    expect(client.requestSync).toHaveBeenCalledWith('takeover');
  });
});
