import type { DragEvent } from 'react';
import { useState } from 'react';

import type { Entry } from '../api/generated';
import { canDropOn, canUpload } from '../model/abilities';
import { carriesFiles, droppedFiles } from '../utils/dropped';
import type { IPanel } from './panel';

/** Where files would land if they were let go now. */
export interface IDropTarget {
  /** The folder. */
  path: string;
  /** Whether it is a row of the listing, not the open folder. */
  isRow: boolean;
  /** Why they cannot land here; empty when they can. */
  reason: string;
}

export interface IDropHandlers {
  onDragOver: (event: DragEvent) => void;
  onDragLeave: (event: DragEvent) => void;
  onDrop: (event: DragEvent) => void;
}

/** Drag and drop of files onto the listing: onto a folder's row, or into the open folder. */
export function useDrop(
  panel: IPanel,
  entryAt: (element: EventTarget) => Entry | undefined
): [IDropTarget | null, IDropHandlers] {
  const [target, setTarget] = useState<IDropTarget | null>(null);
  const handlers: IDropHandlers = {
    onDragOver: event => {
      if (!carriesFiles(event.dataTransfer)) {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      const next = targetOf(panel, entryAt(event.target));
      event.dataTransfer.dropEffect = next.reason ? 'none' : 'copy';
      setTarget(last => (last && isSame(last, next) ? last : next));
    },
    onDragLeave: event => {
      // Going from one row to the next leaves the first; only leaving the listing counts.
      if (!event.currentTarget.contains(event.relatedTarget as Node | null)) {
        setTarget(null);
      }
    },
    onDrop: event => {
      if (!carriesFiles(event.dataTransfer)) {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      setTarget(null);
      const { path, reason } = targetOf(panel, entryAt(event.target));
      if (reason) {
        panel.announcer.say(reason);
        return;
      }
      void droppedFiles(event.dataTransfer).then(files => panel.actions.upload(files, path));
    }
  };
  return [target, handlers];
}

function targetOf(panel: IPanel, entry: Entry | undefined): IDropTarget {
  const { state } = panel.browser;
  if (entry && canDropOn(state, entry)) {
    return { path: entry.path, isRow: true, reason: '' };
  }
  const ability = canUpload(state, panel.trans);
  return { path: state.path, isRow: false, reason: ability.allowed ? '' : ability.reason };
}

function isSame(a: IDropTarget, b: IDropTarget): boolean {
  return a.path === b.path && a.isRow === b.isRow && a.reason === b.reason;
}
