import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Event } from '@jupyterlab/services';

import type { IStorageClient } from '../api/client';
import type { JobEvent, SyncEvent } from '../api/generated';
import { SyncModel } from '../model/sync';
import { IBrowser, IClient, ISync } from '../tokens';

/** The kinds of events that the server extension emits, without the host that names them. */
const SYNC_EVENT = '/schemas/wherobots-storage/sync/v1';
const JOB_EVENT = '/schemas/wherobots-storage/job/v1';

/** The state of the home's synchronisation, and the server's events for it and for the jobs. */
export const syncPlugin: JupyterFrontEndPlugin<SyncModel> = {
  id: 'wherobots-storage:sync',
  description: "The state of the home's synchronisation.",
  autoStart: true,
  requires: [IClient, IBrowser],
  provides: ISync,
  activate: (app: JupyterFrontEnd, client: IStorageClient, browser: IBrowser) => {
    const model = new SyncModel(client);
    app.serviceManager.events.stream.connect((_, emission: Event.Emission) => {
      if (emission.schema_id.endsWith(SYNC_EVENT)) {
        model.accept((emission as unknown as SyncEvent).status);
      } else if (emission.schema_id.endsWith(JOB_EVENT)) {
        browser.jobs.accept((emission as unknown as JobEvent).job);
      }
    });
    const startWhenConfigured = () => {
      if (browser.model.state.config?.configured) {
        browser.model.changed.disconnect(startWhenConfigured);
        model.start();
      }
    };
    browser.model.changed.connect(startWhenConfigured);
    return model;
  }
};
