import { StorageError, errorFromAnswer } from './errors';

/** A request whose body's progress is told; `fetch` cannot do that. */
export interface ITransfer {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Blob;
  signal?: AbortSignal;
  /** Bytes of the body sent so far. */
  onProgress?: (sent: number) => void;
}

/**
 * Send a body with XMLHttpRequest and return the answer's text.
 *
 * Throws StorageError: `network` when no answer came, `cancelled` when the signal aborted it,
 * and otherwise what the server said.
 */
export function transfer(request: ITransfer): Promise<string> {
  return new Promise((resolve, reject) => {
    if (request.signal?.aborted) {
      reject(cancelled());
      return;
    }
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    const settle = (action: () => void) => () => {
      request.signal?.removeEventListener('abort', abort);
      action();
    };
    xhr.open(request.method, request.url);
    for (const [name, value] of Object.entries(request.headers)) {
      xhr.setRequestHeader(name, value);
    }
    xhr.upload.onprogress = event => request.onProgress?.(event.loaded);
    xhr.onload = settle(() =>
      xhr.status >= 200 && xhr.status < 300
        ? resolve(xhr.responseText)
        : reject(errorFromAnswer(xhr.status, xhr.responseText))
    );
    xhr.onerror = settle(() => reject(disconnected()));
    xhr.ontimeout = settle(() => reject(disconnected()));
    xhr.onabort = settle(() => reject(cancelled()));
    request.signal?.addEventListener('abort', abort);
    xhr.send(request.body);
  });
}

function cancelled(): StorageError {
  return new StorageError({ code: 'cancelled', message: 'Cancelled.' });
}

function disconnected(): StorageError {
  return new StorageError({
    code: 'network',
    message: 'The connection to the server was lost.',
    retryable: true
  });
}
