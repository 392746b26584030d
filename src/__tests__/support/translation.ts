import type { TranslationBundle } from '@jupyterlab/translation';

const fill = (text: string, args: unknown[]) =>
  text.replace(/%(\d+)/g, (_, number) => String(args[Number(number) - 1]));

/** English as it stands in the code, with the arguments put in as JupyterLab does. */
export const trans = {
  __: (text: string, ...args: unknown[]) => fill(text, args),
  _n: (one: string, many: string, count: number, ...args: unknown[]) =>
    fill(count === 1 ? one : many, [count, ...args])
} as unknown as TranslationBundle;
