import type { TranslationBundle } from '@jupyterlab/translation';

import type { StorageError } from '../api/errors';
import type { SyncStatus } from '../api/generated';
import type { IAbility } from './abilities';
import type { ISyncState } from './sync';

/** What the user may ask of the home's synchronisation now. */
export interface ISyncOffers {
  sync: IAbility;
  /** Whether it is paused or about to be: then a resume is offered in the pause's place. */
  isPaused: boolean;
  /** To pause, or to resume. */
  toggle: IAbility;
  retry: IAbility;
  /** Whether another instance has the home, so that one can take over from it. */
  canTakeOver: boolean;
  /** Whether deletions wait for an answer. */
  canReview: boolean;
}

const YES: IAbility = { allowed: true, reason: '' };

/** What is offered in a state. */
export function offersOf(state: ISyncState, trans: TranslationBundle): ISyncOffers {
  const { status, error } = state;
  if (!status) {
    const reason = error?.message ?? trans.__('the state is not known yet');
    const none = { allowed: false, reason };
    return {
      sync: none,
      isPaused: false,
      toggle: none,
      retry: none,
      canTakeOver: false,
      canReview: false
    };
  }
  const running = whenRunning(status, trans);
  const isPaused = status.paused || status.state === 'paused';
  return {
    sync: running,
    isPaused,
    toggle: isPaused ? YES : running,
    retry: running.allowed && !hasFailures(status) ? nothingFailed(trans) : running,
    canTakeOver: status.state === 'waiting' || status.lease?.mine === false,
    canReview: status.held !== null
  };
}

/** What to do about an error, for those where that is not in its message; '' when nothing is. */
export function adviceOf(
  error: Pick<StorageError, 'code' | 'retryable'>,
  trans: TranslationBundle
): string {
  switch (error.code) {
    case 'no-credentials':
    case 'invalid-credentials':
    case 'expired-credentials':
      return trans.__(
        'Renew the credentials that the Jupyter server uses; then choose Retry failed.'
      );
    case 'access-denied':
      return trans.__('Ask whoever runs this server to let it write your folder of the bucket.');
    case 'key-denied':
      return trans.__('Ask whoever runs this server for the right to the bucket’s encryption key.');
    case 'no-such-bucket':
    case 'wrong-region':
    case 'invalid-configuration':
      return trans.__('Ask whoever runs this server to check its storage settings.');
    case 'clock-skew':
      return trans.__('The clock of the server has to be set right.');
    case 'disk-full':
      return trans.__('Delete what you do not need from the home; then choose Retry failed.');
    case 'home-missing':
      return trans.__('When the folder is back, choose Sync now.');
    case 'network':
      return trans.__('This page reconnects by itself.');
    case 'already-running':
      return trans.__('Take over to save the home from here instead.');
  }
  return error.retryable ? trans.__('It is tried again by itself; nothing is lost meanwhile.') : '';
}

function hasFailures(status: SyncStatus): boolean {
  const { conflictsTotal, skippedTotal, lastError } = status;
  // While it is at work, what is pending simply has not had its turn yet.
  const left = status.state === 'syncing' ? 0 : status.pending.files;
  return conflictsTotal + skippedTotal + left > 0 || lastError !== null;
}

function nothingFailed(trans: TranslationBundle): IAbility {
  return { allowed: false, reason: trans.__('nothing has failed') };
}

function whenRunning(status: SyncStatus, trans: TranslationBundle): IAbility {
  switch (status.state) {
    case 'disabled':
      return { allowed: false, reason: trans.__('home sync is off') };
    case 'starting':
    case 'restoring':
      return { allowed: false, reason: trans.__('the home is being restored') };
    case 'waiting':
      return { allowed: false, reason: trans.__('another instance has this home') };
    case 'stopping':
    case 'stopped':
      return { allowed: false, reason: trans.__('home sync has stopped') };
    default:
      return YES;
  }
}
