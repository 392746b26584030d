import { defineConfig } from '@playwright/test';

/** One journey through a server that somebody else started; see test_main_job.py. */
export default defineConfig({
  testDir: '.',
  outputDir: process.env.RESULTS,
  timeout: 600_000,
  expect: { timeout: 90_000 },
  reporter: 'list',
  use: {
    viewport: { width: 1280, height: 800 },
    acceptDownloads: true,
    permissions: ['clipboard-read', 'clipboard-write'],
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync'
      ]
    }
  }
});
