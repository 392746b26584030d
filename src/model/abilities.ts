import type { TranslationBundle } from '@jupyterlab/translation';

import type { Entry } from '../api/generated';
import { visibleName } from '../utils/names';
import { isWithin } from '../utils/paths';
import type { IBrowserState } from './browser';

/** Whether something can be done here, and if not, why. */
export interface IAbility {
  allowed: boolean;
  /** A sentence, when it is not allowed. */
  reason: string;
}

const YES: IAbility = { allowed: true, reason: '' };

function no(reason: string): IAbility {
  return { allowed: false, reason };
}

/** Whether a folder is there to do something in. */
function here(state: IBrowserState, trans: TranslationBundle): IAbility {
  if (state.phase === 'unconfigured') {
    return no(trans.__('Storage is not configured.'));
  }
  return state.folder ? YES : no(trans.__('No folder is open.'));
}

/** Whether files can be uploaded into the folder that is shown. */
export function canUpload(state: IBrowserState, trans: TranslationBundle): IAbility {
  const { folder } = state;
  if (folder?.uploadProtected) {
    return no(folder.reason ?? trans.__('This folder is read-only.'));
  }
  return here(state, trans);
}

/** Whether credentials for uploads from elsewhere can be asked for, whatever folder is shown. */
export function canUseCli(state: IBrowserState, trans: TranslationBundle): IAbility {
  return state.config?.configured ? YES : no(trans.__('Storage is not configured.'));
}

/** Whether folders can be made in the folder that is shown. */
export function canCreateFolder(state: IBrowserState, trans: TranslationBundle): IAbility {
  const { folder } = state;
  if (folder?.mutateProtected) {
    return no(folder.reason ?? trans.__('This folder is read-only.'));
  }
  return here(state, trans);
}

/** Whether these entries of the folder that is shown can be deleted. */
export function canDelete(
  state: IBrowserState,
  entries: readonly Entry[],
  trans: TranslationBundle
): IAbility {
  const { folder } = state;
  if (folder?.mutateProtected) {
    return no(folder.reason ?? trans.__('This folder is read-only.'));
  }
  const fixed = entries.find(entry => entry.protected);
  if (fixed) {
    return no(trans.__('“%1” is a fixed folder: it cannot be deleted.', visibleName(fixed.name)));
  }
  return entries.length > 0 ? here(state, trans) : no(trans.__('Select what to delete.'));
}

/** Whether these entries can be downloaded: at least one file, and nothing else. */
export function canDownload(entries: readonly Entry[], trans: TranslationBundle): IAbility {
  if (entries.length === 0) {
    return no(trans.__('Select files to download.'));
  }
  if (entries.some(entry => entry.type === 'FOLDER')) {
    return no(trans.__('Folders cannot be downloaded, only files.'));
  }
  const problem = entries.find(entry => entry.problem !== null)?.problem;
  return problem ? no(problem) : YES;
}

/** Whether files can be dropped on an entry: a folder in which one may write. */
export function canDropOn(state: IBrowserState, entry: Entry): boolean {
  return entry.type === 'FOLDER' && !entry.problem && !isReadOnly(state, entry);
}

/** Whether nothing can be written in a folder: it lies outside every writable one. */
export function isReadOnly(state: IBrowserState, entry: Entry): boolean {
  const writable = state.config?.writable ?? [];
  return entry.type === 'FOLDER' && !writable.some(folder => isWithin(entry.path, folder));
}

/** Why a folder is read-only, and where in it one can write. */
export function readOnlyReason(
  state: IBrowserState,
  entry: Entry,
  trans: TranslationBundle
): string {
  const inside = (state.config?.writable ?? []).filter(folder => isWithin(folder, entry.path));
  const folder = visibleName(entry.path);
  return inside.length > 0
    ? trans.__('%1 is read-only. You can write inside %2.', folder, inside.join(', '))
    : trans.__('%1 is read-only.', folder);
}
