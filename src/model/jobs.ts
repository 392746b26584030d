import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IStorageClient } from '../api/client';
import type { StorageError } from '../api/errors';
import { asStorageError } from '../api/errors';
import type { Job } from '../api/generated';
import { Observable } from './observable';

/** The long operations that this page began, oldest first, without those that are done. */
export interface IJobsState {
  jobs: readonly Job[];
}

/** How often jobs are asked for, in milliseconds, in case that their events do not arrive. */
const ASK_EVERY = 2000;

/** Follows the jobs that this page began; events tell their progress, asking makes sure. */
export class JobsModel extends Observable<IJobsState> {
  constructor(private readonly _client: IStorageClient) {
    super({ jobs: [] });
    this._poll = new Poll({
      name: 'wherobots-storage:jobs',
      auto: false,
      factory: () => this._ask(),
      frequency: { interval: ASK_EVERY, backoff: true, max: 30_000 }
    });
  }

  /** Emitted with a job that ended well. */
  get done(): ISignal<this, Job> {
    return this._done;
  }

  /** Follow jobs that were begun. */
  follow(jobs: readonly Job[]): void {
    this.setState({ jobs: [...this.state.jobs, ...jobs.filter(job => job.state !== 'done')] });
    jobs.filter(job => job.state === 'done').forEach(job => this._done.emit(job));
    if (this._running.length > 0) {
      void this._poll.start();
    }
  }

  /** Take news of a job; those of other pages are none of ours. */
  accept(job: Job): void {
    const known = this.state.jobs.find(other => other.id === job.id);
    // Events may overtake each other; a job never goes back.
    if (known?.state !== 'running' || job.done < known.done) {
      return;
    }
    const others = this.state.jobs.filter(other => other.id !== job.id);
    if (job.state === 'done') {
      this.setState({ jobs: others });
      this._done.emit(job);
    } else {
      const jobs = this.state.jobs.map(other => (other.id === job.id ? job : other));
      this.setState({ jobs });
    }
    if (this._running.length === 0) {
      void this._poll.stop();
    }
  }

  /** Take jobs that failed off the list. */
  clear(): void {
    this.setState({ jobs: this._running });
  }

  override dispose(): void {
    this._poll.dispose();
    super.dispose();
  }

  private get _running(): Job[] {
    return this.state.jobs.filter(job => job.state === 'running');
  }

  private async _ask(): Promise<void> {
    for (const job of this._running) {
      try {
        this.accept(await this._client.job(job.id));
      } catch (reason) {
        const error = asStorageError(reason);
        if (error.status !== 404) {
          throw error;
        }
        this.accept(lost(job, error));
      }
    }
  }

  private readonly _done = new Signal<this, Job>(this);
  private readonly _poll: Poll;
}

/** A job that the server no longer knows: it was restarted in the middle of it. */
function lost(job: Job, error: StorageError): Job {
  const { code, message, path, retryable } = error;
  return { ...job, state: 'failed', error: { code, message, path, retryable } };
}
