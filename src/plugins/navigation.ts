import { refreshIcon, storageIcon } from '../widgets/icons';
import { browsingPlugin } from './browsing';
import { CommandIDs, NO_ARGUMENTS, showPanel } from './commands';

/** Commands that look: open the panel or a folder, go up, refresh, copy the folder's path. */
export const navigationPlugin = browsingPlugin({
  id: 'wherobots-storage:navigation',
  description: 'Commands to move about in the storage.',
  add: ({ app, model, actions, trans }) => {
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
      ...NO_ARGUMENTS,
      execute: () => model.refresh()
    });
    app.commands.addCommand(CommandIDs.up, {
      label: trans.__('Go to the Folder above'),
      isEnabled: () => model.state.path !== '/',
      ...NO_ARGUMENTS,
      execute: () => model.up()
    });
    app.commands.addCommand(CommandIDs.copyFolderPath, {
      label: trans.__('Copy Path of This Folder'),
      isEnabled: () => model.state.folder !== null,
      ...NO_ARGUMENTS,
      execute: () => actions.copyFolderPath()
    });
  },
  palette: [CommandIDs.open, CommandIDs.refresh, CommandIDs.copyFolderPath]
});
