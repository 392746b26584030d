import type { ReactElement } from 'react';
import { Fragment, useState } from 'react';

import type { ICrumb } from '../utils/paths';
import { crumbsOf } from '../utils/paths';
import { visibleName } from '../utils/names';
import { Button } from './button';
import { cautionIcon, checkIcon, closeIcon, copyIcon, lockIcon, storageIcon } from './icons';
import { Name } from './name';
import { useModel, usePanel } from './panel';

/** How many folders the breadcrumbs show before the ones in the middle become an ellipsis. */
const CRUMBS_SHOWN = 3;

/** Where one is: the folders from the root down. */
export function Breadcrumbs(): ReactElement {
  const { browser, trans } = usePanel();
  const { path, config } = useModel(browser);
  const crumbs = crumbsOf(path);
  const hidden = crumbs.slice(0, Math.max(0, crumbs.length - CRUMBS_SHOWN));
  return (
    <nav className="wbs-Crumbs" aria-label={trans.__('Folders above')}>
      <button
        type="button"
        className="wbs-Crumb wbs-Crumb-root"
        title={config?.root ?? '/'}
        aria-label={trans.__('Top folder')}
        onClick={() => void browser.open('/')}
      >
        <storageIcon.react tag="span" className="wbs-Icon" />
      </button>
      {hidden.length > 0 && <Ellipsis crumb={hidden.at(-1)!} />}
      {crumbs.slice(hidden.length).map((crumb, index, shown) => (
        <Fragment key={crumb.path}>
          <span className="wbs-Crumbs-slash" aria-hidden="true">
            /
          </span>
          <Crumb crumb={crumb} last={index === shown.length - 1} />
        </Fragment>
      ))}
      <CopyFolder />
    </nav>
  );
}

function Ellipsis(props: { crumb: ICrumb }): ReactElement {
  const { browser } = usePanel();
  const { crumb } = props;
  return (
    <>
      <span className="wbs-Crumbs-slash" aria-hidden="true">
        /
      </span>
      <button
        type="button"
        className="wbs-Crumb wbs-Crumb-more"
        title={visibleName(crumb.path)}
        onClick={() => void browser.open(crumb.path)}
      >
        …
      </button>
    </>
  );
}

function Crumb(props: { crumb: ICrumb; last: boolean }): ReactElement {
  const { browser, trans } = usePanel();
  const { crumb, last } = props;
  return (
    <button
      type="button"
      className="wbs-Crumb"
      title={visibleName(crumb.path)}
      aria-current={last ? 'location' : undefined}
      onClick={() => void browser.open(crumb.path)}
    >
      <Name name={crumb.name} trans={trans} />
    </button>
  );
}

function CopyFolder(): ReactElement | null {
  const { actions, browser, trans } = usePanel();
  const { folder } = useModel(browser);
  const [copied, setCopied] = useState(false);
  if (!folder) {
    return null;
  }
  const copy = async () => {
    if (await actions.copyFolderPath()) {
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    }
  };
  return (
    <Button
      icon={copied ? checkIcon : copyIcon}
      title={trans.__('Copy the path of this folder')}
      className={`wbs-Crumbs-copy ${copied ? 'wbs-mod-done' : ''}`}
      onClick={() => void copy()}
    />
  );
}

/** What to know of the open folder: that it is read-only, or what to think of before writing. */
export function FolderNote(): ReactElement | null {
  const { browser, trans } = usePanel();
  const { folder } = useModel(browser);
  if (folder?.uploadProtected) {
    const reason = folder.reason ?? trans.__('This folder is read-only.');
    return (
      <div className="wbs-Note wbs-mod-readonly" title={reason}>
        <lockIcon.react tag="span" className="wbs-Icon" />
        <span className="wbs-Note-text">
          <b>{trans.__('Read-only')}</b> {reason}
        </span>
      </div>
    );
  }
  if (folder?.caution) {
    return (
      <div className="wbs-Note wbs-mod-caution" title={folder.caution}>
        <cautionIcon.react tag="span" className="wbs-Icon" />
        <span className="wbs-Note-text">{folder.caution}</span>
      </div>
    );
  }
  return null;
}

/** The field that filters the listing by name. */
export function FilterField(): ReactElement | null {
  const { browser, trans } = usePanel();
  const { filtering, filter } = useModel(browser);
  if (!filtering) {
    return null;
  }
  return (
    <div className="wbs-Filter">
      <input
        className="wbs-Input"
        autoFocus
        placeholder={trans.__('Filter by name')}
        aria-label={trans.__('Filter by name')}
        value={filter}
        spellCheck={false}
        onChange={event => browser.setFilter(event.currentTarget.value)}
        onKeyDown={event => {
          if (event.key === 'Escape') {
            browser.setFiltering(false);
          }
        }}
      />
      <Button
        icon={closeIcon}
        title={trans.__('Close the filter')}
        onClick={() => browser.setFiltering(false)}
      />
    </div>
  );
}
