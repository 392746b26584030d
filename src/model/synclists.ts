import type { SyncNotice, SyncStatus } from '../api/generated';

/** The lists of what is not in sync as it should be. */
export type SyncList = 'conflicts' | 'skipped' | 'refused' | 'ignored';

/** One kind of notice: the first of them, and how many there are. */
export interface INoticeList {
  notices: readonly SyncNotice[];
  total: number;
}

/** What was left out, by what found it out: the sync did not save it, or the restore not bring it. */
export interface ISyncLists {
  conflicts: INoticeList;
  skipped: INoticeList;
  refused: INoticeList;
  /** Of the home as a whole, not of a file in it. */
  general: readonly SyncNotice[];
}

/** The lists of a status. */
export function listsOf(status: SyncStatus): ISyncLists {
  const general = status.skipped.filter(isGeneral);
  const others = status.skipped.filter(notice => !isGeneral(notice));
  const refused = others.filter(notice => notice.during === 'restore');
  const skipped = others.filter(notice => notice.during !== 'restore');
  // What is cut off the list is counted to the kind that comes first in it.
  const unlisted = status.skippedTotal - status.skipped.length;
  const cut = skipped.length > 0 || refused.length === 0 ? unlisted : 0;
  return {
    conflicts: { notices: status.conflicts, total: status.conflictsTotal },
    skipped: { notices: skipped, total: skipped.length + cut },
    refused: { notices: refused, total: refused.length + unlisted - cut },
    general
  };
}

function isGeneral(notice: SyncNotice): boolean {
  return notice.path === '' || notice.path === '.';
}
