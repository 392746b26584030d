import { Observable } from './observable';

/** A short message, shown for a moment and read out by screen readers. */
export interface IAnnouncement {
  text: string;
  /** Counts, so that the same text said twice is news. */
  serial: number;
}

/** Says what a click did where nothing else shows it. */
export class Announcer extends Observable<IAnnouncement> {
  constructor() {
    super({ text: '', serial: 0 });
  }

  say(text: string): void {
    this.setState({ text, serial: this.state.serial + 1 });
  }
}
