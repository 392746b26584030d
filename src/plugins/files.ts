import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { MenuSvg } from '@jupyterlab/ui-components';

import { canCreateFolder, canDelete, canDownload, canUpload, canUseCli } from '../model/abilities';
import type { BrowserModel } from '../model/browser';
import { IActions, IBrowser } from '../tokens';
import type { StorageActions } from '../widgets/actions';
import {
  copyIcon,
  deleteIcon,
  downloadIcon,
  fileUploadIcon,
  newFolderIcon
} from '../widgets/icons';
import { CommandIDs, showPanel } from './commands';

/** Commands on files and folders, for the palette and the panel's context menu. */
export const filesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'wherobots-storage:files',
  description: 'Commands on the files of the storage.',
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
    addWriting(app, model, actions, trans);
    addChosen(app, model, actions, trans);
    addCli(app, model, actions, trans);
    addUploadMenu(app, actions);
    const category = trans.__('Storage');
    for (const command of [...UPLOADS, CommandIDs.newFolder]) {
      palette?.addItem({ command, category });
    }
  }
};

/** The ways of uploading. */
const UPLOADS = [CommandIDs.upload, CommandIDs.uploadFolder, CommandIDs.uploadWithCli];

const describedBy = { args: { type: 'object', properties: {} } } as const;

/** Commands that put something into the open folder. */
function addWriting(
  app: JupyterFrontEnd,
  model: BrowserModel,
  actions: StorageActions,
  trans: TranslationBundle
): void {
  const canUploadHere = () => canUpload(model.state, trans);
  const canCreateHere = () => canCreateFolder(model.state, trans);
  app.commands.addCommand(CommandIDs.upload, {
    label: trans.__('Upload Files…'),
    caption: () => canUploadHere().reason,
    icon: fileUploadIcon,
    isEnabled: () => canUploadHere().allowed,
    describedBy,
    execute: () => {
      showPanel(app);
      return actions.pickAndUpload('files');
    }
  });
  app.commands.addCommand(CommandIDs.uploadFolder, {
    label: trans.__('Upload Folder…'),
    caption: () => canUploadHere().reason,
    isEnabled: () => canUploadHere().allowed,
    describedBy,
    execute: () => {
      showPanel(app);
      return actions.pickAndUpload('folder');
    }
  });
  app.commands.addCommand(CommandIDs.newFolder, {
    label: trans.__('New Folder'),
    caption: () => canCreateHere().reason,
    icon: newFolderIcon,
    isEnabled: () => canCreateHere().allowed,
    describedBy,
    execute: () => {
      showPanel(app);
      return actions.newFolder();
    }
  });
}

/** Commands on what is chosen. */
function addChosen(
  app: JupyterFrontEnd,
  model: BrowserModel,
  actions: StorageActions,
  trans: TranslationBundle
): void {
  const canDeleteChosen = () => canDelete(model.state, model.chosen, trans);
  const canDownloadChosen = () => canDownload(model.chosen, trans);
  app.commands.addCommand(CommandIDs.copyPath, {
    label: () => trans._n('Copy Path', 'Copy Paths', model.chosen.length),
    icon: copyIcon,
    isEnabled: () => model.chosen.length > 0,
    describedBy,
    execute: () => actions.copyPaths()
  });
  app.commands.addCommand(CommandIDs.download, {
    label: trans.__('Download'),
    caption: () => canDownloadChosen().reason,
    icon: downloadIcon,
    isEnabled: () => canDownloadChosen().allowed,
    describedBy,
    execute: () => actions.download()
  });
  app.commands.addCommand(CommandIDs.remove, {
    label: trans.__('Delete'),
    caption: () => canDeleteChosen().reason,
    icon: deleteIcon,
    isEnabled: () => canDeleteChosen().allowed,
    describedBy,
    execute: () => actions.remove()
  });
}

/** The command that hands out credentials for uploads from elsewhere. */
function addCli(
  app: JupyterFrontEnd,
  model: BrowserModel,
  actions: StorageActions,
  trans: TranslationBundle
): void {
  app.commands.addCommand(CommandIDs.uploadWithCli, {
    label: trans.__('Upload with the AWS CLI…'),
    caption: () =>
      canUseCli(model.state, trans).reason ||
      trans.__('Temporary credentials for uploads from any machine'),
    isEnabled: () => canUseCli(model.state, trans).allowed,
    describedBy,
    execute: () => {
      showPanel(app);
      return actions.uploadWithCli();
    }
  });
}

/** The menu beside the Upload button; the button has the keyboard again when it closes. */
function addUploadMenu(app: JupyterFrontEnd, actions: StorageActions): void {
  const menu = new MenuSvg({ commands: app.commands });
  menu.addClass('wbs-UploadMenu');
  for (const command of UPLOADS) {
    menu.addItem({ command });
  }
  actions.uploadMenuRequested.connect((_, anchor) => {
    const { left, bottom } = anchor.getBoundingClientRect();
    const giveBack = () => {
      menu.aboutToClose.disconnect(giveBack);
      anchor.setAttribute('aria-expanded', 'false');
      anchor.focus();
    };
    menu.aboutToClose.connect(giveBack);
    anchor.setAttribute('aria-expanded', 'true');
    menu.open(left, bottom + 2);
    menu.activateNextItem();
  });
}
