import { defineConfig } from '@playwright/test';

/** Debian's Chromium, kept from calling anybody. */
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
];

export default defineConfig({
  testDir: '.',
  outputDir: '../../test-results',
  globalSetup: './setup.ts',
  // One server for all, and two cores: more workers would only wait for each other.
  workers: 1,
  // Safety nets only: a busy machine takes its time.
  timeout: 240_000,
  expect: { timeout: 60_000 },
  forbidOnly: true,
  reporter: [['list']],
  use: {
    viewport: { width: 1200, height: 760 },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: CHROMIUM_FLAGS
    },
    permissions: ['clipboard-read', 'clipboard-write'],
    acceptDownloads: true,
    locale: 'en-GB',
    timezoneId: 'UTC',
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure'
  },
  projects: [
    { name: 'panel', testMatch: '*.spec.ts', testIgnore: 'screenshots.spec.ts' },
    { name: 'screenshots', testMatch: 'screenshots.spec.ts' }
  ]
});
