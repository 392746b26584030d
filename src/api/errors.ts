import type { ErrorBody } from './generated';

/** What a request to the server failed with: the server's own words, or the network's. */
export class StorageError extends Error {
  constructor(options: StorageError.IOptions) {
    super(options.message);
    this.name = 'StorageError';
    this.code = options.code;
    this.status = options.status ?? 0;
    this.path = options.path ?? null;
    this.retryable = options.retryable ?? false;
  }

  /** A stable code: one of errors.py, or `network`, `cancelled`, `no-extension`, `http`. */
  readonly code: string;

  /** The HTTP status; 0 when no answer came. */
  readonly status: number;

  /** The display path concerned, if one is. */
  readonly path: string | null;

  /** Whether the same request may succeed when it is made again. */
  readonly retryable: boolean;
}

export namespace StorageError {
  export interface IOptions {
    code: string;
    message: string;
    status?: number;
    path?: string | null;
    retryable?: boolean;
  }
}

/** The codes by which the server says that something has that name, or changed meanwhile. */
const CONFLICTS = new Set(['already-exists', 'precondition-failed']);

/** Whether an error says that the target exists, or is not the version that was expected. */
export function isConflict(error: unknown): boolean {
  return error instanceof StorageError && CONFLICTS.has(error.code);
}

/** Any thrown value as a StorageError. */
export function asStorageError(reason: unknown): StorageError {
  if (reason instanceof StorageError) {
    return reason;
  }
  const message = reason instanceof Error ? reason.message : String(reason);
  return new StorageError({ code: 'network', message, retryable: true });
}

/** The error that an answer with a failing status stands for. */
export function errorFromAnswer(status: number, text: string): StorageError {
  const body = parseBody(text);
  if (body) {
    return new StorageError({ ...body, status });
  }
  if (status === 404) {
    return new StorageError({
      code: 'no-extension',
      message:
        'The server does not know the storage extension. Enable it with ' +
        '`jupyter server extension enable wherobots_storage` and restart the server.',
      status
    });
  }
  return new StorageError({
    code: 'http',
    message: jupyterMessage(text) ?? `The server answered with status ${status}.`,
    status,
    retryable: status >= 500
  });
}

function parseBody(text: string): ErrorBody | null {
  const value = parseObject(text);
  return typeof value?.code === 'string' && typeof value.message === 'string'
    ? (value as unknown as ErrorBody)
    : null;
}

/** The message of an error that Jupyter's own code answered, before ours was reached. */
function jupyterMessage(text: string): string | null {
  const message = parseObject(text)?.message;
  return typeof message === 'string' && message ? message : null;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
