import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { MINE, expect, test } from './panel';

const small = (name: string, text: string) => ({
  name,
  mimeType: 'text/plain',
  buffer: Buffer.from(text)
});

test('files are uploaded, shown at once, and downloaded as they were', async ({ panel, page }) => {
  await panel.openFresh();
  await panel.choose([
    small('one.txt', 'first'),
    small('two words.txt', ''),
    small('+ü%.txt', 'x')
  ]);
  for (const name of ['one.txt', 'two words.txt', '+ü%.txt']) {
    await expect(panel.transfer(name)).toHaveAttribute('data-phase', 'done');
    await expect(panel.row(name)).toBeVisible();
  }
  const download = page.waitForEvent('download');
  await panel.row('one.txt').dblclick();
  const file = await download;
  expect(file.suggestedFilename()).toBe('one.txt');
  const stream = await file.createReadStream();
  expect((await stream.toArray()).join('')).toBe('first');
  await panel.tray.getByRole('button', { name: 'Clear' }).click();
  await expect(panel.tray).toHaveCount(0);
});

test('a large file shows its progress and speed, and arrives byte for byte', async ({
  panel,
  page
}, info) => {
  const folder = await panel.openFresh();
  const bytes = randomBytes(40 * 1024 ** 2);
  const path = join(info.outputDir, '..', `large-${process.pid}.bin`);
  await writeFile(path, bytes).catch(() => writeFile(join(tmpdir(), 'large.bin'), bytes));
  // So slow that the progress can be seen: the parts after the first wait until it was.
  let parts = 0;
  let goOn = () => {};
  const seen = new Promise<void>(resolve => (goOn = resolve));
  await page.route('**/uploads/part?*', async route => {
    parts += 1;
    await (parts === 1 ? new Promise(resolve => setTimeout(resolve, 250)) : seen);
    await route.continue();
  });
  await panel.choose([path]);
  const bar = panel.transfer(`large-${process.pid}.bin`).getByRole('progressbar');
  await expect(bar).toBeVisible();
  await expect(panel.tray).toContainText('of 40 MB');
  goOn();
  await expect(panel.transfer(`large-${process.pid}.bin`)).toHaveAttribute('data-phase', 'done', {
    timeout: 90_000
  });
  const detail = await panel.call('GET', 'files/stat', {
    query: { path: `${folder}large-${process.pid}.bin` }
  });
  expect(detail.body.size).toBe(bytes.length);
  const download = page.waitForEvent('download');
  await panel.row(`large-${process.pid}.bin`).dblclick();
  const stream = await (await download).createReadStream();
  expect(Buffer.concat(await stream.toArray()).equals(bytes)).toBe(true);
});

test('an upload can be cancelled, and leaves nothing behind', async ({ panel, page }) => {
  const folder = await panel.openFresh();
  await page.route('**/uploads/part?*', () => undefined);
  await panel.choose([small('slow.txt', 'x'.repeat(1000))]);
  const transfer = panel.transfer('slow.txt');
  await expect(transfer).toHaveAttribute('data-phase', 'sending');
  await transfer.getByRole('button', { name: 'Cancel' }).click();
  await expect(transfer).toHaveAttribute('data-phase', 'cancelled');
  const there = await panel.call('GET', 'files', { query: { path: folder } });
  expect(there.body.entries).toEqual([]);
});

test('an upload that failed says why and goes on when tried again', async ({ panel, page }) => {
  await panel.openFresh();
  const refusal = { code: 'read-only', message: 'The server has changed its mind.', path: null };
  await page.route('**/uploads/part?*', route =>
    route.fulfill({ status: 403, json: { ...refusal, retryable: false } })
  );
  await panel.choose([small('again.txt', 'words')]);
  const transfer = panel.transfer('again.txt');
  await expect(transfer.getByRole('alert')).toHaveText('The server has changed its mind.');
  await page.unroute('**/uploads/part?*');
  await transfer.getByRole('button', { name: 'Try again' }).click();
  await expect(transfer).toHaveAttribute('data-phase', 'done');
});

test('a name that is taken is asked about: skip, keep both, replace', async ({ panel }) => {
  await panel.open(`${MINE}conflicts/`);
  await panel.choose([small('taken.txt', 'newer words')]);
  await expect(panel.dialog).toContainText('“taken.txt” already exists');
  await expect(panel.dialog).toContainText('13 B');
  await panel.dialog.getByRole('button', { name: 'Skip' }).click();
  await expect(panel.transfer('taken.txt')).toHaveAttribute('data-phase', 'skipped');
  await panel.tray.getByRole('button', { name: 'Clear' }).click();

  await panel.choose([small('taken.txt', 'newer words')]);
  await panel.dialog.getByRole('button', { name: 'Keep both' }).click();
  await expect(panel.row('taken (1).txt')).toBeVisible();

  await panel.choose([small('taken.txt', 'newer words'), small('taken too.txt', 'newest')]);
  await panel.dialog.getByText('Do the same for 1 other file').click();
  await panel.dialog.getByRole('button', { name: 'Replace' }).click();
  await expect(panel.dialog).toHaveCount(0);
  await expect(panel.row('taken.txt').locator('.wbs-Cell-size')).toHaveText('11 B');
  await expect(panel.row('taken too.txt').locator('.wbs-Cell-size')).toHaveText('6 B');
});

test('files are dropped into the open folder, or onto one in it', async ({ panel }) => {
  await panel.open('/data/');
  await panel.drop(panel.grid.locator('.wbs-Scroller'), { 'a.txt': 'x' }, { release: false });
  await expect(panel.root.locator('.wbs-DropHint')).toContainText('/data/ is read-only');
  await panel.drop(panel.row('shared'), { 'a.txt': 'x' }, { release: false });
  await expect(panel.root.locator('.wbs-DropHint')).toHaveText('Drop to upload to /data/shared/');
  await panel.drop(panel.row('shared'), { 'dropped on a row.txt': 'x' });
  await expect(panel.root.locator('.wbs-DropHint')).toHaveCount(0);
  await expect(panel.transfer('dropped on a row.txt')).toHaveAttribute('data-phase', 'done');
  await panel.openFresh();
  await panel.drop(panel.grid.locator('.wbs-Scroller'), { 'here.txt': 'here' });
  await expect(panel.row('here.txt')).toBeVisible();
});

test('a folder is made where it is named; a name that cannot be is explained', async ({
  panel,
  page
}) => {
  await panel.openFresh();
  await panel.button('New folder').click();
  const field = panel.root.getByRole('textbox', { name: 'Name of the new folder' });
  await field.fill('a/b');
  await expect(panel.root.getByRole('alert')).toContainText('cannot contain “/”');
  await field.fill('results 2026 é');
  await page.keyboard.press('Enter');
  await expect(panel.row('results 2026 é')).toHaveAttribute('aria-selected', 'true');
  await panel.button('New folder').click();
  await field.fill('results 2026 é');
  await expect(panel.root.getByRole('alert')).toContainText('has that name already');
  await page.keyboard.press('Escape');
  await expect(field).toHaveCount(0);
});

test('deleting names what goes, and takes it away', async ({ panel }) => {
  const folder = await panel.openFresh();
  await panel.choose([small('go.txt', 'x'), small('stay.txt', 'x')]);
  await expect(panel.row('stay.txt')).toBeVisible();
  await expect(panel.row('go.txt')).toBeVisible();
  await panel.row('go.txt').click();
  await panel.button('Delete').click();
  await expect(panel.dialog).toContainText('Delete “go.txt”?');
  await panel.dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(panel.row('go.txt')).toBeVisible();
  await panel.button('Delete').click();
  await panel.dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(panel.row('go.txt')).toHaveCount(0);

  await panel.root.locator('.wbs-Crumb', { hasText: 'customer-ada' }).click();
  const name = folder.split('/').at(-2)!;
  await panel.row(name).click();
  await panel.button('Delete').click();
  await expect(panel.dialog).toContainText('1 item inside');
  await expect(panel.dialog).toContainText('deleted with everything inside it');
  await panel.dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(panel.row(name)).toHaveCount(0);
  const gone = await panel.call('GET', 'files/stat', { query: { path: folder } });
  expect(gone.status).toBe(404);
});

test('spark-logs asks before anything is written there', async ({ panel }) => {
  await panel.open('/spark-logs/');
  await expect(panel.note).toContainText('Spark writes its event logs here');
  await panel.choose([small('careful.txt', 'x')]);
  await expect(panel.dialog).toContainText('Write in /spark-logs/?');
  await panel.dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(panel.tray).toHaveCount(0);
  await panel.button('New folder').click();
  await panel.dialog.getByRole('button', { name: 'Cancel' }).click();
  await panel.choose([small('careful.txt', 'x')]);
  await panel.dialog.getByRole('button', { name: 'Continue' }).click();
  await expect(panel.row('careful.txt')).toBeVisible();
  await panel.row('careful.txt').click();
  await panel.button('Delete').click();
  await expect(panel.dialog).toContainText('Spark writes its event logs here');
  await panel.dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(panel.row('careful.txt')).toHaveCount(0);
});
