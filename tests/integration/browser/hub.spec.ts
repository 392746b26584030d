import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Browser, Page } from '@playwright/test';
import { expect, test } from '@playwright/test';

import { Elsewhere, WITH_BOTO3, copied, getCredentials, openDialog } from '../../ui/elsewhere';
import { Panel } from '../../ui/panel';

/** A user of the hub, the folder name that is made of theirs, and the home of their server. */
interface IUser {
  name: string;
  customer: string;
  token: string;
  home: string;
}

/** What the test that started the hub says of it. */
interface IHub {
  url: string;
  root: string;
  results: string;
  users: [IUser, IUser];
}

const hub = JSON.parse(process.env.HUB ?? '{}') as IHub;

/** What takes an agent a watched change, or a hub the answer to a login. */
const SOON = { timeout: 150_000 };

/** What a file holds that both users see. */
const WORDS = 'for everybody';

/** A user's browser, with the panel open, and all that it has heard from the hub so far. */
interface IVisit {
  user: IUser;
  other: IUser;
  url: string;
  page: Page;
  panel: Panel;
  heard: string[];
  /** What came by the socket of events. */
  events: string[];
  /** How often the page asked for the state of the sync. */
  asked: { times: number };
}

const visits: IVisit[] = [];

// One after the other: the second user sees what the first has done.
test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser, playwright }) => {
  const [first, second] = hub.users;
  for (const [user, other] of [[first, second] as const, [second, first] as const]) {
    const context = await playwright.request.newContext();
    const visit = await arrive(browser, user, other);
    visits.push({ ...visit, panel: new Panel(visit.page, context) });
  }
});

test.afterAll(async () => {
  for (const { page } of visits) {
    await page.context().close();
  }
});

/** A browser in which nobody has logged in yet; it notes what it hears. */
async function arrive(browser: Browser, user: IUser, other: IUser): Promise<Omit<IVisit, 'panel'>> {
  const permissions = ['clipboard-read', 'clipboard-write'];
  const page = await browser.newPage({ permissions, locale: 'en-GB', timezoneId: 'UTC' });
  const heard: string[] = [];
  const events: string[] = [];
  const asked = { times: 0 };
  page.on('response', response => {
    heard.push(response.url(), JSON.stringify(response.headers()));
    response.text().then(
      text => heard.push(text),
      () => undefined
    );
  });
  page.on('request', request => {
    const path = new URL(request.url()).pathname;
    asked.times += Number(request.method() === 'GET' && path.endsWith('/api/v1/sync'));
  });
  page.on('websocket', socket => {
    socket.on('framereceived', ({ payload }) => {
      heard.push(payload.toString());
      if (socket.url().includes('/api/events/subscribe')) {
        events.push(payload.toString());
      }
    });
  });
  return { user, other, url: `${hub.url}/user/${user.name}/`, page, heard, events, asked };
}

/** Do the same as each of the users. */
async function each(act: (visit: IVisit) => Promise<void>): Promise<void> {
  for (const visit of visits) {
    await act(visit);
  }
}

/** Matches a customer's name, and no longer one that begins with it. */
function named(customer: string): RegExp {
  return new RegExp(`${customer.replace(/[.]/g, '\\.')}(?![A-Za-z0-9._-])`);
}

function names(panel: Panel) {
  return panel.rows.locator('.wbs-Name');
}

async function upload(panel: Panel, name: string): Promise<void> {
  await panel.choose([{ name, mimeType: 'text/plain', buffer: Buffer.from(WORDS) }]);
  await expect(panel.transfer(name)).toHaveAttribute('data-phase', 'done', SOON);
  await expect(panel.row(name)).toBeVisible();
}

async function copiedPath(panel: Panel, name: string): Promise<string> {
  await panel.row(name).hover();
  await panel.row(name).getByRole('button', { name: 'Copy path' }).click();
  return panel.clipboard();
}

/** Whether a file of the home is in the bucket. */
async function isSaved({ panel, user, url }: IVisit, name: string): Promise<boolean> {
  const query = { path: `/notebooks/${user.customer}/${name}` };
  const found = await panel.call('GET', 'files/stat', { query, url, token: user.token });
  return found.status === 200;
}

test('a login at the hub leads to JupyterLab, and the panel is there', async () => {
  await each(async ({ page, panel, user, url }) => {
    const next = encodeURIComponent(new URL(`${url}lab`).pathname);
    await page.goto(`${hub.url}/hub/login?next=${next}`);
    await page.getByLabel('Username').fill(user.name);
    await page.getByLabel('Password').fill('any');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(address => address.pathname.startsWith(new URL(url).pathname), SOON);
    await page.locator('li[data-id="wherobots-storage-sidebar"]').click(SOON);
    await expect(panel.root).toBeVisible();
  });
});

test('the panel lists what is theirs and what is shared, and nothing else', async () => {
  await each(async ({ panel, user }) => {
    await expect(names(panel)).toHaveText(['data', 'notebooks', 'spark-logs']);
    for (const area of ['data', 'notebooks']) {
      await panel.open(`/${area}/`);
      await expect(names(panel)).toHaveText([user.customer, 'shared']);
    }
    await panel.open(`/data/${user.customer}/`);
    await expect(panel.row('secret.txt')).toBeVisible();
  });
});

test('they upload to their folder, and the copied path names the object', async () => {
  await each(async ({ panel, user }) => {
    await panel.open(`/data/${user.customer}/`);
    await upload(panel, 'mine.txt');
    const path = `${hub.root}data/${user.customer}/mine.txt`;
    expect(await copiedPath(panel, 'mine.txt')).toBe(path);
    // A hub's names may be long: the button beside them is still there to be clicked.
    await panel.root.getByRole('button', { name: 'Copy the path of this folder' }).click();
    await expect.poll(() => panel.clipboard()).toBe(`${hub.root}data/${user.customer}/`);
  });
});

test('what one uploads to the shared folder the other downloads', async () => {
  const [first, second] = visits as [IVisit, IVisit];
  await first.panel.open('/data/shared/');
  await second.panel.open('/data/shared/');
  await expect(second.panel.row('given.txt')).toHaveCount(0);
  await upload(first.panel, 'given.txt');
  expect(await copiedPath(first.panel, 'given.txt')).toBe(`${hub.root}data/shared/given.txt`);
  await second.panel.root.getByRole('button', { name: 'Refresh' }).click();
  const download = second.page.waitForEvent('download');
  await second.panel.row('given.txt').dblclick();
  const stream = await (await download).createReadStream();
  expect((await stream.toArray()).join('')).toBe(WORDS);
});

test('the state of the sync comes by events through the proxy, unasked', async () => {
  await each(async visit => {
    const { panel, user, url, events, asked } = visit;
    await expect(panel.item).toHaveText(/^Synced/, SOON);
    const before = { asked: asked.times, events: events.length };
    const sync = { url, token: user.token };
    await panel.call('POST', 'sync', { ...sync, body: { op: 'pause' } });
    await expect(panel.item).toHaveText('Sync paused', SOON);
    await panel.call('POST', 'sync', { ...sync, body: { op: 'resume' } });
    await expect(panel.item).toHaveText(/^Synced/, SOON);
    await writeFile(join(user.home, 'live.txt'), 'words');
    await expect.poll(() => isSaved(visit, 'live.txt'), SOON).toBe(true);
    expect(asked.times).toBe(before.asked);
    const since = events.slice(before.events).join('\n');
    expect(since).toContain('wherobots-storage/sync/v1');
    expect(since).toContain('"paused"');
  });
});

test('the dialog’s credentials upload to the shown folder, and not to the other user’s', async () => {
  await each(async ({ page, panel, user, other }) => {
    await panel.open(`/data/${user.customer}/`);
    const told = page.waitForResponse(
      one => one.request().method() === 'GET' && /\/credentials(\?|$)/.test(one.url())
    );
    await openDialog(panel);
    // The service gives an hour, and so nothing longer is offered.
    expect(await (await told).json()).toEqual({ maxSeconds: 3600 });
    const offered = panel.dialog.getByRole('combobox', { name: 'Valid for' }).getByRole('option');
    await expect(offered).toHaveText(['15 minutes', '30 minutes', '1 hour']);
    await getCredentials(panel);
    const there = await Elsewhere.make(await copied(panel, '~/.aws/credentials'));
    try {
      const uris = [user, other].map(({ customer }) => `${hub.root}data/${customer}/`);
      const said = there.run(process.env.PYTHON ?? 'python', '-c', WITH_BOTO3, ...uris);
      expect(said.trim().split('\n')).toEqual(['done', 'AccessDenied']);
    } finally {
      await there.remove();
    }
    await panel.dialog.getByRole('button', { name: 'Close' }).click();
    await panel.root.getByRole('button', { name: 'Refresh' }).click();
    await expect(panel.row('a.txt')).toBeVisible();
    // For whoever wants to see it.
    await panel.page.screenshot({ path: join(hub.results, `${user.customer}.png`) });
  });
});

test('nothing that a browser was told names the other customer', async () => {
  await each(async ({ page, heard, user, other }) => {
    const everything = [...heard, await page.content()].join('\n');
    expect(everything).toMatch(named(user.customer));
    expect(everything).not.toMatch(named(other.customer));
  });
});

test('a guessed folder is refused, in the panel and to the page’s own scripts', async () => {
  await each(async ({ page, panel, other, url }) => {
    const path = `/data/${other.customer}/`;
    // A workspace is what the panel finds the folder in that was open last; anybody can write one.
    const { status } = await page.evaluate(
      async ([address, guess]) => {
        const token = /_xsrf=([^;]+)/.exec(document.cookie)?.[1] ?? '';
        return fetch(address!, {
          method: 'PUT',
          headers: { 'Content-Type': 'application/json', 'X-XSRFToken': token },
          body: JSON.stringify({
            data: { 'wherobots-storage:browser': { path: guess } },
            metadata: { id: 'guessed' }
          })
        }).then(answer => ({ status: answer.status }));
      },
      [`${url}lab/api/workspaces/guessed`, path]
    );
    expect(status).toBe(204);
    const listing = `/files?${new URLSearchParams({ path }).toString()}`;
    const refused = page.waitForResponse(answer => answer.url().includes(listing), SOON);
    await page.goto(`${url}lab/workspaces/guessed`);
    await page.locator('li[data-id="wherobots-storage-sidebar"]').click(SOON);
    expect((await refused).status()).toBe(403);
    // It goes back to what there is.
    await expect(names(panel)).toHaveText(['data', 'notebooks', 'spark-logs'], SOON);
    const answers = await page.evaluate(
      async ([api, guess]) => {
        const routes = [`files?path=${guess}`, `files/stat?path=${guess}secret.txt`];
        routes.push(`files/content?path=${guess}secret.txt`);
        const asked = routes.map(route => fetch(`${api}${route}`));
        return (await Promise.all(asked)).map(answer => answer.status);
      },
      [`${url}wherobots-storage/api/v1/`, path]
    );
    expect(answers).toEqual([403, 403, 403]);
  });
});

test('the other user’s server does not let them in', async () => {
  await each(async ({ page, panel, other }) => {
    const answer = await page.goto(`${hub.url}/user/${other.name}/lab`);
    expect(answer?.status()).toBe(403);
    await expect(panel.root).toHaveCount(0);
    expect(await page.content()).not.toMatch(named(other.customer));
  });
});
