import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';

import { StorageError, asStorageError, errorFromAnswer } from './errors';
import type {
  ConfigInfo,
  CredentialsLimits,
  CredentialsRequest,
  DeleteResult,
  EntryDetail,
  Job,
  Listing,
  SyncRequest,
  SyncStatus,
  UploadPart,
  UploadRequest,
  UploadTicket,
  VendedCredentials
} from './generated';
import { transfer } from './transport';

/** Where the server extension answers, below the server's base URL. */
const NAMESPACE = 'wherobots-storage/api/v1';

/** Where Jupyter's own event stream is, below the same. */
const EVENTS = 'api/events/subscribe';

/** What the panel asks of the server. Every method rejects with a StorageError. */
export interface IStorageClient {
  /** How the extension is set up. */
  config(): Promise<ConfigInfo>;

  /** A page of a folder; `path` ends with a slash. */
  list(path: string, options?: IStorageClient.IListOptions): Promise<Listing>;

  /** One entry, with what only a HEAD tells. */
  stat(path: string): Promise<EntryDetail>;

  /** Make a folder; `path` ends with a slash. */
  createFolder(path: string): Promise<EntryDetail>;

  /** Delete files, and begin to delete folders. */
  remove(paths: string[]): Promise<DeleteResult>;

  /** How far a job is. */
  job(id: string): Promise<Job>;

  /** Begin an upload. */
  beginUpload(request: UploadRequest): Promise<UploadTicket>;

  /** Send one part; `number` counts from 1. */
  sendPart(
    id: string,
    number: number,
    body: Blob,
    options?: IStorageClient.IPartOptions
  ): Promise<UploadPart>;

  /** Which parts of an upload have arrived. */
  uploadStatus(id: string): Promise<UploadTicket>;

  /** Make the object of the parts. */
  completeUpload(id: string): Promise<void>;

  /** Forget an upload and its parts. */
  abortUpload(id: string): Promise<void>;

  /** The address that a file's content is downloaded from. */
  contentUrl(path: string): string;

  /** The state of the home's synchronisation. */
  syncStatus(): Promise<SyncStatus>;

  /**
   * Ask the synchronisation for something; answers its state after that. `held` is the id of the
   * deletions that are accepted.
   */
  requestSync(op: SyncRequest['op'], held?: string): Promise<SyncStatus>;

  /** The address that the whole list of held deletions is downloaded from. */
  heldUrl(id: string): string;

  /** How long temporary credentials may live. */
  credentialsLimits(signal?: AbortSignal): Promise<CredentialsLimits>;

  /** Temporary credentials; whoever gets them keeps them nowhere. */
  vendCredentials(request: CredentialsRequest, signal?: AbortSignal): Promise<VendedCredentials>;

  /** Listen to the server's events, until the connection ends or the result is disposed. */
  listen(listener: IStorageClient.IListener): IDisposable;
}

export namespace IStorageClient {
  export interface IListOptions {
    /** Where the page before ended. */
    cursor?: string | null;
    /** At most so many entries. */
    limit?: number;
    signal?: AbortSignal;
  }

  /** An event: its kind, and what the kind's schema says beside it. */
  export interface IEvent {
    schema_id: string;
    [property: string]: unknown;
  }

  /** One connection to the event stream; after `onClose` nothing comes any more. */
  export interface IListener {
    onOpen: () => void;
    onEvent: (event: IEvent) => void;
    onClose: () => void;
  }

  export interface IPartOptions {
    signal?: AbortSignal;
    /** Bytes of this part sent so far. */
    onProgress?: (sent: number) => void;
  }
}

/** The client over Jupyter's own connection: its token, its XSRF cookie, its base URL. */
export class StorageClient implements IStorageClient {
  constructor(private readonly _settings = ServerConnection.makeSettings()) {}

  config(): Promise<ConfigInfo> {
    return this._json('config');
  }

  list(path: string, options: IStorageClient.IListOptions = {}): Promise<Listing> {
    const query: Record<string, string> = { path };
    if (options.cursor) {
      query.cursor = options.cursor;
    }
    if (options.limit) {
      query.limit = String(options.limit);
    }
    return this._json('files', { query, signal: options.signal });
  }

  stat(path: string): Promise<EntryDetail> {
    return this._json('files/stat', { query: { path } });
  }

  createFolder(path: string): Promise<EntryDetail> {
    return this._json('folders', { method: 'POST', body: { path } });
  }

  remove(paths: string[]): Promise<DeleteResult> {
    return this._json('files/delete', { method: 'POST', body: { paths } });
  }

  job(id: string): Promise<Job> {
    return this._json('jobs', { query: { id } });
  }

  beginUpload(request: UploadRequest): Promise<UploadTicket> {
    return this._json('uploads', { method: 'POST', body: request });
  }

  async sendPart(
    id: string,
    number: number,
    body: Blob,
    options: IStorageClient.IPartOptions = {}
  ): Promise<UploadPart> {
    const text = await transfer({
      method: 'PUT',
      url: this._url('uploads/part', { id, number: String(number) }),
      headers: this._headers(),
      body,
      ...options
    });
    return JSON.parse(text) as UploadPart;
  }

  uploadStatus(id: string): Promise<UploadTicket> {
    return this._json('uploads', { query: { id } });
  }

  async completeUpload(id: string): Promise<void> {
    await this._request('uploads/complete', { method: 'POST', body: { id } });
  }

  async abortUpload(id: string): Promise<void> {
    await this._request('uploads', { method: 'DELETE', query: { id } });
  }

  contentUrl(path: string): string {
    return this._url('files/content', { path });
  }

  syncStatus(): Promise<SyncStatus> {
    return this._json('sync');
  }

  requestSync(op: SyncRequest['op'], held?: string): Promise<SyncStatus> {
    return this._json('sync', { method: 'POST', body: { op, held } });
  }

  heldUrl(id: string): string {
    return this._url('sync/held', { id });
  }

  credentialsLimits(signal?: AbortSignal): Promise<CredentialsLimits> {
    return this._json('credentials', { signal });
  }

  vendCredentials(request: CredentialsRequest, signal?: AbortSignal): Promise<VendedCredentials> {
    return this._json('credentials', { method: 'POST', body: request, signal });
  }

  /**
   * A socket of our own: JupyterLab's tells nobody whether it is connected, and only who knows
   * that can do without asking again and again.
   */
  listen(listener: IStorageClient.IListener): IDisposable {
    const { appendToken, token, WebSocket, wsUrl } = this._settings;
    const query = appendToken && token !== '' ? `?token=${encodeURIComponent(token)}` : '';
    const socket = new WebSocket(URLExt.join(wsUrl, EVENTS) + query);
    socket.onopen = listener.onOpen;
    socket.onclose = listener.onClose;
    socket.onmessage = message => {
      listener.onEvent(JSON.parse(message.data as string) as IStorageClient.IEvent);
    };
    return new DisposableDelegate(() => {
      socket.onopen = socket.onclose = socket.onmessage = null;
      socket.close();
    });
  }

  private async _json<T>(route: string, options: StorageClient.IRequest = {}): Promise<T> {
    return JSON.parse(await this._request(route, options)) as T;
  }

  private async _request(
    route: string,
    { method = 'GET', query = {}, body, signal }: StorageClient.IRequest
  ): Promise<string> {
    const init: RequestInit = { method, signal: signal ?? null };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
    }
    try {
      const url = this._url(route, query);
      const response = await ServerConnection.makeRequest(url, init, this._settings);
      const text = await response.text();
      if (!response.ok) {
        throw errorFromAnswer(response.status, text);
      }
      return text;
    } catch (reason) {
      throw signal?.aborted
        ? new StorageError({ code: 'cancelled', message: 'Cancelled.' })
        : asStorageError(reason);
    }
  }

  private _url(route: string, query: Record<string, string>): string {
    const url = URLExt.join(this._settings.baseUrl, NAMESPACE, route);
    const text = new URLSearchParams(query).toString();
    return text ? `${url}?${text}` : url;
  }

  /** What ServerConnection adds to its own requests, for those that it cannot make. */
  private _headers(): Record<string, string> {
    const headers: Record<string, string> = { 'Content-Type': 'application/octet-stream' };
    if (this._settings.token) {
      headers.Authorization = `token ${this._settings.token}`;
    }
    // With several cookies of that name the server sees the last one, and so do we.
    const xsrf = [...document.cookie.matchAll(/(?:^|;\s*)_xsrf=([^;]*)/g)].at(-1)?.[1];
    if (xsrf) {
      headers['X-XSRFToken'] = xsrf;
    }
    return headers;
  }
}

namespace StorageClient {
  export interface IRequest {
    method?: string;
    query?: Record<string, string>;
    body?: unknown;
    signal?: AbortSignal;
  }
}
