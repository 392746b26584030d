import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { WebSocketRoute } from '@playwright/test';

import { Panel, expect, servers, freshTest as test } from './panel';

/** The mirror of the home that these tests are about. */
const MIRROR = 'notebooks/customer-eve/';

/** What takes an agent a watched change, a cycle, or a store that comes back. */
const SOON = { timeout: 90_000 };

/** The page's event socket: whether it may be there, and the one that is. */
const socket = { allowed: true, open: null as WebSocketRoute | null };

let panel: Panel;
/** How often the page asked for the status. */
let asked = 0;

// One after the other, on one page: each begins where the one before has left the home.
test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser, playwright }) => {
  const page = await browser.newPage({ locale: 'en-GB', timezoneId: 'UTC' });
  page.on('request', request => {
    const path = new URL(request.url()).pathname;
    asked += Number(request.method() === 'GET' && path.endsWith('/wherobots-storage/api/v1/sync'));
  });
  await page.routeWebSocket(/api\/events\/subscribe/, route => {
    if (socket.allowed) {
      socket.open = route;
      route.connectToServer();
    } else {
      void route.close();
    }
  });
  panel = new Panel(page, await playwright.request.newContext());
  await panel.load({ url: servers().waitingUrl, token: servers().waitingToken });
});

test.afterAll(async () => {
  await panel.page.context().close();
});

/** Call that home's server, past the page. */
function call(method: string, route: string, options: object = {}) {
  const { waitingUrl: url, waitingToken: token } = servers();
  return panel.call(method, route, { ...options, url, token });
}

/** Whether a file of the home is in the bucket. */
async function isSaved(name: string): Promise<boolean> {
  const query = { path: `/${MIRROR}${name}` };
  return (await call('GET', 'files/stat', { query })).status === 200;
}

function home(name: string): string {
  return join(servers().waitingHome, name);
}

test('a home that another instance has says so, and is taken over', async () => {
  await expect(panel.item).toHaveText('Waiting for node-7', SOON);
  await expect(panel.footer).toContainText('the instance on node-7 has this home');
  expect(await isSaved('notes.txt')).toBe(false);
  await panel.item.click();
  const popup = panel.page.getByRole('dialog', { name: 'Home sync' });
  await expect(popup).toContainText('The instance on node-7 saves this home');
  await popup.getByRole('button', { name: 'Take over now' }).click();
  await expect(panel.item).toHaveText(/^Synced/, SOON);
  await expect(popup.getByRole('button', { name: 'Take over now' })).toHaveCount(0);
  expect(await isSaved('notes.txt')).toBe(true);
});

test('the popup is opened, walked through and closed by the keyboard', async () => {
  const popup = panel.page.getByRole('dialog', { name: 'Home sync' });
  await panel.page.keyboard.press('Escape');
  await expect(popup).toHaveCount(0);
  await panel.item.focus();
  await panel.page.keyboard.press('Enter');
  await expect(popup).toBeVisible();
  await expect(panel.item).toHaveAttribute('aria-expanded', 'true');
  await expect(popup).toBeFocused();
  await panel.page.keyboard.press('Tab');
  await expect(popup.getByRole('button', { name: 'Sync now' })).toBeFocused();
  await panel.page.keyboard.press('Escape');
  await expect(panel.item).toBeFocused();
});

test('a paused home saves nothing until it is resumed', async () => {
  await panel.footer.getByRole('button', { name: 'Show all of home sync' }).click();
  await panel.footer.getByRole('button', { name: 'Pause' }).click();
  await expect(panel.item).toHaveText('Sync paused', SOON);
  await writeFile(home('paused.txt'), 'words');
  // A watched change is saved in about a second.
  await panel.page.waitForTimeout(2500);
  expect(await isSaved('paused.txt')).toBe(false);
  await panel.footer.getByRole('button', { name: 'Resume' }).click();
  await expect.poll(() => isSaved('paused.txt'), SOON).toBe(true);
  await expect(panel.item).toHaveText(/^Synced/, SOON);
  await expect(panel.footer.getByRole('button', { name: 'Pause' })).toBeVisible();
});

test('a conflict is listed with both names, and each is shown in the storage', async () => {
  await panel.putObject(`${MIRROR}notes.txt`, 'The words of somebody else.\n');
  await writeFile(home('notes.txt'), 'The words of this home.\n');
  await panel.footer.getByRole('button', { name: /^Conflicts: 1 file/ }).click(SOON);
  const rows = panel.dialog.getByRole('listitem');
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText('notes.txt');
  await expect(rows).toContainText(/notes \(conflict \d{4}-\d\d-\d\d \d{6}\)\.txt/);
  await panel.dialog.getByRole('button', { name: /^Show notes \(conflict/ }).click();
  await expect(panel.dialog).toHaveCount(0);
  await expect(panel.rows.filter({ hasText: 'notes (conflict' })).toHaveAttribute(
    'aria-selected',
    'true'
  );
});

test('a consent to other deletions than those that are held is refused', async () => {
  for (const [held, status] of [
    ['0123', 409],
    [undefined, 400]
  ] as const) {
    const answer = await call('POST', 'sync', { body: { op: 'acceptDeletes', held } });
    expect(answer.status).toBe(status);
  }
  expect((await call('GET', 'sync/held', { query: { id: '0123' } })).status).toBe(409);
});

test('held deletions are asked about: kept, then deleted', async () => {
  const gone = Array.from(
    { length: 40 },
    (_, index) => `run-${String(index).padStart(2, '0')}.csv`
  );
  await Promise.all(gone.map(name => rm(home(name))));
  await panel.footer.getByRole('button', { name: 'Sync now', exact: true }).first().click();
  await expect(panel.item).toHaveText('Deletions held', SOON);
  const question = panel.footer.getByRole('alertdialog', { name: 'Deletions are held' });
  await expect(question).toContainText('40 deletions held');
  await expect(question).toContainText('run-00.csv');
  await question.getByRole('button', { name: 'Keep the copies' }).click();
  await expect(question.getByRole('button', { name: 'Keep the copies' })).toHaveCount(0);
  expect(await isSaved('run-00.csv')).toBe(true);

  await question.getByRole('button', { name: 'Delete them from storage…' }).click();
  await expect(panel.dialog).toContainText('Delete 40 copies from the storage?');
  await expect(panel.dialog).toContainText(`wherobots-demo/acme/${MIRROR}`);
  const copies = panel.dialog.getByRole('list', { name: 'Copies that would be deleted' });
  await expect(copies.getByRole('listitem')).toHaveCount(40);
  await expect(copies).toContainText('run-39.csv');
  expect(await isSaved('run-00.csv')).toBe(true);
  await panel.dialog.getByRole('button', { name: 'Delete 40 copies' }).click();
  await expect.poll(() => isSaved('run-00.csv'), SOON).toBe(false);
  await expect(question).toHaveCount(0, SOON);
  expect(await isSaved('run-59.csv')).toBe(true);
});

test('a store that is away is said, with what to do, and its return is noticed', async () => {
  await panel.cutStore(true);
  await writeFile(home('later.txt'), 'words');
  await expect(panel.item).toHaveText('Sync offline', SOON);
  await expect(panel.footer.getByRole('alert')).toContainText('It is tried again by itself');
  await panel.cutStore(false);
  await panel.footer.getByRole('button', { name: 'Retry failed' }).click();
  await expect(panel.item).toHaveText(/^Synced/, SOON);
  expect(await isSaved('later.txt')).toBe(true);
});

test('all of that was told by events: the page asked when they began, and never again', async () => {
  expect(asked).toBeLessThanOrEqual(2);
});

test('without events the page asks, slowly, and returns to them by itself', async () => {
  socket.allowed = false;
  asked = 0;
  const began = Date.now();
  // How often a page that asks every half minute has asked since by itself.
  const slowly = () => Math.floor((Date.now() - began) / 30_000);
  await socket.open!.close();
  await expect.poll(() => asked).toBe(1);
  await call('POST', 'sync', { body: { op: 'pause' } });
  // Several tries to connect later it still has asked but once.
  await panel.page.waitForTimeout(3000);
  expect(asked).toBeLessThanOrEqual(1 + slowly());
  if (slowly() === 0) {
    await expect(panel.item).not.toHaveText('Sync paused');
  }

  socket.allowed = true;
  await expect(panel.item).toHaveText('Sync paused', SOON);
  await expect.poll(() => asked).toBeGreaterThanOrEqual(2);
  await call('POST', 'sync', { body: { op: 'resume' } });
  await expect(panel.item).toHaveText(/^Synced/, SOON);
  expect(asked).toBeLessThanOrEqual(2 + slowly());
});
