import { StorageClient } from '../client';

/** An XMLHttpRequest that does what the test says. */
class FakeXHR {
  static last: FakeXHR;
  headers: Record<string, string> = {};
  upload: { onprogress?: (event: { loaded: number }) => void } = {};
  status = 0;
  responseText = '';
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  method = '';
  url = '';
  body: Blob | null = null;

  constructor() {
    FakeXHR.last = this;
  }

  open(method: string, url: string): void {
    Object.assign(this, { method, url });
  }

  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }

  send(body: Blob): void {
    this.body = body;
  }

  abort(): void {
    this.onabort?.();
  }

  answer(status: number, body: unknown): void {
    Object.assign(this, { status, responseText: JSON.stringify(body) });
    this.onload?.();
  }
}

const original = globalThis.XMLHttpRequest;

beforeEach(() => {
  globalThis.XMLHttpRequest = FakeXHR as unknown as typeof XMLHttpRequest;
});

afterEach(() => {
  globalThis.XMLHttpRequest = original;
});

describe('sending a part', () => {
  it('sends the bytes with the token and the last XSRF cookie', async () => {
    document.cookie = '_xsrf=2|abc';
    const sent = new StorageClient().sendPart('id 1', 2, new Blob(['12345']));
    const { method, url, headers, body } = FakeXHR.last;
    expect(method).toBe('PUT');
    expect(new URL(url).searchParams.toString()).toBe('id=id+1&number=2');
    expect(headers).toEqual({
      'Content-Type': 'application/octet-stream',
      Authorization: 'token secret',
      'X-XSRFToken': '2|abc'
    });
    expect(body?.size).toBe(5);
    FakeXHR.last.answer(200, { number: 2, etag: 'e', size: 5 });
    await expect(sent).resolves.toEqual({ number: 2, etag: 'e', size: 5 });
  });

  it('tells how many bytes went out', async () => {
    const onProgress = jest.fn();
    const sent = new StorageClient().sendPart('id', 1, new Blob(['12345']), { onProgress });
    FakeXHR.last.upload.onprogress?.({ loaded: 3 });
    FakeXHR.last.answer(200, {});
    await sent;
    expect(onProgress).toHaveBeenCalledWith(3);
  });

  it('rejects with what the server said, or that the connection was lost', async () => {
    const refused = new StorageClient().sendPart('id', 1, new Blob());
    FakeXHR.last.answer(404, { code: 'no-such-upload', message: 'gone' });
    await expect(refused).rejects.toMatchObject({ code: 'no-such-upload', status: 404 });
    const lost = new StorageClient().sendPart('id', 1, new Blob());
    FakeXHR.last.onerror?.();
    await expect(lost).rejects.toMatchObject({ code: 'network', retryable: true });
  });

  it('stops when it is aborted, also before it began', async () => {
    const abort = new AbortController();
    const stopped = new StorageClient().sendPart('id', 1, new Blob(), { signal: abort.signal });
    abort.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    const never = new StorageClient().sendPart('id', 1, new Blob(), { signal: abort.signal });
    await expect(never).rejects.toMatchObject({ code: 'cancelled' });
  });
});
