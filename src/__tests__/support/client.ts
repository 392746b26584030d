import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';

import type { IStorageClient } from '../../api/client';
import { StorageError } from '../../api/errors';
import type {
  Entry,
  Listing,
  SyncStatus,
  UploadRequest,
  UploadTicket,
  VendedCredentials
} from '../../api/generated';

/** An entry of the tests' tree, by its display path. */
export function entry(path: string, more: Partial<Entry> = {}): Entry {
  const isFolder = path.endsWith('/');
  return {
    name: path.replace(/\/$/, '').split('/').at(-1)!,
    path,
    uri: `s3://bucket/org${path}`,
    type: isFolder ? 'FOLDER' : 'FILE',
    protected: false,
    lastModified: isFolder ? null : '2026-01-31T12:00:00Z',
    size: isFolder ? null : 100,
    etag: isFolder ? null : 'e1',
    problem: null,
    ...more
  };
}

/** A page of a folder. */
export function listing(path: string, names: string[], more: Partial<Listing> = {}): Listing {
  return {
    name: path.split('/').at(-2) ?? '',
    path,
    uri: `s3://bucket/org${path}`,
    mutateProtected: false,
    uploadProtected: false,
    entries: names.map(name => entry(path + name)),
    cursor: null,
    reason: null,
    caution: null,
    ...more
  };
}

/** An error as the server answers it. */
export function refusal(code: string, status: number, message = code): StorageError {
  return new StorageError({ code, status, message, retryable: status >= 500 });
}

/** A status of the home's synchronisation. */
export function syncStatus(more: Partial<SyncStatus> = {}): SyncStatus {
  return {
    state: 'idle',
    since: '2026-01-31T12:00:00Z',
    home: '/home/ada',
    mirror: 's3://bucket/org/notebooks/customer-ada/',
    lastSynced: '2026-01-31T12:00:00Z',
    pending: { files: 0, bytes: 0 },
    progress: null,
    conflicts: [],
    skipped: [],
    conflictsTotal: 0,
    skippedTotal: 0,
    ignored: { files: 0, bytes: 0 },
    ignoredPaths: [],
    ignoredTotal: 0,
    lease: null,
    paused: false,
    veto: null,
    held: null,
    lastError: null,
    ...more
  };
}

/** Credentials as the server vends them, for AWS itself. */
export function vended(path: string, seconds: number): VendedCredentials {
  const uri = `s3://bucket/org${path}`;
  const keys = { id: 'ASIAEXAMPLE', secret: 'se/cret+=', token: 'to/ken+==' };
  return {
    accessKeyId: keys.id,
    secretAccessKey: keys.secret,
    sessionToken: keys.token,
    expiration: '2026-01-31T13:00:00Z',
    secondsLeft: seconds,
    scope: path,
    access: 'upload',
    uri,
    region: 'eu-west-1',
    endpointUrl: null,
    snippets: {
      ini:
        `[wherobots]\naws_access_key_id = ${keys.id}\naws_secret_access_key = ${keys.secret}\n` +
        `aws_session_token = ${keys.token}\nregion = eu-west-1\n`,
      bash: ` export AWS_SECRET_ACCESS_KEY=${keys.secret}\n export AWS_REGION=eu-west-1\n`,
      powershell: `$env:AWS_SECRET_ACCESS_KEY = '${keys.secret}'\n`,
      profileCommand: `aws --profile=wherobots s3 cp --recursive my-data/ ${uri}`,
      bashCommand: `aws s3 cp --recursive my-data/ ${uri}`,
      powershellCommand: `aws s3 cp --recursive 'my-data/' '${uri}'`
    }
  };
}

const WRITABLE = ['/data/customer-ada/', '/data/shared/', '/spark-logs/'];

/** A client whose every method is a mock; the folders' pages and the uploads work as they should. */
export class FakeClient {
  /** The pages of each folder; a page's cursor is the number of the next. */
  readonly pages = new Map<string, Listing[]>();
  /** What was uploaded: path to bytes. */
  readonly stored = new Map<string, number>();
  /** Uploads under way. */
  readonly tickets = new Map<string, UploadTicket & { mode: string }>();
  partSize = 10;

  config = jest.fn<ReturnType<IStorageClient['config']>, []>(async () => ({
    configured: true,
    version: '0.1.0',
    features: { sync: true, credentials: true },
    problem: null,
    credentialsProblem: null,
    root: 's3://bucket/org/',
    customer: 'customer-ada',
    home: '/home/ada',
    writable: WRITABLE,
    cautions: {},
    environment: {}
  }));

  list = jest.fn<ReturnType<IStorageClient['list']>, Parameters<IStorageClient['list']>>(
    async (path, options = {}) => {
      const pages = this.pages.get(path);
      const number = Number(options.cursor ?? 0);
      if (!pages) {
        throw refusal('not-found', 404, `There is no folder ${path}.`);
      }
      const cursor = number + 1 < pages.length ? String(number + 1) : null;
      return { ...pages[number]!, cursor };
    }
  );

  stat = jest.fn<ReturnType<IStorageClient['stat']>, Parameters<IStorageClient['stat']>>(
    async path => {
      const size = this.stored.get(path);
      if (size === undefined) {
        throw refusal('not-found', 404);
      }
      return { ...entry(path, { size, etag: `etag-${size}` }), contentType: null, metadata: {} };
    }
  );

  createFolder = jest.fn<
    ReturnType<IStorageClient['createFolder']>,
    Parameters<IStorageClient['createFolder']>
  >(async path => ({ ...entry(path), contentType: null, metadata: {} }));

  remove = jest.fn<ReturnType<IStorageClient['remove']>, Parameters<IStorageClient['remove']>>(
    async paths => ({ deleted: paths, failed: [], jobs: [] })
  );

  job = jest.fn<ReturnType<IStorageClient['job']>, Parameters<IStorageClient['job']>>();

  beginUpload = jest.fn(async (request: UploadRequest) => {
    if (request.mode !== 'replace' && this.stored.has(request.path)) {
      throw refusal('already-exists', 409);
    }
    const id = `upload-${++this._begun}`;
    const { path, size, mode = 'create' } = request;
    const ticket = { id, path, size, partSize: this.partSize, parts: [], mode };
    this.tickets.set(id, ticket);
    return { ...ticket };
  });

  sendPart = jest.fn<
    ReturnType<IStorageClient['sendPart']>,
    Parameters<IStorageClient['sendPart']>
  >(async (id, number, body, options) => {
    if (options?.signal?.aborted) {
      throw refusal('cancelled', 0);
    }
    options?.onProgress?.(body.size);
    const part = { number, etag: `p${number}`, size: body.size };
    this._ticket(id).parts.push(part);
    return part;
  });

  uploadStatus = jest.fn(async (id: string) => ({
    ...this._ticket(id),
    parts: [...this._ticket(id).parts]
  }));

  completeUpload = jest.fn(async (id: string) => {
    const { path, parts } = this._ticket(id);
    this.tickets.delete(id);
    this.stored.set(
      path,
      parts.reduce((total, part) => total + part.size, 0)
    );
  });

  abortUpload = jest.fn(async (id: string) => {
    this.tickets.delete(id);
  });

  contentUrl = jest.fn((path: string) => `content?${path}`);

  syncStatus = jest.fn(async () => syncStatus());

  requestSync = jest.fn(async () => syncStatus({ state: 'syncing' }));

  heldUrl = jest.fn((id: string) => `sync/held?${id}`);

  credentialsLimits = jest.fn(async () => ({ maxSeconds: 12 * 3600 }));

  vendCredentials = jest.fn<
    ReturnType<IStorageClient['vendCredentials']>,
    Parameters<IStorageClient['vendCredentials']>
  >(async ({ path, seconds }) => vended(path ?? '/', seconds ?? 3600));

  /** The connections to the event stream, the last one last. */
  readonly connections: IStorageClient.IListener[] = [];

  listen = jest.fn((listener: IStorageClient.IListener): IDisposable => {
    this.connections.push(listener);
    return new DisposableDelegate(() => undefined);
  });

  private _begun = 0;

  private _ticket(id: string): UploadTicket {
    const ticket = this.tickets.get(id);
    if (!ticket) {
      throw refusal('no-such-upload', 404);
    }
    return ticket;
  }
}

/** Let everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) {
    await Promise.resolve();
  }
}
