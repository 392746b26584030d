import { Announcer } from '../../model/announcer';
import { BrowserModel } from '../../model/browser';
import { EventFeed } from '../../model/feed';
import { JobsModel } from '../../model/jobs';
import { Preferences } from '../../model/preferences';
import { SyncModel } from '../../model/sync';
import { SyncView } from '../../model/syncview';
import { UploadQueue } from '../../model/uploads';
import { StorageActions } from '../../widgets/actions';
import type { IPanel } from '../../widgets/panel';
import { SyncActions } from '../../widgets/syncactions';
import type { FakeClient } from './client';
import { trans } from './translation';

/** All that the parts of a panel look at and ask for, over a client. */
export function panelOver(client: FakeClient): IPanel & { show: jest.Mock } {
  const resolve = async () => ({ choice: 'skip', forAll: false }) as const;
  const show = jest.fn();
  const shared = {
    announcer: new Announcer(),
    browser: new BrowserModel(client),
    jobs: new JobsModel(client),
    preferences: new Preferences(),
    sync: new SyncModel(client, new EventFeed(client)),
    syncView: new SyncView(),
    trans,
    uploads: new UploadQueue({ client, resolve })
  };
  const home = new SyncActions({ ...shared, client, show, view: shared.syncView });
  return { ...shared, actions: new StorageActions({ client, home, ...shared }), home, show };
}
