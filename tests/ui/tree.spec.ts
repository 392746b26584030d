import { MINE, expect, servers, test } from './panel';

test('the top folder shows the tree, with locks where nothing can be written', async ({
  panel
}) => {
  await expect(panel.rows).toHaveCount(3);
  for (const name of ['data', 'notebooks']) {
    const lock = panel.row(name).locator('.wbs-Lock');
    await expect(lock).toHaveAttribute('title', new RegExp(`^/${name}/ is read-only\\.`));
  }
  await expect(panel.row('spark-logs').locator('.wbs-Lock')).toHaveCount(0);
});

test('only the own and the shared folder are in /data/', async ({ panel }) => {
  await panel.open('/data/');
  await expect(panel.rows).toHaveCount(2);
  await expect(panel.row('customer-ada')).toBeVisible();
  await expect(panel.row('shared')).toBeVisible();
  await expect(panel.root).not.toContainText('customer-bob');
});

test('folders come first; sizes and dates are exact in the tooltip', async ({ panel }) => {
  await panel.open(MINE);
  const types = await panel.rows.evaluateAll(rows => rows.map(row => row.dataset.type));
  expect(types).toEqual([...types].sort().reverse());
  const row = panel.row('readings-2025.csv');
  await expect(row.locator('.wbs-Cell-size')).toHaveText('1.46 MB');
  await expect(row.locator('.wbs-Cell-size')).toHaveAttribute('title', '1,530,000 bytes');
  await expect(row.locator('.wbs-Cell-name')).toHaveAttribute('title', /Modified: \w+/);
});

test('a read-only folder disables what cannot work there, and says why', async ({ panel }) => {
  await panel.open('/data/');
  for (const name of ['Upload files', 'New folder', 'Delete']) {
    await expect(panel.button(name)).toBeDisabled();
    await expect(panel.button(name)).toHaveAttribute('title', /\/data\/ is read-only\./);
  }
  await expect(panel.note).toContainText('Read-only');
  await panel.button('Upload files').click({ force: true });
  await expect(panel.tray).toHaveCount(0);
});

test('the server refuses what the panel would not offer', async ({ panel }) => {
  const upload = { path: '/data/new.csv', size: 1 };
  const refused = await panel.call('POST', 'uploads', { body: upload });
  expect(refused.status).toBe(403);
  expect(refused.body).toMatchObject({ code: 'read-only' });
  expect(refused.body.message).toContain('/data/ is read-only');
  const other = { query: { path: '/data/customer-bob/secret.txt' } };
  expect((await panel.call('GET', 'files/content', other)).status).toBe(403);
  const folder = { body: { paths: ['/data/shared/'] } };
  expect((await panel.call('POST', 'files/delete', folder)).status).toBe(403);
});

test('a fixed folder can be written in, but not deleted', async ({ panel }) => {
  await panel.open('/data/');
  await panel.row('shared').click();
  await expect(panel.button('Delete')).toBeDisabled();
  await panel.open('/data/shared/');
  await expect(panel.button('Upload files')).toBeEnabled();
});

test('every row copies its full path; a folder ends with a slash', async ({ panel }) => {
  await panel.open(MINE);
  const prefix = 's3://wherobots-demo/acme/data/customer-ada/';
  const hasSaid = await panel.listen();
  await panel.row('README.md').getByRole('button', { name: 'Copy path' }).click();
  await hasSaid('README.md: Copied');
  await hasSaid(`Copied ${prefix}README.md`);
  expect(await panel.clipboard()).toBe(`${prefix}README.md`);
  // Two quick clicks copy; they do not open the folder.
  await panel.row('raw').getByRole('button', { name: /^Cop/ }).dblclick();
  await expect.poll(() => panel.clipboard()).toBe(`${prefix}raw/`);
  await expect(panel.row('raw')).toBeVisible();
  await panel.root.getByRole('button', { name: 'Copy the path of this folder' }).click();
  await expect.poll(() => panel.clipboard()).toBe(prefix);
});

test('where the page may not use the clipboard, the old command copies', async ({
  panel,
  page
}) => {
  await panel.open(MINE);
  await page.evaluate(() =>
    Object.defineProperty(navigator, 'clipboard', { configurable: true, value: undefined })
  );
  const hasSaid = await panel.listen();
  await panel.row('raw').getByRole('button', { name: 'Copy path' }).click();
  await hasSaid('raw: Copied');
  await page.evaluate(() => Reflect.deleteProperty(navigator, 'clipboard'));
  expect(await panel.clipboard()).toBe('s3://wherobots-demo/acme/data/customer-ada/raw/');
});

test('breadcrumbs lead back up, onto the folder that one comes from', async ({ panel }) => {
  await panel.open(`${MINE}warehouse/rivers/metadata/`);
  await expect(panel.root.locator('.wbs-Crumb-more')).toBeVisible();
  await panel.root.locator('.wbs-Crumb', { hasText: 'warehouse' }).click();
  await expect(panel.row('rivers')).toHaveAttribute('aria-selected', 'true');
});

test('an empty folder says so and offers to upload', async ({ panel }) => {
  await panel.open(`${MINE}empty/`);
  await expect(panel.root.getByText('This folder is empty')).toBeVisible();
  await expect(panel.grid.getByRole('button', { name: 'Upload files' })).toBeVisible();
});

test('odd names are shown as text, nothing in them hidden or run', async ({ panel, page }) => {
  let alerted = false;
  page.on('dialog', dialog => {
    alerted = true;
    void dialog.dismiss();
  });
  await panel.open(`${MINE}odd/`);
  await expect(panel.rows).toHaveCount(servers().oddNames.length);
  const shown = await panel.grid.locator('.wbs-Name').allTextContents();
  expect(shown).toContain('<img src=x onerror=alert(1)>.txt');
  expect(shown).toContain('bell\u2407.txt');
  expect(shown).toContain('report \u2039U+202E\u203afdp.exe');
  expect(shown).toContain('%2e%2e.txt');
  expect(shown).toContain('\u2423edge\u2423.txt\u2423');
  await expect(panel.grid.locator('.wbs-Row img')).toHaveCount(0);
  expect(alerted).toBe(false);
});

test('a file with an odd name is copied, downloaded and deleted as it is', async ({
  panel,
  page
}) => {
  await panel.open(`${MINE}odd/`);
  const name = '100% & more?.txt';
  await panel.row(name).getByRole('button', { name: 'Copy path' }).click();
  await expect
    .poll(() => panel.clipboard())
    .toBe(`s3://wherobots-demo/acme/data/customer-ada/odd/${name}`);
  const download = page.waitForEvent('download');
  await panel.row(name).dblclick();
  const stream = await (await download).createReadStream();
  expect((await stream.toArray()).join('')).toBe('odd');
});

test('2,500 entries load as one scrolls, with few rows on the page', async ({ panel, page }) => {
  await panel.open(`${MINE}many/`);
  await expect(panel.root.locator('.wbs-Summary')).toContainText('items');
  expect(await panel.rows.count()).toBeLessThan(80);
  await panel.grid.focus();
  const { many } = servers();
  await expect(async () => {
    await panel.grid.press('End');
    await expect(panel.root.locator('.wbs-Summary')).toHaveText(
      `${many.toLocaleString('en')} items`,
      { timeout: 500 }
    );
  }).toPass({ timeout: 90_000 });
  await panel.grid.press('End');
  await expect(panel.row('file-2399.csv')).toBeVisible();
  expect(await panel.rows.count()).toBeLessThan(80);
  // The folders come last from the store, and first here.
  await panel.grid.press('Home');
  await expect(panel.rows.first()).toContainText('z-folder-000');
  expect(await page.evaluate(scrollThrough)).toBeLessThan(80);
});

/** Scroll the listing from end to end; the most rows that were there at once. */
async function scrollThrough(): Promise<number> {
  const scroller = document.querySelector('.wbs-Scroller')!;
  let most = 0;
  for (let step = 0; step <= 40; step++) {
    scroller.scrollTop = (scroller.scrollHeight * step) / 40;
    await new Promise(requestAnimationFrame);
    most = Math.max(most, scroller.querySelectorAll('.wbs-Row').length);
  }
  return most;
}

test('the filter finds a name among entries that were not loaded', async ({ panel }) => {
  await panel.open(`${MINE}many/`);
  await panel.button('Filter by name').click();
  await panel.root.getByRole('textbox', { name: 'Filter by name' }).fill('file-2388');
  await expect(panel.rows).toHaveCount(1);
  await panel.root.getByRole('textbox', { name: 'Filter by name' }).fill('nothing of that name');
  await expect(panel.root.getByText('No name here holds')).toBeVisible();
  await panel.root.getByRole('button', { name: 'Close the filter' }).click();
  await expect(panel.row('file-0000.csv').or(panel.row('z-folder-000')).first()).toBeVisible();
});

test('columns sort, folders staying first', async ({ panel }) => {
  await panel.open(MINE);
  await panel.grid.getByRole('button', { name: 'Size' }).click();
  const names = panel.grid.locator('.wbs-Row[data-type="FILE"] .wbs-Name');
  await expect(names.first()).toHaveText('readings-2026.parquet');
  await panel.grid.getByRole('button', { name: 'Size' }).click();
  await expect(names.first()).toHaveText('README.md');
  await expect(panel.rows.first()).toHaveAttribute('data-type', 'FOLDER');
  await panel.grid.getByRole('button', { name: 'Name' }).click();
});

test('the keyboard does what the mouse does', async ({ panel, page }) => {
  await panel.open(MINE);
  await panel.grid.focus();
  await page.keyboard.press('Home');
  await expect(panel.row('conflicts')).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Shift+ArrowDown');
  await expect(panel.grid.locator('[aria-selected="true"]')).toHaveCount(2);
  // In one go, however busy the machine is: a pause would begin another word.
  await panel.grid.evaluate(grid => {
    for (const key of 'raw') {
      grid.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    }
  });
  await expect(panel.row('raw')).toHaveAttribute('aria-selected', 'true');
  const current = await panel.grid.getAttribute('aria-activedescendant');
  await expect(page.locator(`#${current}`)).toContainText('raw');
  await page.keyboard.press('Control+c');
  await expect.poll(() => panel.clipboard()).toMatch(/customer-ada\/raw\/$/);
  await page.keyboard.press('Enter');
  await expect(panel.row('january.csv')).toBeVisible();
  await expect(panel.grid).toBeFocused();
  await page.keyboard.press('Delete');
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await expect(panel.dialog).toContainText('Delete 2 items?');
  await expect(panel.dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(panel.dialog).toHaveCount(0);
  await expect(panel.grid).toBeFocused();
  await page.keyboard.press('Backspace');
  await expect(panel.row('raw')).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Escape');
  await expect(panel.grid.locator('[aria-selected="true"]')).toHaveCount(0);
});

test('the context menu offers what the buttons do', async ({ panel, page }) => {
  await panel.open(MINE);
  await panel.row('README.md').click({ button: 'right' });
  const menu = page.locator('.lm-Menu');
  await expect(menu.getByRole('menuitem', { name: 'Download' })).toBeVisible();
  await menu.getByRole('menuitem', { name: 'Copy Path', exact: true }).click();
  await expect.poll(() => panel.clipboard()).toMatch(/README\.md$/);
});

test('the commands are in the palette', async ({ panel, page }) => {
  await page.keyboard.press('Control+Shift+c');
  await page.locator('.lm-CommandPalette-input').fill('storage');
  const items = page.locator('.lm-CommandPalette-item');
  await expect(items.filter({ hasText: 'Refresh Storage' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(panel.root).toBeVisible();
});
