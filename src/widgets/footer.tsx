import type { LabIcon } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { describeSync } from '../model/syncwords';
import type { SyncMood } from '../model/syncwords';
import { formatCount } from '../utils/format';
import { Button } from './button';
import {
  cloudAlertIcon,
  cloudDoneIcon,
  cloudDownIcon,
  cloudOffIcon,
  cloudUpIcon,
  syncNowIcon
} from './icons';
import { useModel, useNow, usePanel } from './panel';
import { Progress } from './tray';

const ICONS: Record<SyncMood, LabIcon> = {
  safe: cloudDoneIcon,
  up: cloudUpIcon,
  down: cloudDownIcon,
  off: cloudOffIcon,
  trouble: cloudAlertIcon
};

/** The state of the home's synchronisation, at the panel's foot. */
export function Footer(): ReactElement | null {
  const { actions, browser, preferences, sync, trans } = usePanel();
  const { showFooter } = useModel(preferences);
  const { config } = useModel(browser);
  const state = useModel(sync);
  const now = useNow(10_000);
  if (!showFooter || !config?.configured) {
    return null;
  }
  const words = describeSync(state, now, trans);
  const Icon = ICONS[words.mood];
  return (
    <footer className="wbs-Footer" data-mood={words.mood}>
      {words.progress !== null && (
        <Progress label={words.text} value={words.progress} known={words.progress > 0} />
      )}
      <div className="wbs-Footer-line">
        <span className="wbs-Footer-state" role="status" title={words.detail}>
          <Icon.react tag="span" className="wbs-Icon" />
          <span className="wbs-Footer-text">{words.text}</span>
        </span>
        {words.notices > 0 && (
          <button
            type="button"
            className="wbs-Badge"
            title={trans.__('Show which files are not in sync, and why')}
            onClick={() => void actions.showNotices()}
          >
            {trans._n('%2 note', '%2 notes', words.notices, formatCount(words.notices))}
          </button>
        )}
        {words.canTakeOver && (
          <button
            type="button"
            className="wbs-Badge"
            title={trans.__('Save this home from here; the other instance then stops saving it')}
            onClick={() => void actions.askSync('takeover')}
          >
            {trans.__('Take over now')}
          </button>
        )}
        <Button
          icon={syncNowIcon}
          title={trans.__('Sync now')}
          ability={words.canSync}
          className={state.requesting || words.mood === 'up' ? 'wbs-mod-busy' : ''}
          onClick={() => void actions.syncNow()}
        />
      </div>
    </footer>
  );
}
