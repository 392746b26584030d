import { FakeClient, settle, syncStatus } from '../../__tests__/support/client';
import { panelOver } from '../../__tests__/support/panel';
import { trans } from '../../__tests__/support/translation';
import type { SyncStatus } from '../../api/generated';
import { syncCommandsPlugin } from '../synccommands';

const HELD = { id: '0123', code: 'half-gone', files: 1, bytes: 1, paths: [] };
const LEASE = { instance: 'other', host: 'node-7', mine: false, expires: null };

interface ICommand {
  label: string;
  execute: () => unknown;
  isEnabled?: () => boolean;
}

/** What of an application's commands the plugin needs. */
class Commands {
  private readonly _known = new Map<string, ICommand>();

  addCommand = (id: string, command: ICommand) => this._known.set(id, command);
  notifyCommandChanged = (id: string) => expect(this._known.has(id)).toBe(true);
  label = (id: string) => this._known.get(id)!.label;
  isEnabled = (id: string) => this._known.get(id)!.isEnabled?.() ?? true;
  execute = async (id: string) => this._known.get(id)!.execute();
}

/** The plugin in an application of nothing but commands, in a state; what its palette offers. */
function setUp(status: SyncStatus | null) {
  const client = new FakeClient();
  const { actions, show, sync, syncView } = panelOver(client);
  const commands = new Commands();
  const items: string[] = [];
  void syncCommandsPlugin.activate(
    { commands } as never,
    { model: sync, view: syncView },
    actions,
    { addItem: ({ command }: { command: string }) => items.push(command) },
    { load: () => trans }
  );
  if (status) {
    sync.accept(status);
  }
  const enabled = () => items.filter(id => commands.isEnabled(id)).map(id => commands.label(id));
  /** Choose an item by its words; what was asked of the server then. */
  const choose = async (label: string) => {
    const id = items.find(item => commands.label(item) === label)!;
    expect(commands.isEnabled(id)).toBe(true);
    client.requestSync.mockClear();
    await commands.execute(id);
    await settle();
    return client.requestSync.mock.calls as unknown[][];
  };
  return { choose, enabled, show, syncView };
}

const ALWAYS = ['Show the State of Home Sync', 'Show What Home Sync Ignores'];

describe('the sync commands of the palette', () => {
  it.each([
    ['is idle', {}, ['Sync Home Now', 'Pause Home Sync']],
    ['is paused', { state: 'paused', paused: true }, ['Sync Home Now', 'Resume Home Sync']],
    [
      'has left something out',
      { skippedTotal: 1 },
      ['Sync Home Now', 'Pause Home Sync', 'Retry What Failed to Sync', 'Show What Is Not in Sync']
    ],
    ['waits for another instance', { state: 'waiting', lease: LEASE }, ['Take Over Home Sync Now']],
    [
      'holds deletions',
      { state: 'vetoed', veto: 'All is gone.', held: HELD },
      ['Sync Home Now', 'Pause Home Sync', 'Review Held Deletions…']
    ]
  ] as [string, Partial<SyncStatus>, string[]][])(
    'are those that make sense while the sync %s',
    (_, more, offered) => {
      expect(setUp(syncStatus(more)).enabled().sort()).toEqual([...offered, ...ALWAYS].sort());
    }
  );

  it('are but one before anything is known', () => {
    expect(setUp(null).enabled()).toEqual(['Show the State of Home Sync']);
  });

  it.each([
    ['Sync Home Now', 'sync', {}],
    ['Pause Home Sync', 'pause', {}],
    ['Resume Home Sync', 'resume', { state: 'paused', paused: true }],
    ['Retry What Failed to Sync', 'retry', { skippedTotal: 1 }],
    ['Take Over Home Sync Now', 'takeover', { state: 'waiting', lease: LEASE }]
  ] as [string, string, Partial<SyncStatus>][])(
    'ask the server: %s is %s',
    async (label, op, more) => {
      expect(await setUp(syncStatus(more)).choose(label)).toEqual([[op]]);
    }
  );

  it('show the state in the panel, opened', async () => {
    const { choose, show, syncView } = setUp(syncStatus());
    expect(await choose('Show the State of Home Sync')).toEqual([]);
    expect(show).toHaveBeenCalled();
    expect(syncView.state.expanded).toBe(true);
  });
});
