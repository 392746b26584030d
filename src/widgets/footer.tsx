import type { ReactElement } from 'react';
import { useId } from 'react';

import { offersOf } from '../model/syncoffers';
import { describeSync } from '../model/syncwords';
import { formatCount } from '../utils/format';
import { Button } from './button';
import { caretDownIcon, caretUpIcon, syncNowIcon } from './icons';
import type { IPanel } from './panel';
import { useModel, useNow, usePanel } from './panel';
import {
  SyncButtons,
  SyncFacts,
  SyncHeld,
  SyncIcon,
  SyncProgress,
  SyncTrouble,
  SyncWaiting
} from './syncparts';
import { Progress } from './tray';

/** The state of the home's synchronisation, at the panel's foot: a line, and on a click all. */
export function Footer(): ReactElement | null {
  const panel = usePanel();
  const { showFooter } = useModel(panel.preferences);
  const { config } = useModel(panel.browser);
  const { expanded } = useModel(panel.syncView);
  const state = useModel(panel.sync);
  const now = useNow(10_000);
  const body = useId();
  if (!showFooter || !config?.configured) {
    return null;
  }
  const words = describeSync(state, now, panel.trans);
  return (
    <footer className="wbs-Footer" data-mood={words.mood}>
      {words.progress !== null && !expanded && (
        <Progress label={words.text} value={words.progress} known={words.progress > 0} />
      )}
      <FooterLine panel={panel} body={body} now={now} />
      <div className="wbs-Sync" id={body}>
        <SyncHeld panel={panel} />
        {expanded && (
          <>
            <SyncProgress words={words} />
            <SyncTrouble panel={panel} />
            <SyncWaiting panel={panel} />
            <SyncButtons panel={panel} />
            <SyncFacts panel={panel} />
          </>
        )}
      </div>
    </footer>
  );
}

/** The line that is always there. */
function FooterLine(props: { panel: IPanel; body: string; now: number }): ReactElement {
  const { home, sync, syncView, trans } = props.panel;
  const { expanded } = useModel(syncView);
  const state = useModel(sync);
  const words = describeSync(state, props.now, trans);
  const offers = offersOf(state, trans);
  return (
    <div className="wbs-Footer-line">
      <button
        type="button"
        className="wbs-Footer-state"
        title={words.detail}
        aria-expanded={expanded}
        aria-controls={props.body}
        onClick={() => syncView.expand(!expanded)}
      >
        <SyncIcon mood={words.mood} />
        <span className="wbs-Footer-text" role="status">
          {expanded ? words.headline : words.text}
        </span>
      </button>
      {words.notices > 0 && !expanded && (
        <button
          type="button"
          className="wbs-Badge"
          title={trans.__('Show which files are not in sync, and why')}
          onClick={() => void home.showList()}
        >
          {trans._n('%2 note', '%2 notes', words.notices, formatCount(words.notices))}
        </button>
      )}
      {offers.canTakeOver && !expanded && (
        <button
          type="button"
          className="wbs-Badge"
          title={trans.__('Save this home from here; the other instance then stops saving it')}
          onClick={() => void home.ask('takeover')}
        >
          {trans.__('Take over now')}
        </button>
      )}
      <Button
        icon={syncNowIcon}
        title={trans.__('Sync now')}
        ability={offers.sync}
        className={state.requesting || words.mood === 'up' ? 'wbs-mod-busy' : ''}
        onClick={() => void home.syncNow()}
      />
      <Button
        icon={expanded ? caretDownIcon : caretUpIcon}
        title={expanded ? trans.__('Show less of home sync') : trans.__('Show all of home sync')}
        onClick={() => syncView.expand(!expanded)}
      />
    </div>
  );
}
