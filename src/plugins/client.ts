import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import type { IStorageClient } from '../api/client';
import { StorageClient } from '../api/client';
import { IClient } from '../tokens';

/** Requests to the server extension, over the application's own connection. */
export const clientPlugin: JupyterFrontEndPlugin<IStorageClient> = {
  id: 'wherobots-storage:client',
  description: 'Requests to the storage server extension.',
  autoStart: true,
  provides: IClient,
  activate: (app: JupyterFrontEnd) => new StorageClient(app.serviceManager.serverSettings)
};
