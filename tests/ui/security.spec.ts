import { servers, test, expect } from './panel';

/** Tells the page around it, and the server's origin, that it ran. */
const SCRIPT = "parent.ran = true; fetch('/api/contents/owned', { method: 'PUT' })";

const HOSTILE = {
  'page.html': `<!doctype html><script>${SCRIPT}</script><img src=x onerror="${SCRIPT}">`,
  'picture.svg': `<svg xmlns="http://www.w3.org/2000/svg" onload="${SCRIPT}"><script>${SCRIPT}</script></svg>`,
  'notebook.ipynb': JSON.stringify({
    cells: [{ cell_type: 'markdown', metadata: {}, source: `<script>${SCRIPT}</script>` }],
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5
  })
};

test('a hostile file of a shared folder is saved, and never run', async ({ panel, page }) => {
  await panel.open('/data/shared/');
  const files = Object.entries(HOSTILE).map(([name, text]) => ({
    name,
    mimeType: 'text/html',
    buffer: Buffer.from(text)
  }));
  await panel.choose(files);
  const asked: string[] = [];
  page.on('request', request => asked.push(request.url()));
  for (const name of Object.keys(HOSTILE)) {
    await expect(panel.row(name)).toBeVisible();
    const query = new URLSearchParams({ path: `/data/shared/${name}`, token: servers().token });
    const address = `${servers().url}wherobots-storage/api/v1/files/content?${query.toString()}`;
    // Even where a page shows it in a frame of this very origin it is a download.
    const download = page.waitForEvent('download');
    await page.evaluate(source => {
      const frame = document.createElement('iframe');
      frame.src = source;
      frame.className = 'hostile';
      document.body.append(frame);
    }, address);
    expect((await download).suggestedFilename()).toBe(name);
    // And as a picture, an object or a document it is none.
    const loaded = await page.evaluate(async source => {
      const image = new Image();
      const shown = new Promise<string>(resolve => {
        image.onload = () => resolve('shown');
        image.onerror = () => resolve('refused');
      });
      image.src = source;
      return shown;
    }, address);
    expect(loaded).toBe('refused');
  }
  expect(await page.evaluate(() => 'ran' in window)).toBe(false);
  expect(asked.filter(url => url.includes('owned'))).toEqual([]);
  await page.evaluate(() => document.querySelectorAll('.hostile').forEach(frame => frame.remove()));
  const paths = Object.keys(HOSTILE).map(name => `/data/shared/${name}`);
  expect((await panel.call('POST', 'files/delete', { body: { paths } })).status).toBe(200);
});

test('a page of another site can neither write nor read', async ({ panel, page }) => {
  // In the browser in which the user is logged in. Another port of the same host is another
  // origin, but has the same cookies: the login's are sent.
  const other = await page.context().newPage();
  await other.goto(`${servers().bareUrl}login`);
  const answers = await other.evaluate(async api => {
    const body = JSON.stringify({ path: '/data/shared/owned/' });
    const tried = await Promise.allSettled([
      fetch(`${api}files?path=/`, { credentials: 'include' }),
      fetch(`${api}folders`, { method: 'POST', credentials: 'include', body }),
      fetch(`${api}folders`, { method: 'POST', credentials: 'include', mode: 'no-cors', body })
    ]);
    return tried.map(one => (one.status === 'fulfilled' ? one.value.status : 'blocked'));
  }, `${servers().url}wherobots-storage/api/v1/`);
  // The last is sent, and its answer is not shown to the page.
  expect(answers).toEqual(['blocked', 'blocked', 0]);
  await other.close();
  const made = await panel.call('GET', 'files/stat', { query: { path: '/data/shared/owned/' } });
  expect(made.status).toBe(404);
});
