import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { offersOf } from '../model/syncoffers';
import { describeSync } from '../model/syncwords';
import { IActions, ISync } from '../tokens';
import type { StorageActions } from '../widgets/actions';
import { storageIcon, syncNowIcon } from '../widgets/icons';
import { CommandIDs, NO_ARGUMENTS } from './commands';

type ICommand = Parameters<JupyterFrontEnd['commands']['addCommand']>[1];

/** Commands on the home's synchronisation. */
export const syncCommandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'wherobots-storage:sync-commands',
  description: "Commands on the home's synchronisation.",
  autoStart: true,
  requires: [ISync, IActions],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    { model }: ISync,
    { home }: StorageActions,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('wherobots-storage');
    const offers = () => offersOf(model.state, trans);
    const commands: string[] = [];
    const add = (id: string, label: string, more: Partial<ICommand>) => {
      app.commands.addCommand(id, { label, ...NO_ARGUMENTS, execute: () => undefined, ...more });
      commands.push(id);
    };
    add(CommandIDs.syncNow, trans.__('Sync Home Now'), {
      caption: () => offers().sync.reason,
      icon: syncNowIcon,
      isEnabled: () => offers().sync.allowed,
      execute: () => home.syncNow()
    });
    add(CommandIDs.syncPause, trans.__('Pause Home Sync'), {
      isEnabled: () => offers().toggle.allowed && !offers().isPaused,
      execute: () => home.ask('pause')
    });
    add(CommandIDs.syncResume, trans.__('Resume Home Sync'), {
      isEnabled: () => offers().isPaused,
      execute: () => home.ask('resume')
    });
    add(CommandIDs.syncRetry, trans.__('Retry What Failed to Sync'), {
      caption: () => offers().retry.reason,
      isEnabled: () => offers().retry.allowed,
      execute: () => home.ask('retry')
    });
    add(CommandIDs.takeOver, trans.__('Take Over Home Sync Now'), {
      isEnabled: () => offers().canTakeOver,
      execute: () => home.ask('takeover')
    });
    add(CommandIDs.reviewDeletions, trans.__('Review Held Deletions…'), {
      isEnabled: () => offers().canReview,
      execute: () => home.reviewDeletions()
    });
    add(CommandIDs.showSync, trans.__('Show the State of Home Sync'), {
      icon: storageIcon,
      execute: () => home.showState()
    });
    add(CommandIDs.showNotices, trans.__('Show What Is Not in Sync'), {
      isEnabled: () => describeSync(model.state, Date.now(), trans).notices > 0,
      execute: () => home.showList()
    });
    add(CommandIDs.showIgnored, trans.__('Show What Home Sync Ignores'), {
      isEnabled: () => model.state.status !== null,
      execute: () => home.showList('ignored')
    });
    model.changed.connect(() => {
      commands.forEach(command => app.commands.notifyCommandChanged(command));
    });
    for (const command of commands) {
      palette?.addItem({ command, category: trans.__('Storage') });
    }
  }
};
