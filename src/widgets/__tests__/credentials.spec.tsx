import { act } from 'react';
import { createRoot } from 'react-dom/client';

import { FakeClient, refusal, settle } from '../../__tests__/support/client';
import { trans } from '../../__tests__/support/translation';
import type { ConfigInfo } from '../../api/generated';
import { CredentialsModel } from '../../model/credentials';
import { CredentialsBody } from '../credentials';

const FOLDER = '/data/customer-ada/';
const SECRETS = ['ASIAEXAMPLE', 'se/cret+=', 'to/ken+=='];

/** The dialog's body over a fake client. */
async function setUp(more: Partial<ConfigInfo> = {}) {
  const client = new FakeClient();
  const config = { ...(await client.config()), ...more };
  const model = new CredentialsModel({ client, folder: FOLDER });
  const host = document.createElement('div');
  document.body.replaceChildren(host);
  const root = createRoot(host);
  await act(async () =>
    root.render(
      <CredentialsBody config={config} model={model} targets={config.writable} trans={trans} />
    )
  );
  const button = (title: string) =>
    [...host.querySelectorAll('button')].find(
      found => found.getAttribute('aria-label') === title || found.textContent === title
    )!;
  const click = (title: string) =>
    act(async () => {
      button(title).click();
      await settle();
    });
  const alert = () => host.querySelector('[role="alert"]')?.textContent ?? null;
  return { alert, button, click, client, host, model, root };
}

/** A clipboard that takes what it is given, or refuses. */
function clipboard(writeText: (text: string) => Promise<void>) {
  Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText } });
}

afterEach(() => {
  jest.useRealTimers();
  Reflect.deleteProperty(navigator, 'clipboard');
});

describe('the dialog for the AWS CLI', () => {
  it('has no secret in the document until each is shown, and hides it again', async () => {
    const { click, host } = await setUp();
    await click('Get credentials');
    for (const secret of SECRETS) {
      expect(host.innerHTML).not.toContain(secret);
    }
    await click('Show: Secret access key');
    expect(host.textContent).toContain('se/cret+=');
    expect(host.textContent).not.toContain('to/ken+==');
    await click('Hide: Secret access key');
    expect(host.textContent).not.toContain('se/cret+=');
  });

  it('copies each part, and each snippet with its secrets, without showing them', async () => {
    const copied: string[] = [];
    clipboard(async text => void copied.push(text));
    const { click, client, host } = await setUp();
    await click('Get credentials');
    const { snippets } = await client.vendCredentials({ path: FOLDER, seconds: 3600 });
    const parts = ['Access key id', 'Secret access key', 'Session token'];
    for (const part of [...parts, '~/.aws/credentials', 'The command']) {
      await click(`Copy: ${part}`);
    }
    await click('bash');
    await click('Copy: bash');
    await click('Copy: The command');
    await click('PowerShell');
    await click('Copy: PowerShell');
    await click('Copy: The command');
    expect(copied).toEqual([
      ...SECRETS,
      snippets.ini,
      snippets.profileCommand,
      snippets.bash,
      snippets.bashCommand,
      snippets.powershell,
      snippets.powershellCommand
    ]);
    expect(host.innerHTML).not.toContain('se/cret+=');
  });

  it('shows what it cannot copy, and says so', async () => {
    clipboard(async () => Promise.reject(new Error('no')));
    const { click, host } = await setUp();
    await click('Get credentials');
    await click('Copy: Session token');
    expect(host.textContent).toContain('No clipboard here: copy it by hand.');
    expect(host.textContent).toContain('to/ken+==');
  });

  it('goes from tab to tab with the arrow keys', async () => {
    const { click, host } = await setUp();
    await click('Get credentials');
    const tabs = () => [...host.querySelectorAll<HTMLElement>('[role="tab"]')];
    const press = (key: string) =>
      act(async () => {
        const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true });
        document.activeElement!.dispatchEvent(event);
      });
    const chosen = () =>
      tabs().find(tab => tab.ariaSelected ?? tab.getAttribute('aria-selected') === 'true');
    tabs()[0]!.focus();
    await press('ArrowRight');
    expect(document.activeElement!.textContent).toBe('bash');
    await press('End');
    expect(document.activeElement!.textContent).toBe('PowerShell');
    expect(host.querySelector('[role="tabpanel"]')!.textContent).toContain('$env:');
    await press('ArrowRight');
    expect(document.activeElement!.textContent).toBe('~/.aws/credentials');
    expect(chosen()).toBe(document.activeElement);
    expect(tabs().map(tab => tab.tabIndex)).toEqual([0, -1, -1]);
  });

  it('counts down, and lets them go at the end', async () => {
    jest.useFakeTimers({ now: 0 });
    const { alert, button, click, host } = await setUp();
    await click('Get credentials');
    const left = () => host.querySelector('[role="timer"]')?.textContent;
    expect(left()).toBe('1:00:00');
    await act(async () => jest.advanceTimersByTime(61_000));
    expect(left()).toBe('58:59');
    await click('Show: Session token');
    await act(async () => jest.advanceTimersByTime(3_540_000));
    expect(left()).toBeUndefined();
    expect(alert()).toContain('have expired');
    expect(host.innerHTML).not.toContain('to/ken+==');
    expect(button('Get new credentials')).toBeDefined();
  });

  it('says in the words of the server why there are none', async () => {
    const { alert, click, client, host } = await setUp();
    client.vendCredentials.mockRejectedValueOnce(refusal('access-denied', 403, 'Check the role.'));
    await click('Get credentials');
    expect(alert()).toContain('Check the role.');
    expect(host.querySelector('[role="timer"]')).toBeNull();
    await click('Get credentials');
    expect(alert()).toBeNull();
  });

  it('offers the lifetimes that there are, and no longer one', async () => {
    const { client, host, model } = await setUp();
    const offered = () =>
      [...host.querySelectorAll('select')[1]!.options].map(option => option.textContent);
    expect(offered()).toEqual(['15 minutes', '30 minutes', '1 hour']);
    client.credentialsLimits.mockResolvedValueOnce({ maxSeconds: 5400 });
    await act(() => model.load());
    expect(offered()).toEqual(['15 minutes', '30 minutes', '1 hour', '90 minutes']);
    await act(() => model.load());
    expect(offered().slice(-3)).toEqual(['4 hours', '8 hours', '12 hours']);
  });

  it('warns of a folder that others use', async () => {
    const { host, model } = await setUp({ cautions: { '/spark-logs/': 'Spark reads here.' } });
    expect(host.textContent).not.toContain('Spark reads here.');
    await act(async () => model.setFolder('/spark-logs/'));
    expect(host.textContent).toContain('Spark reads here.');
  });

  it('says what to configure where nothing can be vended, and asks nothing', async () => {
    const problem = { code: 'x', message: 'Set the role.', path: null, retryable: false };
    const { button, host } = await setUp({
      features: { sync: true, credentials: false },
      credentialsProblem: problem
    });
    expect(host.textContent).toContain('Set the role.');
    expect(host.textContent).toContain('WHEROBOTS_STORAGE_ROLE_ARN=');
    expect(button('Get credentials')).toBeUndefined();
  });
});
