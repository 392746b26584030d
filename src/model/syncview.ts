import type { SyncStatus } from '../api/generated';
import { Observable } from './observable';

/** How the panel shows the home's synchronisation. */
export interface ISyncViewState {
  /** Whether all of it is shown, not only its line. */
  expanded: boolean;
  /** The held deletions that the user has decided to keep, so that nobody asks again. */
  kept: string | null;
}

/** The part of the panel that is about the home's synchronisation: open or closed, asked or not. */
export class SyncView extends Observable<ISyncViewState> {
  constructor() {
    super({ expanded: false, kept: null });
  }

  /** Show all of it, or only its line. */
  expand(expanded: boolean): void {
    this.setState({ expanded });
  }

  /** Ask no more about the deletions that are held now. */
  keep(status: SyncStatus): void {
    this.setState({ kept: keyOf(status) });
  }

  /** Whether to ask about held deletions: there are some, and not those that are to be kept. */
  asks(status: SyncStatus | null): boolean {
    return status !== null && status.held !== null && this.state.kept !== keyOf(status);
  }
}

/** Tells held deletions from others; '' when none are held. */
export function keyOf(status: SyncStatus): string {
  return status.held?.id ?? '';
}
