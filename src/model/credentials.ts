import type { IStorageClient } from '../api/client';
import type { StorageError } from '../api/errors';
import { asStorageError } from '../api/errors';
import type { ConfigInfo, VendedCredentials } from '../api/generated';
import { isWithin } from '../utils/paths';
import { Observable } from './observable';

/** An hour: what every role gives, and the most of one that was itself assumed by another. */
const HOUR = 3600;

/** The lifetimes that are offered, in seconds: what STS gives at all, and steps between. */
const LIFETIMES = [900, 1800, HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR] as const;

/** The lifetimes up to the longest that there is, which is one of them, in whole minutes. */
export function lifetimesUpTo(longest: number): number[] {
  const most = longest - (longest % 60);
  return [...LIFETIMES.filter(seconds => seconds < most), most];
}

/** A request for credentials, and its answer for as long as somebody looks at it. */
export interface ICredentialsState {
  /** The folder that they are for. */
  folder: string;
  /** How long they shall live. */
  seconds: number;
  /** What can be chosen for it. */
  lifetimes: readonly number[];
  phase: 'asking' | 'requesting' | 'ready' | 'expired';
  /** What was vended, while it is valid. */
  vended: VendedCredentials | null;
  /** When it expires, in milliseconds by this browser's clock. */
  expiresAt: number;
  error: StorageError | null;
}

/**
 * Credentials for one dialog. They are kept here only, and let go when they expire, when something
 * else is asked for, and when the dialog closes, which disposes of this.
 */
export class CredentialsModel extends Observable<ICredentialsState> {
  constructor(private readonly _options: CredentialsModel.IOptions) {
    super({
      ...NOTHING,
      phase: 'asking',
      folder: _options.folder,
      seconds: HOUR,
      lifetimes: lifetimesUpTo(HOUR)
    });
  }

  /**
   * Find out how long credentials may live here, and offer no more. Never rejects: while the
   * server does not say it, an hour is offered at most.
   */
  async load(): Promise<void> {
    try {
      const { maxSeconds } = await this._options.client.credentialsLimits(this._closed.signal);
      if (!this._closed.signal.aborted) {
        const lifetimes = lifetimesUpTo(maxSeconds);
        const seconds = Math.min(this.state.seconds, lifetimes[lifetimes.length - 1]!);
        this.setState({ lifetimes, seconds });
      }
    } catch {
      // Whoever asks for credentials is told what is wrong.
    }
  }

  /** Choose the folder; what was vended for another is let go. */
  setFolder(folder: string): void {
    this._cancel();
    this.setState({ ...NOTHING, phase: 'asking', folder });
  }

  /** Choose the lifetime; what was vended with another is let go. */
  setSeconds(seconds: number): void {
    this._cancel();
    this.setState({ ...NOTHING, phase: 'asking', seconds });
  }

  /** Ask the server. Never rejects: a refusal becomes the state. */
  async request(): Promise<void> {
    this._cancel();
    const abort = (this._abort = new AbortController());
    const { folder, seconds } = this.state;
    this.setState({ ...NOTHING, phase: 'requesting' });
    try {
      const vended = await this._options.client.vendCredentials(
        { path: folder, access: 'upload', seconds },
        abort.signal
      );
      if (!abort.signal.aborted) {
        // How long is left is the server's word: this machine's clock may be wrong.
        const expiresAt = this._now() + vended.secondsLeft * 1000;
        this.setState({ phase: 'ready', vended, expiresAt });
      }
    } catch (reason) {
      if (!abort.signal.aborted) {
        this.setState({ phase: 'asking', error: asStorageError(reason) });
      }
    }
  }

  /** Let what has expired go; whoever shows the time calls it. */
  tick(): void {
    if (this.state.phase === 'ready' && this._now() >= this.state.expiresAt) {
      this.setState({ ...NOTHING, phase: 'expired' });
    }
  }

  override dispose(): void {
    this._closed.abort();
    this._cancel();
    this.setState({ ...NOTHING, phase: 'asking' });
    super.dispose();
  }

  private _cancel(): void {
    this._abort?.abort();
    this._abort = null;
  }

  private _now(): number {
    return (this._options.now ?? Date.now)();
  }

  private _abort: AbortController | null = null;
  private readonly _closed = new AbortController();
}

export namespace CredentialsModel {
  export interface IOptions {
    client: Pick<IStorageClient, 'credentialsLimits' | 'vendCredentials'>;
    /** The folder that is chosen at first. */
    folder: string;
    /** Milliseconds since the epoch. */
    now?: () => number;
  }
}

const NOTHING = { vended: null, error: null, expiresAt: 0 } as const;

/** The folders that credentials can be for: the one that is shown, and the user's areas. */
export function uploadTargets(config: ConfigInfo, shown: string): string[] {
  const { writable } = config;
  const deeper = !writable.includes(shown) && writable.some(area => isWithin(shown, area));
  return deeper ? [shown, ...writable] : [...writable];
}

/** The target chosen at first: the folder that is shown, else the first one inside it, or at all. */
export function firstTarget(targets: readonly string[], shown: string): string {
  const inside = targets.find(target => isWithin(target, shown));
  return targets.includes(shown) ? shown : (inside ?? targets[0] ?? shown);
}

/** What to think of before uploading to a folder by other means than the panel, or null. */
export function uploadCaution(config: ConfigInfo, folder: string): string | null {
  const area = Object.keys(config.cautions).find(top => isWithin(folder, top));
  return area === undefined ? null : config.cautions[area]!;
}

/** What is left, for people: `59:05`, `11:00:00`. */
export function formatLeft(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const two = (number: number) => String(number).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** Stands for a secret that is not shown. */
export const MASK = '•'.repeat(20);

/** What a line of a snippet gives a secret to: in a credentials file, in bash, in PowerShell. */
const SECRET_LINE =
  /^([ \t]*(?:export |\$env:)?aws_(?:access_key_id|secret_access_key|session_token)\s*=\s*).*$/gim;

/** A snippet that can be looked at by others: each line that holds a secret ends in dots. */
export function maskSnippet(text: string): string {
  return text.replace(SECRET_LINE, `$1${MASK}`);
}
