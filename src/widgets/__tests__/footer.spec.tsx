import { act } from 'react';
import { createRoot } from 'react-dom/client';

import { FakeClient, settle, syncStatus } from '../../__tests__/support/client';
import { trans } from '../../__tests__/support/translation';
import type { SyncStatus } from '../../api/generated';
import { Announcer } from '../../model/announcer';
import { BrowserModel } from '../../model/browser';
import { JobsModel } from '../../model/jobs';
import { Preferences } from '../../model/preferences';
import { SyncModel } from '../../model/sync';
import { UploadQueue } from '../../model/uploads';
import { StorageActions } from '../actions';
import { Footer } from '../footer';
import { PanelProvider } from '../panel';

/** The footer, with a status that the server told. */
async function setUp(status: SyncStatus) {
  const client = new FakeClient();
  const resolve = async () => ({ choice: 'skip', forAll: false }) as const;
  const shared = {
    announcer: new Announcer(),
    browser: new BrowserModel(client),
    jobs: new JobsModel(client),
    preferences: new Preferences(),
    sync: new SyncModel(client),
    trans,
    uploads: new UploadQueue({ client, resolve })
  };
  const actions = new StorageActions({ client, ...shared });
  const host = document.createElement('div');
  document.body.replaceChildren(host);
  await act(async () => {
    await shared.browser.start('/');
    shared.sync.accept(status);
    createRoot(host).render(
      <PanelProvider value={{ actions, ...shared }}>
        <Footer />
      </PanelProvider>
    );
  });
  await act(settle);
  const button = () =>
    [...host.querySelectorAll('button')].find(found => found.textContent === 'Take over now');
  return { client, host, button };
}

describe('the footer', () => {
  it('shows who has the home, and takes over when it is asked to', async () => {
    const lease = { instance: 'other', host: 'node-7', mine: false, expires: null };
    const { client, host, button } = await setUp(syncStatus({ state: 'waiting', lease }));
    expect(host.textContent).toContain('node-7');
    await act(async () => {
      button()!.click();
      await settle();
    });
    expect(client.requestSync).toHaveBeenCalledWith('takeover');
    expect(button()).toBeUndefined();
  });

  it('offers that to nobody who waits for nobody', async () => {
    const { button } = await setUp(syncStatus());
    expect(button()).toBeUndefined();
  });
});
