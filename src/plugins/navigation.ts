import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IActions, IBrowser } from '../tokens';
import type { StorageActions } from '../widgets/actions';
import { refreshIcon, storageIcon } from '../widgets/icons';
import { CommandIDs, showPanel } from './commands';

/** Commands that look: open the panel or a folder, go up, refresh, copy the folder's path. */
export const navigationPlugin: JupyterFrontEndPlugin<void> = {
  id: 'wherobots-storage:navigation',
  description: 'Commands to move about in the storage.',
  autoStart: true,
  requires: [IBrowser, IActions],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    { model }: IBrowser,
    actions: StorageActions,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('wherobots-storage');
    app.commands.addCommand(CommandIDs.open, {
      label: trans.__('Show Storage'),
      caption: trans.__('Show the storage panel, or a folder in it'),
      icon: storageIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            path: { type: 'string', description: 'The folder, such as /data/shared/' }
          }
        }
      },
      execute: async args => {
        showPanel(app);
        if (typeof args.path === 'string') {
          await model.open(args.path.endsWith('/') ? args.path : `${args.path}/`);
        }
      }
    });
    app.commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh Storage'),
      icon: refreshIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => model.refresh()
    });
    app.commands.addCommand(CommandIDs.up, {
      label: trans.__('Go to the Folder above'),
      isEnabled: () => model.state.path !== '/',
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => model.up()
    });
    app.commands.addCommand(CommandIDs.copyFolderPath, {
      label: trans.__('Copy Path of This Folder'),
      isEnabled: () => model.state.folder !== null,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => actions.copyFolderPath()
    });
    const category = trans.__('Storage');
    for (const command of [CommandIDs.open, CommandIDs.refresh, CommandIDs.copyFolderPath]) {
      palette?.addItem({ command, category });
    }
  }
};
