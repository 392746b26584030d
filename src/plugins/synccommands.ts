import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { SyncModel } from '../model/sync';
import { describeSync } from '../model/syncwords';
import { IActions, ISync } from '../tokens';
import type { StorageActions } from '../widgets/actions';
import { syncNowIcon } from '../widgets/icons';
import { CommandIDs } from './commands';

/** Commands on the home's synchronisation. */
export const syncCommandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'wherobots-storage:sync-commands',
  description: "Commands on the home's synchronisation.",
  autoStart: true,
  requires: [ISync, IActions],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    sync: SyncModel,
    actions: StorageActions,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('wherobots-storage');
    const describedBy = { args: { type: 'object', properties: {} } } as const;
    const words = () => describeSync(sync.state, Date.now(), trans);
    app.commands.addCommand(CommandIDs.syncNow, {
      label: trans.__('Sync Home Now'),
      caption: () => words().canSync.reason,
      icon: syncNowIcon,
      isEnabled: () => words().canSync.allowed,
      describedBy,
      execute: () => actions.syncNow()
    });
    app.commands.addCommand(CommandIDs.showNotices, {
      label: trans.__('Show What Is Not in Sync'),
      isEnabled: () => words().notices > 0,
      describedBy,
      execute: () => actions.showNotices()
    });
    sync.changed.connect(() => app.commands.notifyCommandChanged(CommandIDs.syncNow));
    const category = trans.__('Storage');
    for (const command of [CommandIDs.syncNow, CommandIDs.showNotices]) {
      palette?.addItem({ command, category });
    }
  }
};
