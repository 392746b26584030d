import { ILayoutRestorer } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { IStorageClient } from '../api/client';
import { Announcer } from '../model/announcer';
import type { Preferences } from '../model/preferences';
import type { UploadQueue } from '../model/uploads';
import { IActions, IBrowser, IClient, IPanelPreferences, ISync, IUploads } from '../tokens';
import { StorageActions } from '../widgets/actions';
import { StorageSidebar } from '../widgets/sidebar';
import { SyncActions } from '../widgets/syncactions';
import { showPanel } from './commands';

/** The file browser's rank is 100, that of the running sessions 200. */
const RANK = 101;

/** The panel itself. */
export const panelPlugin: JupyterFrontEndPlugin<StorageActions> = {
  id: 'wherobots-storage:panel',
  description: "The organisation's storage in the left sidebar.",
  autoStart: true,
  requires: [IClient, IBrowser, IUploads, ISync, IPanelPreferences],
  optional: [ITranslator, ILayoutRestorer],
  provides: IActions,
  activate: (
    app: JupyterFrontEnd,
    client: IStorageClient,
    browser: IBrowser,
    uploads: UploadQueue,
    sync: ISync,
    preferences: Preferences,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null
  ) => {
    const trans = (translator ?? nullTranslator).load('wherobots-storage');
    const announcer = new Announcer();
    const home = new SyncActions({
      announcer,
      browser: browser.model,
      client,
      show: () => showPanel(app),
      sync: sync.model,
      trans,
      view: sync.view
    });
    const shared = {
      announcer,
      browser: browser.model,
      home,
      jobs: browser.jobs,
      preferences,
      sync: sync.model,
      syncView: sync.view,
      trans,
      uploads
    };
    const actions = new StorageActions({ client, ...shared });
    const sidebar = new StorageSidebar({ actions, ...shared });
    app.shell.add(sidebar, 'left', { rank: RANK, type: 'Storage' });
    restorer?.add(sidebar, sidebar.id);
    return actions;
  }
};
