import type { ReactElement } from 'react';

import { canCreateFolder, canDelete, canUpload, canUseCli } from '../model/abilities';
import { Button } from './button';
import {
  caretDownIcon,
  deleteIcon,
  fileUploadIcon,
  filterIcon,
  newFolderIcon,
  refreshIcon
} from './icons';
import { useModel, usePanel } from './panel';

/** The buttons at the panel's head. */
export function Toolbar(): ReactElement {
  const { actions, browser, trans } = usePanel();
  const state = useModel(browser);
  const chosen = browser.chosen;
  return (
    <div className="wbs-Toolbar" role="toolbar" aria-label={trans.__('Storage')}>
      <span className="wbs-Split">
        <Button
          icon={fileUploadIcon}
          title={trans.__('Upload files')}
          label={trans.__('Upload')}
          className="wbs-mod-primary"
          ability={canUpload(state, trans)}
          onClick={() => void actions.pickAndUpload()}
        />
        <Button
          icon={caretDownIcon}
          title={trans.__('More ways to upload')}
          className="wbs-mod-primary wbs-Split-more"
          ability={canUseCli(state, trans)}
          popup="menu"
          onClick={event => actions.openUploadMenu(event.currentTarget as HTMLElement)}
        />
      </span>
      <Button
        icon={newFolderIcon}
        title={trans.__('New folder')}
        ability={canCreateFolder(state, trans)}
        onClick={() => void actions.newFolder()}
      />
      <Button
        icon={refreshIcon}
        title={trans.__('Refresh')}
        className={state.busy ? 'wbs-mod-busy' : ''}
        onClick={() => void browser.refresh()}
      />
      <span className="wbs-Toolbar-spacer" />
      <Button
        icon={deleteIcon}
        title={trans.__('Delete')}
        ability={canDelete(state, chosen, trans)}
        onClick={() => void actions.remove()}
      />
      <Button
        icon={filterIcon}
        title={trans.__('Filter by name')}
        pressed={state.filtering}
        onClick={() => browser.setFiltering(!state.filtering)}
      />
    </div>
  );
}
