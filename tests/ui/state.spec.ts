import { MINE, expect, freshTest, servers, test } from './panel';

test('a store that is down is said in the words of the server, and Retry mends it', async ({
  panel
}) => {
  await panel.cutStore(true);
  await panel.row('data').dblclick();
  await panel.row('customer-ada').dblclick();
  const alert = panel.root.getByRole('alert');
  await expect(alert).toContainText(`${MINE} could not be opened`, { timeout: 90_000 });
  await expect(alert.locator('.wbs-State-message')).not.toBeEmpty();
  await expect(alert).toContainText('store-unavailable');
  await panel.cutStore(false);
  await alert.getByRole('button', { name: 'Retry' }).click();
  await expect(panel.row('README.md')).toBeVisible();
});

test('the next page that fails leaves what is shown, with Retry', async ({ panel, page }) => {
  await page.route('**/files?*cursor=*', route =>
    route.fulfill({
      status: 503,
      json: {
        code: 'slow-down',
        message: 'The store asks to slow down.',
        path: null,
        retryable: true
      }
    })
  );
  await panel.open(`${MINE}many/`);
  await panel.grid.focus();
  await page.keyboard.press('End');
  const alert = panel.root.getByRole('alert');
  await expect(alert).toContainText('The store asks to slow down.');
  await page.unroute('**/files?*cursor=*');
  await alert.getByRole('button', { name: 'Retry' }).click();
  await expect(alert).toHaveCount(0);
});

test('while a folder loads there is something to see', async ({ panel, page }) => {
  let answer = () => {};
  const seen = new Promise<void>(resolve => (answer = resolve));
  await page.route('**/files?path=%2Fspark-logs%2F*', async route => {
    await seen;
    await route.continue();
  });
  await panel.row('spark-logs').dblclick();
  await expect(panel.root.getByRole('status', { name: 'Loading' })).toBeVisible();
  answer();
  await expect(panel.row('app-20260114-0001')).toBeVisible();
});

test('the footer tells when the home was saved, and saves it on request', async ({ panel }) => {
  await expect(panel.footer).toContainText(/Home saved|change/);
  await panel.footer.getByRole('button', { name: 'Sync now' }).click();
  await expect(panel.footer).toContainText('Home saved just now');
  await expect(panel.footer.locator('.wbs-Footer-state')).toHaveAttribute(
    'title',
    /Saved in: s3:\/\/wherobots-demo\/acme\/notebooks\/customer-ada\//
  );
});

test('files that are not in sync are counted, and listed with the reason', async ({
  panel,
  page
}) => {
  const status = (await panel.call('GET', 'sync')).body;
  const skipped = [
    { path: 'pipe', code: 'special', reason: 'A pipe cannot be saved.', size: null }
  ];
  await page.route('**/api/v1/sync?*', route =>
    route.fulfill({ json: { ...status, skipped, skippedTotal: 1 } })
  );
  await panel.footer.getByRole('button', { name: 'Sync now' }).click();
  await panel.footer.getByRole('button', { name: '1 note' }).click();
  await expect(panel.dialog).toContainText('A pipe cannot be saved.');
  await panel.dialog.getByRole('button', { name: 'Close' }).click();
});

test('a narrow panel gives up the date, then the size, but never the copy button', async ({
  panel
}) => {
  await panel.open(MINE);
  const row = panel.row('README.md');
  await panel.setWidth(420);
  await expect(row.locator('.wbs-Cell-modified')).toBeVisible();
  await panel.setWidth(250);
  await expect(row.locator('.wbs-Cell-modified')).toBeHidden();
  await expect(row.locator('.wbs-Cell-size')).toBeVisible();
  await panel.setWidth(200);
  await expect(row.locator('.wbs-Cell-size')).toBeHidden();
  await expect(row.getByRole('button', { name: 'Copy path' })).toBeVisible();
  await panel.setWidth(null);
});

test('a narrow panel shows all of why a folder is read-only', async ({ panel }) => {
  await panel.open('/');
  await panel.setWidth(240);
  const note = panel.root.locator('.wbs-Note-text');
  await expect(note).toContainText('/notebooks/shared/');
  const isWhole = await note.evaluate(
    ({ scrollHeight, clientHeight, scrollWidth, clientWidth }) =>
      scrollHeight <= clientHeight && scrollWidth <= clientWidth
  );
  expect(isWhole).toBe(true);
  await panel.setWidth(null);
});

freshTest('a server without a root says what to set', async ({ panel }) => {
  await panel.load({ url: servers().bareUrl, token: servers().bareToken });
  await expect(panel.root.getByText('Storage is not set up', { exact: true })).toBeVisible();
  await expect(panel.root).toContainText('WHEROBOTS_STORAGE_ROOT');
  await expect(panel.button('Upload files')).toBeDisabled();
  await expect(panel.footer).toHaveCount(0);
});

freshTest('a page that is loaded again opens the folder that was open', async ({ panel, page }) => {
  await panel.load();
  // The state is saved a moment later.
  const saved = page.waitForResponse(
    answer =>
      answer.request().method() === 'PUT' &&
      answer.url().includes('/workspaces/') &&
      (answer.request().postData() ?? '').includes(`${MINE}raw/`)
  );
  await panel.open(`${MINE}raw/`);
  await saved;
  await page.reload();
  await expect(panel.row('january.csv')).toBeVisible();
});

freshTest('the dark theme has light text on a dark ground', async ({ panel, page }) => {
  await panel.setTheme('JupyterLab Dark');
  await panel.load();
  await expect(page.locator('body')).toHaveAttribute('data-jp-theme-light', 'false');
  const lightness = await panel.root.evaluate(root => {
    const style = getComputedStyle(root);
    const light = (colour: string) =>
      (colour.match(/[\d.]+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
    return { text: light(style.color), ground: light(style.backgroundColor) };
  });
  await panel.setTheme('JupyterLab Light');
  expect(lightness.text).toBeGreaterThan(lightness.ground + 300);
});
