import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

/** Something with a state that is a value: never changed, only replaced. */
export interface IObservable<T> {
  readonly state: T;
  readonly changed: ISignal<unknown, void>;
}

/** A base for models: one immutable state, one signal when it was replaced. */
export abstract class Observable<T extends object> implements IObservable<T>, IDisposable {
  constructor(initial: T) {
    this._state = initial;
  }

  /** The state now; a new object after every change. */
  get state(): T {
    return this._state;
  }

  /** Emitted after the state was replaced. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  protected setState(patch: Partial<T>): void {
    if (this._isDisposed) {
      return;
    }
    this._state = { ...this._state, ...patch };
    this._changed.emit();
  }

  private _state: T;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
