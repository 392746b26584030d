import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IStorageClient } from '../api/client';
import { asStorageError } from '../api/errors';
import type { SyncRequest } from '../api/generated';
import type { Announcer } from '../model/announcer';
import type { BrowserModel } from '../model/browser';
import type { SyncModel } from '../model/sync';
import type { SyncList } from '../model/synclists';
import type { SyncView } from '../model/syncview';
import { keyOf } from '../model/syncview';
import { visibleName } from '../utils/names';
import { nameOf, parentOf } from '../utils/paths';
import { askHeld, showLists } from './syncdialogs';

/** How many pages of a folder are loaded to find an entry in it. */
const PAGES_SEARCHED = 20;

/** What can be asked of the home's synchronisation, and what can be looked at of it. */
export class SyncActions {
  constructor(private readonly _options: SyncActions.IOptions) {}

  /** Make the home safe now. */
  syncNow(): Promise<void> {
    return this.ask('sync');
  }

  /** Ask the synchronisation for something, and say so when it refuses. */
  async ask(op: SyncRequest['op']): Promise<void> {
    const { sync } = this._options;
    await sync.request(op);
    this._complain();
  }

  /** Show all of the state, in the panel. */
  showState(): void {
    this._options.show();
    this._options.view.expand(true);
  }

  /** Show a list of what is not in sync, or all lists but the ignored. */
  async showList(list: SyncList | null = null): Promise<void> {
    const { sync, trans } = this._options;
    if (sync.state.status) {
      const reveal = (path: string) => void this.reveal(path);
      await showLists(sync.state.status, { list, reveal, trans });
    }
  }

  /** Keep the bucket's copies of what is gone from the home: nothing is deleted. */
  keepCopies(): void {
    const { announcer, sync, trans, view } = this._options;
    if (sync.state.status) {
      view.keep(sync.state.status);
      announcer.say(trans.__('Nothing is deleted: the copies stay in the storage.'));
    }
  }

  /**
   * Show which deletions are held, and let them through when the user says so. When others are held
   * by the time he has read, he is asked anew: he agrees to no more than he has seen.
   */
  async reviewDeletions(): Promise<void> {
    const { announcer, client, sync, trans } = this._options;
    for (let changed = false; ; changed = true) {
      const { status } = sync.state;
      if (!status?.held) {
        announcer.say(trans.__('No deletions are held any more.'));
        return;
      }
      const listUrl = client.heldUrl(keyOf(status));
      const answer = await askHeld(status, { changed, listUrl, trans });
      if (answer !== 'delete') {
        if (answer === 'keep') {
          this.keepCopies();
        }
        return;
      }
      if (!sync.state.status || keyOf(sync.state.status) !== keyOf(status)) {
        continue;
      }
      await sync.request('acceptDeletes', keyOf(status));
      if (sync.state.error?.code === 'deletions-changed') {
        await sync.reload();
        if (!sync.state.error) {
          continue;
        }
      }
      this._complain();
      return;
    }
  }

  /** Say what was refused, if something was. */
  private _complain(): void {
    const { sync, trans } = this._options;
    const { error } = sync.state;
    if (error) {
      const what = trans.__('The home could not be synchronised.');
      Notification.error(`${what} ${asStorageError(error).message}`, { autoClose: false });
    }
  }

  /** Show a file of the home where its copy lies in the storage; `path` relative to the home. */
  async reveal(path: string): Promise<void> {
    const { announcer, browser, show, trans } = this._options;
    const full = `/notebooks/${browser.state.config?.customer ?? ''}/${path}`;
    show();
    await browser.open(parentOf(full));
    const isHere = () => browser.state.entries.some(entry => entry.path === full);
    for (let page = 1; page < PAGES_SEARCHED && !isHere() && !browser.state.complete; page++) {
      await browser.loadMore();
    }
    if (isHere()) {
      browser.choose(full);
    } else if (browser.state.phase === 'ready') {
      announcer.say(trans.__('“%1” is not in this folder of the storage.', name(full)));
    }
  }
}

function name(path: string): string {
  return visibleName(nameOf(path));
}

export namespace SyncActions {
  export interface IOptions {
    announcer: Announcer;
    browser: BrowserModel;
    client: Pick<IStorageClient, 'heldUrl'>;
    sync: SyncModel;
    view: SyncView;
    trans: TranslationBundle;
    /** Brings the panel to the front. */
    show: () => void;
  }
}
