import { ReactWidget } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';
import { useEffect, useState } from 'react';

import { Footer } from './footer';
import { Breadcrumbs, FilterField, FolderNote } from './head';
import { storageIcon } from './icons';
import { Listing } from './listing';
import type { IPanel } from './panel';
import { PanelProvider, useModel, usePanel } from './panel';
import { Toolbar } from './toolbar';
import { Tray } from './tray';

/** How long a message stands, in milliseconds. */
const SAID_FOR = 2500;

/** The storage panel of the left sidebar. */
export class StorageSidebar extends ReactWidget {
  constructor(private readonly _panel: IPanel) {
    super();
    const { trans } = _panel;
    this.id = 'wherobots-storage-sidebar';
    this.addClass('wbs-Sidebar');
    this.title.icon = storageIcon;
    this.title.caption = trans.__('Storage');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Storage'));
  }

  protected override render(): ReactElement {
    return (
      <PanelProvider value={this._panel}>
        <Toolbar />
        <Breadcrumbs />
        <FolderNote />
        <FilterField />
        <Listing />
        <Announcement />
        <Tray />
        <Footer />
      </PanelProvider>
    );
  }

  /** The listing takes the keyboard when the panel is opened. */
  protected override onActivateRequest(): void {
    this.node.querySelector<HTMLElement>('.wbs-Grid')?.focus();
  }
}

/** What a click did, said for a moment; screen readers read it out. */
function Announcement(): ReactElement {
  const { announcer } = usePanel();
  const { text, serial } = useModel(announcer);
  const [said, setSaid] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => setSaid(serial), SAID_FOR);
    return () => clearTimeout(timer);
  }, [serial]);
  const shown = text !== '' && said !== serial;
  return (
    <div className="wbs-Announcement" role="status" aria-live="polite">
      {shown && <div className="wbs-Announcement-text">{text}</div>}
    </div>
  );
}
