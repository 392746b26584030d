import { MenuSvg } from '@jupyterlab/ui-components';

import { canCreateFolder, canDelete, canDownload, canUpload, canUseCli } from '../model/abilities';
import {
  copyIcon,
  deleteIcon,
  downloadIcon,
  fileUploadIcon,
  newFolderIcon
} from '../widgets/icons';
import type { IBrowsing } from './browsing';
import { browsingPlugin } from './browsing';
import { CommandIDs, NO_ARGUMENTS, showPanel } from './commands';

/** The ways of uploading. */
const UPLOADS = [CommandIDs.upload, CommandIDs.uploadFolder, CommandIDs.uploadWithCli];

/** Commands on files and folders, for the palette and the panel's context menu. */
export const filesPlugin = browsingPlugin({
  id: 'wherobots-storage:files',
  description: 'Commands on the files of the storage.',
  add: browsing => {
    addWriting(browsing);
    addChosen(browsing);
    addCli(browsing);
    addUploadMenu(browsing);
  },
  palette: [...UPLOADS, CommandIDs.newFolder]
});

/** Commands that put something into the open folder. */
function addWriting({ app, model, actions, trans }: IBrowsing): void {
  const canUploadHere = () => canUpload(model.state, trans);
  const canCreateHere = () => canCreateFolder(model.state, trans);
  app.commands.addCommand(CommandIDs.upload, {
    label: trans.__('Upload Files…'),
    caption: () => canUploadHere().reason,
    icon: fileUploadIcon,
    isEnabled: () => canUploadHere().allowed,
    ...NO_ARGUMENTS,
    execute: () => {
      showPanel(app);
      return actions.pickAndUpload('files');
    }
  });
  app.commands.addCommand(CommandIDs.uploadFolder, {
    label: trans.__('Upload Folder…'),
    caption: () => canUploadHere().reason,
    isEnabled: () => canUploadHere().allowed,
    ...NO_ARGUMENTS,
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
    ...NO_ARGUMENTS,
    execute: () => {
      showPanel(app);
      return actions.newFolder();
    }
  });
}

/** Commands on what is chosen. */
function addChosen({ app, model, actions, trans }: IBrowsing): void {
  const canDeleteChosen = () => canDelete(model.state, model.chosen, trans);
  const canDownloadChosen = () => canDownload(model.chosen, trans);
  app.commands.addCommand(CommandIDs.copyPath, {
    label: () => trans._n('Copy Path', 'Copy Paths', model.chosen.length),
    icon: copyIcon,
    isEnabled: () => model.chosen.length > 0,
    ...NO_ARGUMENTS,
    execute: () => actions.copyPaths()
  });
  app.commands.addCommand(CommandIDs.download, {
    label: trans.__('Download'),
    caption: () => canDownloadChosen().reason,
    icon: downloadIcon,
    isEnabled: () => canDownloadChosen().allowed,
    ...NO_ARGUMENTS,
    execute: () => actions.download()
  });
  app.commands.addCommand(CommandIDs.remove, {
    label: trans.__('Delete'),
    caption: () => canDeleteChosen().reason,
    icon: deleteIcon,
    isEnabled: () => canDeleteChosen().allowed,
    ...NO_ARGUMENTS,
    execute: () => actions.remove()
  });
}

/** The command that hands out credentials for uploads from elsewhere. */
function addCli({ app, model, actions, trans }: IBrowsing): void {
  app.commands.addCommand(CommandIDs.uploadWithCli, {
    label: trans.__('Upload with the AWS CLI…'),
    caption: () =>
      canUseCli(model.state, trans).reason ||
      trans.__('Temporary credentials for uploads from any machine'),
    isEnabled: () => canUseCli(model.state, trans).allowed,
    ...NO_ARGUMENTS,
    execute: () => {
      showPanel(app);
      return actions.uploadWithCli();
    }
  });
}

/** The menu beside the Upload button; the button has the keyboard again when it closes. */
function addUploadMenu({ app, actions }: IBrowsing): void {
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
