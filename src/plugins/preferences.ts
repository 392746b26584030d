import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import type { IPreferences } from '../model/preferences';
import { Preferences } from '../model/preferences';
import { IPanelPreferences } from '../tokens';

/** The plugin whose schema holds the settings: schema/panel.json. */
const SETTINGS = 'wherobots-storage:panel';

/** The user's preferences, as the settings editor has them. */
export const preferencesPlugin: JupyterFrontEndPlugin<Preferences> = {
  id: 'wherobots-storage:preferences',
  description: 'The preferences of the storage panel.',
  autoStart: true,
  optional: [ISettingRegistry],
  provides: IPanelPreferences,
  activate: async (_app: JupyterFrontEnd, registry: ISettingRegistry | null) => {
    const preferences = new Preferences();
    try {
      const settings = await registry?.load(SETTINGS);
      const update = () => preferences.update(settings?.composite as Partial<IPreferences>);
      settings?.changed.connect(update);
      update();
    } catch (reason) {
      console.warn('The settings of the storage panel could not be loaded.', reason);
    }
    return preferences;
  }
};
