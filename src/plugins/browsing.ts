import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { BrowserModel } from '../model/browser';
import { IActions, IBrowser } from '../tokens';
import type { StorageActions } from '../widgets/actions';

/** What commands on the folder that is shown are made of. */
export interface IBrowsing {
  app: JupyterFrontEnd;
  model: BrowserModel;
  actions: StorageActions;
  trans: TranslationBundle;
}

/** A plugin of commands on the folder that is shown, some of which the palette lists. */
export function browsingPlugin(options: {
  id: string;
  description: string;
  add: (browsing: IBrowsing) => void;
  palette: readonly string[];
}): JupyterFrontEndPlugin<void> {
  const { id, description, add, palette } = options;
  return {
    id,
    description,
    autoStart: true,
    requires: [IBrowser, IActions],
    optional: [ICommandPalette, ITranslator],
    activate: (
      app: JupyterFrontEnd,
      { model }: IBrowser,
      actions: StorageActions,
      shown: ICommandPalette | null,
      translator: ITranslator | null
    ) => {
      const trans = (translator ?? nullTranslator).load('wherobots-storage');
      add({ app, model, actions, trans });
      for (const command of palette) {
        shown?.addItem({ command, category: trans.__('Storage') });
      }
    }
  };
}
