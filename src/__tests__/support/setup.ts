import { TextEncoder } from 'node:util';

/** A warning is a defect: React says by it what it will not stand. */
const fail =
  (kind: string) =>
  (...words: unknown[]) => {
    throw new Error(`console.${kind}: ${words.map(String).join(' ')}`);
  };

beforeEach(() => {
  jest.spyOn(console, 'error').mockImplementation(fail('error'));
  jest.spyOn(console, 'warn').mockImplementation(fail('warn'));
});

afterEach(() => {
  jest.restoreAllMocks();
});

globalThis.TextEncoder ??= TextEncoder;

// jsdom has none; nothing here hangs on sizes that only a browser knows.
class NoObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
globalThis.ResizeObserver ??= NoObserver as unknown as typeof ResizeObserver;
(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

// jsdom's AbortSignal is older than `any`; Node's own is not within reach of its window.
AbortSignal.any ??= (signals: AbortSignal[]) => {
  const both = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) {
      both.abort();
    }
    signal.addEventListener('abort', () => both.abort());
  }
  return both.signal;
};
