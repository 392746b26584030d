import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStateDB } from '@jupyterlab/statedb';

import type { IStorageClient } from '../api/client';
import { BrowserModel } from '../model/browser';
import { JobsModel } from '../model/jobs';
import type { Preferences } from '../model/preferences';
import { IBrowser, IClient, IPanelPreferences } from '../tokens';

const ID = 'wherobots-storage:browser';

/** The folder that is shown; opened where it was left, once the layout was restored. */
export const browserPlugin: JupyterFrontEndPlugin<IBrowser> = {
  id: ID,
  description: 'The folder that the storage panel shows.',
  autoStart: true,
  requires: [IClient, IPanelPreferences],
  optional: [IStateDB],
  provides: IBrowser,
  activate: (
    app: JupyterFrontEnd,
    client: IStorageClient,
    preferences: Preferences,
    state: IStateDB | null
  ) => {
    const model = new BrowserModel(client);
    const jobs = new JobsModel(client);
    jobs.done.connect((_, job) => model.forget([job.path]));
    void app.restored.then(async () => {
      await model.start(preferences.state.rememberFolder ? await lastFolder(state) : '/');
      model.changed.connect(() => {
        if (model.state.phase === 'ready') {
          remember(state, model.state.path);
        }
      });
    });
    return { model, jobs };
  }
};

async function lastFolder(state: IStateDB | null): Promise<string> {
  const saved = await state?.fetch(ID).catch(() => undefined);
  const path = (saved as { path?: unknown } | undefined)?.path;
  return typeof path === 'string' && path.startsWith('/') ? path : '/';
}

let remembered = '';

function remember(state: IStateDB | null, path: string): void {
  if (path !== remembered) {
    remembered = path;
    void state?.save(ID, { path });
  }
}
