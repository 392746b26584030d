import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Page } from '@playwright/test';
import { expect, test } from '@playwright/test';

/** What the test that started the server says of it. */
function given(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set`);
  }
  return value;
}

const customer = given('CUSTOMER');
const notebook = given('NOTEBOOK');
const results = given('RESULTS');

function panel(page: Page) {
  return page.getByRole('region', { name: 'Storage' });
}

function row(page: Page, name: string) {
  return panel(page).locator('.wbs-Row').filter({ hasText: name });
}

async function open(page: Page, ...names: string[]): Promise<void> {
  for (const name of names) {
    await row(page, name).dblclick();
    await expect(panel(page).locator('[aria-current="location"]')).toContainText(name);
  }
}

test('a user sees the tree, uploads, copies, downloads, and edits a notebook', async ({ page }) => {
  await page.goto(given('LAB_URL'));
  await page.getByRole('tab', { name: 'Storage' }).click();
  const names = panel(page).locator('.wbs-Row .wbs-Cell-name');
  await expect(names).toHaveText([/^data/, /^notebooks/, /^spark-logs/]);
  const folders = (await names.allInnerTexts()).map(name => name.trim());

  await open(page, 'data');
  const upload = panel(page).getByRole('button', { name: /^Upload/ });
  const uploadDisabledInData = (await upload.getAttribute('aria-disabled')) === 'true';
  await expect(upload).toHaveAttribute('title', /read-only/);

  await open(page, customer);
  const chooser = page.waitForEvent('filechooser');
  await upload.click();
  await (await chooser).setFiles(given('BIG_FILE'));
  const bar = panel(page).getByRole('progressbar', { name: 'big.bin' });
  const seenValues = new Set<string>();
  await expect(async () => {
    seenValues.add((await bar.getAttribute('aria-valuenow', { timeout: 1000 })) ?? '');
    expect(seenValues.size).toBeGreaterThan(2);
  }).toPass({ intervals: [50], timeout: 120_000 });
  await expect(row(page, 'big.bin')).toBeVisible({ timeout: 240_000 });
  await expect(panel(page).locator('.wbs-Transfer')).toContainText('Uploaded');

  await row(page, 'big.bin').hover();
  await row(page, 'big.bin').getByRole('button', { name: 'Copy path' }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());

  const download = page.waitForEvent('download');
  await row(page, 'big.bin').getByRole('button', { name: 'Download' }).click();
  await (await download).saveAs(join(results, 'downloaded.bin'));

  await editNotebook(page);
  const seen = { folders, uploadDisabledInData, progressSeen: true, copied };
  writeFileSync(join(results, 'seen.json'), JSON.stringify(seen));
});

/** Put a cell that prints the three variables in place of the first one, and save. */
async function editNotebook(page: Page): Promise<void> {
  await page.getByRole('tab', { name: /^File Browser/ }).click();
  await page.locator('.jp-DirListing-item').filter({ hasText: notebook }).dblclick();
  const cell = page.locator('.jp-Notebook .jp-CodeCell .cm-content').first();
  await cell.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(
    'import os\n' +
      'for name in ["USER_S3_PATH", "USER_S3_SHARED_PATH", "USER_WAREHOUSE_PATH"]:\n' +
      '    print(os.environ[name])\n'
  );
  const saved = page.waitForResponse(
    answer => answer.request().method() === 'PUT' && answer.url().includes(notebook)
  );
  await page.keyboard.press('Control+S');
  expect((await saved).ok()).toBe(true);
}
