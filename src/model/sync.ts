import { Poll } from '@lumino/polling';

import type { IStorageClient } from '../api/client';
import type { StorageError } from '../api/errors';
import { asStorageError } from '../api/errors';
import type { SyncStatus } from '../api/generated';
import type { IFeedState } from './feed';
import type { IObservable } from './observable';
import { Observable } from './observable';

/** What is known of the home's synchronisation. */
export interface ISyncState {
  /** The last status that was told; null before the first. */
  status: SyncStatus | null;
  /** Why the status cannot be learnt, or a request was refused. */
  error: StorageError | null;
  /** Whether a request of the user's is on its way. */
  requesting: boolean;
}

/** How often the status is asked for while no events arrive, in milliseconds. */
const ASK = { interval: 30_000, backoff: true, max: 300_000 };

/** How soon after a request the status is asked for, while no events tell what came of it. */
const ASK_AFTER_REQUEST = 2000;

/**
 * The state of the home's synchronisation, told by events. It is asked for when they begin, since
 * some may have been missed, and slowly and regularly while none can arrive.
 */
export class SyncModel extends Observable<ISyncState> {
  constructor(
    private readonly _client: Pick<IStorageClient, 'requestSync' | 'syncStatus'>,
    private readonly _feed: IObservable<IFeedState>
  ) {
    super({ status: null, error: null, requesting: false });
    this._poll = new Poll({
      name: 'wherobots-storage:sync',
      auto: false,
      factory: () => this._ask(),
      frequency: ASK,
      standby: 'when-hidden'
    });
  }

  /** Begin to follow the status. */
  start(): void {
    this._feed.changed.connect(() => this.refresh());
    this.refresh();
  }

  /** Ask for the status now; on and on as long as no events arrive. */
  refresh(): void {
    this._askIn(Poll.IMMEDIATE);
  }

  /** Take a status that an event told. */
  accept(status: SyncStatus): void {
    this._news++;
    this.setState({ status, error: null });
  }

  /** Ask for the status once, and wait for it. Never rejects: a failure becomes the state. */
  async reload(): Promise<void> {
    await this._ask().catch(() => undefined);
  }

  /** Ask the synchronisation for something. Never rejects: a refusal becomes the state. */
  async request(...wish: Parameters<IStorageClient['requestSync']>): Promise<void> {
    this.setState({ requesting: true, error: null });
    const news = this._news;
    try {
      const status = await this._client.requestSync(...wish);
      this.setState({ requesting: false, ...(news === this._news ? { status } : {}) });
    } catch (reason) {
      this.setState({ error: asStorageError(reason), requesting: false });
    }
    if (!this._feed.state.connected) {
      this._askIn(ASK_AFTER_REQUEST);
    }
  }

  override dispose(): void {
    this._poll.dispose();
    super.dispose();
  }

  private _askIn(interval: number): void {
    void this._poll.schedule({ interval, phase: 'refreshed' });
  }

  private async _ask(): Promise<void> {
    const news = this._news;
    try {
      const status = await this._client.syncStatus();
      // An event that came meanwhile is the later news.
      this.setState({ error: null, ...(news === this._news ? { status } : {}) });
    } catch (reason) {
      this.setState({ error: asStorageError(reason) });
      // The poll backs off when its factory rejects.
      throw reason;
    }
    if (this._feed.state.connected) {
      void this._poll.stop();
    }
  }

  /** Counts the events. */
  private _news = 0;
  private readonly _poll: Poll;
}
