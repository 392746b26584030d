import { ILayoutRestorer } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { IStorageClient } from '../api/client';
import { Announcer } from '../model/announcer';
import type { Preferences } from '../model/preferences';
import type { SyncModel } from '../model/sync';
import type { UploadQueue } from '../model/uploads';
import { IActions, IBrowser, IClient, IPanelPreferences, ISync, IUploads } from '../tokens';
import { StorageActions } from '../widgets/actions';
import { StorageSidebar } from '../widgets/sidebar';

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
    sync: SyncModel,
    preferences: Preferences,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null
  ) => {
    const trans = (translator ?? nullTranslator).load('wherobots-storage');
    const shared = {
      announcer: new Announcer(),
      browser: browser.model,
      jobs: browser.jobs,
      preferences,
      sync,
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
