import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IStorageClient } from '../api/client';
import { asStorageError } from '../api/errors';
import type { DeleteFailed, Entry } from '../api/generated';
import type { IAbility } from '../model/abilities';
import { canCreateFolder, canDelete, canDownload, canUpload, canUseCli } from '../model/abilities';
import type { Announcer } from '../model/announcer';
import type { BrowserModel } from '../model/browser';
import type { JobsModel } from '../model/jobs';
import type { Preferences } from '../model/preferences';
import type { UploadQueue } from '../model/uploads';
import { copyText } from '../utils/clipboard';
import type { IPickedFile } from '../utils/dropped';
import { pickedFiles } from '../utils/dropped';
import { visibleName } from '../utils/names';
import { showCredentials } from './credentialsdialog';
import { askCaution, askDelete, showText } from './dialogs';
import type { SyncActions } from './syncactions';

/** What the panel's buttons, its keys and the commands do; each checks first whether it may. */
export class StorageActions {
  constructor(private readonly _options: StorageActions.IOptions) {}

  /** What concerns the home's synchronisation. */
  get home(): SyncActions {
    return this._options.home;
  }

  /** Let the user choose files (or a folder of them), and upload them into the open folder. */
  async pickAndUpload(kind: 'files' | 'folder' = 'files'): Promise<void> {
    if (this._refused(canUpload(this._browser.state, this._trans))) {
      return;
    }
    const folder = this._browser.state.path;
    const files = await pick(kind);
    await this.upload(files, folder);
  }

  /** Ask for the menu of everything that uploads, below `anchor`. */
  openUploadMenu(anchor: HTMLElement): void {
    this._menuRequested.emit(anchor);
  }

  /** Emitted when that menu is asked for; menus are made of commands, which plugins know. */
  get uploadMenuRequested(): ISignal<this, HTMLElement> {
    return this._menuRequested;
  }

  /** Make credentials with which the AWS CLI uploads into the open folder, or another. */
  async uploadWithCli(): Promise<void> {
    const { config, path } = this._browser.state;
    if (!this._refused(canUseCli(this._browser.state, this._trans)) && config) {
      await showCredentials({ config, path, ...this._options });
    }
  }

  /** Upload files into a folder, after the caution of the folder that is open. */
  async upload(files: readonly IPickedFile[], folder: string): Promise<void> {
    if (files.length > 0 && (await this._cautioned())) {
      this._options.uploads.add(files, folder);
    }
  }

  /** Show the row in which a new folder is named. */
  async newFolder(): Promise<void> {
    const able = canCreateFolder(this._browser.state, this._trans);
    if (!this._refused(able) && (await this._cautioned())) {
      this._browser.beginNaming();
    }
  }

  /** Delete entries (the chosen ones) after asking. */
  async remove(entries = this._browser.chosen): Promise<void> {
    const { confirmDelete } = this._options.preferences.state;
    if (this._refused(canDelete(this._browser.state, entries, this._trans))) {
      return;
    }
    const folders = entries.some(entry => entry.type === 'FOLDER');
    // The dialog repeats a folder's caution, so that one question is enough.
    const ask = confirmDelete || folders || this._browser.state.folder?.caution;
    if (ask && !(await askDelete(entries, this._browser.state.folder, this._options))) {
      return;
    }
    try {
      const result = await this._browser.remove(entries);
      this._options.jobs.follow(result.jobs);
      this._tellFailures(result.failed);
    } catch (reason) {
      this._complain(this._trans.__('Nothing was deleted.'), reason);
    }
  }

  /** Put the `s3://` paths of entries (the chosen ones) on the clipboard, one a line. */
  async copyPaths(entries = this._browser.chosen): Promise<boolean> {
    const uris = entries.map(entry => entry.uri);
    if (uris.length === 0) {
      return false;
    }
    const text = uris.join('\n');
    const copied = await copyText(text);
    if (!copied) {
      await showText(this._trans.__('Copy the path'), text, this._trans);
      return false;
    }
    const said =
      uris.length === 1
        ? this._trans.__('Copied %1', visibleName(uris[0]!))
        : this._trans._n('Copied %1 path', 'Copied %1 paths', uris.length);
    this._options.announcer.say(said);
    return true;
  }

  /** Put the open folder's own `s3://` path on the clipboard. */
  async copyFolderPath(): Promise<boolean> {
    const { folder } = this._browser.state;
    return folder ? this.copyPaths([{ ...folder, ...FOLDER_ENTRY }]) : false;
  }

  /** Download files (the chosen ones). */
  async download(entries = this._browser.chosen): Promise<void> {
    if (this._refused(canDownload(entries, this._trans))) {
      return;
    }
    for (const entry of entries) {
      try {
        // A link's failure would be silent, or leave a file with an error in it.
        await this._options.client.stat(entry.path);
        follow(this._options.client.contentUrl(entry.path), entry.name);
      } catch (reason) {
        const name = visibleName(entry.name);
        this._complain(this._trans.__('“%1” cannot be downloaded.', name), reason);
      }
    }
  }

  /** Open a folder, or download a file. */
  async activate(entry: Entry): Promise<void> {
    if (entry.problem !== null) {
      this._options.announcer.say(entry.problem);
    } else if (entry.type === 'FOLDER') {
      await this._browser.open(entry.path);
    } else {
      await this.download([entry]);
    }
  }

  /** Say why something cannot be done; whether it cannot. */
  private _refused(ability: IAbility): boolean {
    if (!ability.allowed) {
      this._options.announcer.say(ability.reason);
    }
    return !ability.allowed;
  }

  /** Ask before writing where the folder says so; once is enough when the user says that. */
  private async _cautioned(): Promise<boolean> {
    const { folder } = this._browser.state;
    if (!folder?.caution || this._accepted.has(folder.caution)) {
      return true;
    }
    const answer = await askCaution(folder, this._trans);
    if (answer === 'always') {
      this._accepted.add(folder.caution);
    }
    return answer !== 'no';
  }

  private _tellFailures(failed: readonly DeleteFailed[]): void {
    const first = failed[0];
    if (first) {
      const title = this._trans._n(
        '%1 item was not deleted.',
        '%1 items were not deleted.',
        failed.length
      );
      Notification.error(`${title} ${first.error.message}`, { autoClose: false });
    }
  }

  private _complain(what: string, reason: unknown): void {
    Notification.error(`${what} ${asStorageError(reason).message}`, { autoClose: false });
  }

  private get _browser(): BrowserModel {
    return this._options.browser;
  }

  private get _trans(): TranslationBundle {
    return this._options.trans;
  }

  private readonly _menuRequested = new Signal<this, HTMLElement>(this);

  /** Cautions that the user does not want to see again until the page is reloaded. */
  private readonly _accepted = new Set<string>();
}

export namespace StorageActions {
  export interface IOptions {
    client: IStorageClient;
    browser: BrowserModel;
    uploads: UploadQueue;
    jobs: JobsModel;
    /** What concerns the home's synchronisation. */
    home: SyncActions;
    preferences: Preferences;
    announcer: Announcer;
    trans: TranslationBundle;
  }
}

/** What an open folder has to have, besides what is known of it, to be an entry. */
const FOLDER_ENTRY = {
  type: 'FOLDER' as const,
  protected: true,
  lastModified: null,
  size: null,
  etag: null,
  problem: null
};

/** Open the browser's own file chooser; no files when it was cancelled. */
function pick(kind: 'files' | 'folder'): Promise<IPickedFile[]> {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = true;
  input.webkitdirectory = kind === 'folder';
  return new Promise(resolve => {
    input.addEventListener('change', () => resolve(pickedFiles(input.files ?? [])));
    input.addEventListener('cancel', () => resolve([]));
    input.click();
  });
}

/** Make the browser download an address. */
function follow(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.rel = 'noopener';
  document.body.appendChild(link);
  link.click();
  link.remove();
}
