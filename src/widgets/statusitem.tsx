import { showPopup } from '@jupyterlab/statusbar';
import type { Popup } from '@jupyterlab/statusbar';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';
import { useEffect, useRef } from 'react';

import { offersOf } from '../model/syncoffers';
import { describeSync } from '../model/syncwords';
import { useModel, useNow } from './panel';
import type { ISyncPanel } from './syncparts';
import { SyncButtons, SyncIcon, SyncProgress, SyncTrouble, SyncWaiting } from './syncparts';

/** The state of the home's synchronisation in the status bar; a click opens what can be done. */
export class SyncStatusItem extends ReactWidget {
  constructor(private readonly _panel: ISyncPanel) {
    super();
    this.addClass('wbs-StatusItem');
    this.addClass('jp-mod-highlighted');
  }

  protected override render(): ReactElement {
    const expanded = this._popup !== null;
    const toggle = () => this._toggle();
    return <StatusButton panel={this._panel} expanded={expanded} onClick={toggle} />;
  }

  private _toggle(): void {
    if (this._popup) {
      this._popup.dispose();
      return;
    }
    const close = () => popup.dispose();
    const body = ReactWidget.create(<SyncPopup panel={this._panel} onLeave={close} />);
    body.addClass('wbs-Popup');
    const popup = showPopup({ body, anchor: this, align: 'right', hasDynamicSize: true });
    // A button that did its work may be gone, and the focus with it: the popup hears no key then.
    const isFocusLost = () => document.activeElement === document.body;
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && isFocusLost()) {
        close();
      }
    };
    document.addEventListener('keydown', onKey);
    popup.disposed.connect(() => {
      document.removeEventListener('keydown', onKey);
      this._popup = null;
      this.update();
      // Its focus would be lost with it; a click elsewhere has taken it there already.
      if (isFocusLost() || popup.node.contains(document.activeElement)) {
        this.node.querySelector('button')?.focus();
      }
    });
    this._popup = popup;
    this.update();
  }

  private _popup: Popup | null = null;
}

/** The item itself: always of the same width, so that nothing beside it moves. */
export function StatusButton(props: {
  panel: ISyncPanel;
  expanded: boolean;
  onClick: () => void;
}): ReactElement {
  const { sync, trans } = props.panel;
  const state = useModel(sync);
  const words = describeSync(state, useNow(10_000), trans);
  return (
    <button
      type="button"
      className="wbs-StatusItem-button"
      data-mood={words.mood}
      title={words.detail}
      aria-haspopup="dialog"
      aria-expanded={props.expanded}
      aria-label={trans.__('Home sync: %1', words.text)}
      onClick={props.onClick}
    >
      <SyncIcon mood={words.mood} />
      <span className="wbs-StatusItem-text">{words.short}</span>
    </button>
  );
}

/** What a click on the item shows. */
export function SyncPopup(props: { panel: ISyncPanel; onLeave: () => void }): ReactElement {
  const { panel, onLeave } = props;
  const { home, sync, trans } = panel;
  const state = useModel(sync);
  const words = describeSync(state, useNow(10_000), trans);
  const { canReview } = offersOf(state, trans);
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => body.current?.focus({ preventScroll: true }), []);
  const leaveTo = (act: () => void) => () => {
    onLeave();
    act();
  };
  return (
    <div
      ref={body}
      className="wbs-Popup-body"
      role="dialog"
      aria-label={trans.__('Home sync')}
      tabIndex={-1}
      data-mood={words.mood}
    >
      <p className="wbs-Popup-title" role="status">
        <SyncIcon mood={words.mood} />
        <span>{words.headline}</span>
      </p>
      <SyncProgress words={words} />
      <SyncTrouble panel={panel} />
      <SyncWaiting panel={panel} />
      {canReview && (
        <section className="wbs-Sync-note wbs-mod-caution">
          <p>{state.status?.veto}</p>
          <div className="wbs-Sync-buttons">
            <button
              type="button"
              className="wbs-TextButton"
              onClick={leaveTo(() => void home.reviewDeletions())}
            >
              {trans.__('Review deletions…')}
            </button>
          </div>
        </section>
      )}
      <SyncButtons panel={panel} />
      <div className="wbs-Popup-foot">
        {words.notices > 0 && (
          <button
            type="button"
            className="wbs-LinkButton"
            onClick={leaveTo(() => void home.showList())}
          >
            {trans.__('What is not in sync')}
          </button>
        )}
        <button type="button" className="wbs-LinkButton" onClick={leaveTo(() => home.showState())}>
          {trans.__('Details')}
        </button>
      </div>
    </div>
  );
}
