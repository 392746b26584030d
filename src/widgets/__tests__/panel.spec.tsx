import { act } from 'react';
import { createRoot } from 'react-dom/client';

import * as apputils from '../../__tests__/support/apputils';
import { FakeClient, entry, listing, refusal, settle } from '../../__tests__/support/client';
import { panelOver } from '../../__tests__/support/panel';
import type { Listing as IListing } from '../../api/generated';
import { Listing, ROW_HEIGHT } from '../listing';
import { PanelProvider } from '../panel';
import { Toolbar } from '../toolbar';
import { Tray } from '../tray';

const HEIGHT = 20 * ROW_HEIGHT;

/** The parts of the panel over a fake client, in a window 20 rows high. */
async function setUp(path: string, ...pages: IListing[]) {
  const client = new FakeClient();
  client.pages.set(path, pages);
  const panel = panelOver(client);
  const { browser } = panel;
  const host = document.createElement('div');
  document.body.replaceChildren(host);
  const root = createRoot(host);
  await act(async () => {
    await browser.start(path);
    root.render(
      <PanelProvider value={panel}>
        <Toolbar />
        <Listing />
        <Tray />
      </PanelProvider>
    );
  });
  await act(settle);
  const rows = () => [...host.querySelectorAll<HTMLElement>('.wbs-Row')];
  const names = () => rows().map(row => row.querySelector('.wbs-Name')!.textContent);
  const press = (key: string, more: object = {}) =>
    act(async () => {
      const event = new KeyboardEvent('keydown', { key, bubbles: true, ...more });
      host.querySelector('.wbs-Grid')!.dispatchEvent(event);
      await settle();
    });
  const click = (element: Element | null | undefined) =>
    act(async () => {
      element!.dispatchEvent(new MouseEvent('click', { bubbles: true }));
      await settle();
    });
  const button = (title: string) =>
    host.querySelector<HTMLElement>(`button[aria-label^="${title}"]`)!;
  return { ...panel, button, click, client, host, names, press, rows };
}

beforeAll(() => {
  // jsdom lays nothing out: every element is as high as the window of the listing.
  Object.defineProperty(HTMLElement.prototype, 'offsetHeight', { get: () => HEIGHT });
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { get: () => HEIGHT });
  Object.defineProperty(HTMLElement.prototype, 'offsetWidth', { get: () => 250 });
  Element.prototype.scrollTo = function (this: Element, options?: ScrollToOptions | number) {
    this.scrollTop = typeof options === 'object' ? (options.top ?? 0) : 0;
    this.dispatchEvent(new Event('scroll'));
  };
  Element.prototype.scrollBy = function (this: Element, options?: ScrollToOptions | number) {
    this.scrollTo({ top: this.scrollTop + (typeof options === 'object' ? (options.top ?? 0) : 0) });
  };
});

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `f${String(index).padStart(5, '0')}`);

describe('the listing', () => {
  it('makes few rows of ten thousand entries, and the scroll bar of all', async () => {
    const { host, rows } = await setUp('/many/', listing('/many/', numbered(10_000)));
    expect(rows().length).toBeGreaterThan(15);
    expect(rows().length).toBeLessThan(60);
    const height = host.querySelector<HTMLElement>('.wbs-Rows')!.style.height;
    expect(height).toBe(`${10_000 * ROW_HEIGHT}px`);
  });

  it('goes to the last of them with End, and chooses it', async () => {
    const { browser, press } = await setUp('/many/', listing('/many/', numbered(10_000)));
    await press('End');
    expect(browser.chosen.map(({ name }) => name)).toEqual(['f09999']);
  });

  it('asks for the next page when the end comes near, and not before', async () => {
    const pages = [listing('/many/', numbered(1000)), listing('/many/', ['g'])];
    const { client, host } = await setUp('/many/', ...pages);
    expect(client.list).toHaveBeenCalledTimes(1);
    await act(async () => {
      host.querySelector('.wbs-Scroller')!.scrollTo({ top: 900 * ROW_HEIGHT });
    });
    await act(settle);
    expect(client.list).toHaveBeenCalledTimes(2);
  });

  it('shows names as text, whatever they hold', async () => {
    const name = '<img src=x onerror=alert(1)>\u202e';
    const { host, names } = await setUp('/odd/', listing('/odd/', [name]));
    expect(names()).toEqual(['<img src=x onerror=alert(1)>\u2039U+202E\u203a']);
    expect(host.querySelector('.wbs-Row img')).toBeNull();
  });

  it('opens folders with Enter and goes up with Backspace', async () => {
    const { browser, client, press } = await setUp('/data/', listing('/data/', ['shared/']));
    client.pages.set('/data/shared/', [listing('/data/shared/', [])]);
    client.pages.set('/', [listing('/', ['data/'])]);
    await press('Enter');
    expect(browser.state.path).toBe('/data/shared/');
    await press('Backspace');
    expect(browser.state.path).toBe('/data/');
  });

  it('says which rows are chosen to those who cannot see it', async () => {
    const { host, press, rows } = await setUp('/x/', listing('/x/', ['a', 'b', 'c']));
    await press('Home');
    await press('ArrowDown', { shiftKey: true });
    expect(rows().map(row => row.getAttribute('aria-selected'))).toEqual(['true', 'true', 'false']);
    const grid = host.querySelector('[role="grid"]')!;
    expect(grid.getAttribute('aria-activedescendant')).toBe(rows()[1]!.id);
    expect(grid.getAttribute('aria-rowcount')).toBe('4');
  });

  it('marks a key that can only be listed and deleted, and does not open it', async () => {
    const page = listing('/x/', []);
    page.entries = [entry('/x/../', { problem: 'A segment is “..”.' })];
    const { announcer, client, host, press } = await setUp('/x/', page);
    expect(host.querySelector('.wbs-Problem')?.getAttribute('title')).toBe('A segment is “..”.');
    await press('Enter');
    expect(announcer.state.text).toBe('A segment is “..”.');
    expect(client.list).toHaveBeenCalledTimes(1);
  });
});

describe('buttons', () => {
  it('that cannot work here say why, and do nothing', async () => {
    const reason = '/data/ is read-only.';
    const more = { mutateProtected: true, uploadProtected: true, reason };
    const { browser, button, click } = await setUp('/data/', listing('/data/', ['x'], more));
    for (const title of ['Upload files', 'New folder', 'Delete']) {
      expect(button(title).getAttribute('aria-disabled')).toBe('true');
      expect(button(title).title).toBe(`${title}: ${reason}`);
    }
    await click(button('New folder'));
    expect(browser.state.naming).toBeNull();
  });

  it('delete after asking, and tell what could not be deleted', async () => {
    const { button, client, click, names, press } = await setUp('/x/', listing('/x/', ['a', 'b']));
    await press('a', { ctrlKey: true });
    apputils.answerDialogs({ label: 'Cancel' }, { label: 'Delete' });
    await click(button('Delete'));
    expect(client.remove).not.toHaveBeenCalled();
    const error = { code: 'access-denied', message: 'Not yours.', path: null, retryable: false };
    client.remove.mockResolvedValueOnce({
      deleted: ['/x/a'],
      failed: [{ path: '/x/b', error }],
      jobs: []
    });
    await click(button('Delete'));
    expect(apputils.dialogs.map(({ title }) => title)).toEqual([
      'Delete 2 items?',
      'Delete 2 items?'
    ]);
    expect(names()).toEqual(['b']);
    const said = (apputils.Notification.error as jest.Mock<unknown, [string]>).mock.calls.at(
      -1
    )![0];
    expect(said).toBe('1 item was not deleted. Not yours.');
  });

  it('ask no question about files when the user wants none, but about folders they do', async () => {
    const page = listing('/x/', ['a', 'folder/']);
    const { actions, browser, client, preferences } = await setUp('/x/', page);
    preferences.update({ confirmDelete: false });
    apputils.answerDialogs();
    await act(() => actions.remove([page.entries[0]!]));
    expect(apputils.dialogs).toEqual([]);
    expect(client.remove).toHaveBeenCalledWith(['/x/a']);
    await act(() => actions.remove([page.entries[1]!]));
    expect(apputils.dialogs).toHaveLength(1);
    expect(browser.state.shown).toHaveLength(1);
  });

  it('ask before writing where there is a caution, once when that is enough', async () => {
    const page = listing('/spark-logs/', [], { caution: 'Think first.' });
    const { actions, browser, uploads } = await setUp('/spark-logs/', page);
    const files = [{ file: new File(['x'], 'a'), relativePath: 'a' }];
    apputils.answerDialogs({ label: 'Cancel' }, { label: 'Continue', checked: true });
    await act(() => actions.upload(files, '/spark-logs/'));
    expect(uploads.state.uploads).toEqual([]);
    await act(() => actions.upload(files, '/spark-logs/'));
    expect(uploads.state.uploads).toHaveLength(1);
    await act(() => actions.newFolder());
    expect(apputils.dialogs).toHaveLength(2);
    expect(browser.state.naming).not.toBeNull();
  });
});

describe('states', () => {
  it("show the server's words and mend by Retry", async () => {
    const { browser, click, client, host } = await setUp('/x/', listing('/x/', ['a']));
    client.list.mockRejectedValueOnce(refusal('store-unavailable', 503, 'The store is down.'));
    await act(() => browser.open('/x/'));
    const alert = host.querySelector('[role="alert"]')!;
    expect(alert.textContent).toContain('The store is down.');
    await click([...alert.querySelectorAll('button')].find(one => one.textContent === 'Retry'));
    expect(host.querySelector('[role="alert"]')).toBeNull();
  });

  it('tell an empty folder from a filter that finds nothing', async () => {
    const { browser, host } = await setUp('/x/', listing('/x/', []));
    expect(host.textContent).toContain('This folder is empty');
    await act(async () => browser.setFilter('abc'));
    expect(host.textContent).toContain('No name here holds “abc”.');
  });

  it('show an upload that failed with its reason and a way to try again', async () => {
    const { actions, button, client, host } = await setUp('/x/', listing('/x/', []));
    client.beginUpload.mockRejectedValueOnce(refusal('too-large', 413, 'It is too large.'));
    await act(async () => {
      await actions.upload([{ file: new File(['x'], 'a.bin'), relativePath: 'a.bin' }], '/x/');
    });
    for (let turn = 0; turn < 500 && !host.querySelector('.wbs-Transfer [role="alert"]'); turn++) {
      await act(() => new Promise<void>(resolve => setTimeout(resolve, 20)));
    }
    const transfer = host.querySelector('.wbs-Transfer')!;
    expect(transfer.querySelector('[role="alert"]')?.textContent).toBe('It is too large.');
    expect(button('Try again')).not.toBeNull();
  });
});
