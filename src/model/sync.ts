import { Poll } from '@lumino/polling';

import type { IStorageClient } from '../api/client';
import type { StorageError } from '../api/errors';
import { asStorageError } from '../api/errors';
import type { SyncRequest, SyncStatus } from '../api/generated';
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

/** How often the status is asked for, in milliseconds, in case that events do not arrive. */
const ASK_EVERY = 15_000;

/** The state of the home's synchronisation: events tell it, a slow poll makes sure. */
export class SyncModel extends Observable<ISyncState> {
  constructor(private readonly _client: IStorageClient) {
    super({ status: null, error: null, requesting: false });
    this._poll = new Poll({
      name: 'wherobots-storage:sync',
      auto: false,
      factory: () => this._ask(),
      frequency: { interval: ASK_EVERY, backoff: true, max: 120_000 },
      standby: 'when-hidden'
    });
  }

  /** Begin to follow the status. */
  start(): void {
    void this._poll.start();
  }

  /** Take a status that an event told. */
  accept(status: SyncStatus): void {
    this.setState({ status, error: null });
  }

  /** Ask the synchronisation for something. Never rejects: a refusal becomes the state. */
  async request(op: SyncRequest['op']): Promise<void> {
    this.setState({ requesting: true, error: null });
    try {
      this.setState({ status: await this._client.requestSync(op), requesting: false });
    } catch (reason) {
      this.setState({ error: asStorageError(reason), requesting: false });
    }
  }

  override dispose(): void {
    this._poll.dispose();
    super.dispose();
  }

  private async _ask(): Promise<void> {
    try {
      this.setState({ status: await this._client.syncStatus(), error: null });
    } catch (reason) {
      this.setState({ error: asStorageError(reason) });
      // The poll backs off when its factory rejects.
      throw reason;
    }
  }

  private readonly _poll: Poll;
}
