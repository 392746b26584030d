import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement, ReactNode } from 'react';

import type { PathCounts, SyncNotice, SyncStatus } from '../api/generated';
import type { SyncList } from '../model/synclists';
import { listsOf } from '../model/synclists';
import { formatBytes, formatCount } from '../utils/format';
import { visibleName } from '../utils/names';
import { body } from './dialogs';
import { Name } from './name';

/** What the user says about held deletions; null when he says nothing. */
export type HeldAnswer = 'keep' | 'delete' | null;

/** So many files, and their size. */
export function filesAndBytes(
  counts: { files: number; bytes: number },
  trans: TranslationBundle
): string {
  const files = formatCount(counts.files);
  const bytes = formatBytes(counts.bytes);
  return trans._n('%2 file, %3', '%2 files, %3', counts.files, files, bytes);
}

/** How the question about held deletions is asked. */
interface IHeldOptions {
  /** Whether it is asked anew, since others are held now than those that were shown before. */
  changed: boolean;
  /** Where the whole list is downloaded from. */
  listUrl: string;
  trans: TranslationBundle;
}

/** Show which deletions are held and what either answer does, and ask for one. */
export async function askHeld(status: SyncStatus, options: IHeldOptions): Promise<HeldAnswer> {
  const { trans } = options;
  const { held } = status;
  if (!held) {
    return null;
  }
  const count = formatCount(held.files);
  const keep = trans.__('Keep the copies');
  const result = await showDialog({
    title: trans._n(
      'Delete %2 copy from the storage?',
      'Delete %2 copies from the storage?',
      held.files,
      count
    ),
    body: body(<HeldBody status={status} {...options} />),
    buttons: [
      Dialog.cancelButton({ label: keep }),
      Dialog.warnButton({
        label: trans._n('Delete %2 copy', 'Delete %2 copies', held.files, count)
      })
    ],
    defaultButton: 0
  });
  if (result.button.accept) {
    return 'delete';
  }
  return result.button.label === keep ? 'keep' : null;
}

function HeldBody(props: IHeldOptions & { status: SyncStatus }): ReactElement | null {
  const { changed, listUrl, status, trans } = props;
  const { held, veto, mirror } = status;
  if (!held) {
    return null;
  }
  return (
    <>
      {changed && (
        <p role="alert">
          {trans.__('Other deletions are held now than those that were shown. Look again.')}
        </p>
      )}
      <p className="wbs-Dialog-caution">{veto}</p>
      <p>
        {trans._n(
          'This file is gone from your home; its copy is still in the storage:',
          'These %2 files (%3) are gone from your home; their copies are still in the storage:',
          held.files,
          formatCount(held.files),
          formatBytes(held.bytes)
        )}
      </p>
      <List total={held.files} trans={trans} label={trans.__('Copies that would be deleted')}>
        {held.paths.map(entry => (
          <li key={entry.path}>
            <Name name={entry.path} trans={trans} />
            <span className="wbs-muted">{formatBytes(entry.bytes)}</span>
          </li>
        ))}
      </List>
      {held.files > held.paths.length && (
        <p>
          <a className="wbs-LinkButton" href={listUrl} download="held-deletions.jsonl">
            {trans.__('Download the whole list')}
          </a>
        </p>
      )}
      <p>
        {trans.__(
          'Delete: exactly these copies are deleted from %1. This cannot be undone here.',
          mirror ?? trans.__('the storage')
        )}
      </p>
      <p>{trans.__('Keep: nothing is deleted, and they stay there for you to download.')}</p>
    </>
  );
}

/** Show a list of what is not in sync, or all of them but the ignored. */
export async function showLists(
  status: SyncStatus,
  options: {
    list: SyncList | null;
    /** Shows a file of the home in the storage. */
    reveal: (path: string) => void;
    trans: TranslationBundle;
  }
): Promise<void> {
  const { list, trans } = options;
  const titles: Record<SyncList, string> = {
    conflicts: trans.__('Conflicts'),
    skipped: trans.__('Files that are not saved'),
    refused: trans.__('Files that were not restored'),
    ignored: trans.__('Ignored files')
  };
  const reveal = (path: string) => {
    Dialog.flush();
    options.reveal(path);
  };
  await showDialog({
    title: list ? titles[list] : trans.__('Files of your home that are not in sync'),
    body: body(<ListsBody status={status} list={list} reveal={reveal} trans={trans} />),
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}

interface IListProps {
  status: SyncStatus;
  list: SyncList | null;
  reveal: (path: string) => void;
  trans: TranslationBundle;
}

function ListsBody(props: IListProps): ReactElement {
  const { status, list, reveal, trans } = props;
  const { conflicts, skipped, refused, general } = listsOf(status);
  const shows = (kind: SyncList) => list === kind || (list === null && kind !== 'ignored');
  return (
    <>
      {list === null && general.map(note => <p key={note.code}>{note.reason}</p>)}
      {shows('conflicts') && conflicts.total > 0 && (
        <Section
          title={trans.__('Conflicts')}
          text={trans.__('Keep of each what you need, and delete the rest.')}
        >
          <List total={conflicts.total} trans={trans} label={trans.__('Conflicts')}>
            {conflicts.notices.map(notice => (
              <Conflict key={notice.path} notice={notice} reveal={reveal} trans={trans} />
            ))}
          </List>
        </Section>
      )}
      {shows('skipped') && skipped.total > 0 && (
        <Section
          title={trans.__('Not saved')}
          text={trans.__('These are in your home only. They are tried again at every sync.')}
        >
          <List total={skipped.total} trans={trans} label={trans.__('Not saved')}>
            {skipped.notices.map(notice => (
              <Reason key={notice.path} notice={notice} trans={trans} />
            ))}
          </List>
        </Section>
      )}
      {shows('refused') && refused.total > 0 && (
        <Section
          title={trans.__('Not restored')}
          text={trans.__(
            'Here your home is not as the storage is: each line says what could not be done.'
          )}
        >
          <List total={refused.total} trans={trans} label={trans.__('Not restored')}>
            {refused.notices.map(notice => (
              <Reason key={notice.path} notice={notice} reveal={reveal} trans={trans} />
            ))}
          </List>
        </Section>
      )}
      {shows('ignored') && <IgnoredSection status={status} trans={trans} />}
    </>
  );
}

function Section(props: { title: string; text: string; children: ReactNode }): ReactElement {
  return (
    <section>
      <h4>{props.title}</h4>
      <p className="wbs-muted">{props.text}</p>
      {props.children}
    </section>
  );
}

/** The rows that were told, and how many there are beside them. */
function List(props: {
  total: number;
  label: string;
  trans: TranslationBundle;
  children: ReactElement[];
}): ReactElement {
  const { total, label, trans, children } = props;
  const more = total - children.length;
  return (
    // Focusable, since it scrolls.
    <ul className="wbs-Dialog-list" aria-label={label} tabIndex={0}>
      {children}
      {more > 0 && <li>{trans._n('and %2 more', 'and %2 more', more, formatCount(more))}</li>}
    </ul>
  );
}

function Conflict(props: {
  notice: SyncNotice;
  reveal: (path: string) => void;
  trans: TranslationBundle;
}): ReactElement {
  const { notice, reveal, trans } = props;
  if (notice.copy === null) {
    return <Reason {...props} />;
  }
  return (
    <li className="wbs-mod-stacked">
      <Path path={notice.path} size={null} reveal={reveal} trans={trans} />
      <span className="wbs-muted">{trans.__('the version of your home')}</span>
      <Path path={notice.copy} size={notice.size} reveal={reveal} trans={trans} />
      <span className="wbs-muted">
        {trans.__('the version that was in the storage; in your home after the next restore')}
      </span>
    </li>
  );
}

function Reason(props: {
  notice: SyncNotice;
  reveal?: (path: string) => void;
  trans: TranslationBundle;
}): ReactElement {
  const { notice, reveal, trans } = props;
  return (
    <li className="wbs-mod-stacked">
      <Path path={notice.path} size={notice.size} reveal={reveal} trans={trans} />
      <span className="wbs-muted">{notice.reason}</span>
    </li>
  );
}

/** A path with its size, and a way to it in the storage if it is there. */
function Path(props: {
  path: string;
  size: number | null;
  reveal?: (path: string) => void;
  trans: TranslationBundle;
}): ReactElement {
  const { path, size, reveal, trans } = props;
  return (
    <span className="wbs-Dialog-entry">
      <Name name={path} trans={trans} />
      {size !== null && <span className="wbs-muted">{formatBytes(size)}</span>}
      {reveal && (
        <button
          type="button"
          className="wbs-LinkButton"
          aria-label={trans.__('Show %1 in the storage', visibleName(path))}
          onClick={() => reveal(path)}
        >
          {trans.__('Show')}
        </button>
      )}
    </span>
  );
}

function IgnoredSection(props: { status: SyncStatus; trans: TranslationBundle }): ReactElement {
  const { status, trans } = props;
  const { ignored, ignoredPaths, ignoredTotal } = status;
  return (
    <section>
      <p>
        {trans.__(
          'Not saved, by the server’s rules and by those in the file .wherobotsignore at the top of your home: one pattern a line, as in a .gitignore; a line !pattern takes something back in. A copy that was saved before there was a rule stays in the storage.'
        )}
      </p>
      {ignoredTotal === 0 ? (
        <p className="wbs-muted">{trans.__('Nothing is ignored at the moment.')}</p>
      ) : (
        <>
          <p className="wbs-muted">
            {trans.__('%1 in all; the largest first:', filesAndBytes(ignored, trans))}
          </p>
          <List total={ignoredTotal} trans={trans} label={trans.__('Ignored files')}>
            {ignoredPaths.map((entry: PathCounts) => (
              <li key={entry.path}>
                <Name name={entry.path} trans={trans} />
                <span className="wbs-muted">
                  {entry.path.endsWith('/')
                    ? filesAndBytes(entry, trans)
                    : formatBytes(entry.bytes)}
                </span>
              </li>
            ))}
          </List>
        </>
      )}
    </section>
  );
}
