import { answerRequests, requests, sockets } from '../../__tests__/support/services';
import { StorageClient } from '../client';

const BASE = 'http://localhost/base/wherobots-storage/api/v1';

describe('the client', () => {
  it('carries a path in the query, whatever characters it has', async () => {
    answerRequests({ status: 200, body: { entries: [] } });
    await new StorageClient().list('/data/100% & #1?\u0007/', { cursor: 'c+/=', limit: 10 });
    const url = new URL(requests[0]!.url);
    expect(url.origin + url.pathname).toBe(`${BASE}/files`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      path: '/data/100% & #1?\u0007/',
      cursor: 'c+/=',
      limit: '10'
    });
  });

  it('sends what changes something as JSON in the body', async () => {
    answerRequests({ status: 200, body: { deleted: [], failed: [], jobs: [] } });
    await new StorageClient().remove(['/data/shared/a b']);
    expect(requests[0]!.url).toBe(`${BASE}/files/delete`);
    expect(requests[0]!.init).toMatchObject({
      method: 'POST',
      body: '{"paths":["/data/shared/a b"]}'
    });
  });

  it("rejects with the server's own words", async () => {
    const body = {
      code: 'read-only',
      message: '/data/ is read-only.',
      path: '/data/',
      retryable: false
    };
    answerRequests({ status: 403, body });
    await expect(new StorageClient().stat('/data/')).rejects.toMatchObject({
      ...body,
      status: 403
    });
  });

  it('tells a server without the extension from a path that is not there', async () => {
    answerRequests({ status: 404, body: '<html>404</html>' });
    await expect(new StorageClient().config()).rejects.toMatchObject({ code: 'no-extension' });
    answerRequests({ status: 404, body: { code: 'not-found', message: 'no' } });
    await expect(new StorageClient().stat('/x')).rejects.toMatchObject({ code: 'not-found' });
  });

  it("passes on what Jupyter's own code says, and that 5xx may pass", async () => {
    answerRequests({ status: 403, body: { message: "'_xsrf' argument missing" } });
    await expect(new StorageClient().config()).rejects.toThrow("'_xsrf' argument missing");
    answerRequests({ status: 502, body: 'Bad gateway' });
    await expect(new StorageClient().config()).rejects.toMatchObject({
      retryable: true,
      message: 'The server answered with status 502.'
    });
  });

  it('says that no answer came, or that it was cancelled', async () => {
    answerRequests(new TypeError('Failed to fetch'));
    await expect(new StorageClient().config()).rejects.toMatchObject({
      code: 'network',
      retryable: true
    });
    const abort = new AbortController();
    abort.abort();
    answerRequests(new TypeError('aborted'));
    await expect(new StorageClient().list('/', { signal: abort.signal })).rejects.toMatchObject({
      code: 'cancelled'
    });
  });

  it('names a file in the address it is downloaded from, without a token', () => {
    const url = new StorageClient().contentUrl('/data/shared/a b&c.html');
    expect(new URL(url).searchParams.get('path')).toBe('/data/shared/a b&c.html');
    expect(url).not.toContain('secret');
  });

  it('names the held deletions that it accepts, and where their whole list is', async () => {
    answerRequests({ status: 200, body: {} }, { status: 200, body: {} });
    await new StorageClient().requestSync('acceptDeletes', 'list-1');
    await new StorageClient().requestSync('sync');
    expect(requests.map(({ init }) => init.body)).toEqual([
      '{"op":"acceptDeletes","held":"list-1"}',
      '{"op":"sync"}'
    ]);
    const url = new URL(new StorageClient().heldUrl('list-1'));
    expect(url.pathname).toContain('/sync/held');
    expect(url.searchParams.get('id')).toBe('list-1');
  });

  it("listens to the server's events until that is disposed", () => {
    const listener = { onOpen: jest.fn(), onEvent: jest.fn(), onClose: jest.fn() };
    const listening = new StorageClient().listen(listener);
    const socket = sockets.at(-1)!;
    expect(socket.url).toBe('ws://localhost/base/api/events/subscribe?token=secret');
    socket.onopen!();
    socket.onmessage!({ data: '{"schema_id": "x", "status": 1}' });
    expect(listener.onOpen).toHaveBeenCalled();
    expect(listener.onEvent).toHaveBeenCalledWith({ schema_id: 'x', status: 1 });
    listening.dispose();
    expect(socket.close).toHaveBeenCalled();
    expect(socket.onclose).toBeNull();
  });
});
