import { FakeClient, entry, listing, refusal, settle } from '../../__tests__/support/client';
import { BrowserModel } from '../browser';

const numbered = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `f${String(from + index).padStart(5, '0')}`);

function setUp() {
  const client = new FakeClient();
  client.pages.set('/', [listing('/', ['data/', 'spark-logs/'])]);
  client.pages.set('/data/', [listing('/data/', ['shared/'], { mutateProtected: true })]);
  client.pages.set('/data/shared/', [listing('/data/shared/', ['b.csv', 'a.csv', 'z/'])]);
  client.pages.set('/many/', [
    listing('/many/', numbered(0, 1000)),
    listing('/many/', []),
    listing('/many/', [...numbered(1000, 500), 'folder/'])
  ]);
  const model = new BrowserModel(client);
  const names = () => model.state.shown.map(({ name }) => name);
  return { client, model, names };
}

describe('opening folders', () => {
  it('shows folders first, whatever the order of the store', async () => {
    const { model, names } = setUp();
    await model.start('/data/shared/');
    expect(model.state.phase).toBe('ready');
    expect(names()).toEqual(['z', 'a.csv', 'b.csv']);
  });

  it('goes up, onto the folder that one comes from', async () => {
    const { model } = setUp();
    await model.start('/data/shared/');
    await model.up();
    expect(model.state.path).toBe('/data/');
    expect([...model.state.selection.chosen]).toEqual(['/data/shared/']);
    await model.up();
    await model.up();
    expect(model.state.path).toBe('/');
  });

  it("shows an error with the server's words, and mends it by a refresh", async () => {
    const { client, model } = setUp();
    await model.start('/');
    client.list.mockRejectedValueOnce(refusal('store-unavailable', 503, 'The store is down.'));
    await model.open('/data/');
    expect(model.state).toMatchObject({ phase: 'error', path: '/data/' });
    expect(model.state.error?.message).toBe('The store is down.');
    await model.refresh();
    expect(model.state).toMatchObject({ phase: 'ready', error: null });
  });

  it('opens the top when the remembered folder is gone, but not when the store is down', async () => {
    const { client, model } = setUp();
    await model.start('/data/gone/');
    expect(model.state).toMatchObject({ phase: 'ready', path: '/' });
    client.list.mockRejectedValueOnce(refusal('store-unavailable', 503));
    await model.start('/data/shared/');
    expect(model.state).toMatchObject({ phase: 'error', path: '/data/shared/' });
  });

  it('says what to set when the server is not configured, and asks again on a refresh', async () => {
    const { client, model } = setUp();
    const config = await client.config();
    client.config.mockResolvedValueOnce({ ...config, configured: false });
    await model.start('/');
    expect(model.state.phase).toBe('unconfigured');
    expect(client.list).not.toHaveBeenCalled();
    await model.refresh();
    expect(model.state.phase).toBe('ready');
  });

  it('shows the folder that was opened last, not the one that answered last', async () => {
    const { client, model } = setUp();
    await model.start('/');
    let answer!: (value: ReturnType<typeof listing>) => void;
    client.list.mockReturnValueOnce(new Promise(resolve => (answer = resolve)));
    const slow = model.open('/data/');
    await model.open('/data/shared/');
    answer(listing('/data/', ['shared/']));
    await slow;
    expect(model.state.path).toBe('/data/shared/');
    expect(model.state.entries).toHaveLength(3);
  });
});

describe('many entries', () => {
  it('come page by page, also when a page is empty', async () => {
    const { client, model, names } = setUp();
    await model.start('/many/');
    expect(model.state).toMatchObject({ complete: false });
    expect(names()).toHaveLength(1000);
    await model.loadMore();
    await model.loadMore();
    expect(names()).toHaveLength(1501);
    expect(names()[0]).toBe('folder');
    expect(model.state.complete).toBe(true);
    await model.loadMore();
    expect(client.list).toHaveBeenCalledTimes(3);
  });

  it('are asked for once at a time', async () => {
    const { client, model } = setUp();
    await model.start('/many/');
    await Promise.all([model.loadMore(), model.loadMore()]);
    expect(client.list).toHaveBeenCalledTimes(2);
  });

  it('stay when the next page fails, which can be asked for again', async () => {
    const { client, model, names } = setUp();
    await model.start('/many/');
    client.list.mockRejectedValueOnce(refusal('slow-down', 503, 'Slow down.'));
    await model.loadMore();
    expect(model.state.moreError?.message).toBe('Slow down.');
    expect(names()).toHaveLength(1000);
    await model.loadMore();
    expect(model.state.moreError).toBeNull();
  });

  it('are all loaded for a filter and for another order, since both are about all of them', async () => {
    const { model, names } = setUp();
    await model.start('/many/');
    model.setFilter('f01499');
    await settle();
    expect(names()).toEqual(['f01499']);
    const { model: sorted, names: sortedNames } = setUp();
    await sorted.start('/many/');
    sorted.sortBy('name');
    await settle();
    expect(sortedNames().slice(0, 2)).toEqual(['folder', 'f01499']);
  });

  it('are loaded again by a refresh as far as they were, with what was chosen', async () => {
    const { client, model, names } = setUp();
    await model.start('/many/');
    await model.loadMore();
    await model.loadMore();
    model.choose('/many/f01234');
    client.list.mockClear();
    await model.refresh();
    expect(names()).toHaveLength(1501);
    expect(client.list).toHaveBeenCalledTimes(3);
    expect([...model.state.selection.chosen]).toEqual(['/many/f01234']);
  });
});

describe('changes', () => {
  it('show a new folder in its place, chosen', async () => {
    const { model, names } = setUp();
    await model.start('/data/shared/');
    model.beginNaming();
    await model.createFolder('new');
    expect(names()).toEqual(['new', 'z', 'a.csv', 'b.csv']);
    expect(model.chosen.map(({ path }) => path)).toEqual(['/data/shared/new/']);
    expect(model.state.naming).toBeNull();
  });

  it('keep the name when the server refuses the folder, with its reason', async () => {
    const { client, model } = setUp();
    await model.start('/data/shared/');
    client.createFolder.mockRejectedValueOnce(refusal('already-exists', 409, 'Taken.'));
    await model.createFolder('z');
    expect(model.state.naming).toMatchObject({ busy: false, error: { message: 'Taken.' } });
  });

  it('take from the listing what was deleted, and only that', async () => {
    const { client, model, names } = setUp();
    await model.start('/data/shared/');
    const error = { code: 'access-denied', message: 'No.', path: null, retryable: false };
    client.remove.mockResolvedValueOnce({
      deleted: ['/data/shared/a.csv'],
      failed: [{ path: '/data/shared/b.csv', error }],
      jobs: []
    });
    model.chooseAll();
    const result = await model.remove(model.chosen);
    expect(result.failed).toHaveLength(1);
    expect(names()).toEqual(['z', 'b.csv']);
  });

  it('delete more than a request may name in several requests', async () => {
    const { client, model } = setUp();
    await model.start('/many/');
    const entries = numbered(0, 2500).map(name => entry(`/many/${name}`));
    const result = await model.remove(entries);
    expect(client.remove.mock.calls.map(([paths]) => paths.length)).toEqual([1000, 1000, 500]);
    expect(result.deleted).toHaveLength(2500);
  });

  it('show what arrived here, or the folder that it arrived in, and nothing from elsewhere', async () => {
    const { client, model, names } = setUp();
    await model.start('/data/shared/');
    client.stored.set('/data/shared/a.csv', 77);
    await model.arrived('/data/shared/a.csv');
    expect(model.state.shown.find(({ name }) => name === 'a.csv')?.size).toBe(77);
    await model.arrived('/data/shared/deep/er/x.csv');
    await model.arrived('/notebooks/shared/y.csv');
    expect(names()).toEqual(['deep', 'z', 'a.csv', 'b.csv']);
    expect(model.state.shown[0]?.uri).toBe('s3://bucket/org/data/shared/deep/');
  });
});

it('keeps nothing chosen that the filter hides', async () => {
  const { model } = setUp();
  await model.start('/data/shared/');
  model.chooseAll();
  model.setFiltering(true);
  model.setFilter('b.');
  expect(model.chosen.map(({ name }) => name)).toEqual(['b.csv']);
  model.setFiltering(false);
  expect(model.state.shown).toHaveLength(3);
});
