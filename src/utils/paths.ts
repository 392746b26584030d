/** Display paths: absolute; a folder ends with a slash; segments are data, empty ones too. */

/** One step of a path: what it is called, and its folder. */
export interface ICrumb {
  name: string;
  path: string;
}

/** The folders from the top (without the root) down to `path`, itself a folder. */
export function crumbsOf(path: string): ICrumb[] {
  const segments = path.slice(1, -1).split('/');
  if (path === '/') {
    return [];
  }
  return segments.map((name, index) => ({
    name,
    path: `/${segments.slice(0, index + 1).join('/')}/`
  }));
}

/** The folder that holds a file or folder; the root's is the root. */
export function parentOf(path: string): string {
  const inner = path.endsWith('/') ? path.slice(0, -1) : path;
  return inner.slice(0, inner.lastIndexOf('/') + 1) || '/';
}

/** The last segment of a path, without a slash. */
export function nameOf(path: string): string {
  const inner = path.endsWith('/') ? path.slice(0, -1) : path;
  return inner.slice(inner.lastIndexOf('/') + 1);
}

/** Whether `path` is `folder` or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  return path.startsWith(folder);
}

/** What a new name cannot be, or null. */
export type NameProblem = 'empty' | 'dots' | 'slash' | 'nul' | 'long' | 'exists';

/** The longest key in bytes, and the least that the root's prefix takes of it. */
const MAX_KEY_BYTES = 1024;

/** What keeps `name` from being a new entry of `folder`, or null. */
export function nameProblem(
  name: string,
  folder: string,
  taken: ReadonlySet<string>
): NameProblem | null {
  if (!name) {
    return 'empty';
  }
  if (name === '.' || name === '..') {
    return 'dots';
  }
  if (name.includes('/')) {
    return 'slash';
  }
  if (name.includes('\u0000')) {
    return 'nul';
  }
  if (new TextEncoder().encode(`${folder}${name}`).length > MAX_KEY_BYTES) {
    return 'long';
  }
  return taken.has(name) ? 'exists' : null;
}
