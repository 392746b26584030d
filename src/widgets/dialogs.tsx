import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';
import { useEffect, useState } from 'react';

import type { IStorageClient } from '../api/client';
import type { Entry } from '../api/generated';
import type { FolderInfo } from '../model/browser';
import type { ConflictChoice } from '../model/upload';
import type { IConflict, IConflictAnswer } from '../model/uploads';
import { formatBytes, formatCount, formatDate } from '../utils/format';
import { visibleName } from '../utils/names';
import { Name } from './name';

/** How many names a dialog shows before it only counts. */
const NAMES_SHOWN = 8;

/** How many entries of a folder are counted before it says `more than`. */
const COUNTED = 1000;

/** A dialog's body, in the panel's looks. */
export function body(element: ReactElement): ReactWidget {
  const widget = ReactWidget.create(element);
  widget.addClass('wbs-Dialog');
  return widget;
}

/** Ask before writing in a folder that has a caution. */
export async function askCaution(
  folder: FolderInfo,
  trans: TranslationBundle
): Promise<'no' | 'once' | 'always'> {
  const result = await showDialog({
    title: trans.__('Write in %1?', visibleName(folder.path)),
    body: body(<p>{folder.caution}</p>),
    checkbox: { label: trans.__('Do not ask again until this page is reloaded') },
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Continue') })
    ],
    defaultButton: 0
  });
  if (!result.button.accept) {
    return 'no';
  }
  return result.isChecked ? 'always' : 'once';
}

/** Ask before deleting; names what goes. */
export async function askDelete(
  entries: readonly Entry[],
  folder: FolderInfo | null,
  options: { client: IStorageClient; trans: TranslationBundle }
): Promise<boolean> {
  const { trans } = options;
  const single = entries.length === 1 ? entries[0] : undefined;
  const result = await showDialog({
    title: single
      ? trans.__('Delete “%1”?', visibleName(single.name))
      : trans.__('Delete %1 items?', formatCount(entries.length)),
    body: body(<DeleteBody entries={entries} caution={folder?.caution ?? null} {...options} />),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ],
    defaultButton: 0
  });
  return result.button.accept;
}

function DeleteBody(props: {
  entries: readonly Entry[];
  caution: string | null;
  client: IStorageClient;
  trans: TranslationBundle;
}): ReactElement {
  const { entries, caution, client, trans } = props;
  const more = entries.length - NAMES_SHOWN;
  return (
    <>
      {caution && <p className="wbs-Dialog-caution">{caution}</p>}
      <ul className="wbs-Dialog-list">
        {entries.slice(0, NAMES_SHOWN).map(entry => (
          <li key={entry.path}>
            <Name name={entry.name} isFolder={entry.type === 'FOLDER'} trans={trans} />
            <span className="wbs-muted">
              {entry.type === 'FOLDER' ? (
                <FolderCount path={entry.path} client={client} trans={trans} />
              ) : (
                formatBytes(entry.size ?? 0)
              )}
            </span>
          </li>
        ))}
        {more > 0 && <li>{trans._n('and %1 more', 'and %1 more', more)}</li>}
      </ul>
      {entries.some(entry => entry.type === 'FOLDER') && (
        <p>{trans.__('A folder is deleted with everything inside it.')}</p>
      )}
      <p className="wbs-muted">{trans.__('This cannot be undone here.')}</p>
    </>
  );
}

/** How many entries a folder has, as far as one page tells. */
function FolderCount(props: {
  path: string;
  client: IStorageClient;
  trans: TranslationBundle;
}): ReactElement {
  const { path, client, trans } = props;
  const [text, setText] = useState(trans.__('counting…'));
  useEffect(() => {
    const abort = new AbortController();
    client
      .list(path, { limit: COUNTED, signal: abort.signal })
      .then(page => {
        const count = page.entries.length;
        const shown = formatCount(count);
        setText(
          page.cursor === null
            ? trans._n('%2 item inside', '%2 items inside', count, shown)
            : trans.__('more than %1 items inside', shown)
        );
      })
      .catch(() => setText(''));
    return () => abort.abort();
  }, [path, client, trans]);
  return <>{text}</>;
}

/** Ask what to do with a file whose name is taken. */
export async function askConflict(
  conflict: IConflict,
  trans: TranslationBundle
): Promise<IConflictAnswer> {
  const choices: Record<string, ConflictChoice> = {
    [trans.__('Skip')]: 'skip',
    [trans.__('Keep both')]: 'keep-both',
    [trans.__('Replace')]: 'replace'
  };
  const [skip, keep, replace] = Object.keys(choices) as [string, string, string];
  const { existing, others } = conflict;
  const buttons = [Dialog.cancelButton({ label: skip }), Dialog.okButton({ label: keep })];
  if (existing) {
    buttons.push(Dialog.warnButton({ label: replace }));
  }
  const result = await showDialog({
    title: trans.__('“%1” already exists', visibleName(conflict.upload.name)),
    body: body(<ConflictBody conflict={conflict} trans={trans} />),
    checkbox:
      others > 0
        ? {
            label: trans._n(
              'Do the same for %1 other file, if it exists too',
              'Do the same for %1 other files, if they exist too',
              others
            )
          }
        : null,
    buttons,
    defaultButton: 1
  });
  // Escape and the cross answer with a cancel button of their own: the file is left alone.
  const choice = result.button.accept ? (choices[result.button.label] ?? 'skip') : 'skip';
  return { choice, forAll: result.isChecked ?? false };
}

function ConflictBody(props: { conflict: IConflict; trans: TranslationBundle }): ReactElement {
  const { conflict, trans } = props;
  const { existing, upload } = conflict;
  return (
    <>
      <p className="wbs-Dialog-path">
        <Name name={upload.path} trans={trans} />
      </p>
      <dl className="wbs-Dialog-facts">
        <dt>{trans.__('There')}</dt>
        <dd>{existing ? describe(existing, trans) : trans.__('a folder of that name')}</dd>
        <dt>{trans.__('Yours')}</dt>
        <dd>{formatBytes(upload.size)}</dd>
      </dl>
    </>
  );
}

function describe(entry: Entry, trans: TranslationBundle): string {
  const size = formatBytes(entry.size ?? 0);
  return entry.lastModified
    ? trans.__('%1, modified %2', size, formatDate(entry.lastModified))
    : size;
}

/** Show text that could not be put on the clipboard, selected. */
export async function showText(
  title: string,
  text: string,
  trans: TranslationBundle
): Promise<void> {
  await showDialog({
    title,
    body: body(
      <>
        <p>
          {trans.__('The browser does not let this page use the clipboard. Copy it from here:')}
        </p>
        <textarea
          className="wbs-Dialog-text jp-mod-styled"
          readOnly
          rows={Math.min(8, text.split('\n').length)}
          value={text}
          aria-label={title}
          onFocus={event => event.currentTarget.select()}
        />
      </>
    ),
    buttons: [Dialog.okButton({ label: trans.__('Close') })],
    focusNodeSelector: 'textarea'
  });
}
