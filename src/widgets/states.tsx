import type { ReactElement } from 'react';

import type { StorageError } from '../api/errors';
import { canUpload } from '../model/abilities';
import { visibleName } from '../utils/names';
import { cloudOffIcon, storageIcon } from './icons';
import { useModel, usePanel } from './panel';

/** Rows of nothing while a folder is on its way; they fade in, so that a quick answer is calm. */
export function Loading(): ReactElement {
  const { trans } = usePanel();
  return (
    <div className="wbs-Loading" role="status" aria-label={trans.__('Loading')}>
      {[62, 48, 71, 39, 55, 66, 44].map((width, index) => (
        <div key={index} className="wbs-Loading-row">
          <span className="wbs-Loading-icon" />
          <span className="wbs-Loading-bar" style={{ width: `${width}%` }} />
        </div>
      ))}
    </div>
  );
}

/** A folder without entries. */
export function Empty(): ReactElement {
  const { actions, browser, trans } = usePanel();
  const state = useModel(browser);
  const ability = canUpload(state, trans);
  if (state.filter.trim() !== '') {
    return (
      <div className="wbs-State" role="status">
        <p>{trans.__('No name here holds “%1”.', state.filter.trim())}</p>
      </div>
    );
  }
  return (
    <div className="wbs-State" role="status">
      <storageIcon.react tag="span" className="wbs-State-icon" />
      <p className="wbs-State-title">{trans.__('This folder is empty')}</p>
      {ability.allowed ? (
        <>
          <p>{trans.__('Drop files here, or choose them.')}</p>
          <button
            type="button"
            className="wbs-TextButton"
            onClick={() => void actions.pickAndUpload()}
          >
            {trans.__('Upload files')}
          </button>
        </>
      ) : (
        <p>{ability.reason}</p>
      )}
    </div>
  );
}

/** A folder that could not be opened, with the server's own words. */
export function Failed(props: { error: StorageError }): ReactElement {
  const { browser, trans } = usePanel();
  const { path } = useModel(browser);
  const { error } = props;
  return (
    <div className="wbs-State wbs-mod-error" role="alert">
      <cloudOffIcon.react tag="span" className="wbs-State-icon" />
      <p className="wbs-State-title">{trans.__('%1 could not be opened', visibleName(path))}</p>
      <p className="wbs-State-message">{error.message}</p>
      <p className="wbs-State-code">{error.code}</p>
      <div className="wbs-State-buttons">
        <button
          type="button"
          className="wbs-TextButton wbs-mod-accept"
          onClick={() => void browser.refresh()}
        >
          {trans.__('Retry')}
        </button>
        {path !== '/' && (
          <button type="button" className="wbs-TextButton" onClick={() => void browser.open('/')}>
            {trans.__('Go to the top')}
          </button>
        )}
      </div>
    </div>
  );
}

/** The server has no root: what to set. */
export function Unconfigured(): ReactElement {
  const { browser, trans } = usePanel();
  const { config } = useModel(browser);
  return (
    <div className="wbs-State" role="status">
      <storageIcon.react tag="span" className="wbs-State-icon" />
      <p className="wbs-State-title">{trans.__('Storage is not set up')}</p>
      <p className="wbs-State-message">{config?.problem?.message}</p>
      <p>{trans.__('Set these where the Jupyter server starts, then restart it:')}</p>
      <pre className="wbs-State-code">
        {'WHEROBOTS_STORAGE_ROOT=s3://BUCKET/ORG/\nWHEROBOTS_STORAGE_CUSTOMER=customer-NAME'}
      </pre>
      <div className="wbs-State-buttons">
        <button type="button" className="wbs-TextButton" onClick={() => void browser.refresh()}>
          {trans.__('Check again')}
        </button>
      </div>
    </div>
  );
}
