import { Signal } from '@lumino/signaling';

/** The popups that were opened, the last one last. */
export const popups: FakePopup[] = [];

/** A popup that is nothing but its options. */
class FakePopup {
  constructor(readonly options: unknown) {}

  readonly disposed = new Signal<this, void>(this);
  readonly node = document.createElement('div');

  dispose(): void {
    this.disposed.emit();
  }
}

export function showPopup(options: unknown): FakePopup {
  const popup = new FakePopup(options);
  popups.push(popup);
  return popup;
}
