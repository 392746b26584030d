import type { IStorageClient } from '../api/client';
import type { StorageError } from '../api/errors';
import { asStorageError } from '../api/errors';
import type { ConfigInfo, DeleteResult, Entry, Listing } from '../api/generated';
import { nameOf, parentOf } from '../utils/paths';
import type { ISort } from './entries';
import { BY_NAME, comparison, filtered, mergeSorted, without } from './entries';
import { Observable } from './observable';
import type { IHow, ISelection } from './selection';
import { NOTHING, choose, chooseAll, retained } from './selection';

/** What is known of the folder that is shown, besides its entries. */
export type FolderInfo = Omit<Listing, 'entries' | 'cursor'>;

/** The state of the listing. */
export interface IBrowserState {
  /**
   * `starting` until the configuration is known, `unconfigured` when the server says so; then
   * `loading` until a folder's first page is there, and `ready` or `error` after that.
   */
  phase: 'starting' | 'unconfigured' | 'loading' | 'ready' | 'error';
  config: ConfigInfo | null;
  /** The folder that is shown, or that is being opened. */
  path: string;
  folder: FolderInfo | null;
  /** Every entry loaded so far, sorted. */
  entries: readonly Entry[];
  /** The entries that the filter lets through. */
  shown: readonly Entry[];
  /** Whether the folder has no more entries than those. */
  complete: boolean;
  /** Whether more entries, or the same ones again, are on their way. */
  busy: boolean;
  error: StorageError | null;
  /** Why the next page did not come, while what came before it is shown. */
  moreError: StorageError | null;
  sort: ISort;
  filter: string;
  selection: ISelection;
  /** Whether the filter's field is open. */
  filtering: boolean;
  /** The new folder that is being named, if one is. */
  naming: INaming | null;
}

/** A new folder before it exists. */
export interface INaming {
  /** Whether the server was asked and has not answered. */
  busy: boolean;
  /** Why it could not be made. */
  error: StorageError | null;
}

const INITIAL: IBrowserState = {
  phase: 'starting',
  config: null,
  path: '/',
  folder: null,
  entries: [],
  shown: [],
  complete: false,
  busy: false,
  error: null,
  moreError: null,
  sort: BY_NAME,
  filter: '',
  selection: NOTHING,
  filtering: false,
  naming: null
};

/** The store gives at most so many keys at a time. */
const PAGE = 1000;

/** A filter or another order loads so many entries by itself; beyond that, scrolling does. */
const AUTOMATIC_LIMIT = 100_000;

/** One folder of the tree, as far as it was loaded, and what is chosen in it. */
export class BrowserModel extends Observable<IBrowserState> {
  constructor(private readonly _client: IStorageClient) {
    super(INITIAL);
  }

  /** The entries that are chosen, in the order shown. */
  get chosen(): readonly Entry[] {
    const { shown, selection } = this.state;
    return shown.filter(entry => selection.chosen.has(entry.path));
  }

  /**
   * Learn how the server is set up, then open a folder; the root when it cannot be opened
   * because it is gone or belongs to somebody else by now.
   */
  async start(path = '/'): Promise<void> {
    this.setState({ phase: 'starting', error: null, path });
    let config: ConfigInfo;
    try {
      config = await this._client.config();
    } catch (reason) {
      this.setState({ phase: 'error', error: asStorageError(reason) });
      return;
    }
    if (!config.configured) {
      this.setState({ phase: 'unconfigured', config });
      return;
    }
    this.setState({ config });
    await this.open(path);
    const { error } = this.state;
    if (path !== '/' && error && [400, 403, 404].includes(error.status)) {
      await this.open('/');
    }
  }

  /** Show a folder. Never rejects: what went wrong becomes the state. */
  async open(path: string): Promise<void> {
    const from = this.state.path;
    this._renew();
    this.setState({
      phase: 'loading',
      path,
      folder: null,
      entries: [],
      shown: [],
      complete: false,
      busy: true,
      error: null,
      moreError: null,
      filter: '',
      selection: NOTHING,
      filtering: false,
      naming: null
    });
    await this._load(path, 1);
    if (this.state.path === path && this.state.phase === 'ready') {
      this._pointFrom(from);
    }
  }

  /** Open the folder above. */
  async up(): Promise<void> {
    if (this.state.path !== '/') {
      await this.open(parentOf(this.state.path));
    }
  }

  /** Load the folder again, as far as it was loaded, keeping what is chosen. */
  async refresh(): Promise<void> {
    const { config, path, entries, phase } = this.state;
    if (!config?.configured) {
      await this.start(path);
    } else if (phase === 'error' || phase === 'loading') {
      await this.open(path);
    } else {
      this._renew();
      this.setState({ busy: true, moreError: null });
      await this._load(path, Math.max(1, entries.length));
    }
  }

  /** Load the next page, unless one is on its way or there is none. */
  async loadMore(): Promise<void> {
    this.setState({ moreError: null });
    await this._loadPage();
    await this._drain();
  }

  /** Show only names that hold the text. */
  setFilter(filter: string): void {
    this.setState({ filter, ...this._view(this.state.entries, filter) });
    void this._drain();
  }

  /** Sort by a column; the other way round when it is sorted by that already. */
  sortBy(key: ISort['key']): void {
    const { sort, entries } = this.state;
    const ascending = sort.key === key ? !sort.ascending : key === 'name';
    const next = { key, ascending };
    const sorted = [...entries].sort(comparison(next));
    this.setState({ sort: next, entries: sorted, ...this._view(sorted) });
    void this._drain();
  }

  /** Choose an entry. */
  choose(path: string, how: IHow = {}): void {
    this.setState({ selection: choose(this.state.selection, path, this.order, how) });
  }

  /** Put the keyboard on an entry without choosing it. */
  pointAt(path: string): void {
    this.setState({ selection: { ...this.state.selection, current: path } });
  }

  /** Choose every entry that is shown. */
  chooseAll(): void {
    this.setState({ selection: chooseAll(this.state.selection, this.order) });
  }

  /** Choose nothing. */
  chooseNone(): void {
    this.setState({ selection: { ...this.state.selection, chosen: new Set(), anchor: null } });
  }

  /** The paths that are shown, top to bottom. */
  get order(): readonly string[] {
    return this.state.shown.map(entry => entry.path);
  }

  /** Open or close the filter's field; closed, it lets everything through. */
  setFiltering(filtering: boolean): void {
    this.setState({ filtering });
    if (!filtering) {
      this.setFilter('');
    }
  }

  /** Begin to name a new folder. */
  beginNaming(): void {
    this.setState({ naming: { busy: false, error: null } });
  }

  /** Make no new folder after all. */
  endNaming(): void {
    this.setState({ naming: null });
  }

  /** Make a folder here and choose it. Never rejects: a refusal becomes the state. */
  async createFolder(name: string): Promise<void> {
    const folder = this.state.path;
    this.setState({ naming: { busy: true, error: null } });
    try {
      const entry = await this._client.createFolder(`${folder}${name}/`);
      if (this.state.path === folder) {
        this.setState({ naming: null });
        this._put(entry);
        this.choose(entry.path);
      }
    } catch (reason) {
      if (this.state.path === folder) {
        this.setState({ naming: { busy: false, error: asStorageError(reason) } });
      }
    }
  }

  /**
   * Delete entries; what is gone leaves the listing at once, what a job deletes when it is done.
   * Rejects with a StorageError when the request as a whole failed.
   */
  async remove(entries: readonly Entry[]): Promise<DeleteResult> {
    const result: DeleteResult = { deleted: [], failed: [], jobs: [] };
    for (let start = 0; start < entries.length; start += PAGE) {
      const paths = entries.slice(start, start + PAGE).map(entry => entry.path);
      const part = await this._client.remove(paths);
      result.deleted.push(...part.deleted);
      result.failed.push(...part.failed);
      result.jobs.push(...part.jobs);
      this.forget(part.deleted);
    }
    return result;
  }

  /** Take entries out of the listing that are known to be gone. */
  forget(paths: readonly string[]): void {
    const gone = new Set(paths);
    if (this.state.entries.some(entry => gone.has(entry.path))) {
      this._replace(without(this.state.entries, gone));
    }
  }

  /** Show what arrived at `path`, if it lies in the folder that is shown. */
  async arrived(path: string): Promise<void> {
    const here = this.state.path;
    if (this.state.phase !== 'ready' || !path.startsWith(here)) {
      return;
    }
    const rest = path.slice(here.length);
    const slash = rest.indexOf('/');
    if (slash >= 0) {
      this._put(this._folderEntry(rest.slice(0, slash)));
      return;
    }
    const entry = await this._client.stat(path).catch(() => null);
    if (entry && this.state.path === here) {
      this._put(entry);
    }
  }

  override dispose(): void {
    this._abort.abort();
    super.dispose();
  }

  private get _compare() {
    return comparison(this.state.sort);
  }

  /** Give up what is being loaded. */
  private _renew(): void {
    this._abort.abort();
    this._abort = new AbortController();
    this._cursor = null;
  }

  /** Load at least `count` entries of a folder from its beginning. */
  private async _load(path: string, count: number): Promise<void> {
    const signal = this._abort.signal;
    const entries: Entry[] = [];
    try {
      let page: Listing;
      let cursor: string | null = null;
      do {
        page = await this._client.list(path, { cursor, limit: PAGE, signal });
        entries.push(...page.entries);
        cursor = page.cursor;
        // A page may be short, even empty, and not the last.
      } while (!signal.aborted && cursor !== null && entries.length < count);
      if (!signal.aborted) {
        this._take(page, entries.sort(this._compare));
        void this._drain();
      }
    } catch (reason) {
      if (!signal.aborted) {
        this.setState({ phase: 'error', busy: false, error: asStorageError(reason) });
      }
    }
  }

  private async _loadPage(): Promise<void> {
    const { phase, busy, complete, path } = this.state;
    if (phase !== 'ready' || busy || complete) {
      return;
    }
    const signal = this._abort.signal;
    this.setState({ busy: true });
    try {
      const page = await this._client.list(path, { cursor: this._cursor, limit: PAGE, signal });
      if (!signal.aborted) {
        this._take(page, mergeSorted(this.state.entries, page.entries, this._compare));
      }
    } catch (reason) {
      if (!signal.aborted) {
        this.setState({ busy: false, moreError: asStorageError(reason) });
      }
    }
  }

  /** Load what is left of the folder when what is shown is about all of it. */
  private async _drain(): Promise<void> {
    for (;;) {
      const { phase, busy, complete, moreError, entries } = this.state;
      const able = phase === 'ready' && !busy && !complete && !moreError;
      if (!able || !this._wantsAll || entries.length >= AUTOMATIC_LIMIT) {
        return;
      }
      await this._loadPage();
    }
  }

  /** Whether the order or the filter needs entries that the store gives last. */
  private get _wantsAll(): boolean {
    const { filter, sort } = this.state;
    return filter.trim() !== '' || sort.key !== 'name' || !sort.ascending;
  }

  /** Show entries, sorted already, of which `page` was the last that came. */
  private _take(page: Listing, entries: readonly Entry[]): void {
    const { entries: _entries, cursor, ...folder } = page;
    this._cursor = cursor;
    this.setState({
      phase: 'ready',
      folder,
      entries,
      complete: cursor === null,
      busy: false,
      error: null,
      ...this._view(entries)
    });
  }

  private _replace(entries: readonly Entry[]): void {
    this.setState({ entries, ...this._view(entries) });
  }

  private _put(entry: Entry): void {
    const others = without(this.state.entries, new Set([entry.path]));
    this._replace(mergeSorted(others, [entry], this._compare));
  }

  private _folderEntry(name: string): Entry {
    const { folder, path } = this.state;
    return {
      name,
      path: `${path}${name}/`,
      uri: `${folder?.uri ?? ''}${name}/`,
      type: 'FOLDER',
      protected: false,
      lastModified: null,
      size: null,
      etag: null,
      problem: null
    };
  }

  /** Put the keyboard on the folder that one came up from, or on the first row. */
  private _pointFrom(from: string): void {
    const { shown, path } = this.state;
    const came = from !== path && from.startsWith(path);
    const name = came ? nameOf(`${path}${from.slice(path.length).split('/')[0]}/`) : null;
    const target = shown.find(entry => entry.type === 'FOLDER' && entry.name === name);
    const row = target ?? shown[0];
    const chosen = new Set(target ? [target.path] : []);
    const current = row?.path ?? null;
    this.setState({ selection: { chosen, current, anchor: current } });
  }

  private _view(
    entries: readonly Entry[],
    filter = this.state.filter
  ): Pick<IBrowserState, 'shown' | 'selection'> {
    const shown = filtered(entries, filter);
    const order = shown.map(entry => entry.path);
    return { shown, selection: retained(this.state.selection, order) };
  }

  private _abort = new AbortController();
  private _cursor: string | null = null;
}
