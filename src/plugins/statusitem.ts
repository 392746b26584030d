import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { Preferences } from '../model/preferences';
import { IActions, IPanelPreferences, ISync } from '../tokens';
import type { StorageActions } from '../widgets/actions';
import { SyncStatusItem } from '../widgets/statusitem';

/** The state of the home's synchronisation in the status bar, once it is known. */
export const statusItemPlugin: JupyterFrontEndPlugin<void> = {
  id: 'wherobots-storage:status-item',
  description: "The state of the home's synchronisation in the status bar.",
  autoStart: true,
  requires: [ISync, IActions, IPanelPreferences],
  optional: [IStatusBar, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    sync: ISync,
    actions: StorageActions,
    preferences: Preferences,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('wherobots-storage');
    const { home } = actions;
    const item = new SyncStatusItem({ home, sync: sync.model, syncView: sync.view, trans });
    const isActive = () =>
      preferences.state.showStatusItem &&
      (sync.model.state.status !== null || sync.model.state.error !== null);
    const refresh = () => item.setHidden(!isActive());
    statusBar?.registerStatusItem('wherobots-storage:status-item', {
      item,
      align: 'right',
      // The leftmost of its side: what comes and goes there moves it, never the other way round.
      rank: 1000,
      priority: 1,
      isActive
    });
    sync.model.changed.connect(refresh);
    preferences.changed.connect(refresh);
    refresh();
  }
};
