import type { APIRequestContext, Locator, Page } from '@playwright/test';
import { test as base, expect } from '@playwright/test';

import type { IServers } from './setup';

export { expect };

/** Where the servers are. */
export function servers(): IServers {
  return JSON.parse(process.env.STORAGE_UI_SERVERS ?? '{}') as IServers;
}

/** The user's own folder. */
export const MINE = '/data/customer-ada/';

/** The storage panel in JupyterLab, as a user finds his way in it. */
export class Panel {
  constructor(
    readonly page: Page,
    private readonly _request: APIRequestContext
  ) {
    this.root = page.locator('.wbs-Sidebar');
    this.grid = this.root.getByRole('grid');
    this.toolbar = this.root.getByRole('toolbar');
    this.tray = this.root.locator('.wbs-Tray');
    this.footer = this.root.locator('.wbs-Footer');
    this.item = page.locator('.wbs-StatusItem-button');
    this.note = this.root.locator('.wbs-Note');
  }

  readonly root: Locator;
  readonly grid: Locator;
  readonly toolbar: Locator;
  readonly tray: Locator;
  readonly footer: Locator;
  /** The status bar's item. */
  readonly item: Locator;
  readonly note: Locator;

  /** Load JupyterLab in a workspace of its own and open the panel. */
  async load(options: { url?: string; token?: string } = {}): Promise<void> {
    const { url = servers().url, token = servers().token } = options;
    const workspace = Math.random().toString(36).slice(2);
    await this.page.goto(`${url}lab/workspaces/${workspace}?reset&token=${token}`);
    const tab = this.page.locator('li[data-id="wherobots-storage-sidebar"]');
    await tab.click();
    await this.root.waitFor();
  }

  /** Back to the top folder: no dialog, no filter, no uploads, no routes of an earlier test. */
  async reset(): Promise<void> {
    await this.page.unrouteAll({ behavior: 'ignoreErrors' });
    for (const dialog of await this.dialog.all()) {
      await dialog.press('Escape');
    }
    await this.root.getByRole('button', { name: 'Top folder' }).click();
    await expect(this.row('spark-logs')).toBeVisible();
    if (await this.tray.isVisible()) {
      const all = this.tray.getByRole('button', { name: 'Cancel all' });
      if (await all.isVisible()) {
        await all.click();
      }
      await this.tray.getByRole('button', { name: 'Clear' }).click();
    }
  }

  /** The row of an entry; a folder's name without its slash. */
  row(name: string): Locator {
    return this.grid.getByRole('row').filter({
      has: this.page.locator(`.wbs-Name`, { hasText: new RegExp(`^${escape(name)}$`) })
    });
  }

  /** The rows of the listing, without its header. */
  get rows(): Locator {
    return this.grid.locator('.wbs-Row');
  }

  button(name: string): Locator {
    return this.toolbar.getByRole('button', { name: new RegExp(`^${name}`) });
  }

  /** Go to a folder from the top, by double clicks. */
  async open(path: string): Promise<void> {
    await this.root.getByRole('button', { name: 'Top folder' }).click();
    for (const name of path.split('/').filter(part => part !== '')) {
      await this.row(name).dblclick();
      await expect(this.root.locator('.wbs-Crumb[aria-current]')).toHaveText(name);
    }
    await expect(this.grid).toBeVisible();
  }

  /** Call the server's API as the page's user does: with the cookies and the XSRF header. */
  async call(
    method: string,
    route: string,
    options: { query?: Record<string, string>; body?: unknown; url?: string; token?: string } = {}
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const query = new URLSearchParams(options.query ?? {}).toString();
    const answer = await this._request.fetch(
      `${options.url ?? servers().url}wherobots-storage/api/v1/${route}?${query}`,
      {
        method,
        headers: { Authorization: `token ${options.token ?? servers().token}` },
        ...(options.body === undefined ? {} : { data: options.body })
      }
    );
    const text = await answer.text();
    return { status: answer.status(), body: JSON.parse(text || '{}') as Record<string, unknown> };
  }

  /** What the Jupyter server itself answers. */
  async fetch(route: string): Promise<string> {
    const headers = { Authorization: `token ${servers().token}` };
    return (await this._request.get(servers().url + route, { headers })).text();
  }

  /** Make a folder of this test's own and open it. */
  async openFresh(name = `test-${Math.random().toString(36).slice(2, 10)}`): Promise<string> {
    const answer = await this.call('POST', 'folders', { body: { path: `${MINE}${name}/` } });
    expect(answer.status).toBe(201);
    await this.open(`${MINE}${name}/`);
    return `${MINE}${name}/`;
  }

  /** Cut the way between JupyterLab and the store, or mend it. */
  async cutStore(cut: boolean): Promise<void> {
    await this._request.post(`${servers().controlUrl}store/${cut ? 'down' : 'up'}`);
  }

  /** Put an object below the organisation's root, as another program would. */
  async putObject(key: string, body: string): Promise<void> {
    await this._request.post(`${servers().controlUrl}object/${encodeURI(key)}`, { data: body });
  }

  /** Set the theme that pages loaded from now on have. */
  async setTheme(theme: string): Promise<void> {
    const answer = await this._request.put(
      `${servers().url}lab/api/settings/@jupyterlab/apputils-extension:themes`,
      {
        headers: { Authorization: `token ${servers().token}` },
        data: { raw: JSON.stringify({ theme }) }
      }
    );
    expect(answer.ok()).toBe(true);
  }

  /** Give the panel a width that JupyterLab's own splitter might not. */
  async setWidth(width: number | null): Promise<void> {
    await this.root.evaluate((root, value) => {
      for (const name of ['width', 'min-width', 'max-width']) {
        root.style.setProperty(name, value === null ? '' : `${value}px`, 'important');
      }
    }, width);
  }

  /** Drop files on an element, as the desktop does. */
  async drop(on: Locator, files: Record<string, string>, { release = true } = {}): Promise<void> {
    const data = await this.page.evaluateHandle(contents => {
      const transfer = new DataTransfer();
      for (const [name, text] of Object.entries(contents)) {
        transfer.items.add(new File([text], name));
      }
      return transfer;
    }, files);
    for (const kind of ['dragenter', 'dragover', ...(release ? ['drop'] : [])]) {
      await on.dispatchEvent(kind, { dataTransfer: data });
    }
  }

  /** Choose files in the browser's own file chooser. */
  async choose(files: Parameters<Locator['setInputFiles']>[0]): Promise<void> {
    const chooser = this.page.waitForEvent('filechooser');
    await this.button('Upload files').click();
    await (await chooser).setFiles(files);
  }

  /**
   * Note from now on what the panel says, if only for a moment: what it announces, and what the
   * rows' copy buttons are called. The answer waits until it has said these words.
   */
  async listen(): Promise<(words: string) => Promise<void>> {
    const heard = await this.root.evaluateHandle(root => {
      const said = new Set<string>();
      const hear = () => {
        for (const text of root.querySelectorAll('.wbs-Announcement-text')) {
          said.add(text.textContent ?? '');
        }
        for (const button of root.querySelectorAll<HTMLElement>('.wbs-Row-copy')) {
          const name = button.closest('.wbs-Row')?.querySelector('.wbs-Name')?.textContent;
          said.add(`${name}: ${button.getAttribute('aria-label') ?? button.title}`);
        }
      };
      const everything = { subtree: true, childList: true, attributes: true, characterData: true };
      new MutationObserver(hear).observe(root, everything);
      return said;
    });
    return async words =>
      expect.poll(() => heard.evaluate((said, wanted) => said.has(wanted), words)).toBe(true);
  }

  /** What is on the clipboard. */
  clipboard(): Promise<string> {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** The upload of that name in the tray. */
  transfer(name: string): Locator {
    return this.tray.locator('.wbs-Transfer', { hasText: name });
  }

  /** A dialog of JupyterLab's. */
  get dialog(): Locator {
    return this.page.locator('.jp-Dialog-content');
  }
}

interface IShared {
  shared: Panel;
}

/**
 * Tests share one page with JupyterLab in it: loading it takes longer than most of them. Each
 * begins at the top folder with an empty tray, and an error that the page throws fails it.
 */
export const test = base.extend<{ panel: Panel; page: Page }, IShared>({
  shared: [
    async ({ browser, playwright }, use) => {
      const { permissions, viewport, locale, timezoneId } = SHARED_CONTEXT;
      const context = await browser.newContext({ permissions, viewport, locale, timezoneId });
      const request = await playwright.request.newContext();
      const panel = new Panel(await context.newPage(), request);
      await panel.load();
      await use(panel);
      await request.dispose();
      await context.close();
    },
    { scope: 'worker' }
  ],
  page: async ({ shared }, use) => use(shared.page),
  panel: async ({ shared }, use) => {
    const thrown: string[] = [];
    const note = (error: Error) => thrown.push(error.message);
    shared.page.on('pageerror', note);
    await shared.reset();
    await use(shared);
    shared.page.off('pageerror', note);
    expect(thrown).toEqual([]);
  }
});

/** Tests of how a page begins: each loads one of its own. */
export const freshTest = base.extend<{ panel: Panel }>({
  panel: async ({ page, request }, use) => use(new Panel(page, request))
});

const SHARED_CONTEXT = {
  permissions: ['clipboard-read', 'clipboard-write'],
  viewport: { width: 1200, height: 760 },
  locale: 'en-GB',
  timezoneId: 'UTC'
};

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
