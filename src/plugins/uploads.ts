import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { IStorageClient } from '../api/client';
import { UploadQueue } from '../model/uploads';
import { IBrowser, IClient, IUploads } from '../tokens';
import { askConflict } from '../widgets/dialogs';

/** The uploads; what arrives is shown, and a page with an upload under way asks before it goes. */
export const uploadsPlugin: JupyterFrontEndPlugin<UploadQueue> = {
  id: 'wherobots-storage:uploads',
  description: 'The uploads to the storage.',
  autoStart: true,
  requires: [IClient, IBrowser],
  optional: [ITranslator],
  provides: IUploads,
  activate: (
    _app: JupyterFrontEnd,
    client: IStorageClient,
    browser: IBrowser,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('wherobots-storage');
    const uploads = new UploadQueue({
      client,
      resolve: conflict => askConflict(conflict, trans)
    });
    uploads.arrived.connect((_, path) => void browser.model.arrived(path));
    window.addEventListener('beforeunload', event => {
      if (uploads.isActive) {
        event.preventDefault();
      }
    });
    return uploads;
  }
};
