import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IStorageClient } from '../api/client';
import type { EntryDetail } from '../api/generated';
import type { IPickedFile } from '../utils/dropped';
import { Observable } from './observable';
import { Semaphore } from './parts';
import type { ConflictChoice, IUploadView } from './upload';
import { Upload } from './upload';

/** A question to the user: a file of that name exists. */
export interface IConflict {
  upload: IUploadView;
  existing: EntryDetail | null;
  /** How many other files of the same batch have not ended. */
  others: number;
}

/** The user's answer, for this file or for the rest of its batch. */
export interface IConflictAnswer {
  choice: ConflictChoice;
  forAll: boolean;
}

/** Asks the user. */
export type ConflictResolver = (conflict: IConflict) => Promise<IConflictAnswer>;

/** All uploads of this page, oldest first. */
export interface IUploadsState {
  uploads: readonly IUploadView[];
}

/** How many files are sent at once: while one begins or ends, others keep the line busy. */
const FILES_AT_ONCE = 3;

/** How many parts of all files are under way at once; a browser opens six connections. */
const PARTS_AT_ONCE = 3;

/** Changes are told at most this often, in milliseconds. */
const TELL_EVERY = 80;

interface IJob {
  upload: Upload;
  batch: { choice: ConflictChoice | null };
}

/** The uploads: their order, how many at once, and one question to the user at a time. */
export class UploadQueue extends Observable<IUploadsState> {
  constructor(private readonly _options: UploadQueue.IOptions) {
    super({ uploads: [] });
  }

  /** Emitted with the path of each file that arrived. */
  get arrived(): ISignal<this, string> {
    return this._arrived;
  }

  /** Whether an upload has not ended. */
  get isActive(): boolean {
    return this._jobs.some(job => !job.upload.isEnded);
  }

  /** Upload files into a folder, as one batch. */
  add(files: readonly IPickedFile[], folder: string): void {
    const batch = { choice: null };
    for (const { file, relativePath } of files) {
      const job: IJob = { batch, upload: this._upload(file, folder + relativePath, () => job) };
      this._jobs.push(job);
    }
    this._tell();
    this._pump();
  }

  /** Give an upload up. */
  cancel(id: number): void {
    this._find(id)?.upload.cancel();
  }

  /** Give every upload up that has not ended. */
  cancelAll(): void {
    this._jobs.filter(job => !job.upload.isEnded).forEach(job => job.upload.cancel());
  }

  /** Try an upload again that failed or was cancelled; it goes on where it was. */
  retry(id: number): void {
    const job = this._find(id);
    if (job?.upload.isEnded) {
      job.upload.requeue();
      this._pump();
    }
  }

  /** Take the uploads off the list that have ended. */
  clear(): void {
    this._jobs = this._jobs.filter(job => !job.upload.isEnded);
    this._tell();
  }

  override dispose(): void {
    this.cancelAll();
    clearTimeout(this._timer);
    super.dispose();
  }

  private _find(id: number): IJob | undefined {
    return this._jobs.find(job => job.upload.view.id === id);
  }

  private _upload(file: File, path: string, job: () => IJob): Upload {
    return new Upload({
      id: ++this._lastId,
      client: this._options.client,
      file,
      path,
      slots: this._slots,
      ask: (upload, existing) => this._ask(job(), upload, existing),
      onChange: () => this._tellSoon(),
      pause: this._options.pause ?? pause
    });
  }

  private _pump(): void {
    while (this._running < FILES_AT_ONCE) {
      const next = this._jobs.find(job => job.upload.phase === 'queued' && !this._started.has(job));
      if (!next) {
        return;
      }
      void this._run(next);
    }
  }

  private async _run(job: IJob): Promise<void> {
    this._running++;
    this._started.add(job);
    await job.upload.run();
    this._started.delete(job);
    this._running--;
    if (job.upload.phase === 'done') {
      this._arrived.emit(job.upload.view.path);
    }
    this._pump();
  }

  /** Ask the user, one question at a time; an answer for all is not asked for again. */
  private _ask(
    job: IJob,
    upload: IUploadView,
    existing: EntryDetail | null
  ): Promise<ConflictChoice> {
    const answer = this._question.then(async () => {
      if (job.batch.choice) {
        return job.batch.choice;
      }
      const others = this._jobs.filter(
        other => other !== job && other.batch === job.batch && !other.upload.isEnded
      ).length;
      const { choice, forAll } = await this._options.resolve({ upload, existing, others });
      if (forAll) {
        job.batch.choice = choice;
      }
      return choice;
    });
    this._question = answer.catch(() => undefined);
    return answer;
  }

  private _tellSoon(): void {
    this._timer ??= setTimeout(() => this._tell(), TELL_EVERY);
  }

  private _tell(): void {
    clearTimeout(this._timer);
    this._timer = undefined;
    this.setState({ uploads: this._jobs.map(job => job.upload.view) });
  }

  private readonly _arrived = new Signal<this, string>(this);
  private _jobs: IJob[] = [];
  private _lastId = 0;
  private _question: Promise<unknown> = Promise.resolve();
  private _running = 0;
  private readonly _slots = new Semaphore(PARTS_AT_ONCE);
  private readonly _started = new Set<IJob>();
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

export namespace UploadQueue {
  export interface IOptions {
    client: IStorageClient;
    resolve: ConflictResolver;
    /** Wait so many milliseconds, or until the signal aborts. */
    pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true }
    );
  });
}
