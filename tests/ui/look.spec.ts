import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { Panel } from './panel';
import { MINE, freshTest as test, expect } from './panel';

const OUT = '/tmp/w/slow3-look';
test.use({ viewport: { width: 1000, height: 720 }, deviceScaleFactor: 2 });

async function widen(panel: Panel, width: number): Promise<void> {
  const handle = panel.page.locator('#jp-main-split-panel > .lm-SplitPanel-handle').first();
  const box = (await handle.boundingBox())!;
  await panel.page.mouse.move(box.x + box.width / 2, box.y + 300);
  await panel.page.mouse.down();
  await panel.page.mouse.move(width, box.y + 300, { steps: 5 });
  await panel.page.mouse.up();
}

async function shoot(panel: Panel, name: string, only = true): Promise<void> {
  await panel.page.mouse.move(990, 710);
  const clip = only ? { x: 0, y: 0, width: 560, height: 720 } : undefined;
  await panel.page.screenshot({ path: `${OUT}/${name}.png`, animations: 'disabled', clip });
}

const LOOKS = [
  { name: 'contrast', theme: 'JupyterLab Dark High Contrast', width: 440, forced: false },
  { name: 'forced', theme: 'JupyterLab Light', width: 440, forced: true },
  { name: 'narrow', theme: 'JupyterLab Light', width: 240 + 33, forced: false },
  { name: 'narrow-contrast', theme: 'JupyterLab Dark High Contrast', width: 240 + 33, forced: false }
];

for (const look of LOOKS) {
  test(look.name, async ({ panel, page }, info) => {
    if (look.forced) {
      await page.emulateMedia({ forcedColors: 'active' });
    }
    await panel.setTheme(look.theme);
    await panel.load();
    await widen(panel, look.width);
    await expect(panel.footer).toContainText('Home saved');
    await panel.open('/');
    await shoot(panel, `${look.name}-root`);
    await panel.open('/spark-logs/');
    await shoot(panel, `${look.name}-caution`);
    await panel.open(`${MINE}odd/`);
    await shoot(panel, `${look.name}-odd`);
    await panel.open(MINE);
    await panel.row('readings-2026.parquet').click();
    await panel.grid.press('Shift+ArrowDown');
    await shoot(panel, `${look.name}-selected`);
    await panel.footer.locator('.wbs-Footer-state').click();
    await page.waitForTimeout(800);
    await shoot(panel, `${look.name}-sync`);
    await panel.footer.locator('.wbs-Footer-state').click();
    await panel.root.getByRole('button', { name: 'More ways to upload' }).click();
    await shoot(panel, `${look.name}-menu`);
    await panel.page.getByRole('menuitem', { name: 'Upload with the AWS CLI…' }).click();
    await panel.dialog.getByRole('button', { name: 'Get credentials' }).click();
    await expect(panel.dialog.getByRole('timer')).toBeVisible();
    await shoot(panel, `${look.name}-credentials`, false);
    await panel.dialog.press('Escape');
    await panel.open(`${MINE}conflicts/`);
    const file = (name: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.alloc(4321) });
    await panel.choose([file('taken.txt'), file('taken too.txt')]);
    await expect(panel.dialog).toBeVisible();
    await shoot(panel, `${look.name}-conflict`, false);
    await panel.dialog.press('Escape');
    await panel.openFresh();
    const paths = await Promise.all(
      ['rivers-2024.parquet', 'rivers with a very long name of the year 2025.parquet', 'summary.csv'].map(async (name, index) => {
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
    await expect(panel.transfer('summary.csv')).toHaveAttribute('data-phase', 'done', { timeout: 40_000 });
    await shoot(panel, `${look.name}-uploading`);
    await panel.tray.getByRole('button', { name: 'Cancel all' }).click();
    await page.waitForTimeout(500);
    await shoot(panel, `${look.name}-cancelled`);
    await panel.setTheme('JupyterLab Light');
  });
}
