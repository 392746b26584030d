import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What tests/ui/server.py prints. */
export interface IServers {
  url: string;
  token: string;
  bareUrl: string;
  bareToken: string;
  /** A server whose home waits for another instance, and where that home is. */
  waitingUrl: string;
  waitingToken: string;
  waitingHome: string;
  controlUrl: string;
  many: number;
  oddNames: string[];
}

/** Start the servers once for all tests; they end when their standard input does. */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.env.STORAGE_UI_SERVERS) {
    // Servers that somebody keeps running while he works on the tests.
    return async () => undefined;
  }
  const python = process.env.PYTHON ?? 'python';
  const child = spawn(python, [join(__dirname, 'server.py')], {
    stdio: ['pipe', 'pipe', 'inherit']
  });
  const ended = once(child, 'exit');
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([text]) => text as string),
    ended.then(([code]) => {
      throw new Error(`The servers ended at the start, with code ${code}.`);
    })
  ]);
  process.env.STORAGE_UI_SERVERS = line;
  return async () => {
    child.stdin.end();
    await ended;
  };
}
