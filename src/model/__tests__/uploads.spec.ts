import { FakeClient, refusal, settle } from '../../__tests__/support/client';
import { StorageError } from '../../api/errors';
import type { IConflictAnswer } from '../uploads';
import { UploadQueue } from '../uploads';

/** A file of zeros that refuses to be read whole; its slices can be read unless it changed. */
function file(name: string, size: number, { changed = false } = {}): File {
  const made = new File([new Uint8Array(size)], name);
  made.arrayBuffer = () => Promise.reject(new Error('read whole'));
  made.slice = (start, end) =>
    Object.assign(Blob.prototype.slice.call(made, start, end), {
      arrayBuffer: async () => {
        if (changed) {
          throw new DOMException('changed', 'NotReadableError');
        }
        return new ArrayBuffer(0);
      }
    });
  return made;
}

function setUp(answer: IConflictAnswer = { choice: 'skip', forAll: false }) {
  const client = new FakeClient();
  const resolve = jest.fn(async () => answer);
  const pauses: number[] = [];
  const queue = new UploadQueue({
    client,
    resolve,
    pause: async milliseconds => void pauses.push(milliseconds)
  });
  const arrived: string[] = [];
  queue.arrived.connect((_, path) => arrived.push(path));
  const add = (...files: File[]) =>
    queue.add(
      files.map(one => ({ file: one, relativePath: one.name })),
      '/data/shared/'
    );
  const finish = async () => {
    for (let turn = 0; turn < 200 && queue.isActive; turn++) {
      await settle();
      await new Promise(resolve => setTimeout(resolve));
    }
    // What is shown follows a moment later.
    await new Promise(resolve => setTimeout(resolve, 100));
    await until(() => queue.isActive || queue.state.uploads.every(({ phase }) => ENDED.has(phase)));
    return queue.state.uploads.map(({ phase }) => phase);
  };
  return { add, arrived, client, finish, pauses, queue, resolve };
}

const ENDED = new Set<string>(['cancelled', 'done', 'failed', 'skipped']);

/** Wait until it is so: on a busy machine too. */
async function until(so: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000 && !so(); turn++) {
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

const networkError = () =>
  new StorageError({ code: 'network', message: 'The connection was lost.', retryable: true });

describe('an upload', () => {
  it('sends a file in parts of the size that the server asks for', async () => {
    const { add, arrived, client, finish } = setUp();
    add(file('a.bin', 25));
    expect(await finish()).toEqual(['done']);
    expect(client.sendPart.mock.calls.map(([, number, body]) => [number, body.size])).toEqual([
      [1, 10],
      [2, 10],
      [3, 5]
    ]);
    expect(client.stored.get('/data/shared/a.bin')).toBe(25);
    expect(arrived).toEqual(['/data/shared/a.bin']);
  });

  it('of an empty file has no parts', async () => {
    const { add, client, finish } = setUp();
    add(file('empty', 0));
    expect(await finish()).toEqual(['done']);
    expect(client.sendPart).not.toHaveBeenCalled();
    expect(client.stored.get('/data/shared/empty')).toBe(0);
  });

  it('has no more than three parts under way, however many files', async () => {
    const { add, client, finish } = setUp();
    let now = 0;
    let most = 0;
    const send = client.sendPart.getMockImplementation()!;
    client.sendPart.mockImplementation(async (...args) => {
      most = Math.max(most, ++now);
      await new Promise(resolve => setTimeout(resolve, 1));
      now--;
      return send(...args);
    });
    add(file('a', 70), file('b', 70), file('c', 70), file('d', 70));
    expect(await finish()).toEqual(['done', 'done', 'done', 'done']);
    expect(most).toBe(3);
  });

  it('sends a part again when the connection was lost, after longer and longer pauses', async () => {
    const { add, client, finish, pauses } = setUp();
    client.sendPart.mockRejectedValueOnce(networkError()).mockRejectedValueOnce(networkError());
    add(file('a.bin', 5));
    expect(await finish()).toEqual(['done']);
    expect(pauses).toHaveLength(2);
    expect(pauses[1]!).toBeGreaterThan(pauses[0]!);
  });

  it('fails in the end, and goes on where it was when tried again', async () => {
    const { add, client, finish, queue } = setUp();
    const send = client.sendPart.getMockImplementation()!;
    client.sendPart.mockImplementation(async (id, number, body, options) => {
      if (number === 3) {
        throw networkError();
      }
      return send(id, number, body, options);
    });
    add(file('a.bin', 25));
    expect(await finish()).toEqual(['failed']);
    expect(queue.state.uploads[0]?.error?.message).toBe('The connection was lost.');
    client.sendPart.mockReset().mockImplementation(send);
    queue.retry(queue.state.uploads[0]!.id);
    expect(await finish()).toEqual(['done']);
    expect(client.sendPart.mock.calls.map(([, number]) => number)).toEqual([3]);
    expect(client.beginUpload).toHaveBeenCalledTimes(1);
  });

  it('begins anew when the server has forgotten it meanwhile', async () => {
    const { add, client, finish, queue } = setUp();
    client.completeUpload.mockRejectedValueOnce(networkError());
    add(file('a.bin', 5));
    expect(await finish()).toEqual(['failed']);
    client.tickets.clear();
    queue.retry(queue.state.uploads[0]!.id);
    expect(await finish()).toEqual(['done']);
    expect(client.beginUpload).toHaveBeenCalledTimes(2);
  });

  it('is given up at the server when it is cancelled', async () => {
    const { add, client, finish, queue } = setUp();
    client.sendPart.mockImplementation(
      (_id, _number, _body, options) =>
        new Promise((_resolve, reject) => {
          options?.signal?.addEventListener('abort', () => reject(refusal('cancelled', 0)));
        })
    );
    add(file('a.bin', 25));
    await settle();
    queue.cancel(queue.state.uploads[0]!.id);
    expect(await finish()).toEqual(['cancelled']);
    await settle();
    expect(client.abortUpload).toHaveBeenCalledWith('upload-1');
    expect(client.stored.size).toBe(0);
  });

  it('stops at a refusal, which is not tried again, and leaves no parts behind', async () => {
    const { add, client, finish, pauses, queue } = setUp();
    client.sendPart.mockRejectedValue(refusal('read-only', 403, 'This folder is read-only.'));
    add(file('a.bin', 5));
    expect(await finish()).toEqual(['failed']);
    expect(queue.state.uploads[0]?.error?.message).toBe('This folder is read-only.');
    expect(pauses).toEqual([]);
    expect(client.abortUpload).toHaveBeenCalledTimes(1);
  });

  it('says that the file changed when it can no longer be read', async () => {
    const { add, client, finish, queue } = setUp();
    client.sendPart.mockRejectedValue(networkError());
    add(file('a.bin', 5, { changed: true }));
    expect(await finish()).toEqual(['failed']);
    expect(queue.state.uploads[0]?.error?.code).toBe('file-changed');
  });
});

describe('a name that is taken', () => {
  const taken = (client: FakeClient, ...names: string[]) =>
    names.forEach(name => client.stored.set(`/data/shared/${name}`, 7));

  it('is left alone when the user says so', async () => {
    const { add, client, finish } = setUp({ choice: 'skip', forAll: false });
    taken(client, 'a.csv');
    add(file('a.csv', 5));
    expect(await finish()).toEqual(['skipped']);
    expect(client.stored.get('/data/shared/a.csv')).toBe(7);
  });

  it('is replaced, but only the version that the user was shown', async () => {
    const { add, client, finish } = setUp({ choice: 'replace', forAll: false });
    taken(client, 'a.csv');
    add(file('a.csv', 5));
    expect(await finish()).toEqual(['done']);
    expect(client.beginUpload.mock.calls.at(-1)![0]).toMatchObject({
      mode: 'replace',
      etag: 'etag-7'
    });
    expect(client.stored.get('/data/shared/a.csv')).toBe(5);
  });

  it('is kept beside the new one, under the first name that is free', async () => {
    const { add, arrived, client, finish, resolve } = setUp({ choice: 'keep-both', forAll: false });
    taken(client, 'a.csv', 'a (1).csv');
    add(file('a.csv', 5));
    expect(await finish()).toEqual(['done']);
    expect(arrived).toEqual(['/data/shared/a (2).csv']);
    expect(resolve).toHaveBeenCalledTimes(1);
  });

  it('is asked about once for a batch when the answer is for all', async () => {
    const { add, client, finish, resolve } = setUp({ choice: 'replace', forAll: true });
    taken(client, 'a.csv', 'b.csv', 'c.csv');
    add(file('a.csv', 5), file('b.csv', 5), file('c.csv', 5));
    expect(await finish()).toEqual(['done', 'done', 'done']);
    expect(resolve).toHaveBeenCalledTimes(1);
    add(file('a.csv', 6));
    await finish();
    expect(resolve).toHaveBeenCalledTimes(2);
  });

  it('is asked about for one file at a time', async () => {
    const { add, client, finish, resolve } = setUp();
    let open = 0;
    resolve.mockImplementation(async () => {
      expect(++open).toBe(1);
      await new Promise(done => setTimeout(done, 1));
      open--;
      return { choice: 'skip', forAll: false };
    });
    taken(client, 'a.csv', 'b.csv');
    add(file('a.csv', 5), file('b.csv', 5));
    expect(await finish()).toEqual(['skipped', 'skipped']);
    expect(resolve).toHaveBeenCalledTimes(2);
  });

  it('is asked about also when it was taken while the file was on its way', async () => {
    const { add, client, finish, resolve } = setUp({ choice: 'keep-both', forAll: false });
    client.completeUpload.mockRejectedValueOnce(refusal('already-exists', 409));
    add(file('a.csv', 5));
    expect(await finish()).toEqual(['done']);
    expect(resolve).toHaveBeenCalledTimes(1);
    expect(client.stored.get('/data/shared/a (1).csv')).toBe(5);
  });

  it('of a folder is not replaced by a file', async () => {
    const { add, client, finish, queue } = setUp({ choice: 'replace', forAll: true });
    client.beginUpload.mockRejectedValueOnce(refusal('already-exists', 409, 'There is a folder.'));
    add(file('folder', 5));
    expect(await finish()).toEqual(['failed']);
    expect(queue.state.uploads[0]?.error?.message).toBe('There is a folder.');
  });
});

it('takes off the list what has ended, and only that', async () => {
  const { add, client, finish, queue } = setUp();
  add(file('a', 1));
  await finish();
  client.beginUpload.mockReturnValue(new Promise(() => undefined));
  add(file('b', 1));
  queue.clear();
  expect(queue.state.uploads.map(({ name }) => name)).toEqual(['b']);
  expect(queue.isActive).toBe(true);
});

it('cancels what waits without having sent anything', async () => {
  const { add, client, queue } = setUp();
  client.beginUpload.mockReturnValue(new Promise(() => undefined));
  add(...['a', 'b', 'c', 'd', 'e'].map(name => file(name, 1)));
  queue.cancel(queue.state.uploads[4]!.id);
  await until(() => queue.state.uploads[4]?.phase === 'cancelled');
  expect(queue.state.uploads[4]?.phase).toBe('cancelled');
  expect(client.beginUpload).toHaveBeenCalledTimes(3);
});
