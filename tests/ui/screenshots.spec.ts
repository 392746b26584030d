import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Panel } from './panel';
import { MINE, freshTest as test, expect } from './panel';

/** The pictures of docs/screenshots; `npm run screenshots` makes them anew. */
const FOLDER = join(__dirname, '..', '..', 'docs', 'screenshots');
const WIDTH = 440;

test.use({ viewport: { width: 1180, height: 720 }, deviceScaleFactor: 2 });

async function prepare(panel: Panel, theme = 'JupyterLab Light'): Promise<void> {
  await panel.setTheme(theme);
  await panel.load();
  // The splitter between sidebar and documents, dragged to where there is room for all columns.
  const handle = panel.page.locator('#jp-main-split-panel > .lm-SplitPanel-handle').first();
  const box = (await handle.boundingBox())!;
  await panel.page.mouse.move(box.x + box.width / 2, box.y + 300);
  await panel.page.mouse.down();
  await panel.page.mouse.move(WIDTH, box.y + 300, { steps: 5 });
  await panel.page.mouse.up();
  await expect(panel.footer).toContainText('Home saved');
}

async function shoot(panel: Panel, name: string): Promise<void> {
  await panel.page.mouse.move(900, 600);
  await panel.page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled' });
}

test('light', async ({ panel }) => {
  await prepare(panel);
  await panel.open(MINE);
  await panel.row('readings-2026.parquet').click();
  await shoot(panel, 'light');
});

test('dark', async ({ panel }) => {
  await prepare(panel, 'JupyterLab Dark');
  await panel.open(MINE);
  await panel.row('readings-2026.parquet').click();
  await shoot(panel, 'dark');
  await panel.setTheme('JupyterLab Light');
});

test('read-only', async ({ panel }) => {
  await prepare(panel);
  await panel.open('/');
  await shoot(panel, 'read-only');
});

test('error', async ({ panel }) => {
  await prepare(panel);
  await panel.open('/data/');
  await panel.cutStore(true);
  await panel.row('customer-ada').dblclick();
  await expect(panel.root.getByRole('alert')).toBeVisible({ timeout: 40_000 });
  await shoot(panel, 'error');
  await panel.cutStore(false);
});

test('uploading', async ({ panel, page }, info) => {
  await prepare(panel);
  await panel.openFresh('rivers');
  const paths = await Promise.all(
    ['rivers-2024.parquet', 'rivers-2025.parquet', 'summary.csv'].map(async (name, index) => {
      const path = info.outputPath(name);
      await writeFile(path, randomBytes((index === 2 ? 0.2 : 64) * 1024 ** 2));
      return path;
    })
  );
  let parts = 0;
  await page.route('**/uploads/part?*', async route => {
    parts++;
    await new Promise(resolve => setTimeout(resolve, parts < 6 ? 300 : 60_000));
    await route.continue().catch(() => undefined);
  });
  await panel.choose(paths);
  await expect(panel.transfer('summary.csv')).toHaveAttribute('data-phase', 'done', {
    timeout: 20_000
  });
  await expect(panel.transfer('rivers-2024.parquet')).toContainText('MB');
  await shoot(panel, 'uploading');
  await panel.tray.getByRole('button', { name: 'Cancel all' }).click();
});

test('conflict', async ({ panel }) => {
  await prepare(panel);
  await panel.open(`${MINE}conflicts/`);
  const file = (name: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.alloc(4321) });
  await panel.choose([file('taken.txt'), file('taken too.txt')]);
  await expect(panel.dialog).toBeVisible();
  await shoot(panel, 'conflict');
});

test('delete', async ({ panel }) => {
  await prepare(panel);
  await panel.open(MINE);
  await panel.row('many').click();
  await panel.row('raw').click({ modifiers: ['Control'] });
  await panel.row('README.md').click({ modifiers: ['Control'] });
  await panel.button('Delete').click();
  await expect(panel.dialog).toContainText('more than');
  await shoot(panel, 'delete');
});

test('caution', async ({ panel }) => {
  await prepare(panel);
  await panel.open('/spark-logs/');
  await shoot(panel, 'caution');
});

test('odd names', async ({ panel }) => {
  await prepare(panel);
  await panel.open(`${MINE}odd/`);
  await shoot(panel, 'odd-names');
});

test('dropping', async ({ panel }) => {
  await prepare(panel);
  await panel.open('/data/');
  await panel.drop(panel.row('shared'), { 'a.txt': 'x' }, { release: false });
  await panel.page.screenshot({ path: join(FOLDER, 'dropping.png'), animations: 'disabled' });
});

test('credentials', async ({ panel }) => {
  await prepare(panel);
  await panel.open(`${MINE}raw/`);
  await panel.root.getByRole('button', { name: 'More ways to upload' }).click();
  await panel.page.getByRole('menuitem', { name: 'Upload with the AWS CLI…' }).click();
  await panel.dialog.getByRole('button', { name: 'Get credentials' }).click();
  await expect(panel.dialog.getByRole('timer')).toBeVisible();
  await shoot(panel, 'credentials');
});
