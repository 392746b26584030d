import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import type { Job } from '../api/generated';
import type { IUploadView } from '../model/upload';
import { formatBytes, formatCount, formatDuration, formatSpeed } from '../utils/format';
import { visibleName } from '../utils/names';
import { Button } from './button';
import { closeIcon, deleteIcon, entryIcon, refreshIcon } from './icons';
import { Name, ShortName } from './name';
import { useModel, usePanel } from './panel';

/** How many uploads are shown one by one; the others are counted. */
const SHOWN = 60;

/** The uploads and the deletions that go on, and what became of them. */
export function Tray(): ReactElement | null {
  const { jobs, uploads, trans } = usePanel();
  const list = useModel(uploads).uploads;
  const running = useModel(jobs).jobs;
  if (list.length + running.length === 0) {
    return null;
  }
  const shown = inOrder(list).slice(0, SHOWN);
  const more = list.length - shown.length;
  return (
    <section className="wbs-Tray" aria-label={trans.__('Transfers')}>
      <TrayHead />
      <ul className="wbs-Tray-list">
        {running.map(job => (
          <JobRow key={job.id} job={job} />
        ))}
        {shown.map(upload => (
          <UploadRow key={upload.id} upload={upload} />
        ))}
        {more > 0 && (
          <li className="wbs-Tray-more">
            {trans._n('and %2 more', 'and %2 more', more, formatCount(more))}
          </li>
        )}
      </ul>
    </section>
  );
}

const RANKS: Record<IUploadView['phase'], number> = {
  asking: 0,
  failed: 0,
  starting: 1,
  sending: 1,
  finishing: 1,
  queued: 2,
  done: 3,
  skipped: 3,
  cancelled: 3
};

/** What needs a look first; short lists keep the order in which they were added. */
function inOrder(list: readonly IUploadView[]): readonly IUploadView[] {
  return list.length <= SHOWN
    ? list
    : [...list].sort((a, b) => RANKS[a.phase] - RANKS[b.phase] || a.id - b.id);
}

function TrayHead(): ReactElement {
  const { jobs, uploads, trans } = usePanel();
  const list = useModel(uploads).uploads;
  const active = list.filter(upload => RANKS[upload.phase] < 3 && upload.phase !== 'failed');
  const failed = list.filter(upload => upload.phase === 'failed').length;
  const total = active.reduce((sum, upload) => sum + upload.size, 0);
  const sent = active.reduce((sum, upload) => sum + upload.sent, 0);
  const text =
    active.length > 0
      ? trans._n(
          'Uploading %2 file',
          'Uploading %2 files',
          active.length,
          formatCount(active.length)
        )
      : failed > 0
        ? trans._n('%2 upload failed', '%2 uploads failed', failed, formatCount(failed))
        : trans.__('Transfers');
  return (
    <header className="wbs-Tray-head">
      <span className="wbs-Tray-title">{text}</span>
      {active.length > 0 && total > 0 && (
        <span className="wbs-muted">
          {trans.__('%1 of %2', formatBytes(sent), formatBytes(total))}
        </span>
      )}
      <span className="wbs-Toolbar-spacer" />
      {active.length > 1 && (
        <button type="button" className="wbs-LinkButton" onClick={() => uploads.cancelAll()}>
          {trans.__('Cancel all')}
        </button>
      )}
      <button
        type="button"
        className="wbs-LinkButton"
        onClick={() => {
          uploads.clear();
          jobs.clear();
        }}
      >
        {trans.__('Clear')}
      </button>
    </header>
  );
}

function UploadRow(props: { upload: IUploadView }): ReactElement {
  const { upload } = props;
  const { uploads, trans } = usePanel();
  const icon = entryIcon({ name: upload.name, type: 'FILE' });
  const ended = RANKS[upload.phase] === 3 || upload.phase === 'failed';
  const again = upload.phase === 'failed' || upload.phase === 'cancelled';
  return (
    <li className="wbs-Transfer" data-phase={upload.phase}>
      <icon.react tag="span" className="wbs-Icon" />
      <div className="wbs-Transfer-body">
        <div className="wbs-Transfer-name" title={visibleName(upload.path)}>
          <ShortName name={upload.name} trans={trans} />
        </div>
        {!ended && (
          <Progress
            label={visibleName(upload.name)}
            value={upload.size > 0 ? upload.sent / upload.size : 0}
            known={upload.phase === 'sending' || upload.phase === 'finishing'}
          />
        )}
        <div
          className="wbs-Transfer-text"
          title={upload.error?.message}
          role={upload.phase === 'failed' ? 'alert' : undefined}
        >
          {uploadText(upload, trans)}
        </div>
      </div>
      {again && (
        <Button
          icon={refreshIcon}
          title={trans.__('Try again')}
          onClick={() => uploads.retry(upload.id)}
        />
      )}
      {!ended && (
        <Button
          icon={closeIcon}
          title={trans.__('Cancel')}
          onClick={() => uploads.cancel(upload.id)}
        />
      )}
    </li>
  );
}

/** What there is to say of an upload, below its name. */
export function uploadText(upload: IUploadView, trans: TranslationBundle): string {
  const { size, sent, speed } = upload;
  switch (upload.phase) {
    case 'queued':
      return trans.__('Waiting · %1', formatBytes(size));
    case 'starting':
      return trans.__('Starting · %1', formatBytes(size));
    case 'asking':
      return trans.__('A file of that name exists');
    case 'sending': {
      const parts = [trans.__('%1 of %2', formatBytes(sent), formatBytes(size))];
      if (speed > 0) {
        parts.push(formatSpeed(speed), formatDuration((size - sent) / speed, trans));
      }
      return parts.join(' · ');
    }
    case 'finishing':
      return trans.__('Finishing · %1', formatBytes(size));
    case 'done':
      return trans.__('Uploaded · %1', formatBytes(size));
    case 'failed':
      return upload.error?.message ?? trans.__('Failed');
    case 'cancelled':
      return trans.__('Cancelled');
    case 'skipped':
      return trans.__('Skipped: the file that exists was left as it is');
  }
}

function JobRow(props: { job: Job }): ReactElement {
  const { job } = props;
  const { trans } = usePanel();
  const failed = job.state === 'failed';
  const done = formatCount(job.done);
  return (
    <li className="wbs-Transfer" data-phase={failed ? 'failed' : 'sending'}>
      <deleteIcon.react tag="span" className="wbs-Icon" />
      <div className="wbs-Transfer-body">
        <div className="wbs-Transfer-name" title={visibleName(job.path)}>
          <Name name={job.path} trans={trans} />
        </div>
        {!failed && (
          <Progress
            label={visibleName(job.path)}
            value={job.total ? job.done / job.total : 0}
            known={job.total !== null}
          />
        )}
        <div className="wbs-Transfer-text" role={failed ? 'alert' : undefined}>
          {failed
            ? (job.error?.message ?? trans.__('Failed'))
            : trans.__('Deleting · %1 objects so far', done)}
        </div>
      </div>
    </li>
  );
}

/** A bar; one that moves to and fro while it is not known how far it is. */
export function Progress(props: { label: string; value: number; known: boolean }): ReactElement {
  const percent = Math.round(Math.min(1, Math.max(0, props.value)) * 100);
  return (
    <div
      className={`wbs-Progress ${props.known ? '' : 'wbs-mod-unknown'}`}
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={props.known ? percent : undefined}
    >
      <div
        className="wbs-Progress-bar"
        style={{ width: props.known ? `${percent}%` : undefined }}
      />
    </div>
  );
}
