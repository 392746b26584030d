import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IStorageClient } from '../api/client';
import { Observable } from './observable';

/** Whether events arrive. */
export interface IFeedState {
  connected: boolean;
}

/** How soon a lost connection is made anew, in milliseconds; while that fails, ever later. */
const AGAIN = { interval: 1000, backoff: true, max: 30_000 };

/** The server's events, over a connection that is made again whenever it is lost. */
export class EventFeed extends Observable<IFeedState> {
  constructor(private readonly _client: Pick<IStorageClient, 'listen'>) {
    super({ connected: false });
    this._poll = new Poll({
      name: 'wherobots-storage:events',
      auto: false,
      factory: () => this._connect(),
      frequency: AGAIN,
      standby: 'when-hidden'
    });
  }

  /** Emitted with every event. */
  get told(): ISignal<this, IStorageClient.IEvent> {
    return this._told;
  }

  /** Connect, and stay so. */
  start(): void {
    void this._poll.start();
  }

  /** Connect now, rather than when the next try is due: the page or its network is back. */
  wake(): void {
    if (!this._connection && this._poll.state.phase !== 'constructed') {
      void this._poll.schedule({ interval: Poll.IMMEDIATE, phase: 'refreshed' });
    }
  }

  override dispose(): void {
    this._poll.dispose();
    this._connection?.dispose();
    super.dispose();
  }

  /** One connection; resolves when it was lost, rejects when it could not be made. */
  private _connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      let opened = false;
      this._connection = this._client.listen({
        onOpen: () => {
          opened = true;
          this.setState({ connected: true });
        },
        onEvent: event => this._told.emit(event),
        onClose: () => {
          this._connection = null;
          if (opened) {
            this.setState({ connected: false });
            resolve();
          } else {
            reject(new Error('The event stream cannot be reached.'));
          }
        }
      });
    });
  }

  private _connection: IDisposable | null = null;
  private readonly _poll: Poll;
  private readonly _told = new Signal<this, IStorageClient.IEvent>(this);
}
