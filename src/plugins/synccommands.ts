import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { SyncRequest } from '../api/generated';
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
    const state = () => sync.state.status?.state;
    const add = (command: string, op: SyncRequest['op'], label: string, isEnabled: () => boolean) =>
      app.commands.addCommand(command, {
        label,
        isEnabled,
        describedBy,
        execute: () => actions.askSync(op)
      });
    const running = () => words().canSync.allowed;
    add(CommandIDs.syncPause, 'pause', trans.__('Pause Home Sync'), () => {
      return running() && state() !== 'paused';
    });
    add(CommandIDs.syncResume, 'resume', trans.__('Resume Home Sync'), () => state() === 'paused');
    add(CommandIDs.syncRetry, 'retry', trans.__('Retry What Failed to Sync'), running);
    add(CommandIDs.takeOver, 'takeover', trans.__('Take Over Home Sync Now'), () => {
      return words().canTakeOver;
    });
    app.commands.addCommand(CommandIDs.showNotices, {
      label: trans.__('Show What Is Not in Sync'),
      isEnabled: () => words().notices > 0,
      describedBy,
      execute: () => actions.showNotices()
    });
    const category = trans.__('Storage');
    const commands = [
      CommandIDs.syncNow,
      CommandIDs.syncPause,
      CommandIDs.syncResume,
      CommandIDs.syncRetry,
      CommandIDs.takeOver,
      CommandIDs.showNotices
    ];
    sync.changed.connect(() => {
      commands.forEach(command => app.commands.notifyCommandChanged(command));
    });
    for (const command of commands) {
      palette?.addItem({ command, category });
    }
  }
};
