import type { JupyterFrontEnd } from '@jupyterlab/application';

/** The ids of the commands; other extensions may execute them. */
export namespace CommandIDs {
  export const open = 'wherobots-storage:open';
  export const refresh = 'wherobots-storage:refresh';
  export const up = 'wherobots-storage:up';
  export const upload = 'wherobots-storage:upload';
  export const uploadFolder = 'wherobots-storage:upload-folder';
  export const uploadWithCli = 'wherobots-storage:upload-with-cli';
  export const newFolder = 'wherobots-storage:new-folder';
  export const remove = 'wherobots-storage:delete';
  export const download = 'wherobots-storage:download';
  export const copyPath = 'wherobots-storage:copy-path';
  export const copyFolderPath = 'wherobots-storage:copy-folder-path';
  export const syncNow = 'wherobots-storage:sync-now';
  export const syncPause = 'wherobots-storage:sync-pause';
  export const syncResume = 'wherobots-storage:sync-resume';
  export const syncRetry = 'wherobots-storage:sync-retry';
  export const takeOver = 'wherobots-storage:take-over';
  export const reviewDeletions = 'wherobots-storage:review-deletions';
  export const showSync = 'wherobots-storage:show-sync';
  export const showNotices = 'wherobots-storage:show-notices';
  export const showIgnored = 'wherobots-storage:show-ignored';
}

/** Of a command that takes none. */
export const NO_ARGUMENTS = {
  describedBy: { args: { type: 'object', properties: {} } }
} as const;

/** Bring the panel to the front: what a command changes should be seen. */
export function showPanel(app: JupyterFrontEnd): void {
  app.shell.activateById('wherobots-storage-sidebar');
}
