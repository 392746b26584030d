import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Page } from '@playwright/test';

import { CLI, Elsewhere, WITH_BOTO3, copied, getCredentials, openDialog } from './elsewhere';
import { MINE, expect, freshTest, test } from './panel';

/** A name with what shells, policies and URLs each treat in a way of their own. */
const HOSTILE = 'in "coming" it\'s $HOME `id` & é 中 %20+#';

/** Everything that a page keeps, or would show: its document, its storages, its databases. */
function kept(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const values = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(new Error(request.error?.message));
      });
    const found: unknown[] = [document.documentElement.outerHTML, location.href, document.cookie];
    found.push({ ...localStorage }, { ...sessionStorage }, history.state);
    found.push(performance.getEntries().map(entry => entry.name));
    for (const { name } of await indexedDB.databases()) {
      const database = await values(indexedDB.open(name!));
      for (const store of database.objectStoreNames) {
        found.push(await values(database.transaction(store).objectStore(store).getAll()));
      }
      database.close();
    }
    for (const field of document.querySelectorAll('input, textarea')) {
      found.push((field as HTMLInputElement).value);
    }
    return JSON.stringify(found);
  });
}

test('what the dialog shows uploads into the shown folder from elsewhere, and nowhere else', async ({
  panel
}) => {
  const folder = await panel.openFresh();
  const made = await panel.call('POST', 'folders', { body: { path: `${folder}${HOSTILE}/` } });
  expect(made.status).toBe(201);
  await panel.root.getByRole('button', { name: 'Refresh' }).click();
  await panel.row(HOSTILE).dblclick();
  await expect(panel.root.locator('.wbs-Crumb[aria-current]')).toHaveText(HOSTILE);
  await openDialog(panel);
  await getCredentials(panel);
  const block = await copied(panel, '~/.aws/credentials');
  const command = await copied(panel, 'The command');
  const there = await Elsewhere.make(block);
  try {
    const uri = `${made.body.uri as string}`;
    const words = there.run('bash', '-c', `aws() { printf '%s\\n' "$@"; }; ${command}`);
    expect(words.trimEnd().split('\n')).toEqual([
      ...['--profile=wherobots', 's3', 'cp', '--recursive', 'my-data/', uri]
    ]);
    if (existsSync(join(CLI, 'aws'))) {
      expect(there.run('bash', '-c', command)).toContain('upload: my-data/a.txt');
    }
    const python = process.env.PYTHON ?? 'python';
    const beside = uri.slice(0, -1) + 'x/';
    const above = uri.slice(0, -(HOSTILE.length + 1));
    const said = there.run(python, '-c', WITH_BOTO3, uri, beside, above);
    expect(said.trim().split('\n')).toEqual(['done', 'AccessDenied', 'AccessDenied']);
  } finally {
    await there.remove();
  }
  await panel.dialog.getByRole('button', { name: 'Close' }).click();
  await panel.root.getByRole('button', { name: 'Refresh' }).click();
  await expect(panel.row('a.txt')).toBeVisible();
});

test('no secret is left in the page when the dialog closes, nor was in a URL or a workspace', async ({
  panel,
  page
}) => {
  const seen: string[] = [];
  const note = (request: { url: () => string; postData: () => string | null }) =>
    seen.push(request.url(), request.postData() ?? '');
  page.on('request', note);
  await panel.open(MINE);
  await openDialog(panel);
  const answered = page.waitForResponse('**/api/v1/credentials*');
  await getCredentials(panel);
  const answer = await answered;
  expect(answer.headers()['cache-control']).toBe('no-store');
  const vended = (await answer.json()) as Record<string, string>;
  const secrets = [vended.secretAccessKey!, vended.sessionToken!];
  for (const secret of secrets) {
    expect(await kept(page)).not.toContain(secret);
  }
  for (const what of ['Secret access key', 'Session token', '~/.aws/credentials']) {
    await panel.dialog.getByRole('button', { name: `Show: ${what}` }).click();
  }
  for (const secret of secrets) {
    expect(await kept(page)).toContain(secret);
  }
  await panel.dialog.press('Escape');
  await expect(panel.dialog).toHaveCount(0);
  const workspaces = await panel.fetch('lab/api/workspaces');
  for (const secret of secrets) {
    for (const place of [await kept(page), seen.join('\n'), workspaces]) {
      expect(place).not.toContain(secret);
    }
  }
  page.off('request', note);
});

test('everything can be done by keyboard, and Enter does not close the dialog', async ({
  panel,
  page
}) => {
  await panel.open('/data/');
  await panel.root.getByRole('button', { name: 'More ways to upload' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menuitem', { name: 'Upload Files…' })).toBeVisible();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  const folder = panel.dialog.getByRole('combobox', { name: 'Folder' });
  await expect(folder).toBeFocused();
  await expect(folder).toHaveValue(MINE);
  await page.keyboard.press('ArrowDown');
  await expect(folder).toHaveValue('/data/shared/');
  await expect(panel.dialog).toContainText('Everybody in your organisation');
  await page.keyboard.press('Tab');
  await expect(panel.dialog.getByRole('combobox', { name: 'Valid for' })).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(panel.dialog.getByRole('timer')).toBeVisible();
  await expect(panel.dialog).toContainText('/acme/data/shared/');
  await panel.dialog.getByRole('tab', { name: '~/.aws/credentials' }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(panel.dialog.getByRole('tab', { name: 'bash' })).toBeFocused();
  await expect(panel.dialog.getByRole('tabpanel')).toContainText('export AWS_ACCESS_KEY_ID=');
  await page.keyboard.press('Escape');
  await expect(panel.dialog).toHaveCount(0);
  await expect(panel.root.locator(':focus')).toHaveCount(1);
});

test('no longer lifetime is offered than the store gives', async ({ panel, page }) => {
  await panel.open(MINE);
  await openDialog(panel);
  const offered = panel.dialog.getByRole('combobox', { name: 'Valid for' }).getByRole('option');
  await expect(offered.last()).toHaveText('12 hours');
  await panel.dialog.press('Escape');
  const asked = (url: URL) => url.pathname.endsWith('/api/v1/credentials');
  await page.route(asked, route =>
    route.request().method() === 'GET'
      ? route.fulfill({ json: { maxSeconds: 3600 } })
      : route.continue()
  );
  await openDialog(panel);
  await expect(offered).toHaveText(['15 minutes', '30 minutes', '1 hour']);
  await getCredentials(panel);
  await expect(panel.dialog.getByRole('timer')).toBeVisible();
  await panel.dialog.press('Escape');
  await page.unroute(asked);
});

test('a folder that cannot stand in a policy is refused with what to do', async ({ panel }) => {
  await panel.openFresh();
  await panel.button('New folder').click();
  await panel.root.getByRole('textbox', { name: 'Name of the new folder' }).fill('what?');
  await panel.page.keyboard.press('Enter');
  await panel.row('what?').dblclick();
  await expect(panel.root.locator('.wbs-Crumb[aria-current]')).toHaveText('what?');
  await openDialog(panel);
  await panel.dialog.getByRole('button', { name: 'Get credentials' }).click();
  await expect(panel.dialog.getByRole('alert')).toContainText('Rename the folder');
});

freshTest(
  'the countdown ends where the credentials do, however the time passed',
  async ({ panel, page }) => {
    await page.clock.install();
    await panel.load();
    await panel.open('/data/shared/');
    await openDialog(panel);
    await panel.dialog.getByRole('combobox', { name: 'Valid for' }).selectOption('900');
    await getCredentials(panel);
    await expect(panel.dialog.getByRole('timer')).toHaveText(/^1[45]:\d\d$/);
    // As after a lid was closed: the time has passed, and no timer has run meanwhile.
    await page.clock.fastForward('10:00');
    await expect(panel.dialog.getByRole('timer')).toHaveText(/^0[45]:\d\d$/);
    await page.clock.fastForward('05:00');
    await expect(panel.dialog.getByRole('alert')).toContainText('have expired');
    await expect(panel.dialog.getByRole('tab')).toHaveCount(0);
    await panel.dialog.getByRole('button', { name: 'Get new credentials' }).click();
    await expect(panel.dialog.getByRole('timer')).toHaveText(/^1[45]:\d\d$/);
  }
);
