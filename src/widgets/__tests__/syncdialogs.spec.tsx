import type { ReactElement } from 'react';
import { act } from 'react';
import { createRoot } from 'react-dom/client';

import * as apputils from '../../__tests__/support/apputils';
import { syncStatus } from '../../__tests__/support/client';
import { trans } from '../../__tests__/support/translation';
import type { SyncStatus } from '../../api/generated';
import type { SyncList } from '../../model/synclists';
import { askHeld, showLists } from '../syncdialogs';

const STATUS = syncStatus({
  conflicts: [
    {
      path: 'notes.txt',
      code: 'conflict',
      reason: 'Both changed.',
      size: 4,
      copy: 'notes (conflict).txt',
      during: 'sync'
    }
  ],
  conflictsTotal: 1,
  skipped: [
    { path: 'pipe', code: 'fifo', reason: 'A pipe.', size: 0, copy: null, during: 'sync' },
    {
      path: 'c//d',
      code: 'empty-segment',
      reason: 'No name.',
      size: 7,
      copy: null,
      during: 'restore'
    }
  ],
  skippedTotal: 302,
  ignored: { files: 1200, bytes: 2048 },
  ignoredPaths: [
    { path: 'node_modules/', files: 1199, bytes: 2000 },
    { path: 'x.log', files: 1, bytes: 48 }
  ],
  ignoredTotal: 2
});

/** A dialog's body, as it stands on the page. */
async function show(list: SyncList | null, status: SyncStatus = STATUS) {
  apputils.answerDialogs({ label: 'Close' });
  const reveal = jest.fn();
  await showLists(status, { list, reveal, trans });
  const dialog = apputils.dialogs[0] as unknown as {
    title: string;
    body: { element: ReactElement };
  };
  const host = document.createElement('div');
  await act(async () => createRoot(host).render(dialog.body.element));
  return { title: dialog.title, host, text: host.textContent, reveal };
}

describe('the lists of what is not in sync', () => {
  it('name both versions of a conflict, each with a way to it', async () => {
    const { host, text, reveal } = await show('conflicts');
    expect(text).toContain('notes.txt');
    expect(text).toContain('notes (conflict).txt');
    const name = 'Show notes (conflict).txt in the storage';
    host.querySelector<HTMLElement>(`[aria-label="${name}"]`)!.click();
    expect(reveal).toHaveBeenCalledWith('notes (conflict).txt');
    expect(apputils.Dialog.flush).toHaveBeenCalled();
  });

  it('tell what is not saved from what was not restored, and how many are not listed', async () => {
    const skipped = await show('skipped');
    expect(skipped.text).toContain('A pipe.');
    expect(skipped.text).toContain('and 300 more');
    expect(skipped.text).not.toContain('No name.');
    const refused = await show('refused');
    expect(refused.text).toContain('No name.');
    expect(refused.text).toContain('7 B');
  });

  it('tell what a power cut broke, and where the rest of it is', async () => {
    const broken = {
      path: 'notebook.ipynb',
      code: 'power-cut',
      reason: 'A power cut broke it. What is left of it is in .wherobots/trash/1/.',
      size: 700,
      copy: null,
      during: 'restore' as const
    };
    const { text } = await show('refused', syncStatus({ skipped: [broken], skippedTotal: 1 }));
    expect(text).toContain('notebook.ipynb');
    expect(text).toContain(broken.reason);
    expect(text).toContain('700 B');
  });

  it('say what is ignored, by which rules, and how large it is', async () => {
    const { title, text } = await show('ignored');
    expect(title).toBe('Ignored files');
    expect(text).toContain('.wherobotsignore');
    expect(text).toContain('1,200 files, 2 KB');
    expect(text).toContain('node_modules/1,199 files');
    const nothing = await show('ignored', syncStatus());
    expect(nothing.text).toContain('Nothing is ignored');
  });

  it('are all there at once, but for the ignored', async () => {
    const { text } = await show(null);
    for (const word of ['notes.txt', 'A pipe.', 'No name.']) {
      expect(text).toContain(word);
    }
    expect(text).not.toContain('node_modules');
  });
});

describe('the question about held deletions', () => {
  const held = {
    id: 'list-1',
    code: 'half-gone',
    files: 40,
    bytes: 4096,
    paths: [
      { path: 'a.txt', files: 1, bytes: 100 },
      { path: 'b/c.txt', files: 1, bytes: 2048 }
    ]
  };
  const status = syncStatus({ state: 'vetoed', veto: '40 of 60 files are gone.', held });

  async function ask(options: { status?: SyncStatus; changed?: boolean } = {}) {
    apputils.answerDialogs({ label: 'Keep the copies' });
    const { changed = false } = options;
    await askHeld(options.status ?? status, { changed, listUrl: 'sync/held?list-1', trans });
    const dialog = apputils.dialogs[0] as unknown as { body: { element: ReactElement } };
    const host = document.createElement('div');
    await act(async () => createRoot(host).render(dialog.body.element));
    return host;
  }

  it('names the first with their sizes, counts all, and leads to the whole list', async () => {
    const host = await ask();
    expect(host.textContent).toContain('These 40 files (4 KB) are gone from your home');
    const rows = [...host.querySelectorAll('li')].map(row => row.textContent);
    expect(rows).toEqual(['a.txt100 B', 'b/c.txt2 KB', 'and 38 more']);
    const link = host.querySelector('a')!;
    expect(link.textContent).toBe('Download the whole list');
    expect(link.getAttribute('href')).toBe('sync/held?list-1');
    expect(host.querySelector('[role=alert]')).toBeNull();
  });

  it('leads nowhere when it names all, and says when the list has changed', async () => {
    const all = { ...status, held: { ...held, files: 2 } };
    const host = await ask({ status: all, changed: true });
    expect(host.querySelector('a')).toBeNull();
    expect(host.querySelector('[role=alert]')!.textContent).toContain('Look again');
  });
});
