import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import type { Panel } from './panel';
import { expect } from './panel';

/** The AWS CLI, where `make bench` has installed it; boto3 stands in for it elsewhere. */
export const CLI = join(__dirname, '..', '..', '.make', 'peers', 'bin');

/** Puts a file into the folder, and into one beside it, by the profile of the block. */
export const WITH_BOTO3 = `
import boto3, sys
from botocore.exceptions import ClientError
s3 = boto3.session.Session(profile_name="wherobots").client("s3")
for uri in sys.argv[1:]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        s3.put_object(Bucket=bucket, Key=key + "a.txt", Body=b"from elsewhere")
        print("done")
    except ClientError as error:
        print(error.response["Error"]["Code"])
`;

/** Somebody at another machine: a home with a credentials file, and files in my-data. */
export class Elsewhere {
  private constructor(readonly home: string) {}

  static async make(block: string): Promise<Elsewhere> {
    const home = await mkdtemp(join(tmpdir(), 'elsewhere-'));
    await mkdir(join(home, '.aws'));
    await mkdir(join(home, 'my-data'));
    await writeFile(join(home, '.aws', 'credentials'), block);
    await writeFile(join(home, 'my-data', 'a.txt'), 'from elsewhere');
    return new Elsewhere(home);
  }

  /** What a program says there, and what a shell says on its standard error. */
  run(program: string, ...words: string[]): string {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
    const env = {
      ...Object.fromEntries(kept),
      HOME: this.home,
      PATH: `${process.env.PATH}${delimiter}${CLI}`,
      AWS_EC2_METADATA_DISABLED: 'true',
      LC_ALL: 'C.UTF-8'
    };
    return execFileSync(program, words, {
      cwd: this.home,
      env,
      encoding: 'utf8',
      timeout: 150_000
    });
  }

  remove(): Promise<void> {
    return rm(this.home, { recursive: true });
  }
}

/** Open the dialog for the folder that is shown. */
export async function openDialog(panel: Panel): Promise<void> {
  await panel.root.getByRole('button', { name: 'More ways to upload' }).click();
  await panel.page.getByRole('menuitem', { name: 'Upload with the AWS CLI…' }).click();
  await expect(panel.dialog).toContainText('expire by themselves');
  // It takes the keyboard a moment after it is seen.
  await expect(panel.dialog.locator(':focus')).toHaveCount(1);
}

/** Press its button, and wait until it shows what was vended. */
export async function getCredentials(panel: Panel): Promise<void> {
  await panel.dialog.getByRole('button', { name: 'Get credentials' }).click();
  await expect(panel.dialog.getByRole('timer')).toBeVisible();
}

/** What a copy button puts on the clipboard. */
export async function copied(panel: Panel, what: string): Promise<string> {
  await panel.page.evaluate(() => navigator.clipboard.writeText(''));
  await panel.dialog.getByRole('button', { name: `Copy: ${what}`, exact: true }).click();
  await expect.poll(() => panel.clipboard()).not.toBe('');
  return panel.clipboard();
}
