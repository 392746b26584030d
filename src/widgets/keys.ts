import type { Entry } from '../api/generated';
import type { BrowserModel } from '../model/browser';
import { findTyped, stepFrom } from '../model/selection';
import type { StorageActions } from './actions';

/** The part of a key event that the listing looks at. */
export interface IKey {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** How long letters belong to one word, in milliseconds. */
const WORD_PAUSE = 700;

/** What the keys of the listing do. */
export class ListingKeys {
  constructor(
    private readonly _browser: BrowserModel,
    private readonly _actions: StorageActions
  ) {}

  /** Handle a key; whether it meant something. `rows` is how many fit on the screen. */
  handle(event: IKey, rows: number, now: number): boolean {
    if (event.altKey) {
      return false;
    }
    const steps = this._steps(event.key, rows);
    if (steps !== null) {
      this._step(steps, event);
      return true;
    }
    if (event.ctrlKey || event.metaKey) {
      return this._handleWithControl(event.key);
    }
    return this._handlePlain(event.key) || this._type(event.key, now);
  }

  private _steps(key: string, rows: number): number | null {
    switch (key) {
      case 'ArrowDown':
        return 1;
      case 'ArrowUp':
        return -1;
      case 'PageDown':
        return rows;
      case 'PageUp':
        return -rows;
      case 'Home':
        return -Infinity;
      case 'End':
        return Infinity;
      default:
        return null;
    }
  }

  private _step(steps: number, event: IKey): void {
    const { selection } = this._browser.state;
    const path = stepFrom(selection, this._browser.order, steps);
    if (path === null) {
      return;
    }
    if (event.ctrlKey || event.metaKey) {
      this._browser.pointAt(path);
    } else {
      this._browser.choose(path, { extend: event.shiftKey });
    }
  }

  private _handleWithControl(key: string): boolean {
    switch (key.toLowerCase()) {
      case 'a':
        this._browser.chooseAll();
        return true;
      case 'c':
        void this._actions.copyPaths();
        return true;
      case ' ':
        this._toggle();
        return true;
      default:
        return false;
    }
  }

  private _handlePlain(key: string): boolean {
    switch (key) {
      case 'Enter':
        if (this._current) {
          void this._actions.activate(this._current);
        }
        return true;
      case 'Backspace':
        void this._browser.up();
        return true;
      case 'Delete':
        void this._actions.remove();
        return true;
      case 'Escape':
        this._browser.chooseNone();
        return true;
      case '/':
        this._browser.setFiltering(true);
        return true;
      default:
        return false;
    }
  }

  private _toggle(): void {
    const { current } = this._browser.state.selection;
    if (current !== null) {
      this._browser.choose(current, { toggle: true });
    }
  }

  /** Go to the next row whose name begins with the letters typed in one go. */
  private _type(key: string, now: number): boolean {
    if ([...key].length !== 1) {
      return false;
    }
    this._typed = now - this._typedAt < WORD_PAUSE ? this._typed + key : key;
    this._typedAt = now;
    const { shown, selection } = this._browser.state;
    const path = findTyped(shown, selection.current, this._typed);
    if (path !== null) {
      this._browser.choose(path);
    }
    return true;
  }

  private get _current(): Entry | undefined {
    const { shown, selection } = this._browser.state;
    return shown.find(entry => entry.path === selection.current);
  }

  private _typed = '';
  private _typedAt = 0;
}
