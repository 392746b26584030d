import type { TranslationBundle } from '@jupyterlab/translation';
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';

import type { Announcer } from '../model/announcer';
import type { BrowserModel } from '../model/browser';
import type { JobsModel } from '../model/jobs';
import type { IObservable } from '../model/observable';
import type { Preferences } from '../model/preferences';
import type { SyncModel } from '../model/sync';
import type { SyncView } from '../model/syncview';
import type { UploadQueue } from '../model/uploads';
import type { StorageActions } from './actions';
import type { SyncActions } from './syncactions';

/** What every part of the panel may look at and ask for. */
export interface IPanel {
  actions: StorageActions;
  announcer: Announcer;
  browser: BrowserModel;
  jobs: JobsModel;
  preferences: Preferences;
  home: SyncActions;
  sync: SyncModel;
  syncView: SyncView;
  trans: TranslationBundle;
  uploads: UploadQueue;
}

const PanelContext = createContext<IPanel | null>(null);

export const PanelProvider = PanelContext.Provider;

/** The panel that a component is in. */
export function usePanel(): IPanel {
  const panel = useContext(PanelContext);
  if (!panel) {
    throw new Error('This component belongs into the storage panel.');
  }
  return panel;
}

/** A model's state; the component renders again when it was replaced. */
export function useModel<T>(model: IObservable<T>): T {
  return useSyncExternalStore(
    onChange => {
      const slot = () => onChange();
      model.changed.connect(slot);
      return () => {
        model.changed.disconnect(slot);
      };
    },
    () => model.state
  );
}

/** The time, in milliseconds, renewed every so many milliseconds. */
export function useNow(every: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
