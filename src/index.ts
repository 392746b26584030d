import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { browserPlugin } from './plugins/browser';
import { clientPlugin } from './plugins/client';
import { filesPlugin } from './plugins/files';
import { navigationPlugin } from './plugins/navigation';
import { panelPlugin } from './plugins/panel';
import { preferencesPlugin } from './plugins/preferences';
import { statusItemPlugin } from './plugins/statusitem';
import { syncPlugin } from './plugins/sync';
import { syncCommandsPlugin } from './plugins/synccommands';
import { uploadsPlugin } from './plugins/uploads';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  clientPlugin,
  preferencesPlugin,
  browserPlugin,
  uploadsPlugin,
  syncPlugin,
  panelPlugin,
  navigationPlugin,
  filesPlugin,
  syncCommandsPlugin,
  statusItemPlugin
];

export default plugins;
