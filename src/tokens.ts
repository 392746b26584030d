import { Token } from '@lumino/coreutils';

import type { IStorageClient } from './api/client';
import type { BrowserModel } from './model/browser';
import type { JobsModel } from './model/jobs';
import type { Preferences } from './model/preferences';
import type { SyncModel } from './model/sync';
import type { SyncView } from './model/syncview';
import type { UploadQueue } from './model/uploads';
import type { StorageActions } from './widgets/actions';

/** Requests to the server extension. */
export const IClient = new Token<IStorageClient>(
  'wherobots-storage:IClient',
  'Requests to the storage server extension.'
);

/** The folder that is shown, what is chosen in it, and the long operations on it. */
export const IBrowser = new Token<IBrowser>(
  'wherobots-storage:IBrowser',
  'The folder that the storage panel shows.'
);
export interface IBrowser {
  readonly model: BrowserModel;
  readonly jobs: JobsModel;
}

/** The uploads of this page. */
export const IUploads = new Token<UploadQueue>(
  'wherobots-storage:IUploads',
  'The uploads to the storage.'
);

/** The state of the home's synchronisation, and how the panel shows it. */
export const ISync = new Token<ISync>(
  'wherobots-storage:ISync',
  "The state of the home's synchronisation."
);
export interface ISync {
  readonly model: SyncModel;
  readonly view: SyncView;
}

/** The user's preferences. */
export const IPanelPreferences = new Token<Preferences>(
  'wherobots-storage:IPanelPreferences',
  'The preferences of the storage panel.'
);

/** What the panel's buttons and the commands do. */
export const IActions = new Token<StorageActions>(
  'wherobots-storage:IActions',
  'What can be done in the storage panel.'
);
