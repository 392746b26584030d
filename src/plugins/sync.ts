import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import type { IStorageClient } from '../api/client';
import type { JobEvent, SyncEvent } from '../api/generated';
import { EventFeed } from '../model/feed';
import { SyncModel } from '../model/sync';
import { SyncView } from '../model/syncview';
import { IBrowser, IClient, ISync } from '../tokens';

/** The kinds of events that the server extension emits, without the host that names them. */
const SYNC_EVENT = '/schemas/wherobots-storage/sync/v1';
const JOB_EVENT = '/schemas/wherobots-storage/job/v1';

/** The state of the home's synchronisation, and the server's events for it and for the jobs. */
export const syncPlugin: JupyterFrontEndPlugin<ISync> = {
  id: 'wherobots-storage:sync',
  description: "The state of the home's synchronisation.",
  autoStart: true,
  requires: [IClient, IBrowser],
  provides: ISync,
  activate: (_app: JupyterFrontEnd, client: IStorageClient, browser: IBrowser) => {
    const feed = new EventFeed(client);
    const model = new SyncModel(client, feed);
    feed.told.connect((_, event) => {
      if (event.schema_id.endsWith(SYNC_EVENT)) {
        model.accept((event as unknown as SyncEvent).status);
      } else if (event.schema_id.endsWith(JOB_EVENT)) {
        browser.jobs.accept((event as unknown as JobEvent).job);
      }
    });
    const startWhenConfigured = () => {
      if (browser.model.state.config?.configured) {
        browser.model.changed.disconnect(startWhenConfigured);
        feed.start();
        model.start();
        whenBack(() => {
          feed.wake();
          model.refresh();
        });
      }
    };
    browser.model.changed.connect(startWhenConfigured);
    return { model, view: new SyncView() };
  }
};

/** Whenever the page is shown again, or its network is back: a connection may be dead unnoticed. */
function whenBack(act: () => void): void {
  window.addEventListener('online', act);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') {
      act();
    }
  });
}
