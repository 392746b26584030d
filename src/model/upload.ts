import type { IStorageClient } from '../api/client';
import { StorageError, asStorageError, isConflict } from '../api/errors';
import type { EntryDetail, UploadTicket } from '../api/generated';
import { numberedName } from '../utils/names';
import { nameOf, parentOf } from '../utils/paths';
import type { IPart, Semaphore } from './parts';
import { Speedometer, missingParts, partsOf } from './parts';

/** Where an upload is; the last four are ends. */
export type UploadPhase =
  | 'queued'
  | 'starting'
  | 'sending'
  | 'asking'
  | 'finishing'
  | 'done'
  | 'failed'
  | 'cancelled'
  | 'skipped';

/** What to do with a file whose name is taken. */
export type ConflictChoice = 'replace' | 'skip' | 'keep-both';

/** What the panel shows of an upload. */
export interface IUploadView {
  id: number;
  name: string;
  /** The display path that it goes to; another one after `keep both`. */
  path: string;
  size: number;
  /** Bytes that went out; it may fall when a part is sent again. */
  sent: number;
  /** Bytes a second. */
  speed: number;
  phase: UploadPhase;
  error: StorageError | null;
}

/** Asked when a name is taken; `existing` is what has it, when that could be learnt. */
export type AskConflict = (
  upload: IUploadView,
  existing: EntryDetail | null
) => Promise<ConflictChoice>;

/** How many times a part is sent before the upload fails. */
const PART_TRIES = 5;

/** How many names `keep both` tries, and how often a replaced file may change meanwhile. */
const MAX_CONFLICTS = 100;

/** How many parts of one file are under way at once. */
const PARTS_AT_ONCE = 3;

/** Thrown inside to end an upload whose file is to be left alone. */
class Skipped extends Error {}

/** One file on its way to the store: begin, send parts, complete; resumed when tried again. */
export class Upload {
  constructor(private readonly _options: Upload.IOptions) {
    this._path = _options.path;
  }

  /** Whether it ended, one way or the other. */
  get isEnded(): boolean {
    return ['done', 'failed', 'cancelled', 'skipped'].includes(this._phase);
  }

  get phase(): UploadPhase {
    return this._phase;
  }

  /** What is shown of it now. */
  get view(): IUploadView {
    return {
      id: this._options.id,
      name: nameOf(this._path),
      path: this._path,
      size: this._options.file.size,
      sent: this._sentBytes,
      speed: this._phase === 'sending' ? this._speedometer.speed(Date.now()) : 0,
      phase: this._phase,
      error: this._error
    };
  }

  /** Send it. Never rejects: how it ended is its phase. */
  async run(): Promise<void> {
    this._error = null;
    this._abort = new AbortController();
    try {
      await this._untilSettled();
      this._enter('done');
    } catch (reason) {
      await this._end(reason);
    }
  }

  /** Give it up, and let the server forget what it has of it. */
  cancel(): void {
    this._abort.abort();
    if (this._phase === 'queued' || this._phase === 'failed') {
      void this._discard();
      this._enter('cancelled');
    }
  }

  /** Make it wait for its turn again. */
  requeue(): void {
    this._abort = new AbortController();
    this._error = null;
    this._enter('queued');
  }

  private async _end(reason: unknown): Promise<void> {
    if (reason instanceof Skipped) {
      this._enter('skipped');
    } else if (this._abort.signal.aborted) {
      this._enter('cancelled');
      await this._discard();
    } else {
      this._error = asStorageError(reason);
      if (!this._error.retryable) {
        // What cannot be resumed must not stay behind as parts that nobody sees.
        await this._discard();
      }
      this._enter('failed');
    }
  }

  /** Attempt it, ask when the name is taken, and attempt it again. */
  private async _untilSettled(): Promise<void> {
    for (let conflicts = 0; ; conflicts++) {
      try {
        await this._attempt();
        return;
      } catch (reason) {
        if (!isConflict(reason) || conflicts >= MAX_CONFLICTS) {
          throw reason;
        }
        await this._discard();
        await this._settle(asStorageError(reason));
      }
    }
  }

  private async _attempt(): Promise<void> {
    const ticket = (await this._resume()) ?? (await this._begin());
    this._throwIfCancelled();
    this._enter('sending');
    await this._sendAll(ticket);
    this._enter('finishing');
    await this._options.client.completeUpload(ticket.id);
    this._ticketId = null;
  }

  private async _begin(): Promise<UploadTicket> {
    this._enter('starting');
    const ticket = await this._options.client.beginUpload({
      path: this._path,
      size: this._options.file.size,
      mode: this._mode,
      etag: this._etag
    });
    this._ticketId = ticket.id;
    return ticket;
  }

  /** The ticket of an earlier attempt, when the server still has it. */
  private async _resume(): Promise<UploadTicket | null> {
    if (this._ticketId === null) {
      return null;
    }
    this._enter('starting');
    try {
      return await this._options.client.uploadStatus(this._ticketId);
    } catch (reason) {
      const error = asStorageError(reason);
      if (error.status !== 404) {
        throw error;
      }
      this._ticketId = null;
      return null;
    }
  }

  /** Send the parts that are missing, a few at a time; the first failure stops the others. */
  private async _sendAll(ticket: UploadTicket): Promise<void> {
    const parts = partsOf(this._options.file.size, ticket.partSize);
    const missing = missingParts(parts, ticket.parts);
    const left = missing.reduce((total, part) => total + part.end - part.start, 0);
    this._sent = new Map();
    this._sentBytes = this._options.file.size - left;
    this._speedometer = new Speedometer();
    this._progressed();

    const stop = new AbortController();
    const signal = AbortSignal.any([this._abort.signal, stop.signal]);
    const queue = missing.values();
    const work = async () => {
      for (const part of queue) {
        await this._sendPart(ticket.id, part, signal);
      }
    };
    try {
      await Promise.all(Array.from({ length: PARTS_AT_ONCE }, work));
    } catch (reason) {
      stop.abort();
      throw reason;
    }
  }

  /** Send one part, again after a while when the failure may pass. */
  private async _sendPart(id: string, part: IPart, signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this._options.slots.run(() => this._transferPart(id, part, signal));
        return;
      } catch (reason) {
        this._noteSent(part.number, 0);
        const error = asStorageError(reason);
        if (signal.aborted || !error.retryable || tries >= PART_TRIES) {
          throw error;
        }
        await this._assertReadable(part);
        await this._options.pause(500 * 2 ** (tries - 1) * (0.75 + Math.random() / 2), signal);
      }
    }
  }

  private async _transferPart(id: string, part: IPart, signal: AbortSignal): Promise<void> {
    // A slice is a reference: the browser reads the bytes from the disk while it sends them.
    const body = this._options.file.slice(part.start, part.end);
    await this._options.client.sendPart(id, part.number, body, {
      signal,
      onProgress: sent => this._noteSent(part.number, Math.min(sent, body.size))
    });
    this._noteSent(part.number, body.size);
  }

  /** A file that changed on the disk fails like a lost connection; tell one from the other. */
  private async _assertReadable(part: IPart): Promise<void> {
    try {
      await this._options.file.slice(part.start, part.start + 1).arrayBuffer();
    } catch {
      throw new StorageError({
        code: 'file-changed',
        message: 'The file can no longer be read: it was changed or removed since it was chosen.'
      });
    }
  }

  /** Learn what has the name, ask what to do, and prepare the next attempt. */
  private async _settle(conflict: StorageError): Promise<void> {
    if (this._numbered) {
      this._number();
      return;
    }
    this._enter('asking');
    const existing = await this._options.client.stat(this._path).catch(() => null);
    const choice = await this._options.ask(this.view, existing);
    this._throwIfCancelled();
    switch (choice) {
      case 'skip':
        throw new Skipped();
      case 'keep-both':
        this._numbered = true;
        this._number();
        break;
      case 'replace':
        if (!existing) {
          // What has the name is no file: a folder cannot be replaced by one.
          throw conflict;
        }
        this._mode = 'replace';
        // Only the version that was shown: what changes from now on is asked about again.
        this._etag = existing.etag;
    }
  }

  private _number(): void {
    this._copies++;
    const original = this._options.path;
    this._path = parentOf(original) + numberedName(nameOf(original), this._copies);
  }

  private async _discard(): Promise<void> {
    const id = this._ticketId;
    this._ticketId = null;
    if (id !== null) {
      // The server forgets an upload that nobody finishes; this only makes it sooner.
      await this._options.client.abortUpload(id).catch(() => undefined);
    }
  }

  private _throwIfCancelled(): void {
    if (this._abort.signal.aborted) {
      throw new StorageError({ code: 'cancelled', message: 'Cancelled.' });
    }
  }

  private _noteSent(number: number, bytes: number): void {
    this._sentBytes += bytes - (this._sent.get(number) ?? 0);
    this._sent.set(number, bytes);
    this._progressed();
  }

  private _progressed(): void {
    this._speedometer.note(Date.now(), this._sentBytes);
    this._options.onChange();
  }

  private _enter(phase: UploadPhase): void {
    this._phase = phase;
    this._options.onChange();
  }

  private _abort = new AbortController();
  private _copies = 0;
  private _error: StorageError | null = null;
  private _etag: string | null = null;
  private _mode: 'create' | 'replace' = 'create';
  private _numbered = false;
  private _path: string;
  private _phase: UploadPhase = 'queued';
  private _sent = new Map<number, number>();
  private _sentBytes = 0;
  private _speedometer = new Speedometer();
  private _ticketId: string | null = null;
}

export namespace Upload {
  export interface IOptions {
    id: number;
    client: IStorageClient;
    file: File;
    /** The display path that it goes to. */
    path: string;
    /** The places for parts that all uploads share. */
    slots: Semaphore;
    ask: AskConflict;
    /** Called when its phase or its progress changed. */
    onChange: () => void;
    /** Wait so many milliseconds, or until the signal aborts. */
    pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  }
}
